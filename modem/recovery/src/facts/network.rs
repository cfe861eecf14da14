//! Registration: where, by which technology, and if not, why not.

use super::MobilityCause;
use serde::{Deserialize, Serialize};

/// What a modem registers for, each told by a command of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Domain {
    /// `+CREG`: circuit-switched (calls, SMS).
    Circuit,
    /// `+CGREG`: packets over GSM and UMTS.
    Packet,
    /// `+CEREG`: packets over LTE.
    Eps,
    /// `+C5GREG`: packets over a 5G core.
    FiveG,
}

impl Domain {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Circuit, Self::Packet, Self::Eps, Self::FiveG];

    /// Whether data goes over it.
    #[must_use]
    pub const fn carries_data(self) -> bool {
        match self {
            Self::Circuit => false,
            Self::Packet | Self::Eps | Self::FiveG => true,
        }
    }
}

/// `<stat>` of 27.007 7.2, 10.1.20, 10.1.22 and 10.1.47.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegistrationState {
    /// 0: not registered, and not looking for a network.
    Idle,
    /// 1: registered at home.
    Home,
    /// 2: not registered, looking for a network.
    Searching,
    /// 3: the network refused.
    Denied,
    /// 4: unknown (out of coverage).
    Unknown,
    /// 5: registered, roaming.
    Roaming,
    /// 6: registered at home, for SMS only.
    SmsOnlyHome,
    /// 7: registered roaming, for SMS only.
    SmsOnlyRoaming,
    /// 8: for emergency calls only.
    EmergencyOnly,
    /// 9: registered at home, circuit-switched fallback not preferred.
    NoFallbackHome,
    /// 10: registered roaming, circuit-switched fallback not preferred.
    NoFallbackRoaming,
    /// 11: for restricted local operator services only.
    RestrictedLocal,
}

impl RegistrationState {
    /// The state that the modem answered by number; `None` for numbers that the standard does not have.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Idle,
            1 => Self::Home,
            2 => Self::Searching,
            3 => Self::Denied,
            4 => Self::Unknown,
            5 => Self::Roaming,
            6 => Self::SmsOnlyHome,
            7 => Self::SmsOnlyRoaming,
            8 => Self::EmergencyOnly,
            9 => Self::NoFallbackHome,
            10 => Self::NoFallbackRoaming,
            11 => Self::RestrictedLocal,
            _ => return None,
        })
    }

    /// Whether a bearer can be had.
    #[must_use]
    pub const fn is_registered(self) -> bool {
        match self {
            Self::Home | Self::Roaming | Self::NoFallbackHome | Self::NoFallbackRoaming => true,
            Self::Idle
            | Self::Searching
            | Self::Denied
            | Self::Unknown
            | Self::SmsOnlyHome
            | Self::SmsOnlyRoaming
            | Self::EmergencyOnly
            | Self::RestrictedLocal => false,
        }
    }

    /// Whether it is another operator's network.
    #[must_use]
    pub const fn is_roaming(self) -> bool {
        matches!(self, Self::Roaming | Self::SmsOnlyRoaming | Self::NoFallbackRoaming)
    }
}

/// `<AcT>` of 27.007 7.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccessTechnology {
    /// 0, 1, 8: GSM, also its compact and IoT forms.
    Gsm,
    /// 3: GSM with EGPRS.
    Edge,
    /// 2: UMTS.
    Umts,
    /// 4, 5, 6: UMTS with HSDPA, HSUPA or both.
    Hspa,
    /// 7: LTE.
    Lte,
    /// 9: LTE in its narrow-band form.
    NbIot,
    /// 10: LTE on a 5G core.
    LteFiveG,
    /// 13: LTE with a second carrier of 5G (EN-DC, "NSA").
    LteNr,
    /// 11, 12: 5G on a 5G core ("SA").
    Nr,
}

impl AccessTechnology {
    /// The technology that the modem answered by number; `None` for numbers that the standard does not have.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 | 1 | 8 => Self::Gsm,
            2 => Self::Umts,
            3 => Self::Edge,
            4..=6 => Self::Hspa,
            7 => Self::Lte,
            9 => Self::NbIot,
            10 => Self::LteFiveG,
            11 | 12 => Self::Nr,
            13 => Self::LteNr,
            _ => return None,
        })
    }
}

/// The registration in one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Which domain.
    pub domain: Domain,
    /// Its state.
    pub state: RegistrationState,
    /// By which technology.
    pub technology: Option<AccessTechnology>,
    /// Location, routing or tracking area code.
    pub area: Option<u32>,
    /// Cell identity.
    pub cell: Option<u64>,
    /// Why the network refused, where the modem tells.
    pub cause: Option<MobilityCause>,
}

impl Registration {
    /// A registration of which nothing but the state is known.
    #[must_use]
    pub const fn new(domain: Domain, state: RegistrationState) -> Self {
        Self { domain, state, technology: None, area: None, cell: None, cause: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_standard_has_a_state_and_others_have_none() {
        for code in 0..=u8::MAX {
            assert_eq!(RegistrationState::from_code(code).is_some(), code <= 11, "{code}");
            assert_eq!(AccessTechnology::from_code(code).is_some(), code <= 13, "{code}");
        }
        let registered =
            |code| RegistrationState::from_code(code).is_some_and(RegistrationState::is_registered);
        assert_eq!((0..=11).filter(|code| registered(*code)).collect::<Vec<_>>(), [1, 5, 9, 10]);
    }
}
