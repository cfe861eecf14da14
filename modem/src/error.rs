//! What goes wrong between the agent and a modem.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a modem's answer is not there.
#[derive(Debug, thiserror::Error)]
pub enum ModemError {
    /// The port cannot be had.
    #[error("failed to open the modem's port {path}: {source}; see that it exists and that no other program has it", path = path.display())]
    Open {
        /// Which port.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The port reads as ended or refuses reads and writes: the modem was unplugged, reset itself or lost its
    /// supply. The session is over; open the port again once the modem is back, maybe under another name.
    #[error("failed to talk to the modem: its port is gone; wait for it and open it again")]
    Gone {
        /// What the system said, where it did.
        source: Option<io::Error>,
    },
    /// No final code came. The next command is fenced from the late reply.
    #[error(
        "failed to get an answer to {command} within {timeout:?}; the next command waits for the late reply"
    )]
    Timeout {
        /// What was asked, without a PIN or password.
        command: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The modem does not answer the fence: it hangs, or something else than a modem is on the port.
    #[error("failed to reach the modem: {fences} fences were not answered; recover it or check the port")]
    Unresponsive {
        /// How many were tried.
        fences: u32,
    },
    /// The modem answers, but does not repeat what it is sent: it cannot, and has to be opened with `Echo::Off`.
    #[error("failed to reach the modem: it answers without an echo; open its port with the echo off")]
    NoEcho,
    /// The protocol refuses: a defect of the caller, such as a payload without a prompt.
    #[error(transparent)]
    Refused(#[from] shunt_at::SendError),
}
