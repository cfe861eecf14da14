//! What all calls and actions come to, so that two runs of a core are known to be the same without keeping either.

use super::wire::put_value;
use crate::daemon::core_config;
use serde::{Deserialize, Serialize};
use shunt_decision::{Action, Entry, Event, Failover, Family, Happening, LinkId, Reason, Timestamp};
use std::path::Path;

/// FNV-1a, 64 bits (Fowler, Noll, Vo): it tells runs apart that differ by accident, which is all that is asked of it.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// What calls and actions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Calls into the core.
    pub calls: u64,
    /// Actions that it wanted, journal entries among them.
    pub actions: u64,
    /// Over everything that was to be done, in order. Entries have one of their own: whether an entry is fetched
    /// before or after the action that answers the next event is the edge's business, not the core's.
    done: u64,
    /// Over everything that was to be told, in order.
    told: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { calls: 0, actions: 0, done: BASIS, told: BASIS }
    }
}

impl Tally {
    /// Counts a call.
    pub(super) const fn call(&mut self) {
        self.calls = self.calls.wrapping_add(1);
    }

    /// Counts an action.
    pub(super) fn action(&mut self, action: &Action) {
        self.actions = self.actions.wrapping_add(1);
        let hash = if matches!(action, Action::Journal(_)) { &mut self.told } else { &mut self.done };
        *hash = fold(*hash, action);
    }

    /// The lowest bits: enough to name the call after which two runs part.
    #[must_use]
    pub const fn mark(&self) -> u16 {
        let both = self.done ^ self.told.rotate_left(17);
        (both ^ (both >> 32) ^ (both >> 16)) as u16
    }
}

/// A config of one link with all that a link can have, for [`layout`].
const SAMPLE: &str = "targets = [\"192.0.2.1\", \"2001:db8::1\"]\n[[link]]\nname = \"x\"\ninterface = \"x\"\nmetered = true\n\
     probe_budget = \"1 MB/month\"\n";

/// Tells whether two programs write and read the same bytes for the core's state and for what goes in and out of it.
/// Variants that are added at the end of an enumeration change nothing; one that is put before others changes the
/// number of the last, which is why the last ones are in here.
pub(super) fn layout() -> u64 {
    let Ok(config) = shunt_config::parse(SAMPLE, Path::new("sample")) else { return 0 };
    let config = core_config(&config);
    let start = Timestamp::from_nanos(1);
    let (family, link) = (Family::V4, LinkId(0));
    let mut core = Failover::new(config.clone(), 1, start);
    let mut hash = fold(fold(fold(BASIS, &config), &core), &(Event::ClockGap, Reason::Released));
    for event in [Event::Adopted { family, link }, Event::Carrier { link, up: false, at: start }] {
        core.handle_event(event, start);
    }
    // Of what depends on the core's judgement, only its shape is taken.
    while let Some(action) = core.poll_action() {
        if let Action::Journal(Entry { what: what @ Happening::Incident(_), .. }) = &action {
            let shape =
                |bytes: Result<Vec<u8>, _>| bytes.map(|b: Vec<u8>| (b.first().copied(), b.len())).ok();
            let shapes = (shape(postcard::to_allocvec(&action)), shape(postcard::to_allocvec(what)));
            hash = fold(hash, &shapes);
        }
    }
    hash
}

fn fold<T: Serialize>(hash: u64, value: &T) -> u64 {
    let mut bytes = Vec::new();
    put_value(&mut bytes, value);
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_same_each_time_and_holds_an_incident() {
        assert_eq!(layout(), layout());
        let mut tally = Tally::default();
        let before = tally.mark();
        tally.action(&Action::SampleTraffic { link: LinkId(1) });
        assert_ne!(tally.mark(), before);
    }
}
