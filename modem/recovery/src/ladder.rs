//! Which rung comes next, and when none may: uses, caps, back-off.

use crate::resets::Resets;
use crate::rng::{mix, share};
use crate::{Fault, Hardware, Rung, Timestamp};
use core::time::Duration;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// What is waited after the ladder was climbed in vain, and at the last for ever.
const PACE: [Duration; 6] = [minutes(1), minutes(2), minutes(5), minutes(10), minutes(30), minutes(60)];
/// The last of them, and what chance adds.
const LONGEST_REST: Duration = minutes(72);
/// What is added to a wait by chance, at most: a region's modems must not come back all at once.
const JITTER_PART: u32 = 5;
/// Rungs that cut nothing off and cost the modem nothing, by their place: 0 to 3.
const SOFT: usize = 4;

/// How often a rung may be used before the ladder was climbed in vain. A fence may help several times (the
/// modem was merely slow), a port and a bearer are tried twice.
const fn most_uses(rung: Rung) -> u8 {
    match rung {
        Rung::Fence => 3,
        Rung::Reopen | Rung::Bearer => 2,
        Rung::Register | Rung::Radio | Rung::Reset | Rung::Usb | Rung::Power | Rung::Slot => 1,
    }
}

/// Whether a rung may mend a fault. A modem that answers on no port is not talked to (2 to 5, 8); one that
/// answers is not to be found again.
const fn may_mend(rung: Rung, fault: Fault) -> bool {
    match rung {
        Rung::Fence => matches!(fault, Fault::Silent),
        Rung::Reopen => matches!(fault, Fault::Silent | Fault::Unidentified),
        Rung::Bearer => matches!(fault, Fault::NoBearer | Fault::NoAddress | Fault::NoData),
        Rung::Register => matches!(
            fault,
            Fault::NotRegistered | Fault::NotAttached | Fault::NoBearer | Fault::NoAddress | Fault::NoData
        ),
        Rung::Radio | Rung::Slot => !matches!(fault, Fault::Silent | Fault::NoPort | Fault::Unidentified),
        Rung::Reset => !matches!(fault, Fault::Silent | Fault::NoPort),
        Rung::Usb | Rung::Power => true,
    }
}

/// What the ladder says to a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This rung.
    Rung(Rung),
    /// None before then; it is said for the first time if `begun`.
    Rest { until: Timestamp, begun: Option<Begun> },
}

/// Of a rest that has just begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) capped: bool,
    pub(crate) withheld: bool,
}

/// What the ladder goes by, beside the fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means {
    pub(crate) hardware: Hardware,
    pub(crate) other_sim: bool,
    /// Data flows: what carries data is not cut for the sake of its AT port.
    pub(crate) flows: bool,
}

/// The ladder.
#[derive(Debug)]
pub(crate) struct Ladder {
    uses: [u8; Rung::ALL.len()],
    lacks: [bool; Rung::ALL.len()],
    pub(crate) resets: Resets,
    pub(crate) rounds: u8,
    resting: Option<Timestamp>,
    /// The rest is due to data that flows.
    withheld: bool,
    seed: u64,
    drawn: u64,
}

impl Ladder {
    /// `rounds` is how many times it was climbed in vain before, `rest` what is left of the wait after the last time.
    pub(crate) fn new(resets: Resets, (rounds, rest): (u8, Duration), seed: u64, now: Timestamp) -> Self {
        // Neither a clock that jumped nor a file that was changed makes it longer.
        let rest = rest.min(LONGEST_REST);
        Self {
            uses: [0; Rung::ALL.len()],
            lacks: [false; Rung::ALL.len()],
            resets,
            rounds,
            resting: Some(now + rest).filter(|_| !rest.is_zero()),
            withheld: false,
            seed,
            drawn: 0,
        }
    }

    /// The rung against `fault`, which counts as used; or a rest.
    pub(crate) fn choose(&mut self, fault: Fault, means: Means, now: Timestamp) -> Choice {
        match self.resting {
            Some(until) if until > now => return Choice::Rest { until, begun: None },
            Some(_) => self.end_rest(),
            None => {}
        }
        let mut capped = false;
        let mut withheld = false;
        for rung in Rung::ALL {
            if !may_mend(rung, fault) || !self.has(rung, means) || self.used(rung) >= most_uses(rung) {
                continue;
            }
            if means.flows && rung > Rung::Reopen {
                withheld = true;
            } else if !self.allows(rung, means, now) {
                capped = true;
            } else {
                self.use_up(rung, 1);
                return Choice::Rung(rung);
            }
        }
        let pace = PACE.get(usize::from(self.rounds)).or(PACE.last()).copied().unwrap_or(minutes(60));
        let until = now + self.spread(pace);
        self.rounds = self.rounds.saturating_add(1).min(PACE.len() as u8);
        self.resting = Some(until);
        self.withheld = withheld;
        Choice::Rest { until, begun: Some(Begun { capped, withheld }) }
    }

    /// `time`, and by chance up to a fifth of it more.
    pub(crate) fn spread(&mut self, time: Duration) -> Duration {
        self.drawn += 1;
        time + share(mix(self.seed, self.drawn), time / JITTER_PART)
    }

    /// A rung that did nothing at all is not tried again before all are.
    pub(crate) fn exhaust(&mut self, rung: Rung) {
        self.use_up(rung, most_uses(rung));
    }

    /// There is no such command or hardware.
    pub(crate) fn set_lacking(&mut self, rung: Rung) {
        if let Some(lacks) = self.lacks.get_mut(usize::from(rung.number())) {
            *lacks = true;
        }
    }

    /// Another modem may be there: what the last one lacked means nothing.
    pub(crate) const fn forget_lacking(&mut self) {
        self.lacks = [false; Rung::ALL.len()];
    }

    /// Data flowed for a minute: what costs nothing may be used again at once. Tells whether a wait was ended.
    pub(crate) fn steadied(&mut self) -> bool {
        self.uses.iter_mut().take(SOFT).for_each(|uses| *uses = 0);
        self.resting.take().is_some()
    }

    /// Data flowed for ten minutes: all is as at the beginning. Tells whether the pace changed.
    pub(crate) fn healed(&mut self) -> bool {
        self.end_rest();
        core::mem::take(&mut self.rounds) != 0
    }

    /// The wait is over, by order or since the SIM is another.
    pub(crate) const fn end_rest(&mut self) {
        self.resting = None;
        self.withheld = false;
        self.uses = [0; Rung::ALL.len()];
    }

    /// Data no longer flows: what was withheld for it may be used. Tells whether something was.
    pub(crate) const fn release(&mut self) -> bool {
        let released = self.withheld && self.resting.is_some();
        if released {
            self.resting = None;
            self.withheld = false;
        }
        released
    }

    pub(crate) fn resting(&self, now: Timestamp) -> Option<Timestamp> {
        self.resting.filter(|until| *until > now)
    }

    /// What is left of the wait, to be kept over a restart. One that is due to data that flows is not: the next start sees
    /// for itself whether it does.
    pub(crate) fn rest(&self, now: Timestamp) -> Duration {
        self.resting.filter(|_| !self.withheld).map_or(Duration::ZERO, |until| until.since(now))
    }

    fn has(&self, rung: Rung, means: Means) -> bool {
        let hardware = match rung {
            Rung::Fence | Rung::Reopen | Rung::Bearer | Rung::Register | Rung::Radio => true,
            Rung::Reset => means.hardware.reset,
            Rung::Usb => means.hardware.usb,
            Rung::Power => means.hardware.power,
            Rung::Slot => means.other_sim,
        };
        hardware && !self.lacks.get(usize::from(rung.number())).copied().unwrap_or(false)
    }

    /// Whether the caps allow it. The last reset of an hour or a day is kept for the strongest there is.
    fn allows(&self, rung: Rung, means: Means, now: Timestamp) -> bool {
        if !rung.is_reset() {
            return true;
        }
        let left = self.resets.left(now);
        let resets = Rung::ALL.into_iter().filter(|rung| rung.is_reset() && self.has(*rung, means));
        let strongest = resets.max() == Some(rung);
        left >= 2 || (left == 1 && strongest)
    }

    fn used(&self, rung: Rung) -> u8 {
        self.uses.get(usize::from(rung.number())).copied().unwrap_or(u8::MAX)
    }

    fn use_up(&mut self, rung: Rung, times: u8) {
        if let Some(uses) = self.uses.get_mut(usize::from(rung.number())) {
            *uses = uses.saturating_add(times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEANS: Means = Means {
        hardware: Hardware { sibling: true, reset: true, usb: true, power: true },
        other_sim: false,
        flows: false,
    };

    fn rungs(ladder: &mut Ladder, fault: Fault, means: Means, now: Timestamp) -> Vec<u8> {
        let mut rungs = Vec::new();
        while let Choice::Rung(rung) = ladder.choose(fault, means, now) {
            if rung.is_reset() {
                ladder.resets.count(now);
            }
            rungs.push(rung.number());
        }
        rungs
    }

    fn ladder() -> Ladder {
        Ladder::new(Resets::new(&[], Timestamp::ZERO), (0, Duration::ZERO), 1, Timestamp::ZERO)
    }

    #[test]
    fn each_fault_has_its_rungs() {
        let both = Means { other_sim: true, ..MEANS };
        for (fault, expected) in [
            (Fault::NoPort, &[6, 7][..]),
            (Fault::Silent, &[0, 0, 0, 1, 1, 6, 7]),
            (Fault::Unidentified, &[1, 1, 5, 6, 7]),
            (Fault::SimUnusable, &[4, 5, 6, 7, 8]),
            (Fault::RadioOff, &[4, 5, 6, 7, 8]),
            (Fault::NotRegistered, &[3, 4, 5, 6, 7, 8]),
            (Fault::NotAttached, &[3, 4, 5, 6, 7, 8]),
            (Fault::NoBearer, &[2, 2, 3, 4, 5, 6, 7, 8]),
            (Fault::NoAddress, &[2, 2, 3, 4, 5, 6, 7, 8]),
            (Fault::NoData, &[2, 2, 3, 4, 5, 6, 7, 8]),
        ] {
            assert_eq!(rungs(&mut ladder(), fault, both, Timestamp::ZERO), expected, "{fault:?}");
        }
    }

    #[test]
    fn what_the_board_lacks_is_skipped() {
        let bare = Hardware { sibling: false, reset: false, usb: false, power: false };
        let means = Means { hardware: bare, ..MEANS };
        assert_eq!(rungs(&mut ladder(), Fault::NoData, means, Timestamp::ZERO), [2, 2, 3, 4]);
        assert_eq!(rungs(&mut ladder(), Fault::NoPort, means, Timestamp::ZERO), []);
        let mut ladder = ladder();
        ladder.set_lacking(Rung::Reset);
        assert_eq!(rungs(&mut ladder, Fault::SimUnusable, MEANS, Timestamp::ZERO), [4, 6, 7]);
    }

    #[test]
    fn what_carries_data_is_not_cut_for_its_port() {
        let flowing = Means { flows: true, ..MEANS };
        let mut ladder = ladder();
        assert_eq!(rungs(&mut ladder, Fault::Silent, flowing, Timestamp::ZERO), [0, 0, 0, 1, 1]);
        assert!(ladder.resting(Timestamp::ZERO).is_some());
        assert!(ladder.release());
        assert_eq!(rungs(&mut ladder, Fault::Silent, MEANS, Timestamp::ZERO), [6, 7]);
        assert!(!ladder.release());
    }

    #[test]
    fn the_last_reset_of_an_hour_is_kept_for_the_strongest() {
        let mut ladder = ladder();
        let mut now = Timestamp::ZERO;
        assert_eq!(rungs(&mut ladder, Fault::NoPort, MEANS, now), [6, 7]);
        now = now + minutes(2);
        assert_eq!(rungs(&mut ladder, Fault::NoPort, MEANS, now), [7]);
        now = now + minutes(10);
        assert_eq!(rungs(&mut ladder, Fault::NoPort, MEANS, now), []);
    }

    #[test]
    fn a_wait_goes_on_over_a_restart() {
        let kept = |rest| Ladder::new(Resets::new(&[], Timestamp::ZERO), (3, rest), 1, Timestamp::ZERO);
        let mut ladder = kept(minutes(10));
        assert_eq!(rungs(&mut ladder, Fault::NoData, MEANS, Timestamp::ZERO), []);
        assert_eq!(ladder.rest(Timestamp::ZERO + minutes(1)), minutes(9));
        let over = Timestamp::ZERO + minutes(10);
        assert_eq!(rungs(&mut ladder, Fault::NoData, MEANS, over), [2, 2, 3, 4, 5, 6, 7]);
        assert!(ladder.rest(over) >= minutes(10), "the fourth wait: {:?}", ladder.rest(over));
        assert_eq!(kept(minutes(10_000)).rest(Timestamp::ZERO), minutes(72));
        assert_eq!(rungs(&mut kept(Duration::ZERO), Fault::NoPort, MEANS, Timestamp::ZERO), [6, 7]);
        // What was withheld for data that flows is done as soon as it does not, by the next start, too.
        let mut ladder = self::ladder();
        let _rungs = rungs(&mut ladder, Fault::Silent, Means { flows: true, ..MEANS }, Timestamp::ZERO);
        assert!(ladder.resting(Timestamp::ZERO).is_some());
        assert_eq!(ladder.rest(Timestamp::ZERO), Duration::ZERO);
    }

    #[test]
    fn the_back_off_slows_to_an_hour_and_stays_there() {
        let mut ladder = ladder();
        let mut now = Timestamp::ZERO;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let _rungs = rungs(&mut ladder, Fault::NoData, MEANS, now);
            let until = ladder.resting(now).unwrap();
            waits.push(until.since(now));
            now = until;
        }
        for (wait, pace) in waits.iter().zip([1, 2, 5, 10, 30, 60, 60, 60, 60].map(minutes)) {
            assert!((pace..pace + pace / 5).contains(wait), "{waits:?}");
        }
    }
}
