//! Modems in the operator's words: the log, the status and the warnings say the same thing alike.

use crate::api::describe::short;
use crate::api::modem::Readiness;
use shunt_modem::driver::api::State;
use shunt_recovery::facts::{AccessTechnology, RegistrationState, SimState};
use shunt_recovery::{Failure, Fault, Happening, Readiness as Machine, Reason, Rung, RungResult};
use shunt_sms::control;
use std::time::Duration;

/// The names of the rungs, as `shunt modem reset --rung` takes them.
pub(super) const RUNGS: [(&str, Rung); 8] = [
    ("fence", Rung::Fence),
    ("reopen", Rung::Reopen),
    ("bearer", Rung::Bearer),
    ("register", Rung::Register),
    ("radio", Rung::Radio),
    ("reset", Rung::Reset),
    ("usb", Rung::Usb),
    ("power", Rung::Power),
];

/// What a rung does.
pub(super) const fn rung(rung: Rung) -> &'static str {
    match rung {
        Rung::Fence => "drain the port, or take another",
        Rung::Reopen => "open the port anew",
        Rung::Bearer => "bearer down and up",
        Rung::Register => "register anew",
        Rung::Radio => "radio off and on",
        Rung::Reset => "reset by command",
        Rung::Usb => "off USB and back",
        Rung::Power => "power off and on",
        Rung::Slot => "the other SIM",
    }
}

pub(super) const fn readiness(readiness: Machine) -> Readiness {
    match readiness {
        Machine::NoModem => Readiness::NoModem,
        Machine::NoSim => Readiness::NoSim,
        Machine::Searching => Readiness::Searching,
        Machine::Registered => Readiness::Registered,
        Machine::BearerUp => Readiness::BearerUp,
        Machine::Verified => Readiness::Verified,
        Machine::Failed(_) => Readiness::Failed,
    }
}

pub(super) const fn sim(sim: SimState) -> &'static str {
    match sim {
        SimState::Ready => "ready",
        SimState::Pin => "pin",
        SimState::Puk => "puk",
        SimState::Locked => "locked",
        SimState::Busy => "busy",
        SimState::Absent => "absent",
        SimState::Failed => "failed",
    }
}

pub(super) const fn registration(state: RegistrationState) -> &'static str {
    match state {
        RegistrationState::Idle => "idle",
        RegistrationState::Home | RegistrationState::NoFallbackHome => "home",
        RegistrationState::Searching => "searching",
        RegistrationState::Denied => "denied",
        RegistrationState::Unknown => "unknown",
        RegistrationState::Roaming | RegistrationState::NoFallbackRoaming => "roaming",
        RegistrationState::SmsOnlyHome
        | RegistrationState::SmsOnlyRoaming
        | RegistrationState::EmergencyOnly
        | RegistrationState::RestrictedLocal => "limited",
    }
}

pub(super) const fn technology(technology: AccessTechnology) -> &'static str {
    match technology {
        AccessTechnology::Gsm => "GSM",
        AccessTechnology::Edge => "EDGE",
        AccessTechnology::Umts => "UMTS",
        AccessTechnology::Hspa => "HSPA",
        AccessTechnology::Lte => "LTE",
        AccessTechnology::NbIot => "NB-IoT",
        AccessTechnology::LteFiveG => "LTE-5GC",
        AccessTechnology::LteNr => "LTE+NR",
        AccessTechnology::Nr => "NR",
    }
}

/// "registered on Testnet (LTE, -95 dBm), bearer up, data flows; it answered 12 s ago".
pub(super) fn standing(state: &State, heard: Option<Duration>) -> String {
    let machine = &state.machine;
    let mut parts = vec![match machine.readiness {
        Machine::NoModem => "not found".to_owned(),
        Machine::NoSim => "no SIM".to_owned(),
        Machine::Searching => "not registered yet".to_owned(),
        Machine::Failed(Failure::Fault(fault)) => fault.to_string(),
        Machine::Failed(Failure::Barred(cause)) => cause.to_string(),
        Machine::Registered | Machine::BearerUp | Machine::Verified => registered(state),
    }];
    match machine.readiness {
        Machine::Registered => parts.push("no bearer yet".into()),
        Machine::BearerUp => parts.push("bearer up, data not seen to flow yet".into()),
        Machine::Verified => parts.push("bearer up, data flows".into()),
        Machine::NoModem | Machine::NoSim | Machine::Searching | Machine::Failed(_) => {}
    }
    if machine.allowance.is_some_and(|allowance| allowance.used_up) {
        parts.push("its data allowance is used up".into());
    }
    parts.extend(machine.rung.map(|now| format!("being mended: {}", rung(now))));
    let answered = heard.map_or_else(String::new, |ago| format!("; it answered {} ago", short(ago)));
    format!("{}{answered}", parts.join(", "))
}

fn registered(state: &State) -> String {
    let machine = &state.machine;
    let operator = state.operator.as_ref();
    let on = operator
        .and_then(|operator| operator.name.clone().or(operator.plmn.map(|plmn| plmn.to_string())))
        .map_or_else(String::new, |name| format!(" on {name}"));
    let technology = machine
        .registration
        .and_then(|registration| registration.technology)
        .or(operator.and_then(|operator| operator.technology));
    let power = machine.signal.and_then(|signal| signal.rsrp.or(signal.rssi));
    let details: Vec<String> = technology
        .map(|it| technology_word(it).to_owned())
        .into_iter()
        .chain(power.map(|power| power.to_string()))
        .collect();
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    // What carries data counts as ready though the modem may have lost its network just now.
    let lost = machine.registration.filter(|registration| !registration.state.is_registered());
    match lost {
        Some(lost) => format!("not registered any more ({})", registration(lost.state)),
        None => format!("registered{on}{details}"),
    }
}

const fn technology_word(of: AccessTechnology) -> &'static str {
    technology(of)
}

/// What is wrong, and for how long nobody but the operator can mend it; `None` while all is well or on its way.
pub(super) fn trouble(state: &State) -> Option<String> {
    let machine = &state.machine;
    match machine.readiness {
        Machine::NoModem => state.trouble.clone(),
        Machine::NoSim => Some("there is no SIM; insert one".into()),
        Machine::Failed(Failure::Barred(cause)) => Some(cause.to_string()),
        Machine::Failed(Failure::Fault(fault)) => Some(match machine.waiting_until {
            Some(_) => format!("{fault}; all that may mend it was tried, and will be again"),
            None => format!("{fault}; it is being mended"),
        }),
        Machine::Searching | Machine::Registered | Machine::BearerUp | Machine::Verified => {
            let other = state.other_access_point.as_ref()?;
            Some(format!(
                "the network gives the access point {other:?} instead of the configured one; correct apn, or ask the provider"
            ))
        }
    }
}

/// How a rung ended, as [`happening`] says it.
const HELPED: &str = "it helped";
const NOT_HELPED: &str = "it did not help";
const LATE: &str = "it was not done in time";

/// What became of a rung that was ordered, for who follows the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RungEnd {
    /// It was carried out, whether it helped or not.
    Done,
    /// Nobody saw its end: a modem on a line has no port that would go.
    Late,
    /// It was not carried out, and why.
    NotDone(String),
}

/// Reads the sentence of an event; `None`: it tells nothing of the end of this rung, by its name, on this modem.
pub(crate) fn rung_end(sentence: &str, modem: &str, rung: &str) -> Option<RungEnd> {
    let (_, rung) = RUNGS.iter().find(|(name, _)| *name == rung)?;
    let head = format!("modem {modem}: recovery, rung {} ended after ", rung.number());
    let (_, result) = sentence.strip_prefix(&head)?.split_once(": ")?;
    Some(match result {
        LATE => RungEnd::Late,
        result if result == HELPED || result.starts_with(NOT_HELPED) => RungEnd::Done,
        result => RungEnd::NotDone(result.to_owned()),
    })
}

/// One entry of the machine's journal, as a sentence without a full stop.
pub(super) fn happening(what: &Happening) -> String {
    match what {
        Happening::Readiness { to, reason, .. } => {
            let why = match reason {
                Reason::Fault(fault) => format!(": {fault}"),
                Reason::Barred(cause) => format!(": {cause}"),
                Reason::Lost => ", for what was there went away".into(),
                Reason::Started | Reason::Climbed => String::new(),
            };
            let now = match to {
                Machine::NoModem => "is not there",
                Machine::NoSim => "has no SIM",
                Machine::Searching => "is there, and looks for its network",
                Machine::Registered => "is registered",
                Machine::BearerUp => "has its bearer up",
                Machine::Verified => "is ready: data flows",
                Machine::Failed(_) => "cannot carry its link",
            };
            format!("{now}{why}")
        }
        Happening::RungBegan { rung: now, fault } => {
            let why = fault.map_or_else(String::new, |fault: Fault| format!(", against: {fault}"));
            format!("recovery, rung {}: {}{why}", now.number(), rung(*now))
        }
        Happening::RungEnded { rung, took, result } => {
            let result = match result {
                RungResult::Helped => HELPED.into(),
                RungResult::NotHelped(fault) => format!("{NOT_HELPED}: {fault}"),
                RungResult::Refused => "it was refused".into(),
                RungResult::TimedOut => LATE.into(),
                RungResult::PortGone => "the port vanished meanwhile".into(),
                RungResult::Barred(cause) => format!("{cause}"),
                RungResult::Abandoned => "something else went first".into(),
            };
            format!("recovery, rung {} ended after {}: {result}", rung.number(), short(*took))
        }
        Happening::Resting { fault, wait, capped, withheld } => {
            let capped = if *capped { "; no more resets for now" } else { "" };
            let withheld =
                if *withheld { "; what would cut the link is withheld while data flows" } else { "" };
            format!("{fault}: all was tried, and will be again in {}{capped}{withheld}", short(*wait))
        }
        Happening::Alarm { cause, again } => {
            format!("needs somebody: {cause}; it is looked at again in {}", short(*again))
        }
        Happening::PinGiven { iccid } => format!("the PIN was given to SIM {iccid}"),
        Happening::Slot { slot } => format!("uses the SIM in slot {slot} now"),
        Happening::Allowance { iccid, used_up: true } => {
            format!(
                "the data allowance of SIM {iccid} is used up; its link is the last resort until its next billing month"
            )
        }
        Happening::Allowance { iccid, used_up: false } => {
            format!("a new billing month began for SIM {iccid}")
        }
        Happening::NotKept => {
            "what was to be kept could not be saved; make the state directory ([agent] state_dir) writable"
                .into()
        }
    }
}

/// What became of an attempt to order something by SMS.
pub(super) fn attempt(entry: &control::Entry) -> String {
    let who = entry
        .operator
        .as_ref()
        .map_or_else(|| entry.from.to_string(), |name| format!("{name} ({})", entry.from));
    let what = entry.order.as_ref().map_or_else(|| "an order".to_owned(), |order| format!("\"{order}\""));
    let more = match entry.untold {
        0 => String::new(),
        untold => format!("; {untold} more attempts were not told"),
    };
    match entry.outcome {
        control::Outcome::Accepted => format!("{what} by SMS from {who} is carried out{more}"),
        control::Outcome::Refused(refusal) => format!("{what} by SMS from {who} is refused: {refusal}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_rung_is_read_as_it_is_told() {
        let not_done = |why: &str| RungEnd::NotDone(why.into());
        for (result, expected) in [
            (RungResult::Helped, RungEnd::Done),
            (RungResult::NotHelped(Fault::Silent), RungEnd::Done),
            (RungResult::TimedOut, RungEnd::Late),
            (RungResult::Refused, not_done("it was refused")),
            (RungResult::Abandoned, not_done("something else went first")),
        ] {
            let took = std::time::Duration::from_millis(1_234);
            let told = happening(&Happening::RungEnded { rung: Rung::Reset, took, result });
            let told = format!("modem lte: {told}");
            assert_eq!(rung_end(&told, "lte", "reset"), Some(expected), "{told}");
            assert_eq!(rung_end(&told, "lte", "power"), None);
            assert_eq!(rung_end(&told, "te", "reset"), None);
        }
    }
}
