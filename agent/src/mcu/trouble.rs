//! What may be wrong with the MCU, said so that it can be mended.

use shunt_wire::{Outcome, VERSION};
use std::time::Duration;

/// The speed of the boards' firmware.
pub(super) const BAUD: u32 = 115_200;

/// What is wrong. Completes "the watchdog MCU on PORT …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// Nothing comes.
    #[error(
        "does not answer; is it connected, has it power and Shunt's firmware, is its speed {BAUD} baud, and are its two lines the right way round?"
    )]
    Silent,
    /// Something comes that is no frame.
    #[error(
        "sends what is no frame; is its speed {BAUD} baud, and is no console or other program on that line?"
    )]
    Garbage,
    /// The boot loader in its ROM answers.
    #[error(
        "is in its boot loader, and guards nothing; flash it by `shunt mcu flash`, or reset it if it has its firmware"
    )]
    Loader,
    /// Frames of another version.
    #[error(
        "speaks version {0} of the frames, and this agent speaks version {VERSION}; flash the firmware of this release by `shunt mcu flash`"
    )]
    Version(u8),
    /// Frames, but our hello is not known.
    #[error(
        "does not understand this agent's hello; flash the firmware of this release by `shunt mcu flash`"
    )]
    Words,
    /// Our own frames come back.
    #[error("is not there: what is sent comes back; is the line looped?")]
    Echo,
    /// It would not be armed.
    #[error("does not take the times of [watchdog.mcu]: {}", refusal(.0))]
    Arm(Outcome),
    /// It would not be armed yet.
    #[error("takes other times only in {} s, for each change wears its flash; until then it guards by the ones before", .0.as_secs())]
    ArmLater(Duration),
    /// It would not be disarmed.
    #[error("is not disarmed: {}", refusal(.0))]
    Disarm(Outcome),
    /// More is asked than is answered.
    #[error("has too many requests to answer; try again")]
    Busy,
    /// Its firmware is being upgraded.
    #[error("is being flashed, and guards nothing meanwhile; see `shunt mcu status`")]
    Flashing,
    /// The port cannot be opened, or went.
    #[error("cannot be reached: failed to {0}; see [watchdog.mcu] port, and whether another program has it")]
    Port(String),
}

/// Why a request was not carried out.
pub(super) fn refusal(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done | Outcome::Capped(_) => "it was done".into(),
        Outcome::HelloFirst => "it has just booted; try again".into(),
        Outcome::NotFitted => "its board has no such line".into(),
        Outcome::TooSoon(wait) => format!("the last time is not long enough ago; try again in {} s", wait.0),
        Outcome::BadTimes => {
            "its firmware finds that they make no sense together; flash that of this release".into()
        }
        Outcome::NotNow => "an escalation is under way, or it guards nothing; see `shunt mcu status`".into(),
        Outcome::WrongKey => "the key is wrong".into(),
    }
}
