//! What a simulated modem is, and how long it takes for things.

use super::card::Card;
use std::time::Duration;

/// Which modem it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Who made it, as `+CGMI` says.
    pub manufacturer: String,
    /// What it is, as `+CGMM` says.
    pub model: String,
    /// Its firmware, as `+CGMR` says.
    pub revision: String,
    /// Its serial number.
    pub imei: String,
    /// Vendor and product on USB.
    pub usb: (u16, u16),
    /// How its network interface gets a bearer.
    pub interface: Interface,
    /// Whether its last context stays up when it is told to end it, as LTE has it.
    pub keeps_last: bool,
    /// AT ports; an EC25 has two, the second one for calls.
    pub ports: usize,
    /// The cards in its slots.
    pub cards: [Option<Card>; 2],
    /// How many messages each of its two storages holds.
    pub storage: usize,
    /// Whether messages that come are stored on the card, and not in the modem.
    pub stores_on_card: bool,
    /// How long things take.
    pub timing: Timing,
}

/// How a modem's network interface gets a bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// By a command of its own (`+QNETDEVCTL`), and the modem serves DHCP on it.
    Ordered,
    /// It carries the first context while that is active (`+CGACT`). There is no DHCP: the host sets what the modem tells.
    Follows,
}

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From power to ports.
    pub enumerate: Duration,
    /// From ports to the first answer, which `RDY` announces.
    pub boot: Duration,
    /// From there to the SIM card.
    pub card: Duration,
    /// From a SIM card and a radio to the registration.
    pub register: Duration,
    /// The shortest answer; others take up to twice as long.
    pub answer: Duration,
    /// Switching the radio.
    pub radio: Duration,
    /// A bearer, up or down.
    pub bearer: Duration,
    /// Sending a message.
    pub send: Duration,
    /// From the order to reset or to switch off until the ports are gone.
    pub leave: Duration,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            manufacturer: "Quectel".into(),
            model: "EC25".into(),
            revision: "EC25EFAR06A06M4G".into(),
            // Of a test allocation (GSMA TS.06: reporting body 00), with its check digit.
            imei: "001012345678902".into(),
            usb: (0x2c7c, 0x0125),
            interface: Interface::Ordered,
            keeps_last: false,
            ports: 2,
            cards: [Some(Card::default()), None],
            storage: 40,
            stores_on_card: false,
            timing: Timing::ec25(),
        }
    }
}

impl Profile {
    /// The same modem in a hurry: for tests on a real clock.
    #[must_use]
    pub fn quick() -> Self {
        Self { timing: Timing::quick(), ..Self::default() }
    }

    /// A modem in a hurry that is driven by the standard's commands alone, and leaves its addresses to the host.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            manufacturer: "Generic".into(),
            model: "LTE Modem".into(),
            revision: "1.0".into(),
            // Kept free for tests by pid.codes.
            usb: (0x1209, 0x0001),
            interface: Interface::Follows,
            ..Self::quick()
        }
    }
}

impl Timing {
    /// About what an EC25 takes on USB.
    #[must_use]
    pub const fn ec25() -> Self {
        Self {
            enumerate: Duration::from_secs(9),
            boot: Duration::from_secs(4),
            card: Duration::from_secs(2),
            register: Duration::from_secs(5),
            answer: Duration::from_millis(3),
            radio: Duration::from_secs(2),
            bearer: Duration::from_millis(700),
            send: Duration::from_secs(2),
            leave: Duration::from_secs(3),
        }
    }

    /// About a hundredth of it, so that a test need not wait; but a host has the time to hear the last words.
    #[must_use]
    pub const fn quick() -> Self {
        Self {
            enumerate: Duration::from_millis(50),
            boot: Duration::from_millis(30),
            card: Duration::from_millis(20),
            register: Duration::from_millis(50),
            answer: Duration::from_micros(500),
            radio: Duration::from_millis(20),
            bearer: Duration::from_millis(10),
            send: Duration::from_millis(20),
            leave: Duration::from_millis(300),
        }
    }
}
