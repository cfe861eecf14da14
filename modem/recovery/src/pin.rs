//! The PIN: one attempt for each card and PIN, ever.

use crate::facts::{Iccid, Sim};
use crate::rng::mix;
use crate::{Pin, PinAttempt, PinProblem, Timestamp};
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

/// What is to be done about a SIM that wants its PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unlock {
    /// Give it, after putting this on record.
    May(PinAttempt),
    /// Not before then.
    Wait(Timestamp),
    /// Do not.
    Never(PinProblem),
}

/// Whether the PIN may be given to a SIM that wants it.
pub(crate) fn unlock(
    sim: &Sim,
    pin: Option<&Pin>,
    tried: &[PinAttempt],
    booted: Timestamp,
    now: Timestamp,
    seed: u64,
) -> Unlock {
    let Some(pin) = pin else { return Unlock::Never(PinProblem::NotConfigured) };
    let Some(iccid) = &sim.iccid else { return Unlock::Never(PinProblem::CardUnknown) };
    if tried.iter().any(|attempt| attempt.is_of(iccid, pin)) {
        return Unlock::Never(PinProblem::Tried);
    }
    match sim.tries.pin {
        None => return Unlock::Never(PinProblem::TriesUnknown),
        Some(tries) if tries < TRIES_NEEDED => return Unlock::Never(PinProblem::TriesLow),
        Some(_) => {}
    }
    if tried.len() >= MOST_ATTEMPTS {
        return Unlock::Never(PinProblem::NotKept);
    }
    let earliest = booted + AFTER_BOOT;
    if now < earliest {
        return Unlock::Wait(earliest);
    }
    let attempt = PinAttempt::new(iccid, pin, mix(seed, now.as_nanos()));
    Unlock::May(attempt)
}

impl PinAttempt {
    fn new(iccid: &Iccid, pin: &Pin, salt: u64) -> Self {
        let mut digest = [0; 16];
        let hash = Sha256::new()
            .chain_update(salt.to_be_bytes())
            .chain_update(iccid.as_str())
            .chain_update([0])
            .chain_update(pin.reveal())
            .finalize();
        digest.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self { iccid: iccid.clone(), salt, digest }
    }

    /// Whether this was the attempt to give `pin` to `iccid`.
    pub(crate) fn is_of(&self, iccid: &Iccid, pin: &Pin) -> bool {
        self.iccid == *iccid && Self::new(iccid, pin, self.salt) == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{SimState, Tries};

    fn sim(tries: Option<u8>) -> Sim {
        let iccid = Iccid::parse("8949020000012345678");
        Sim { state: SimState::Pin, slot: None, iccid, tries: Tries { pin: tries, puk: None } }
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn one_attempt_for_each_card_and_pin() {
        let pin = Pin::parse("1234").unwrap();
        let other = Pin::parse("4321").unwrap();
        let asked = |sim: &Sim, pin, tried: &[PinAttempt]| unlock(sim, Some(pin), tried, at(0), at(9), 7);
        let Unlock::May(attempt) = asked(&sim(Some(3)), &pin, &[]) else { panic!() };
        let tried = [attempt];
        assert_eq!(asked(&sim(Some(3)), &pin, &tried), Unlock::Never(PinProblem::Tried));
        assert!(matches!(asked(&sim(Some(3)), &other, &tried), Unlock::May(_)));
        let card = Sim { iccid: Iccid::parse("8949020000087654321"), ..sim(Some(3)) };
        assert!(matches!(asked(&card, &pin, &tried), Unlock::May(_)));
        let full = vec![tried[0].clone(); MOST_ATTEMPTS];
        assert_eq!(asked(&card, &pin, &full), Unlock::Never(PinProblem::NotKept));
    }

    #[test]
    fn it_needs_a_known_card_two_tries_and_five_seconds() {
        let pin = Pin::parse("1234");
        let asked = |sim: &Sim, now| unlock(sim, pin.as_ref(), &[], at(10), now, 7);
        assert_eq!(asked(&sim(Some(1)), at(99)), Unlock::Never(PinProblem::TriesLow));
        assert_eq!(asked(&sim(None), at(99)), Unlock::Never(PinProblem::TriesUnknown));
        let unknown = Sim { iccid: None, ..sim(Some(3)) };
        assert_eq!(asked(&unknown, at(99)), Unlock::Never(PinProblem::CardUnknown));
        assert_eq!(asked(&sim(Some(2)), at(14)), Unlock::Wait(at(15)));
        assert!(matches!(asked(&sim(Some(2)), at(15)), Unlock::May(_)));
        assert_eq!(
            unlock(&sim(Some(3)), None, &[], at(0), at(9), 7),
            Unlock::Never(PinProblem::NotConfigured)
        );
    }
}
