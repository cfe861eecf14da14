//! How a command ends, for scripts and for people.

use super::accept::AcceptError;
use super::client::ClientError;
use super::init::InitError;
use crate::api::wire::ErrorCode;
use crate::daemon::RightsError;
use crate::doctor::Outcome;
use crate::netlink::Refusal;
use crate::recording::OpenError;
use crate::recording::replay::ReplayError;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit codes; `shunt --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It was done.
    Ok = 0,
    /// It was tried and failed.
    Failed = 1,
    /// The command line, the config or a link's name is wrong.
    Usage = 2,
    /// No daemon answers.
    NoDaemon = 3,
    /// The caller may not.
    Denied = 4,
}

impl Exit {
    /// Denied where a lack of rights is at the root of `error`, or else `otherwise`.
    pub(crate) fn of(error: &(dyn Error + 'static), otherwise: Self) -> Self {
        let denied = |error: &(dyn Error + 'static)| {
            let by_system = error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
            let by_kernel = error
                .downcast_ref::<Refusal>()
                .is_some_and(|refusal| matches!(refusal.code, libc::EPERM | libc::EACCES));
            by_system || by_kernel || error.is::<RightsError>()
        };
        let mut next = Some(error);
        while let Some(error) = next {
            if denied(error) {
                return Self::Denied;
            }
            next = error.source();
        }
        otherwise
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The daemon could not be asked, or said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The config cannot be used.
    #[error("{0}")]
    Config(#[from] shunt_config::LoadError),
    /// The kernel was not put back.
    #[error("failed to {0}")]
    Restore(Box<dyn Error>),
    /// No config could be proposed.
    #[error("failed to {0}")]
    Init(#[from] InitError),
    /// There is nothing to replay.
    #[error("failed to {0}")]
    Recording(#[from] OpenError),
    /// It cannot be replayed.
    #[error("failed to {0}")]
    Replay(#[from] ReplayError),
    /// The replay did something else.
    #[error(
        "the replay with the same config does not do the same from {0} on; please report this with the recording"
    )]
    Differs(String),
    /// The doctor found something, and has said what.
    #[error("{}", unwell(*.0))]
    Unwell(Outcome),
    /// The gateway is not accepted, or the run could not go on.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The PIN cannot be read.
    #[error(
        "failed to read the PIN from {file}: {source}; name a file whose first line it is, or - for the standard input"
    )]
    PinFile {
        /// From what.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The modem refused an operator's command.
    #[error("the modem answered {0}")]
    At(String),
    /// A file is no firmware.
    #[error("failed to use the image {path}: {why}", path = .path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody said that it may be done.
    #[error("nothing was {0}; type yes when you are asked, or add --yes")]
    Unconfirmed(&'static str),
    /// The MCU has not what it was to have.
    #[error("{0}")]
    Flash(String),
    /// The standard output cannot be written.
    #[error("failed to write the answer: {0}")]
    Output(#[from] io::Error),
}

const fn unwell(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Well => "nothing is at fault",
        Outcome::BadConfig => "the config has faults",
        Outcome::Ill => "something is at fault; its mend stands with it",
        Outcome::Unsure => "no fault was found, but not everything could be looked at; run this as root",
    }
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Config(error) => Exit::of(error, Exit::Usage),
            Self::Image { .. } | Self::Unconfirmed(_) => Exit::Usage,
            Self::Init(error) => Exit::of(error, Exit::Failed),
            Self::Accept(error) if error.is_usage() => Exit::Usage,
            Self::Accept(error) => Exit::of(error, Exit::Failed),
            Self::PinFile { .. } => Exit::of(self, Exit::Failed),
            Self::Restore(error) => Exit::of(error.as_ref(), Exit::Failed),
            Self::Unwell(Outcome::Well) => Exit::Ok,
            Self::Unwell(Outcome::BadConfig) => Exit::Usage,
            Self::Unwell(Outcome::Ill) => Exit::Failed,
            Self::Unwell(Outcome::Unsure) => Exit::Denied,
            Self::Client(ClientError::Absent { .. }) => Exit::NoDaemon,
            Self::Client(ClientError::Denied { .. }) => Exit::Denied,
            Self::Client(ClientError::Refused(error)) => match error.code {
                ErrorCode::UnknownLink
                | ErrorCode::UnknownModem
                | ErrorCode::NoMcu
                | ErrorCode::BadRequest => Exit::Usage,
                ErrorCode::PermissionDenied => Exit::Denied,
                ErrorCode::Stopping => Exit::NoDaemon,
                ErrorCode::Busy | ErrorCode::Idle | ErrorCode::Failed | ErrorCode::Other => Exit::Failed,
            },
            Self::Client(
                ClientError::Io(_)
                | ClientError::Silent(_)
                | ClientError::StillStopping(_)
                | ClientError::Garbled(_),
            )
            | Self::Recording(_)
            | Self::Replay(ReplayError::NoState { .. } | ReplayError::TooMuch { .. })
            | Self::Differs(_)
            | Self::At(_)
            | Self::Flash(_)
            | Self::Output(_) => Exit::Failed,
            Self::Replay(ReplayError::UnknownLink { .. } | ReplayError::UnknownTarget { .. }) => Exit::Usage,
        }
    }
}
