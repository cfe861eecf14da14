//! A SIM card: what it is, and how it guards itself by PIN and PUK.

use super::state::Stored;
use std::collections::BTreeMap;

/// Tries of the PIN before the PUK is asked for, and of the PUK before the card is dead (3GPP TS 31.101).
pub(super) const PIN_TRIES: u8 = 3;
/// See [`PIN_TRIES`].
pub(super) const PUK_TRIES: u8 = 10;

/// A SIM card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its serial number, 19 or 20 digits.
    pub iccid: String,
    /// The subscriber.
    pub imsi: String,
    /// The subscriber's telephone number.
    pub number: String,
    /// The PIN.
    pub pin: String,
    /// Whether the PIN is asked for.
    pub pin_enabled: bool,
    /// Tries left of the PIN.
    pub pin_tries: u8,
    /// The code that sets a new PIN.
    pub puk: String,
    /// Tries left of the PUK.
    pub puk_tries: u8,
    /// Whether the PIN was given since the card was last without power.
    pub(super) verified: bool,
    /// Messages that are stored on it, by index from 0; they go where the card goes.
    pub(super) messages: BTreeMap<usize, Stored>,
}

/// What the card waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Nothing.
    Open,
    /// The PIN.
    Pin,
    /// The PUK: the PIN was wrong too often.
    Puk,
    /// Nothing helps: the PUK was wrong too often.
    Dead,
}

impl Default for Card {
    fn default() -> Self {
        Self {
            iccid: "8949000000000000017".into(),
            imsi: "262010000000001".into(),
            number: "+491700000001".into(),
            pin: "1234".into(),
            pin_enabled: false,
            pin_tries: PIN_TRIES,
            puk: "12345678".into(),
            puk_tries: PUK_TRIES,
            verified: false,
            messages: BTreeMap::new(),
        }
    }
}

impl Card {
    /// A card that asks for this PIN.
    #[must_use]
    pub fn with_pin(pin: &str) -> Self {
        Self { pin: pin.into(), pin_enabled: true, ..Self::default() }
    }

    /// A card of another subscriber.
    #[must_use]
    pub fn other() -> Self {
        Self {
            iccid: "8949000000000000025".into(),
            imsi: "262030000000002".into(),
            number: "+491700000002".into(),
            ..Self::default()
        }
    }

    /// What the card waits for.
    #[must_use]
    pub fn lock(&self) -> Lock {
        if self.puk_tries == 0 {
            Lock::Dead
        } else if self.pin_tries == 0 {
            Lock::Puk
        } else if self.pin_enabled && !self.verified {
            Lock::Pin
        } else {
            Lock::Open
        }
    }

    /// Gives the PIN; whether it was right.
    pub(super) fn enter_pin(&mut self, pin: &str) -> bool {
        let right = pin == self.pin;
        self.verified |= right;
        self.pin_tries = if right { PIN_TRIES } else { self.pin_tries.saturating_sub(1) };
        right
    }

    /// Gives the PUK and a new PIN; whether it was right.
    pub(super) fn enter_puk(&mut self, puk: &str, new_pin: &str) -> bool {
        if puk != self.puk {
            self.puk_tries = self.puk_tries.saturating_sub(1);
            return false;
        }
        self.pin = new_pin.to_owned();
        self.pin_tries = PIN_TRIES;
        self.puk_tries = PUK_TRIES;
        self.verified = true;
        true
    }

    /// The card loses its power.
    pub(super) fn power_off(&mut self) {
        self.verified = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_wrong_pins_need_the_puk_and_ten_wrong_puks_end_it() {
        let mut card = Card::with_pin("1111");
        assert_eq!(card.lock(), Lock::Pin);
        assert!(card.enter_pin("1111"));
        assert_eq!(card.lock(), Lock::Open);
        card.power_off();
        assert!((0..3).all(|_| !card.enter_pin("0000")));
        assert_eq!(card.lock(), Lock::Puk);
        assert!(card.enter_puk("12345678", "2222"));
        assert_eq!((card.lock(), card.pin.as_str()), (Lock::Open, "2222"));
        card.power_off();
        assert!((0..3).all(|_| !card.enter_pin("0000")));
        assert!((0..10).all(|_| !card.enter_puk("0", "0")));
        assert_eq!(card.lock(), Lock::Dead);
    }
}
