//! Short messages: storages, lists, sending.

use super::{Answer, Effect, End, Modem};
use crate::modem::line::{Call, Form};
use crate::modem::pdu::{self, Body, Submit, hex, unhex};
use crate::modem::state::{ON_CARD, STORAGES, Stored};
use crate::modem::terminal::Payload;
use std::collections::BTreeMap;

/// Causes of `+CMS ERROR` (3GPP TS 27.005, 3.2.5).
const NOT_ALLOWED: u16 = 302;
const INVALID_PDU: u16 = 304;
const INVALID_TEXT: u16 = 305;
const INVALID_INDEX: u16 = 321;
const FULL: u16 = 322;
const NO_SERVICE: u16 = 331;
/// A card that is not open: 10 and 11 become 310 and 311, and so on.
const CARD_CAUSES: u16 = 300;

/// The words for [`Stored::status`] in text mode.
const WORDS: [&str; 4] = ["REC UNREAD", "REC READ", "STO UNSENT", "STO SENT"];
const ALL: u8 = 4;

impl Modem {
    pub(super) fn message(&mut self, _port: usize, call: &Call) -> Option<Answer> {
        let needs_card =
            ["+CPMS", "+CMGS", "+CMGW", "+CMSS", "+CMGL", "+CMGR", "+CMGD"].contains(&call.name.as_str());
        if let (true, Some(cause)) = (needs_card && call.form != Form::Test, self.card_fault()) {
            return Some(Answer::cms(CARD_CAUSES + cause));
        }
        let messages = &mut self.messages;
        Some(match (call.name.as_str(), &call.form) {
            ("+CMGF", Form::Read) => Answer::line(format!("+CMGF: {}", u8::from(messages.text_mode))),
            ("+CMGF", Form::Test) => Answer::line("+CMGF: (0,1)"),
            ("+CMGF", Form::Set(_)) => {
                messages.text_mode = call.number(0) == Some(1);
                Answer::ok()
            }
            ("+CSMS", Form::Read) => Answer::line(format!("+CSMS: {},1,1,1", messages.service)),
            ("+CSMS", Form::Test) => Answer::line("+CSMS: (0,1)"),
            ("+CSMS", Form::Set(_)) => {
                messages.service = u8::from(call.number(0) == Some(1));
                Answer::line("+CSMS: 1,1,1")
            }
            ("+CSDH", Form::Set(_)) => {
                messages.details = call.number(0) == Some(1);
                Answer::ok()
            }
            ("+CSDH", _) => Self::setting(call, "(0,1)", "0"),
            ("+CSMP", _) => Self::setting(call, "(0-255),(0-255),(0-255),(0-255)", "17,167,0,0"),
            ("+CSCB", _) => Self::setting(call, "(0,1)", "0,\"\",\"\""),
            ("+CNMA", _) => Answer::ok(),
            ("+CSCA", Form::Read) => Answer::line(format!("+CSCA: \"{}\",145", messages.centre)),
            ("+CSCA", Form::Set(_)) => {
                messages.centre = call.text(0).to_owned();
                Answer::ok()
            }
            ("+CNMI", _) => self.new_message_reports(call),
            ("+CPMS", _) => self.storages(call),
            ("+CMGS" | "+CMGW", Form::Set(_)) => self.begin_message(call),
            ("+CMGW", Form::Run) => Answer::prompt(Payload { store: true, length: None, to: String::new() }),
            ("+CMSS", Form::Set(_)) => self.send_stored(call),
            ("+CMGL", Form::Test) => Answer::line("+CMGL: (0-4)"),
            ("+CMGL", _) => self.list(call),
            ("+CMGR", Form::Set(_)) => self.read_message(call),
            ("+CMGD", Form::Set(_)) => self.delete(call),
            ("+CMGD", Form::Test) => {
                let chosen = self.messages.chosen[0];
                let used: Vec<String> =
                    self.store(chosen).into_iter().flatten().map(|(index, _)| index.to_string()).collect();
                Answer::line(format!("+CMGD: ({}),(0-4)", used.join(",")))
            }
            ("+CMGS" | "+CMGR" | "+CSCA" | "+CMSS", Form::Test) => Answer::ok(),
            _ => return None,
        })
    }

    /// A storage, by its place in [`STORAGES`]; none of a card that is not there.
    fn store(&self, storage: usize) -> Option<&BTreeMap<usize, Stored>> {
        if storage == ON_CARD { self.card().map(|card| &card.messages) } else { Some(&self.messages.own) }
    }

    /// The same, to be changed.
    pub(in crate::modem) fn store_mut(&mut self, storage: usize) -> Option<&mut BTreeMap<usize, Stored>> {
        if storage != ON_CARD {
            return Some(&mut self.messages.own);
        }
        self.slots.get_mut(self.slot).and_then(Option::as_mut).map(|card| &mut card.messages)
    }

    fn new_message_reports(&mut self, call: &Call) -> Answer {
        let [mode, mt, bm, ds, bfr] = self.messages.reports;
        match &call.form {
            Form::Test => Answer::line("+CNMI: (0-2),(0-3),(0-3),(0-2),(0,1)"),
            Form::Read | Form::Run => Answer::line(format!("+CNMI: {mode},{mt},{bm},{ds},{bfr}")),
            Form::Set(_) => {
                for (index, report) in self.messages.reports.iter_mut().enumerate() {
                    *report = call.number(index).and_then(|n| u8::try_from(n).ok()).unwrap_or(*report);
                }
                Answer::ok()
            }
        }
    }

    fn storages(&mut self, call: &Call) -> Answer {
        let names = STORAGES.map(|name| format!("\"{name}\"")).join(",");
        if call.form == Form::Test {
            return Answer::line(format!("+CPMS: ({names}),({names}),({names})"));
        }
        for (index, chosen) in self.messages.chosen.iter_mut().enumerate() {
            let name = call.text(index);
            // MT is both together elsewhere; here it is the modem's own.
            let found = STORAGES.iter().position(|known| *known == name || (name == "MT" && *known == "ME"));
            match (found, name.is_empty()) {
                (Some(storage), _) => *chosen = storage,
                (None, true) => {}
                (None, false) => return Answer::cms(NOT_ALLOWED),
            }
        }
        let total = self.profile.storage;
        let parts: Vec<String> = self
            .messages
            .chosen
            .iter()
            .map(|storage| {
                let used = self.store(*storage).map_or(0, BTreeMap::len);
                let name = STORAGES.get(*storage).copied().unwrap_or_default();
                if call.form == Form::Read {
                    format!("\"{name}\",{used},{total}")
                } else {
                    format!("{used},{total}")
                }
            })
            .collect();
        Answer::line(format!("+CPMS: {}", parts.join(",")))
    }

    fn begin_message(&mut self, call: &Call) -> Answer {
        let store = call.name == "+CMGW";
        if !store && !self.radio.registered() {
            return Answer::cms(NO_SERVICE);
        }
        if self.messages.text_mode {
            let to = self.of_charset(call.text(0));
            return Answer::prompt(Payload { store, length: None, to });
        }
        match call.number(0) {
            Some(length @ 1..=176) => {
                Answer::prompt(Payload { store, length: Some(length as usize), to: String::new() })
            }
            _ => Answer::cms(INVALID_PDU),
        }
    }

    /// What was typed after the prompt.
    pub(in crate::modem) fn take_payload(&mut self, payload: &Payload, typed: &str) -> Answer {
        let submit = match payload.length {
            Some(length) => submitted(typed, length),
            None => Body::of(&self.of_charset(typed)).map(|body| {
                let to = payload.to.clone();
                (Submit { to: to.clone(), body: body.clone() }, pdu::submit(&to, &body))
            }),
        };
        let Some((submit, tpdu)) = submit else {
            return Answer::cms(if payload.length.is_some() { INVALID_PDU } else { INVALID_TEXT });
        };
        if payload.store {
            let text = submit.body.text();
            let stored = Stored { status: 2, tpdu, peer: submit.to, time: String::new(), text };
            return match self.keep(1, stored) {
                Some(index) => Answer::line(format!("+CMGW: {index}")),
                None => Answer::cms(FULL),
            };
        }
        self.send("+CMGS", submit)
    }

    fn send(&mut self, name: &str, submit: Submit) -> Answer {
        let reference = self.messages.reference;
        self.messages.reference = reference.wrapping_add(1);
        Answer::line(format!("{name}: {reference}"))
            .taking(self.profile.timing.send)
            .does(Effect::Send(submit))
    }

    fn send_stored(&mut self, call: &Call) -> Answer {
        let Some(stored) = self.stored(1, call.number(0)) else { return Answer::cms(INVALID_INDEX) };
        let Some(submit) = Submit::read(&stored.tpdu) else { return Answer::cms(INVALID_PDU) };
        if !self.radio.registered() {
            return Answer::cms(NO_SERVICE);
        }
        self.send("+CMSS", submit)
    }

    fn list(&mut self, call: &Call) -> Answer {
        let text_mode = self.messages.text_mode;
        let wanted = if text_mode {
            WORDS.iter().position(|word| *word == call.text(0)).map_or(ALL, |status| status as u8)
        } else {
            call.number(0).map_or(0, |status| status as u8)
        };
        let chosen = self.messages.chosen[0];
        let store = self.store(chosen).cloned().unwrap_or_default();
        let mut lines = Vec::new();
        for (index, stored) in store.iter().filter(|(_, stored)| wanted == ALL || stored.status == wanted) {
            lines.extend(self.shown(&format!("+CMGL: {index},"), stored));
            self.mark_read(*index);
        }
        Answer::lines(lines)
    }

    fn read_message(&mut self, call: &Call) -> Answer {
        let Some(stored) = self.stored(0, call.number(0)) else { return Answer::cms(INVALID_INDEX) };
        let lines = self.shown("+CMGR: ", &stored);
        self.mark_read(call.number(0).unwrap_or(0) as usize);
        Answer::lines(lines)
    }

    fn shown(&self, head: &str, stored: &Stored) -> Vec<String> {
        if !self.messages.text_mode {
            let line = format!("{head}{},,{}", stored.status, stored.tpdu.len());
            return vec![line, self.with_centre(&stored.tpdu)];
        }
        let word = WORDS.get(usize::from(stored.status)).copied().unwrap_or_default();
        let peer = self.to_charset(&stored.peer);
        let time = if stored.status < 2 { format!(",\"{}\"", stored.time) } else { String::new() };
        let mut lines = vec![format!("{head}\"{word}\",\"{peer}\",{time}")];
        lines.extend(self.to_charset(&stored.text).lines().map(str::to_owned));
        lines
    }

    /// A TPDU behind the service centre's address, as it stands on a line.
    pub(in crate::modem) fn with_centre(&self, tpdu: &[u8]) -> String {
        let address = pdu::address(&self.messages.centre);
        let octets = address.get(1..).unwrap_or_default();
        format!("{:02X}{}{}", octets.len(), hex(octets), hex(tpdu))
    }

    fn stored(&self, memory: usize, index: Option<u32>) -> Option<Stored> {
        let chosen = *self.messages.chosen.get(memory)?;
        self.store(chosen)?.get(&(index? as usize)).cloned()
    }

    fn mark_read(&mut self, index: usize) {
        let chosen = self.messages.chosen[0];
        let stored = self.store_mut(chosen).and_then(|store| store.get_mut(&index));
        if let Some(stored) = stored.filter(|stored| stored.status == 0) {
            stored.status = 1;
        }
    }

    fn delete(&mut self, call: &Call) -> Answer {
        let chosen = self.messages.chosen[0];
        let room = self.profile.storage;
        let Some(store) = self.store_mut(chosen) else { return Answer::cms(INVALID_INDEX) };
        match call.number(1).unwrap_or(0) {
            0 => {
                // As an EC25: a place that is empty already is no error.
                if call.number(0).is_none_or(|index| index as usize >= room) {
                    return Answer::cms(INVALID_INDEX);
                }
                store.remove(&(call.number(0).unwrap_or(0) as usize));
            }
            1 => store.retain(|_, stored| stored.status != 1),
            2 => store.retain(|_, stored| !matches!(stored.status, 1 | 3)),
            3 => store.retain(|_, stored| stored.status == 0),
            _ => store.clear(),
        }
        self.take_from_network();
        Answer::ok()
    }

    /// A text in the charset that the host chose.
    pub(in crate::modem) fn to_charset(&self, text: &str) -> String {
        if self.messages.charset == "UCS2" {
            return hex(&text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
        }
        text.to_owned()
    }

    fn of_charset(&self, text: &str) -> String {
        let units =
            unhex(text).filter(|octets| self.messages.charset == "UCS2" && octets.len().is_multiple_of(2));
        units.map_or_else(
            || text.to_owned(),
            |octets| {
                let pairs = octets.as_chunks::<2>().0.iter();
                String::from_utf16_lossy(&pairs.map(|pair| u16::from_be_bytes(*pair)).collect::<Vec<_>>())
            },
        )
    }

    /// The answer to a message that was taken back.
    pub(in crate::modem) fn payload_cancelled() -> Answer {
        Answer::end(End::Ok)
    }
}

/// The TPDU behind the service centre's address, of which `length` does not count the latter.
fn submitted(typed: &str, length: usize) -> Option<(Submit, Vec<u8>)> {
    let octets = unhex(typed.trim())?;
    let (centre, rest) = octets.split_first()?;
    let tpdu = rest.get(usize::from(*centre)..)?;
    (tpdu.len() == length).then_some(())?;
    Some((Submit::read(tpdu)?, tpdu.to_vec()))
}
