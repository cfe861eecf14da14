//! The SIM card: locks, numbers, slots, files.

use super::{Answer, Effect, Modem};
use crate::modem::card::Lock;
use crate::modem::core::CardState;
use crate::modem::line::{Call, Form};
use crate::modem::pdu::hex;
use std::time::Duration;

/// Causes of `+CME ERROR` (3GPP TS 27.007, 9.2).
const NOT_INSERTED: u16 = 10;
const PIN_REQUIRED: u16 = 11;
const PUK_REQUIRED: u16 = 12;
const FAILURE: u16 = 13;
const BUSY: u16 = 14;
const WRONG_PASSWORD: u16 = 16;
const NOT_ALLOWED: u16 = 3;
const INVALID: u16 = 50;

/// The file of the card's number (ETSI TS 102 221, 13.2).
const EF_ICCID: u32 = 0x2fe2;

/// What a card takes to check a PIN.
const PIN_TIME: Duration = Duration::from_millis(30);

impl Modem {
    /// The cause with which a command fails that needs an open card.
    pub(super) fn card_fault(&self) -> Option<u16> {
        match self.card_state() {
            CardState::Open => None,
            CardState::Absent => Some(NOT_INSERTED),
            CardState::Busy => Some(BUSY),
            CardState::Unpowered => Some(FAILURE),
            CardState::Locked(Lock::Pin) => Some(PIN_REQUIRED),
            CardState::Locked(Lock::Puk) => Some(PUK_REQUIRED),
            CardState::Locked(Lock::Dead | Lock::Open) => Some(FAILURE),
        }
    }

    pub(super) fn card_command(&mut self, _port: usize, call: &Call) -> Option<Answer> {
        Some(match (call.name.as_str(), &call.form) {
            ("+CPIN", Form::Read) => self.read_lock(),
            ("+CPIN", Form::Set(_)) => self.enter(call),
            ("+CPIN" | "+CLCK", Form::Test) if call.name == "+CPIN" => Answer::ok(),
            ("+CLCK", Form::Test) => Answer::line("+CLCK: (\"SC\")"),
            ("+CLCK", Form::Set(_)) => self.lock_facility(call),
            ("+CPWD", Form::Test) => Answer::line("+CPWD: (\"SC\",8)"),
            ("+CPWD", Form::Set(_)) => self.change_pin(call),
            ("+CPINR", _) => self.tries("+CPINR"),
            ("+QPINC", Form::Test) => Answer::line("+QPINC: (\"SC\",\"P2\")"),
            ("+QPINC", _) => self.tries("+QPINC"),
            ("+CIMI", _) => self.of_card(call, |card| card.imsi.clone()),
            ("+QCCID" | "+CCID" | "+ICCID", _) => self.number_of_card(call),
            ("+CNUM", _) => self.of_card(call, |card| format!("+CNUM: ,\"{}\",145", card.number)),
            ("+QSIMSTAT", Form::Read) => {
                let inserted = u8::from(!matches!(self.card_state(), CardState::Absent));
                Answer::line(format!("+QSIMSTAT: {},{inserted}", u8::from(self.card_reports)))
            }
            ("+QSIMSTAT", Form::Set(_)) => {
                self.card_reports = call.number(0) == Some(1);
                Answer::ok()
            }
            ("+QSIMSTAT", _) => Answer::line("+QSIMSTAT: (0,1)"),
            ("+QINISTAT", _) => {
                let done = if self.card_state() == CardState::Open { 7 } else { 0 };
                Answer::line(format!("+QINISTAT: {done}"))
            }
            ("+QUIMSLOT", Form::Read) => Answer::line(format!("+QUIMSLOT: {}", self.slot + 1)),
            ("+QUIMSLOT", Form::Test) => Answer::line("+QUIMSLOT: (1,2)"),
            ("+QUIMSLOT", Form::Set(_)) => match call.number(0) {
                Some(1) => Answer::ok().does(Effect::Slot(0)),
                Some(2) => Answer::ok().does(Effect::Slot(1)),
                _ => Answer::cme(INVALID),
            },
            ("+QSIMDET", _) => Self::setting(call, "(0,1),(0,1)", "0,0"),
            ("+CRSM", Form::Set(_)) => self.read_file(call),
            ("+CRSM", Form::Test) => Answer::ok(),
            ("+CSIM", Form::Test) => Answer::ok(),
            _ => return None,
        })
    }

    fn of_card(&self, call: &Call, read: impl Fn(&crate::modem::Card) -> String) -> Answer {
        if call.form == Form::Test {
            return Answer::ok();
        }
        match (self.card_fault(), self.card()) {
            (None, Some(card)) => Answer::line(read(card)),
            (Some(cause), _) => Answer::cme(cause),
            (None, None) => Answer::cme(NOT_INSERTED),
        }
    }

    /// The card's number is for everybody to read, before the PIN too (ETSI TS 102 221, 13.2).
    fn number_of_card(&self, call: &Call) -> Answer {
        let locked = matches!(self.card_state(), CardState::Locked(Lock::Pin | Lock::Puk));
        match (call.form == Form::Test, self.card()) {
            (false, Some(card)) if locked => Answer::line(format!("{}: {}", call.name, card.iccid)),
            _ => self.of_card(call, |card| format!("{}: {}", call.name, card.iccid)),
        }
    }

    fn read_lock(&self) -> Answer {
        Answer::line(match self.card_state() {
            CardState::Open => "+CPIN: READY",
            CardState::Locked(Lock::Pin) => "+CPIN: SIM PIN",
            CardState::Locked(Lock::Puk) => "+CPIN: SIM PUK",
            CardState::Absent | CardState::Busy | CardState::Unpowered | CardState::Locked(_) => {
                return Answer::cme(self.card_fault().unwrap_or(FAILURE));
            }
        })
    }

    fn enter(&mut self, call: &Call) -> Answer {
        let state = self.card_state();
        let slot = self.slot;
        let Some(card) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return Answer::cme(NOT_INSERTED);
        };
        let right = match state {
            CardState::Locked(Lock::Pin) => {
                self.counts.pins += 1;
                card.enter_pin(call.text(0))
            }
            CardState::Locked(Lock::Puk) if !call.text(1).is_empty() => {
                card.enter_puk(call.text(0), call.text(1))
            }
            CardState::Locked(Lock::Puk) => return Answer::cme(PUK_REQUIRED),
            CardState::Open => return Answer::cme(NOT_ALLOWED),
            CardState::Busy => return Answer::cme(BUSY),
            CardState::Absent | CardState::Unpowered | CardState::Locked(_) => return Answer::cme(FAILURE),
        };
        if right {
            return Answer::ok().taking(PIN_TIME).does(Effect::Unlocked);
        }
        if state == CardState::Locked(Lock::Pin) {
            self.counts.wrong_pins += 1;
        }
        let cause = self.card_fault().filter(|cause| *cause == PUK_REQUIRED).unwrap_or(WRONG_PASSWORD);
        Answer::cme(cause).taking(PIN_TIME)
    }

    fn lock_facility(&mut self, call: &Call) -> Answer {
        if let Some(cause) = self.card_fault() {
            return Answer::cme(cause);
        }
        let slot = self.slot;
        let Some(card) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return Answer::cme(NOT_INSERTED);
        };
        match (call.text(0), call.number(1)) {
            ("SC", Some(2)) => Answer::line(format!("+CLCK: {}", u8::from(card.pin_enabled))),
            ("SC", Some(wanted @ (0 | 1))) => {
                if !card.enter_pin(call.text(2)) {
                    return Answer::cme(WRONG_PASSWORD);
                }
                card.pin_enabled = wanted == 1;
                Answer::ok()
            }
            (_, Some(2)) => Answer::line("+CLCK: 0"),
            _ => Answer::cme(INVALID),
        }
    }

    fn change_pin(&mut self, call: &Call) -> Answer {
        if let Some(cause) = self.card_fault() {
            return Answer::cme(cause);
        }
        let slot = self.slot;
        let Some(card) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return Answer::cme(NOT_INSERTED);
        };
        if call.text(0) != "SC" || !card.enter_pin(call.text(1)) {
            return Answer::cme(WRONG_PASSWORD);
        }
        card.pin = call.text(2).to_owned();
        Answer::ok()
    }

    fn tries(&self, name: &str) -> Answer {
        let Some(card) = self.card() else { return Answer::cme(NOT_INSERTED) };
        let (pin, puk) = (card.pin_tries, card.puk_tries);
        if name == "+QPINC" {
            return Answer::lines(vec![format!("+QPINC: \"SC\",{pin},{puk}"), "+QPINC: \"P2\",3,10".into()]);
        }
        Answer::lines(vec![format!("+CPINR: SIM PIN,{pin},3"), format!("+CPINR: SIM PUK,{puk},10")])
    }

    /// `+CRSM`: READ BINARY of the files that tell who the card is.
    fn read_file(&self, call: &Call) -> Answer {
        let open_to_all = call.number(1) == Some(EF_ICCID)
            && matches!(self.card_state(), CardState::Locked(Lock::Pin | Lock::Puk));
        if let Some(cause) = self.card_fault().filter(|_| !open_to_all) {
            return Answer::cme(cause);
        }
        let Some(card) = self.card() else { return Answer::cme(NOT_INSERTED) };
        let swapped = |digits: &str| -> Vec<u8> {
            let half = |byte: Option<&u8>| byte.map_or(0x0f, |byte| byte - b'0');
            digits.as_bytes().chunks(2).map(|pair| half(pair.get(1)) << 4 | half(pair.first())).collect()
        };
        let content = match (call.number(0), call.number(1)) {
            (Some(176), Some(EF_ICCID)) => {
                let mut octets = swapped(&card.iccid);
                octets.resize(10, 0xff);
                octets
            }
            (Some(176), Some(0x6f07)) => {
                // A length, then an odd number of digits behind a filler (TS 31.102, 4.2.2).
                let mut octets = vec![8];
                octets.extend(swapped(&format!("9{}", card.imsi)));
                octets
            }
            // EF_AD: a normal card, and the length of its network code (TS 31.102, 4.2.18).
            (Some(176), Some(0x6fad)) => vec![0, 0, 0, u8::try_from(self.network.mnc.len()).unwrap_or(2)],
            // No such file.
            _ => return Answer::line("+CRSM: 106,130"),
        };
        Answer::line(format!("+CRSM: 144,0,\"{}\"", hex(&content)))
    }
}
