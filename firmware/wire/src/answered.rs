//! Requests that were answered: one that comes again is answered again, and not carried out again.
//!
//! Why: an answer may be lost on the line, and then the sender repeats its request with the same sequence. A
//! modem whose power is cycled twice, or a host that is reset twice, is a fault that was made by the cure.

use crate::message::Outcome;

/// How many answers are kept. A sender has one request under way at a time; the rest is for repeats that were
/// held up in its port.
const KEPT: usize = 4;

/// Sequences wrap, after days: an answer that is further away than this is no answer to a repeat, which comes within two
/// seconds, but one that a new request must not meet.
const FAR: u16 = 256;

/// The answers to the last requests of the session.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    session: Option<u32>,
    kept: [Option<(u16, Outcome)>; KEPT],
    next: usize,
}

impl Answered {
    /// Nothing answered, and no session.
    #[must_use]
    pub const fn new() -> Self {
        Self { session: None, kept: [None; KEPT], next: 0 }
    }

    /// The peer said hello: with another session than before, its sequences begin anew.
    pub fn hello(&mut self, session: u32) {
        if self.session != Some(session) {
            *self = Self { session: Some(session), ..Self::new() };
        }
    }

    /// A frame with `sequence` came, whatever is in it: answers that are far from it are forgotten.
    pub fn pass(&mut self, sequence: u16) {
        for place in &mut self.kept {
            // From so far before it to so far behind, since a repeat may have been held up.
            place.take_if(|(kept, _)| sequence.wrapping_sub(*kept).wrapping_add(FAR) > 2 * FAR);
        }
    }

    /// The answer to the request with `sequence`: the one that was given before, or what `carry_out` makes of
    /// it. Before a hello nothing is carried out, since a repeat could not be told.
    pub fn answer(&mut self, sequence: u16, carry_out: impl FnOnce() -> Outcome) -> Outcome {
        if self.session.is_none() {
            return Outcome::HelloFirst;
        }
        if let Some((_, given)) = self.kept.iter().flatten().find(|(kept, _)| *kept == sequence) {
            return *given;
        }
        let outcome = carry_out();
        if let Some(place) = self.kept.get_mut(self.next) {
            *place = Some((sequence, outcome));
        }
        self.next = if self.next + 1 < KEPT { self.next + 1 } else { 0 };
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Seconds;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_carried_out_before_a_hello() {
        let mut answered = Answered::new();
        assert_eq!(answered.answer(1, || panic!("carried out")), Outcome::HelloFirst);
    }

    #[test]
    fn a_repeat_is_answered_and_a_new_session_begins_anew() {
        let mut answered = Answered::new();
        answered.hello(7);
        assert_eq!(answered.answer(1, || Outcome::TooSoon(Seconds(3))), Outcome::TooSoon(Seconds(3)));
        answered.hello(7);
        assert_eq!(answered.answer(1, || panic!("twice")), Outcome::TooSoon(Seconds(3)));
        answered.hello(8);
        assert_eq!(answered.answer(1, || Outcome::Done), Outcome::Done);
    }

    #[test]
    fn an_answer_is_forgotten_before_its_sequence_comes_again() {
        let mut answered = Answered::new();
        answered.hello(7);
        for sequence in (0..=u16::MAX).chain(0..1_000) {
            // Feeds but for one in a hundred.
            answered.pass(sequence);
            if sequence % 100 == 0 {
                let mut done = 0;
                for _ in 0..2 {
                    answered.answer(sequence, || {
                        done += 1;
                        Outcome::Done
                    });
                }
                assert_eq!(done, 1, "{sequence}");
            }
        }
        // One that is held up behind some frames is still a repeat; and so where the sequences wrap.
        answered.answer(65_500, || Outcome::Done);
        answered.pass(100);
        assert_eq!(answered.answer(65_500, || panic!("twice")), Outcome::Done);
    }

    proptest! {
        /// Each request is carried out once, however often it is sent before the next but three.
        #[test]
        fn each_request_is_carried_out_once(
            first in any::<u16>(),
            sends in proptest::collection::vec((1usize..5, 0u16..4), 1..200),
        ) {
            let mut answered = Answered::new();
            answered.hello(0);
            let mut done = 0usize;
            for (at, (times, back)) in sends.iter().enumerate() {
                let sequence = first.wrapping_add(at as u16);
                for _ in 0..*times {
                    answered.answer(sequence, || { done += 1; Outcome::Done });
                    let earlier = sequence.wrapping_sub((*back).min(at as u16));
                    answered.answer(earlier, || { done += 1; Outcome::Done });
                }
                prop_assert_eq!(done, at + 1);
            }
        }
    }
}
