//! A PIN that an operator gives by hand. Whether it goes to the card is the machine's to decide; here the operator is told at
//! once what it would not do, and why.

use shunt_recovery::facts::SimState;
use shunt_recovery::{Cause, Pin, PinAttempt, PinProblem, Snapshot};

/// Whether the SIM in use may be given `pin`, as far as is known.
///
/// # Errors
/// Why not: what it wants instead, or that it has not accepted this PIN before.
pub(super) fn may<'a>(
    machine: Option<&Snapshot>,
    pin: &Pin,
    mut attempts: impl Iterator<Item = &'a PinAttempt>,
) -> Result<(), String> {
    let not_yet = || "the SIM is not known yet; try again once `shunt modem sim` shows it".to_owned();
    let machine = machine.ok_or_else(not_yet)?;
    match machine.sim.ok_or_else(not_yet)? {
        SimState::Pin => {}
        SimState::Ready => return Err("the SIM wants no PIN now".to_owned()),
        SimState::Puk => return Err(Cause::Puk.to_string()),
        SimState::Locked => return Err(Cause::Locked.to_string()),
        SimState::Absent => return Err(Cause::NoSim.to_string()),
        SimState::Failed => return Err("the SIM does not work; take it out and put it in again".to_owned()),
        SimState::Busy => return Err(not_yet()),
    }
    let iccid = machine.iccid.as_ref().ok_or_else(|| PinProblem::CardUnknown.to_string())?;
    if attempts.any(|attempt| attempt.accepted.is_none() && attempt.is_of(iccid, pin)) {
        return Err(PinProblem::Tried.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_recovery::facts::{Fact, Iccid, Sim, Tries};
    use shunt_recovery::{Config, Event, Recovery, Saved, Timestamp};

    fn machine(state: SimState, iccid: Option<Iccid>) -> Snapshot {
        let now = Timestamp::ZERO;
        let mut machine = Recovery::new(Config::default(), &Saved::default(), 1, now);
        let sim = Sim { state, slot: None, iccid, tries: Tries::default() };
        machine.handle_event(Event::Fact(Fact::Sim(sim)), now);
        machine.snapshot()
    }

    #[test]
    fn a_pin_is_tried_with_a_sim_that_wants_one_and_has_not_refused_it() {
        let (right, wrong) = (Pin::parse("4711").unwrap(), Pin::parse("1111").unwrap());
        let card = Iccid::parse("8949020000012345678").unwrap();
        let attempt = |accepted| PinAttempt { accepted, ..PinAttempt::new(&card, &wrong, 7) };
        let why = |machine: Option<&Snapshot>, pin: &Pin, accepted| {
            may(machine, pin, [attempt(accepted)].iter()).err().unwrap_or_default()
        };
        let wanting = machine(SimState::Pin, Some(card.clone()));
        assert_eq!(why(Some(&wanting), &right, None), "");
        assert_eq!(why(Some(&wanting), &wrong, Some(3)), "", "it was accepted before");
        assert!(why(Some(&wanting), &wrong, None).contains("was given to this SIM once"));
        assert!(why(None, &right, None).contains("not known yet"));
        let unnamed = machine(SimState::Pin, None);
        assert!(why(Some(&unnamed), &right, None).contains("does not tell its number"));
        for (state, word) in [
            (SimState::Ready, "no PIN now"),
            (SimState::Puk, "PUK"),
            (SimState::Locked, "locked to another"),
            (SimState::Absent, "no SIM"),
            (SimState::Failed, "does not work"),
            (SimState::Busy, "not known yet"),
        ] {
            let machine = machine(state, Some(card.clone()));
            assert!(why(Some(&machine), &right, None).contains(word), "{state:?}");
        }
    }
}
