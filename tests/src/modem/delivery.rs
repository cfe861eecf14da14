//! Messages from the network: they wait there until the modem is registered and has room.

use super::core::Modem;
use super::pdu::{Body, Deliver};
use super::state::{STORAGES, Stored};
use shunt_decision::Timestamp;

impl Modem {
    /// A message arrives at the network for this modem; `false`: the text does not fit into one message.
    pub fn deliver(&mut self, from: &str, text: &str, now: Timestamp) -> bool {
        let Some(body) = Body::of(text) else { return false };
        self.post(from, vec![body], now);
        true
    }

    /// The same for a text that takes several messages, under this reference; `false`: it takes more than 255. Characters
    /// outside of the basic plane may be cut.
    pub fn deliver_long(&mut self, from: &str, text: &str, reference: u8, now: Timestamp) -> bool {
        let Some(bodies) = Body::parts_of(text, reference) else { return false };
        self.post(from, bodies, now);
        true
    }

    /// What the messages say that it and its card store, a part of a long one by itself.
    pub fn stored_texts(&self) -> impl Iterator<Item = &str> {
        let card = self.card().into_iter().flat_map(|card| card.messages.values());
        self.messages.own.values().chain(card).map(|stored| stored.text.as_str())
    }

    fn post(&mut self, from: &str, bodies: Vec<Body>, now: Timestamp) {
        self.at(now, |modem| {
            let time = modem.clock();
            let letters =
                bodies.into_iter().map(|body| Deliver { from: from.to_owned(), time: time.clone(), body });
            modem.messages.waiting.extend(letters);
            modem.take_from_network();
        });
    }

    /// Messages that wait at the network come in, as long as there is room.
    pub(super) fn take_from_network(&mut self) {
        while self.radio.registered()
            && let Some(deliver) = self.messages.waiting.front().cloned()
        {
            let tpdu = deliver.write();
            if self.messages.reports.get(1) == Some(&2) {
                self.urc(&format!("+CMT: ,{}\r\n{}", tpdu.len(), self.with_centre(&tpdu)));
                self.messages.waiting.pop_front();
                continue;
            }
            let text = deliver.body.text();
            let stored = Stored { status: 0, tpdu, peer: deliver.from, time: deliver.time, text };
            let Some(index) = self.keep(2, stored) else { return };
            self.messages.waiting.pop_front();
            if self.messages.reports.get(1) == Some(&1) {
                let name = self.messages.chosen.get(2).and_then(|storage| STORAGES.get(*storage)).copied();
                self.urc(&format!("+CMTI: \"{}\",{index}", name.unwrap_or_default()));
            }
        }
    }
}
