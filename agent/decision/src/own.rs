//! Our own packets on the links' interfaces. They are taken off what the interfaces count, and what is left is users'.
//!
//! How many packets a probe takes is known as an upper bound only, and they come by over some time. So each probe is
//! credited with its bound, which as many counted packets use up, and what is not used is forgotten soon: a credit that
//! was kept for ever would hide more and more of the users' packets.

use crate::stall::Count;
use crate::{LinkId, Packets, Timestamp};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A credit serves for at least this long, and for less than twice as long while others are given: the packets of a probe
/// have come by when the longest timeout of 10 s is over.
const KEPT: Duration = Duration::from_secs(10);

/// Packets in one direction.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Side {
    /// Credit not used yet, and what of it was given before `turned`.
    fresh: u64,
    old: u64,
    turned: Timestamp,
    /// All packets, as they were counted last.
    seen: Option<u64>,
    /// Those of them that were not our own.
    foreign: u64,
}

impl Side {
    fn credit(&mut self, packets: u32, now: Timestamp) {
        if now.since(self.turned) >= KEPT {
            self.old = core::mem::take(&mut self.fresh);
            self.turned = now;
        }
        self.fresh = self.fresh.saturating_add(packets.into());
    }

    /// The foreign packets of all those that the interface counted. One that is made anew begins at zero, and shows
    /// nothing the first time.
    fn foreign(&mut self, all: u64) -> u64 {
        let more = self.seen.replace(all).map_or(0, |seen| all.saturating_sub(seen));
        let old = more.min(self.old);
        let fresh = (more - old).min(self.fresh);
        self.old -= old;
        self.fresh -= fresh;
        self.foreign = self.foreign.saturating_add(more - old - fresh);
        self.foreign
    }
}

/// One link's.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Own {
    sent: Side,
    received: Side,
}

/// All links'.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OwnPackets(Vec<Own>);

impl OwnPackets {
    pub(crate) fn new(links: usize) -> Self {
        Self(core::iter::repeat_with(Own::default).take(links).collect())
    }

    /// So many packets of our own leave now, or soon.
    pub(crate) fn send(&mut self, link: LinkId, packets: u32, now: Timestamp) {
        if let Some(own) = self.0.get_mut(usize::from(link.0)) {
            own.sent.credit(packets, now);
        }
    }

    /// So many were for us: of an answer that came.
    pub(crate) fn receive(&mut self, link: LinkId, packets: u32, now: Timestamp) {
        if let Some(own) = self.0.get_mut(usize::from(link.0)) {
            own.received.credit(packets, now);
        }
    }

    /// Both.
    pub(crate) fn exchange(&mut self, link: LinkId, packets: Packets, now: Timestamp) {
        self.send(link, packets.sent, now);
        self.receive(link, packets.received, now);
    }

    /// The foreign packets among all that a link's interface counted; `None` for a link that is not known.
    pub(crate) fn count(
        &mut self,
        link: LinkId,
        (received, sent): (u64, u64),
        now: Timestamp,
    ) -> Option<Count> {
        let own = self.0.get_mut(usize::from(link.0))?;
        Some(Count { at: now, received: own.received.foreign(received), sent: own.sent.foreign(sent) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId(0);

    fn at(secs: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(secs)
    }

    fn sent(own: &mut OwnPackets, all: u64, secs: u64) -> u64 {
        own.count(LINK, (0, all), at(secs)).unwrap().sent
    }

    #[test]
    fn own_packets_are_taken_off_whenever_they_come_by() {
        let mut own = OwnPackets::new(1);
        assert_eq!(sent(&mut own, 1_000, 0), 0);
        // The first packet leaves before the look and the others after it, where looks are a minute apart.
        for minute in 0..10 {
            own.send(LINK, 4, at(minute * 60));
            assert_eq!(sent(&mut own, 1_001 + minute * 4, minute * 60), 0);
        }
        assert_eq!(sent(&mut own, 1_040, 600), 0);
        assert_eq!(sent(&mut own, 1_050, 600), 10);
    }

    #[test]
    fn what_a_probe_did_not_need_hides_no_users_for_long() {
        let mut own = OwnPackets::new(1);
        let mut all = 0;
        for sec in 0..100_000 {
            own.send(LINK, 10, at(sec));
            all += 7;
            assert_eq!(sent(&mut own, all, sec), 0, "at {sec} s");
        }
        // Two times ten seconds' credit at the most.
        all += 300;
        assert!(sent(&mut own, all, 100_000) >= 100);
    }

    #[test]
    fn an_interface_that_is_made_anew_shows_users_from_then_on() {
        let mut own = OwnPackets::new(1);
        sent(&mut own, 2_000_000, 0);
        assert_eq!(sent(&mut own, 3_000, 1), 0);
        assert_eq!(sent(&mut own, 3_005, 2), 5);
        assert_eq!(own.count(LinkId(1), (0, 0), at(3)), None);
    }
}
