//! Why the network or the modem says no, by number, and whether asking again can help.

use super::SimState;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The first `+CME ERROR` number that carries a mobility cause: number = 100 + cause (27.007 9.2.2.1).
const CME_MOBILITY: u16 = 100;
/// The first and last that carry a session cause by the same sum (27.007 9.2.2.2).
const CME_SESSION: core::ops::RangeInclusive<u16> = 126..=134;

/// Why the network refused registration or attachment: the number of TS 24.008 10.5.3.6 and 10.5.5.14
/// (GSM, UMTS) and TS 24.301 9.9.3.9 (LTE), which agree where both have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MobilityCause(pub u8);

impl MobilityCause {
    /// Whether asking again, with this SIM and this modem, is pointless: the subscription or the equipment is
    /// refused, not the place or the moment.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(self.0, 2 | 3 | 5..=8 | 11 | 14 | 35)
    }

    /// The cause in words; those of no consequence here have none.
    #[must_use]
    pub const fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            2 => "the subscriber is not known (IMSI unknown in HLR)",
            3 => "illegal UE: the SIM failed authentication or is barred",
            5 => "IMEI not accepted",
            6 => "illegal ME: the modem is barred",
            7 => "packet services not allowed",
            8 => "neither packet nor other services allowed",
            9 => "identity cannot be derived by the network",
            10 => "implicitly detached",
            11 => "PLMN not allowed",
            12 => "location or tracking area not allowed",
            13 => "roaming not allowed in this area",
            14 => "packet services not allowed in this PLMN",
            15 => "no suitable cells in this area",
            16 => "MSC temporarily not reachable",
            17 => "network failure",
            18 => "circuit-switched domain not available",
            19 => "ESM failure: the bearer that goes with the attachment was refused",
            22 => "congestion",
            25 => "not authorised for this CSG",
            35 => "requested service not authorised in this PLMN",
            42 => "severe network failure",
            _ => return None,
        })
    }
}

impl fmt::Display for MobilityCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cause {}", self.0)?;
        self.words().map_or(Ok(()), |words| write!(f, " ({words})"))
    }
}

/// Why the network refused a bearer or took it away: the number of TS 24.008 10.5.6.6 (SM) and TS 24.301
/// 9.9.4.4 (ESM), which agree where both have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionCause(pub u8);

impl SessionCause {
    /// Missing or unknown APN.
    pub const UNKNOWN_APN: Self = Self(27);
    /// User authentication failed.
    pub const AUTH_FAILED: Self = Self(29);

    /// Whether asking again for the same bearer is pointless: the subscription or the configuration is at fault.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(self.0, 8 | 27 | 28 | 29 | 32 | 33 | 50 | 51)
    }

    /// The cause in words; those of no consequence here have none.
    #[must_use]
    pub const fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            8 => "barred by the operator",
            26 => "insufficient resources",
            27 => "missing or unknown APN",
            28 => "unknown PDN type",
            29 => "user authentication failed",
            30 => "rejected by the gateway",
            31 => "rejected, unspecified",
            32 => "service option not supported",
            33 => "requested service not subscribed",
            34 => "temporarily out of order",
            36 => "regular deactivation",
            38 => "network failure",
            39 => "reactivation requested",
            50 => "only IPv4 allowed",
            51 => "only IPv6 allowed",
            55 => "multiple connections for this APN not allowed",
            65 => "maximum number of bearers reached",
            66 => "APN not supported with this technology",
            _ => return None,
        })
    }
}

impl fmt::Display for SessionCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cause {}", self.0)?;
        self.words().map_or(Ok(()), |words| write!(f, " ({words})"))
    }
}

/// The number of a `+CME ERROR` (27.007 9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CmeError(pub u16);

impl CmeError {
    /// Operation not supported.
    pub const NOT_SUPPORTED: Self = Self(4);
    /// SIM not inserted.
    pub const SIM_NOT_INSERTED: Self = Self(10);
    /// SIM PIN required.
    pub const SIM_PIN: Self = Self(11);
    /// SIM PUK required.
    pub const SIM_PUK: Self = Self(12);
    /// SIM failure.
    pub const SIM_FAILURE: Self = Self(13);
    /// SIM busy.
    pub const SIM_BUSY: Self = Self(14);
    /// SIM wrong.
    pub const SIM_WRONG: Self = Self(15);
    /// Incorrect password.
    pub const INCORRECT_PASSWORD: Self = Self(16);
    /// No network service.
    pub const NO_NETWORK: Self = Self(30);
    /// PDP authentication failure.
    pub const PDP_AUTHENTICATION: Self = Self(149);

    /// What it says of the SIM, if it is about that.
    #[must_use]
    pub const fn sim(self) -> Option<SimState> {
        Some(match self {
            Self::SIM_NOT_INSERTED => SimState::Absent,
            Self::SIM_PIN => SimState::Pin,
            Self::SIM_PUK => SimState::Puk,
            Self::SIM_FAILURE | Self::SIM_WRONG => SimState::Failed,
            Self::SIM_BUSY => SimState::Busy,
            _ => return None,
        })
    }

    /// The mobility cause that it carries.
    #[must_use]
    pub fn mobility(self) -> Option<MobilityCause> {
        let number = self.0.checked_sub(CME_MOBILITY)?;
        let inside = (2..=25).contains(&number);
        u8::try_from(number).ok().filter(|_| inside).map(MobilityCause)
    }

    /// The session cause that it carries; PDP authentication failure counts as one.
    #[must_use]
    pub fn session(self) -> Option<SessionCause> {
        if self == Self::PDP_AUTHENTICATION {
            return Some(SessionCause::AUTH_FAILED);
        }
        let number = u8::try_from(self.0.checked_sub(CME_MOBILITY)?).ok()?;
        CME_SESSION.contains(&self.0).then_some(SessionCause(number))
    }
}

impl fmt::Display for CmeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CME error {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cme_errors_carry_causes() {
        assert_eq!(CmeError(103).mobility(), Some(MobilityCause(3)));
        assert_eq!(CmeError(111).mobility(), Some(MobilityCause(11)));
        assert_eq!(CmeError(127).session(), Some(SessionCause::UNKNOWN_APN));
        assert_eq!(CmeError(149).session(), Some(SessionCause::AUTH_FAILED));
        for other in [0, 3, 10, 14, 30, 100, 148, 500, u16::MAX] {
            assert_eq!((CmeError(other).mobility(), CmeError(other).session()), (None, None), "{other}");
        }
        assert_eq!(CmeError(126).mobility(), None);
        assert_eq!(CmeError(125).session(), None);
    }

    #[test]
    fn what_is_permanent_has_words() {
        for number in 0..=u8::MAX {
            let mobility = MobilityCause(number);
            assert!(!mobility.is_permanent() || mobility.words().is_some(), "{number}");
            let session = SessionCause(number);
            assert!(!session.is_permanent() || session.words().is_some(), "{number}");
        }
        assert!(MobilityCause(11).is_permanent() && !MobilityCause(15).is_permanent());
        assert_eq!(MobilityCause(11).to_string(), "cause 11 (PLMN not allowed)");
        assert_eq!(SessionCause(200).to_string(), "cause 200");
    }
}
