//! What goes over the control socket: one JSON object a line, each way. The client speaks first.
//!
//! A request gets one line back, `{"ok":…}` or `{"error":{"code":…,"message":…}}`. The exception is
//! `events`: each event is a line `{"event":{…}}`; without `follow` a last line `{"ok":{…}}` says that the
//! list is whole.

use super::mcu::{McuLogEntry, McuStatus};
use super::modem::{AtAnswer, ModemStatus, ShortMessage};
use super::types::{Family, IncidentStatus, Status, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// The longest request that the daemon reads, in bytes: the largest firmware of the MCU, of 28 KiB, takes 57,344 digits.
pub const MAX_REQUEST: usize = 65_536;

/// The longest line that a client reads, in bytes: the status of 127 links with 16 targets each, and a hundred
/// incidents, needs about a quarter of it.
pub const MAX_REPLY: usize = 4 << 20;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    // Braces, because serde does not look for unknown fields in a variant that has none.
    /// The whole picture.
    Status {},
    /// Make a link the uplink of both families.
    Force {
        /// Its name.
        link: String,
        /// Seconds until the lease ends by itself; absent: until `release`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<NonZeroU64>,
        /// Hold to it even when it is confirmed dead.
        #[serde(default)]
        strict: bool,
    },
    /// Give the choice back to the agent.
    Release {},
    /// The latest events.
    Events {
        /// Go on with new ones until the client hangs up.
        #[serde(default)]
        follow: bool,
    },
    /// All modems.
    Modem {},
    /// Send a command to a modem by hand.
    ModemAt {
        /// Which; absent: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modem: Option<String>,
        /// The command.
        line: String,
        /// How long it may take, in seconds; absent: 10.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_s: Option<NonZeroU64>,
        /// Send it although it is no question and nobody knows what it does.
        #[serde(default, rename = "unsafe", skip_serializing_if = "std::ops::Not::not")]
        at_own_risk: bool,
    },
    /// Carry out a rung of a modem's recovery ladder.
    ModemReset {
        /// Which; absent: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modem: Option<String>,
        /// `fence`, `reopen`, `bearer`, `register`, `radio`, `reset`, `usb` or `power`; absent: `reset`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rung: Option<String>,
    },
    /// Use the SIM in a slot.
    ModemSim {
        /// Which modem; absent: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modem: Option<String>,
        /// The slot.
        slot: u8,
    },
    /// Give the SIM in use its PIN.
    ModemPin {
        /// Of which modem; absent: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modem: Option<String>,
        /// The PIN.
        pin: Hidden,
    },
    /// Try again at once what a modem's recovery waits with.
    ModemRetry {
        /// Which; absent: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modem: Option<String>,
    },
    /// Send a message by SMS.
    ModemSmsSend {
        /// By which modem; absent: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modem: Option<String>,
        /// To whom.
        to: String,
        /// What it says.
        text: String,
    },
    /// The messages that came by SMS.
    ModemSmsList {
        /// To which modem; absent: the only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modem: Option<String>,
    },
    /// The watchdog MCU.
    Mcu {},
    /// What the watchdog MCU remembers.
    McuLog {},
    /// Have the watchdog MCU not judge the gateway for a while.
    McuLease {
        /// For so many seconds; 0 ends a lease.
        for_s: u64,
    },
    /// Have the modem's supply cut by the watchdog MCU, and given back.
    McuCycleModem {},
    /// Have the watchdog MCU ask the gateway to shut down, and then reset it.
    McuResetHost {},
    /// Bring another firmware into the watchdog MCU.
    McuFlash {
        /// The content of its flash from its beginning on, two hexadecimal digits a byte.
        image: String,
    },
    /// End the daemon; forwarding stays as it is.
    Stop {
        /// Remove everything that Shunt owns from the kernel first.
        #[serde(default)]
        restore: bool,
    },
}

/// A text that is never shown: a PIN.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text, for whom it is meant and nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// An operator's AT command may take so long unless another time is given.
pub const AT_LIMIT: Duration = Duration::from_secs(10);

/// The modem does what comes first, and each may take its time.
const BEFORE_IT: Duration = Duration::from_secs(180);

/// A long message takes some parts, each of which the network may take 120 s for.
const SENDING: Duration = Duration::from_secs(300);

impl Request {
    /// How long the answer may take beyond that of the event loop: a modem is slow.
    #[must_use]
    pub fn extra(&self) -> Duration {
        match self {
            Self::ModemAt { limit_s, .. } => {
                let limit = limit_s.map_or(AT_LIMIT, |seconds| Duration::from_secs(seconds.get()));
                limit.min(BEFORE_IT) + BEFORE_IT
            }
            Self::ModemSmsSend { .. } => SENDING + BEFORE_IT,
            Self::Status {}
            | Self::Force { .. }
            | Self::Release {}
            | Self::Events { .. }
            | Self::Modem {}
            | Self::ModemReset { .. }
            | Self::ModemSim { .. }
            | Self::ModemPin { .. }
            | Self::ModemRetry { .. }
            | Self::ModemSmsList { .. }
            | Self::Mcu {}
            | Self::McuLog {}
            | Self::McuLease { .. }
            | Self::McuCycleModem {}
            | Self::McuResetHost {}
            | Self::McuFlash { .. }
            | Self::Stop { .. } => Duration::ZERO,
        }
    }
}

/// What the daemon's loop answers.
pub type Response = Result<Answer, ApiError>;

/// A good answer. It stands bare inside `{"ok":…}`: the client knows what it asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Events`]: the history, oldest first. The server sends it line by line.
    Events(Vec<Event>),
    /// To [`Request::Modem`].
    Modems(Vec<ModemStatus>),
    /// To [`Request::ModemAt`].
    At(AtAnswer),
    /// To [`Request::ModemSmsList`]: the newest last.
    Messages(Vec<ShortMessage>),
    /// To [`Request::Mcu`].
    Mcu(Box<McuStatus>),
    /// To [`Request::McuLog`]: the newest last.
    McuLog(Vec<McuLogEntry>),
    /// To the others.
    Done(Done),
}

impl Answer {
    /// "It is done", with a sentence for the operator.
    #[must_use]
    pub fn done(text: impl Into<String>) -> Self {
        Self::Done(Done { text: text.into() })
    }
}

/// The answer to a command that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What was done: one sentence for the operator.
    pub text: String,
}

/// One line from the daemon; `T` is what the client asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line<T> {
    /// It was done.
    Ok(T),
    /// It was not.
    Error(ApiError),
    /// One event of the stream.
    Event(Event),
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong and what mends it.
    pub message: String,
}

impl ApiError {
    /// A refusal.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The link is not configured; the message lists those that are.
    #[must_use]
    pub fn unknown_link<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let message = format!("there is no link {name:?}; the links are {}", known.join(", "));
        Self::new(ErrorCode::UnknownLink, message)
    }
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The line is no request: not JSON, an unknown command or field, or too long.
    BadRequest,
    /// No link has this name.
    UnknownLink,
    /// No modem has this name, or there are several and none was named.
    UnknownModem,
    /// No watchdog MCU is configured.
    NoMcu,
    /// The caller is neither root nor in the group.
    PermissionDenied,
    /// Too many connections or too many requests at once: try again.
    Busy,
    /// Nothing was asked for too long.
    Idle,
    /// The daemon is on its way out.
    Stopping,
    /// It was tried and did not work.
    Failed,
    /// A code of a newer daemon.
    #[serde(other)]
    Other,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A link's verdict changed.
    Verdict,
    /// The uplink moved.
    Uplink,
    /// A target is silent on every link that can tell, or answers again.
    Target,
    /// The uplink is dead and nothing else is alive.
    Stranded,
    /// The operator's lease was taken, ended or given up.
    Force,
    /// A new path is proved.
    Verified,
    /// New paths cannot be proved on this machine.
    Unverifiable,
    /// An incident was opened, reached a stage, or ended.
    Incident,
    /// Something that a stranger had changed in the kernel was put back.
    Repaired,
    /// Something on this machine works against the agent.
    Warning,
    /// What was warned of is no longer so.
    Mended,
    /// The daemon started.
    Started,
    /// The daemon stops.
    Stopping,
    /// A new config is in force, or was refused.
    Reload,
    /// Something happened to a modem.
    Modem,
    /// The watchdog MCU did something, or was found.
    Mcu,
    /// The gateway was reset by a watchdog.
    Reset,
    /// Events that this client was too slow to read are left out here.
    Missed,
    /// A kind of a newer daemon.
    #[serde(other)]
    Other,
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counted from 1 since the daemon started, without gaps.
    pub number: u64,
    /// When it happened (RFC 3339).
    pub at: String,
    /// What it is about.
    pub kind: EventKind,
    /// Which family it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// Which link it concerns; for `uplink` the link before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// For `uplink`: the link now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// For `verdict`: the verdict now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why: one phrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For `incident`: the incident as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Box<IncidentStatus>>,
    /// For `missed`: how many were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// All of it, as one sentence.
    pub text: String,
}

impl Event {
    /// An event that is a sentence and nothing more.
    #[must_use]
    pub fn plain(number: u64, at: String, kind: EventKind, text: impl Into<String>) -> Self {
        Self {
            number,
            at,
            kind,
            family: None,
            link: None,
            to: None,
            verdict: None,
            reason: None,
            incident: None,
            missed: None,
            text: text.into(),
        }
    }
}
