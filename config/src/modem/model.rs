//! A modem of the configuration: everything in range, nothing secret. Secrets are named by their files only.

use std::path::PathBuf;
use std::time::Duration;

/// One `[[modem]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modem {
    /// The operator's name for it.
    pub name: String,
    /// The name of the link that it carries.
    pub link: String,
    /// Which modem is meant.
    pub find: Find,
    /// The number of the context that carries the link's data (3GPP TS 27.007 10.1.1).
    pub context: u8,
    /// Families that the bearer is asked for.
    pub ip: BearerIp,
    /// Its SIMs, the preferred first; at least one.
    pub sims: Vec<Sim>,
    /// How long another SIM than the preferred is used before the preferred is tried again; `None`: until it fails.
    pub return_after: Option<Duration>,
    /// How often a modem that is well is asked how it is.
    pub watch: Duration,
    /// How its supply is switched, where that can be done.
    pub power: Option<Power>,
    /// Who may order what by SMS; `None`: nobody.
    pub remote: Option<Remote>,
}

/// Which modem is meant, by what stays the same when it comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// By a serial line that is its own (`/dev/ttyS1`).
    Port(PathBuf),
    /// By its place: the last part of its path in sysfs (`1-1.2`), or the whole.
    Path(String),
    /// By USB vendor and product.
    Usb {
        /// Who makes it.
        vendor: u16,
        /// What it is.
        product: u16,
    },
    /// By the 15 digits of its own number.
    Imei(String),
}

/// Families of a bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerIp {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    V4V6,
}

/// How the network is told who asks for a bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerAuth {
    /// Not at all: the SIM suffices.
    None,
    /// Password in clear.
    Pap,
    /// By challenge.
    Chap,
}

/// One SIM, with what its provider wants: what `[[modem.sim]]` leaves out is that of `[[modem]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sim {
    /// Its slot; `None`: the modem has one only.
    pub slot: Option<u8>,
    /// The file that holds its PIN.
    pub pin_file: Option<PathBuf>,
    /// The access point's name; `None`: the subscription's own.
    pub apn: Option<String>,
    /// Who asks for the bearer.
    pub user: Option<String>,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// How both are told.
    pub auth: BearerAuth,
    /// Bytes that it may carry in a billing month, both ways.
    pub allowance: Option<u64>,
    /// The day of the month on which that begins anew, 1 to 28.
    pub billing_day: u8,
}

/// What switches the modem's supply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Power {
    /// A line of this machine.
    Gpio {
        /// The GPIO chip (`/dev/gpiochip0`).
        chip: PathBuf,
        /// The line's number on it.
        line: u32,
        /// Whether the modem has power while the line is high.
        active_high: bool,
    },
    /// The rail of the watchdog MCU.
    Mcu,
}

/// Remote control by SMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Who may order; at least one.
    pub operators: Vec<RemoteOperator>,
    /// The country code of the SIM's numbers, such as `49`, where the network delivers numbers without it.
    pub country: Option<String>,
    /// What national numbers begin with there, such as `0`; may be empty.
    pub trunk: String,
    /// Codes go by time, not by counter.
    pub by_time: bool,
    /// Digits of a code: 6 to 8.
    pub digits: u8,
    /// Attempts of one number in an hour.
    pub per_number: u16,
    /// Attempts of all numbers in an hour.
    pub in_all: u16,
}

/// Somebody who may order by SMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteOperator {
    /// Whom the record names.
    pub name: String,
    /// The number that they write from: `+` and 7 to 15 digits.
    pub number: String,
    /// The file that holds their secret, in base32.
    pub secret_file: PathBuf,
}
