//! What the operator wants of a modem, and what the board has for it.

use crate::Elsewhere;
use crate::facts::Slot;
use core::fmt;
use core::time::Duration;

/// Digits of a PIN (TS 31.101 9.5.1).
const PIN_DIGITS: core::ops::RangeInclusive<usize> = 4..=8;

/// How one modem is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What can be done to it beside talking AT.
    pub hardware: Hardware,
    /// Its SIMs, the preferred first. Empty: the one that is in, without a PIN.
    pub sims: Vec<SimConfig>,
    /// How long another SIM than the preferred is used before the preferred is tried again, which takes the
    /// link down for up to four minutes; ten minutes at least. `None`: until the other fails.
    pub return_after: Option<Duration>,
    /// How often a modem that is well is asked for its registration, bearer, signal and usage; once a
    /// second at most.
    pub watch: Duration,
    /// What is known of SIM cards by the other modems of this host, and by those that it had.
    pub elsewhere: Elsewhere,
}

impl Default for Config {
    /// One SIM without a PIN, the modem's own reset and nothing else, looked at twice a minute.
    fn default() -> Self {
        Self {
            hardware: Hardware::default(),
            sims: Vec::new(),
            return_after: None,
            watch: Duration::from_secs(30),
            elsewhere: Elsewhere::default(),
        }
    }
}

/// What can be done to a modem. Rungs that need what is missing are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardware {
    /// It has more than one AT port.
    pub sibling: bool,
    /// It can reset itself by AT.
    pub reset: bool,
    /// It is on USB, and may be unbound and bound again.
    pub usb: bool,
    /// Its supply can be cut (GPIO or the MCU's modem rail).
    pub power: bool,
}

impl Default for Hardware {
    fn default() -> Self {
        Self { sibling: false, reset: true, usb: false, power: false }
    }
}

/// One SIM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimConfig {
    /// Its slot; `None`: the modem has one only.
    pub slot: Option<Slot>,
    /// Its PIN, if it has one.
    pub pin: Option<Pin>,
    /// What it may carry in a month, if that is limited.
    pub allowance: Option<Allowance>,
    /// A fingerprint of what its network is asked for (APN, families, login). A bearer that was refused is asked for at once
    /// after a restart that changed it, and else not before its hour is over. `None`: nobody knows, so after each restart
    /// it is asked for.
    pub wanted: Option<u64>,
}

/// A monthly data allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes, both ways.
    pub bytes: u64,
    /// The day of the month on which it begins anew, 1 to 28.
    pub first_day: u8,
}

/// A SIM's PIN. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

impl Pin {
    /// A PIN, if `text` is one: four to eight digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        (PIN_DIGITS.contains(&text.len()) && digits).then(|| Self(text.to_owned()))
    }

    /// The digits, for the SIM and nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_has_four_to_eight_digits_and_is_not_shown() {
        for text in ["", "123", "123456789", "12a4", "１２３４", " 1234"] {
            assert_eq!(Pin::parse(text), None, "{text}");
        }
        let pin = Pin::parse("4711").unwrap();
        assert_eq!(pin.reveal(), "4711");
        assert!(!format!("{pin:?}").contains("4711"));
    }
}
