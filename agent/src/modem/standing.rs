//! What the decisions hear of a modem: less than it says, and never a verdict.

use shunt_decision::{ModemState, ModemTrouble};
use shunt_modem::driver::api::State;
use shunt_recovery::Fault;
use shunt_recovery::facts::Signal;

/// What was seen of a modem since its driver began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Its bearer was up.
    bearer: bool,
    /// It was received.
    signal: bool,
}

impl Seen {
    /// How it stands now, as far as that matters to the link.
    pub(super) fn judge(&mut self, state: &State) -> ModemState {
        let machine = &state.machine;
        let received = machine.signal.map(|signal| signal != Signal::default());
        self.signal |= received == Some(true);
        // What it said before it fell silent says nothing of now.
        let silent = matches!(machine.fault, Some(Fault::NoPort | Fault::Silent | Fault::Unidentified));
        if state.ports.is_empty() || silent {
            return ModemState::Unreachable;
        }
        let Some(bearer) = machine.bearer else { return ModemState::Unreachable };
        if !bearer.active {
            // A modem that has never told of the bearer that it carries data by does not tell the truth now either.
            let believed = self.bearer || !machine.flows;
            return if believed { ModemState::NoBearer } else { ModemState::Unreachable };
        }
        self.bearer = true;
        if machine.registration.is_some_and(|registration| !registration.state.is_registered()) {
            return ModemState::Doubtful(ModemTrouble::Registration);
        }
        if self.signal && received == Some(false) {
            return ModemState::Doubtful(ModemTrouble::Signal);
        }
        ModemState::Sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modem::setup;
    use shunt_modem::driver::Driver;
    use shunt_recovery::facts::{Bearer, Dbm, Domain, Registration, RegistrationState};
    use std::path::{Path, PathBuf};

    fn state() -> State {
        let text = "[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\n[[modem]]\nlink = \"lte\"\nport = \"/dev/ttyS1\"\n";
        let modem = shunt_config::parse(text, Path::new("test.toml")).unwrap().modems.remove(0);
        let config = setup::driver(&modem).unwrap();
        let (_driver, handle) = Driver::new(config, &shunt_recovery::Saved::default(), 1);
        handle.state.borrow().clone()
    }

    fn registered(state: RegistrationState) -> Option<Registration> {
        Some(Registration {
            domain: Domain::Eps,
            state,
            technology: None,
            area: None,
            cell: None,
            cause: None,
        })
    }

    #[tokio::test]
    async fn a_modem_is_believed_as_far_as_it_told_the_truth() {
        let (mut state, mut seen) = (state(), Seen::default());
        assert_eq!(seen.judge(&state), ModemState::Unreachable, "no port");
        state.ports.push(PathBuf::from("/dev/ttyS1"));
        assert_eq!(seen.judge(&state), ModemState::Unreachable, "not asked yet");
        state.machine.bearer = Some(Bearer { active: false, ..Bearer::default() });
        state.machine.flows = true;
        assert_eq!(
            seen.judge(&state),
            ModemState::Unreachable,
            "it carries data by a bearer that it does not tell of"
        );
        state.machine.flows = false;
        assert_eq!(seen.judge(&state), ModemState::NoBearer);
        state.machine.bearer = Some(Bearer { active: true, ..Bearer::default() });
        state.machine.registration = registered(RegistrationState::Home);
        state.machine.signal = Some(Signal { rssi: Some(Dbm(-70)), ..Signal::default() });
        assert_eq!(seen.judge(&state), ModemState::Sound);
        state.machine.fault = Some(Fault::Silent);
        assert_eq!(seen.judge(&state), ModemState::Unreachable, "what it said before it fell silent is old");
        state.machine.fault = Some(Fault::NoData);
        assert_eq!(seen.judge(&state), ModemState::Sound);
        state.machine.signal = Some(Signal::default());
        assert_eq!(seen.judge(&state), ModemState::Doubtful(ModemTrouble::Signal));
        state.machine.registration = registered(RegistrationState::Searching);
        assert_eq!(seen.judge(&state), ModemState::Doubtful(ModemTrouble::Registration));
        state.machine.bearer = Some(Bearer { active: false, ..Bearer::default() });
        state.machine.flows = true;
        assert_eq!(seen.judge(&state), ModemState::NoBearer, "it told of its bearer before");
    }
}
