//! What all calls and actions come to, so that two runs of a core are known to be the same without keeping either.

use super::record::Asked;
use super::segment::Header;
use super::shape::shape;
use super::wire::put_value;
use serde::{Deserialize, Serialize};
use shunt_decision::{Action, Failover};
use std::sync::LazyLock;

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

/// Tells whether two programs write and read the same bytes for the core's state and for what goes in and out of it:
/// whatever is renamed, moved, added or taken away there, even in what no core has at its start, changes it. What only
/// means something else does not; then the format of the records has to be another.
pub(super) fn layout() -> u64 {
    static LAYOUT: LazyLock<u64> = LazyLock::new(|| {
        let shapes = [shape::<Header>(), shape::<Failover>(), shape::<Action>(), shape::<Asked>()];
        fold(BASIS, &shapes)
    });
    *LAYOUT
}

fn fold<T: Serialize>(hash: u64, value: &T) -> u64 {
    let mut bytes = Vec::new();
    put_value(&mut bytes, value);
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_decision::{Entry, LinkId};

    #[test]
    fn all_that_is_written_has_a_shape() {
        let shapes =
            [shape::<Header>(), shape::<Failover>(), shape::<Action>(), shape::<Asked>(), shape::<Entry>()];
        assert!(shapes.iter().all(Option::is_some), "{shapes:?}");
    }

    #[test]
    fn every_action_changes_the_mark() {
        let mut tally = Tally::default();
        let before = tally.mark();
        tally.action(&Action::SampleTraffic { link: LinkId(1) });
        assert_ne!(tally.mark(), before);
    }
}
