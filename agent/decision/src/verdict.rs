//! The verdict of a path: every pair of state and sign, in one table.

use crate::Verdict;
use serde::{Deserialize, Serialize};

/// A verdict, with what a suspicion goes back to when it proves unfounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) verdict: Verdict,
    /// Meant only while the verdict is `Suspect`; else the same as the verdict.
    pub(crate) base: Verdict,
}

impl State {
    pub(crate) const fn of(verdict: Verdict) -> Self {
        Self { verdict, base: verdict }
    }

    const fn suspect(base: Verdict) -> Self {
        Self { verdict: Verdict::Suspect, base }
    }
}

/// What was found out about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It lacks something or has no carrier.
    Absent,
    /// It has what it needs (again).
    Present,
    /// As many targets as the quorum asks for answered since it was lost.
    Answer,
    /// A target that is alive did not answer in time.
    Late,
    /// A burst was answered by the quorum.
    Passed,
    /// A burst was not.
    Dead,
    /// Loss, round-trip time or jitter is beyond the limit.
    Beyond,
    /// All of them are well within it.
    Within,
    /// It stayed good for its trial.
    Proved,
    /// The clock jumped, or the loop stood still.
    Gap,
}

/// The next state.
pub(crate) const fn next(state: State, sign: Sign) -> State {
    use Verdict::{Degraded, Failed, Healthy, Recovering, Suspect, Unknown};
    let State { verdict, base } = state;
    match (verdict, sign) {
        (Unknown | Healthy | Suspect | Degraded | Failed | Recovering, Sign::Absent | Sign::Dead) => {
            State::of(Failed)
        }
        (Unknown | Healthy | Suspect | Degraded | Failed | Recovering, Sign::Gap) => State::of(Unknown),

        (Unknown, Sign::Passed) => State::of(Healthy),
        (Unknown, Sign::Present | Sign::Answer | Sign::Late | Sign::Beyond | Sign::Within | Sign::Proved) => {
            state
        }

        (Healthy, Sign::Late) => State::suspect(Healthy),
        (Healthy, Sign::Beyond) => State::of(Degraded),
        (Healthy, Sign::Present | Sign::Answer | Sign::Passed | Sign::Within | Sign::Proved) => state,

        (Suspect, Sign::Passed) => State::of(base),
        (Suspect, Sign::Beyond) => State::suspect(Degraded),
        (Suspect, Sign::Within) => match base {
            Degraded => State::suspect(Healthy),
            Unknown | Healthy | Suspect | Failed | Recovering => state,
        },
        (Suspect, Sign::Present | Sign::Answer | Sign::Late | Sign::Proved) => state,

        (Degraded, Sign::Late) => State::suspect(Degraded),
        (Degraded, Sign::Within) => State::of(Healthy),
        (Degraded, Sign::Present | Sign::Answer | Sign::Passed | Sign::Beyond | Sign::Proved) => state,

        (Failed, Sign::Answer | Sign::Passed) => State::of(Recovering),
        (Failed, Sign::Present | Sign::Late | Sign::Beyond | Sign::Within | Sign::Proved) => state,

        (Recovering, Sign::Late) => State::suspect(Recovering),
        (Recovering, Sign::Beyond) => State::of(Degraded),
        (Recovering, Sign::Proved) => State::of(Healthy),
        (Recovering, Sign::Present | Sign::Answer | Sign::Passed | Sign::Within) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Degraded, Failed, Healthy, Recovering, Suspect, Unknown};

    const SIGNS: [Sign; 10] = [
        Sign::Absent,
        Sign::Present,
        Sign::Answer,
        Sign::Late,
        Sign::Passed,
        Sign::Dead,
        Sign::Beyond,
        Sign::Within,
        Sign::Proved,
        Sign::Gap,
    ];

    const fn on(base: Verdict) -> State {
        State::suspect(base)
    }

    /// One row a state, one column a sign, in the order of `SIGNS`: every pair.
    #[test]
    fn the_whole_table() {
        const U: State = State::of(Unknown);
        const H: State = State::of(Healthy);
        const D: State = State::of(Degraded);
        const F: State = State::of(Failed);
        const R: State = State::of(Recovering);
        // Absent, Present, Answer, Late, Passed, Dead, Beyond, Within, Proved, Gap
        let table: [(State, [State; 10]); 8] = [
            (U, [F, U, U, U, H, F, U, U, U, U]),
            (H, [F, H, H, on(Healthy), H, F, D, H, H, U]),
            (D, [F, D, D, on(Degraded), D, F, D, H, D, U]),
            (F, [F, F, R, F, R, F, F, F, F, U]),
            (R, [F, R, R, on(Recovering), R, F, D, R, H, U]),
            (
                on(Healthy),
                [F, on(Healthy), on(Healthy), on(Healthy), H, F, on(Degraded), on(Healthy), on(Healthy), U],
            ),
            (
                on(Degraded),
                [
                    F,
                    on(Degraded),
                    on(Degraded),
                    on(Degraded),
                    D,
                    F,
                    on(Degraded),
                    on(Healthy),
                    on(Degraded),
                    U,
                ],
            ),
            (
                on(Recovering),
                [
                    F,
                    on(Recovering),
                    on(Recovering),
                    on(Recovering),
                    R,
                    F,
                    on(Degraded),
                    on(Recovering),
                    on(Recovering),
                    U,
                ],
            ),
        ];
        for (state, row) in table {
            for (sign, expected) in SIGNS.into_iter().zip(row) {
                assert_eq!(next(state, sign), expected, "{state:?} with {sign:?}");
            }
        }
    }

    #[test]
    fn every_state_leads_to_health() {
        for verdict in [Unknown, Healthy, Suspect, Degraded, Failed, Recovering] {
            let mut state = if verdict == Suspect { on(Healthy) } else { State::of(verdict) };
            for sign in [Sign::Answer, Sign::Passed, Sign::Within, Sign::Proved] {
                state = next(state, sign);
            }
            assert_eq!(state, State::of(Healthy), "{verdict:?}");
        }
    }
}
