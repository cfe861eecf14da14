//! The PIN: a new attempt for a card only after the last one was accepted.
//!
//! A wrong PIN costs one of three tries, and the third locks the SIM. So an attempt is put on record as *not accepted*
//! before it is sent, and only the modem's own OK together with a SIM that is ready makes it *accepted*. A card that lost
//! its supply is unlocked again by a PIN that it accepted before; a PIN that was refused, or of which nobody knows what
//! came of it (no answer, a restart, a save that was lost), is never given to that card again.

use crate::desk::Work;
use crate::facts::{Iccid, Sim, SimState};
use crate::recovery::Recovery;
use crate::rng::mix;
use crate::stage::{Sign, Stage};
use crate::{Cause, End, Happening, Pin, PinAttempt, PinProblem, Task, Timestamp};
use core::time::Duration;
use sha2::{Digest, Sha256};

/// A SIM is not asked for anything lasting within this after the modem's boot: it may still be starting, and a
/// PIN that is lost on the way would be spent.
const AFTER_BOOT: Duration = Duration::from_secs(5);
/// One try is left to whoever comes by.
const TRIES_NEEDED: u8 = 2;
/// Attempts that are remembered: more cards and PINs than one modem sees in its life. Beyond it none is made,
/// for forgetting one would mean a second attempt.
const MOST_ATTEMPTS: usize = 64;

/// An attempt on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The record as it was before: without it the attempt was not made.
    record: PinAttempt,
    /// Whether the record was there before.
    again: bool,
    /// Tries that were left before it.
    tries: u8,
    progress: Progress,
}

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It may be made.
    Meant,
    /// It is being put on record.
    Recorded,
    /// It was sent.
    Sent,
    /// The modem took it.
    Taken,
}

/// What is to be done about a SIM that wants its PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unlock {
    /// Give it, after putting this on record.
    May(Attempt),
    /// Not before then.
    Wait(Timestamp),
    /// Do not.
    Never(PinProblem),
}

/// The attempts on record: this modem's own, and what others know of.
#[derive(Debug, Clone, Copy)]
struct Tried<'a> {
    here: &'a [PinAttempt],
    elsewhere: &'a [PinAttempt],
}

impl Recovery {
    /// The PIN of the SIM in use.
    pub(crate) fn pin(&self) -> Option<&Pin> {
        self.config.sims.get(self.current).and_then(|sim| sim.pin.as_ref())
    }

    /// Only what the card said of itself just now counts: an attempt must not go on another card's record.
    pub(crate) fn judge_pin(&mut self, sim: &Sim) {
        let tried = Tried { here: &self.pins, elsewhere: &self.config.elsewhere.pins };
        match unlock(sim, self.pin(), tried, self.booted, self.desk.now, self.seed) {
            Unlock::May(attempt) => {
                self.sign(Sign::MayUnlock);
                self.attempt = Some(attempt);
            }
            Unlock::Wait(_until) => {}
            Unlock::Never(problem) => self.bar_by(Cause::Pin(problem)),
        }
    }

    /// Puts the attempt on record, as one that was not accepted: the end of this save sends it. `false`: there is none.
    pub(crate) fn record_attempt(&mut self) -> bool {
        let meant = |attempt: &&mut Attempt| attempt.progress == Progress::Meant;
        let Some(attempt) = self.attempt.as_mut().filter(meant) else { return false };
        attempt.progress = Progress::Recorded;
        put(&mut self.pins, PinAttempt { accepted: None, ..attempt.record.clone() });
        let saved = self.saved();
        self.desk.keep(saved, self.stage);
        true
    }

    /// The record of the attempt is on the disk, or is not. Only then is the PIN sent, and only to the card that
    /// the record names.
    pub(crate) fn attempt_kept(&mut self, end: End) {
        let recorded = |attempt: &&mut Attempt| attempt.progress == Progress::Recorded;
        let Some(attempt) = self.attempt.as_mut().filter(recorded) else { return };
        let iccid = attempt.record.iccid.clone();
        let wanting = self.known.sim.as_ref().filter(|sim| sim.state == SimState::Pin);
        let same = wanting.and_then(|sim| sim.iccid.as_ref()) == Some(&iccid);
        let sims = self.config.sims.get(self.current);
        let pin =
            sims.and_then(|sim| sim.pin.as_ref()).filter(|pin| attempt.record.is_of(&iccid, pin)).cloned();
        if let (End::Done, Stage::Unlocking, true, Some(pin)) = (end, self.stage, same, pin) {
            attempt.progress = Progress::Sent;
            self.desk.record(Happening::PinGiven { iccid });
            self.desk.begin(Task::EnterPin(pin), self.stage);
            return;
        }
        self.withdraw_attempt();
        if end != End::Done {
            self.desk.record(Happening::NotKept);
            self.bar_by(Cause::Pin(PinProblem::NotKept));
        }
    }

    /// An attempt that was not made is taken off the record again; one that was made stays.
    pub(crate) fn withdraw_attempt(&mut self) {
        let unsent = |attempt: &mut Attempt| matches!(attempt.progress, Progress::Meant | Progress::Recorded);
        let Some(attempt) = self.attempt.take_if(unsent) else { return };
        if attempt.progress == Progress::Recorded {
            if attempt.again {
                put(&mut self.pins, attempt.record);
            } else {
                self.pins.retain(|known| !known.is_same(&attempt.record));
            }
            self.save();
        }
    }

    /// The PIN is on its way to the card.
    pub(crate) fn is_giving_pin(&self) -> bool {
        let flight = self.desk.flight.as_ref();
        flight.is_some_and(|flight| matches!(flight.work, Work::Task(Task::EnterPin(_))))
    }

    /// The PIN was given, and the card has some time to show what came of it.
    pub(crate) fn awaits_card(&self) -> bool {
        let given = |attempt: &Attempt| matches!(attempt.progress, Progress::Sent | Progress::Taken);
        self.stage == Stage::Unlocking && self.attempt.as_ref().is_some_and(given)
    }

    /// The modem took the PIN. Whether the card did shows when it is ready.
    pub(crate) fn pin_taken(&mut self) {
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.progress == Progress::Sent) {
            attempt.progress = Progress::Taken;
        }
    }

    /// What the card says of itself after an attempt: accepted, if it is ready. That is saved before anything else is done.
    pub(crate) fn judge_attempt(&mut self, sim: &Sim) {
        let Some(attempt) = &self.attempt else { return };
        let other = sim.iccid.as_ref().is_some_and(|iccid| *iccid != attempt.record.iccid);
        match (sim.state, attempt.progress) {
            (SimState::Ready, Progress::Taken) if !other => {
                let tries = attempt.tries.max(sim.tries.pin.unwrap_or(0));
                put(&mut self.pins, PinAttempt { accepted: Some(tries), ..attempt.record.clone() });
                self.attempt = None;
                self.save();
            }
            (SimState::Busy, _) | (_, Progress::Meant | Progress::Recorded) => {}
            (
                SimState::Ready
                | SimState::Pin
                | SimState::Puk
                | SimState::Locked
                | SimState::Absent
                | SimState::Failed,
                Progress::Sent | Progress::Taken,
            ) => self.forget_attempt(),
        }
    }

    /// Nobody will know any more what came of the attempt: it stays on record as not accepted.
    pub(crate) fn forget_attempt(&mut self) {
        self.attempt.take_if(|attempt| matches!(attempt.progress, Progress::Sent | Progress::Taken));
    }
}

/// Whether the PIN may be given to a SIM that wants it.
fn unlock(
    sim: &Sim,
    pin: Option<&Pin>,
    tried: Tried<'_>,
    booted: Timestamp,
    now: Timestamp,
    seed: u64,
) -> Unlock {
    let Some(pin) = pin else { return Unlock::Never(PinProblem::NotConfigured) };
    let Some(iccid) = &sim.iccid else { return Unlock::Never(PinProblem::CardUnknown) };
    let same = |attempt: &&PinAttempt| attempt.is_of(iccid, pin);
    let before = tried.here.iter().find(same);
    let known: Vec<_> = before.into_iter().chain(tried.elsewhere.iter().filter(same)).collect();
    if known.iter().any(|attempt| attempt.accepted.is_none()) {
        return Unlock::Never(PinProblem::Tried);
    }
    let Some(tries) = sim.tries.pin else { return Unlock::Never(PinProblem::TriesUnknown) };
    if tries < TRIES_NEEDED {
        return Unlock::Never(PinProblem::TriesLow);
    }
    // A success gives all tries back. Some are gone since: the PIN was changed, or an attempt of ours is missing from a
    // record that is older than it should be.
    if known.iter().filter_map(|attempt| attempt.accepted).any(|then| tries < then) {
        return Unlock::Never(PinProblem::TriesFewer);
    }
    if before.is_none() && tried.here.len() >= MOST_ATTEMPTS {
        return Unlock::Never(PinProblem::NotKept);
    }
    let earliest = booted + AFTER_BOOT;
    if now < earliest {
        return Unlock::Wait(earliest);
    }
    let fresh = || PinAttempt::new(iccid, pin, mix(seed, now.as_nanos()));
    let record = before.cloned().unwrap_or_else(fresh);
    Unlock::May(Attempt { record, again: before.is_some(), tries, progress: Progress::Meant })
}

/// Puts `attempt` into the place of the one of the same card and PIN.
fn put(pins: &mut Vec<PinAttempt>, attempt: PinAttempt) {
    match pins.iter_mut().find(|known| known.is_same(&attempt)) {
        Some(known) => *known = attempt,
        None => pins.push(attempt),
    }
}

impl PinAttempt {
    /// The attempt to give `pin` to `iccid`, of which nothing came yet.
    #[must_use]
    pub fn new(iccid: &Iccid, pin: &Pin, salt: u64) -> Self {
        let mut digest = [0; 16];
        let hash = Sha256::new()
            .chain_update(salt.to_be_bytes())
            .chain_update(iccid.as_str())
            .chain_update([0])
            .chain_update(pin.reveal())
            .finalize();
        digest.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self { iccid: iccid.clone(), salt, digest, accepted: None }
    }

    /// Whether this was the attempt to give `pin` to `iccid`.
    #[must_use]
    pub fn is_of(&self, iccid: &Iccid, pin: &Pin) -> bool {
        self.iccid == *iccid && self.is_same(&Self::new(iccid, pin, self.salt))
    }

    /// Whether both are of one card and PIN, whatever came of them.
    fn is_same(&self, other: &Self) -> bool {
        self.iccid == other.iccid && self.salt == other.salt && self.digest == other.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Tries;

    fn sim(tries: Option<u8>) -> Sim {
        let iccid = Iccid::parse("8949020000012345678");
        Sim { state: SimState::Pin, slot: None, iccid, tries: Tries { pin: tries, puk: None } }
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn one_attempt_for_each_card_and_pin_that_is_not_accepted() {
        let pin = Pin::parse("1234").unwrap();
        let other = Pin::parse("4321").unwrap();
        let asked = |sim: &Sim, pin, here: &[PinAttempt]| {
            unlock(sim, Some(pin), Tried { here, elsewhere: &[] }, at(0), at(9), 7)
        };
        let Unlock::May(attempt) = asked(&sim(Some(3)), &pin, &[]) else { panic!() };
        let tried = [attempt.record];
        assert_eq!(asked(&sim(Some(3)), &pin, &tried), Unlock::Never(PinProblem::Tried));
        assert!(matches!(asked(&sim(Some(3)), &other, &tried), Unlock::May(_)));
        let card = Sim { iccid: Iccid::parse("8949020000087654321"), ..sim(Some(3)) };
        assert!(matches!(asked(&card, &pin, &tried), Unlock::May(_)));
        let full = vec![tried[0].clone(); MOST_ATTEMPTS];
        assert_eq!(asked(&card, &pin, &full), Unlock::Never(PinProblem::NotKept));
    }

    #[test]
    fn one_that_was_accepted_is_made_again_with_as_many_tries_as_then() {
        let pin = Pin::parse("1234").unwrap();
        let record =
            PinAttempt { accepted: Some(3), ..PinAttempt::new(sim(None).iccid.as_ref().unwrap(), &pin, 1) };
        let asked = |tries, record: &PinAttempt| {
            let here = std::slice::from_ref(record);
            let by =
                |here, elsewhere| unlock(&sim(tries), Some(&pin), Tried { here, elsewhere }, at(0), at(9), 7);
            // What another modem knows of the card counts as much as what this one does.
            match (by(here, &[]), by(&[], here)) {
                (Unlock::May(own), Unlock::May(_)) => Unlock::May(own),
                (own, elsewhere) => {
                    assert_eq!(own, elsewhere);
                    own
                }
            }
        };
        let Unlock::May(attempt) = asked(Some(3), &record) else { panic!() };
        assert_eq!((&attempt.record, attempt.again), (&record, true));
        assert!(matches!(asked(Some(4), &record), Unlock::May(_)));
        assert_eq!(asked(Some(2), &record), Unlock::Never(PinProblem::TriesFewer));
        assert_eq!(asked(Some(1), &record), Unlock::Never(PinProblem::TriesLow));
        assert_eq!(asked(None, &record), Unlock::Never(PinProblem::TriesUnknown));
        let spent = PinAttempt { accepted: None, ..record };
        assert_eq!(asked(Some(3), &spent), Unlock::Never(PinProblem::Tried));
    }

    #[test]
    fn it_needs_a_known_card_two_tries_and_five_seconds() {
        let pin = Pin::parse("1234");
        let none = Tried { here: &[], elsewhere: &[] };
        let asked = |sim: &Sim, now| unlock(sim, pin.as_ref(), none, at(10), now, 7);
        assert_eq!(asked(&sim(Some(1)), at(99)), Unlock::Never(PinProblem::TriesLow));
        assert_eq!(asked(&sim(None), at(99)), Unlock::Never(PinProblem::TriesUnknown));
        let unknown = Sim { iccid: None, ..sim(Some(3)) };
        assert_eq!(asked(&unknown, at(99)), Unlock::Never(PinProblem::CardUnknown));
        assert_eq!(asked(&sim(Some(2)), at(14)), Unlock::Wait(at(15)));
        assert!(matches!(asked(&sim(Some(2)), at(15)), Unlock::May(_)));
        assert_eq!(
            unlock(&sim(Some(3)), None, none, at(0), at(9), 7),
            Unlock::Never(PinProblem::NotConfigured)
        );
    }
}
