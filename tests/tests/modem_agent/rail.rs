//! A modem whose supply is the watchdog MCU's rail: of the stand-in, and of the firmware in an emulator.

use crate::bench::{Attached, DEADLINE, Gateway, modem, says};
use shunt::api::mcu::McuStatus;
use shunt::api::wire::Request;
use shunt_lab::mcu::{Bridge, Outputs, StandIn};
use shunt_lab::modem::{Counts, Profile};
use shunt_lab::{Agent, enter_or_reexec_beside};
use shunt_model::{Emulator, Output};
use std::path::Path;
use std::sync::mpsc;

/// A gateway whose modem hangs on the rail of the MCU on `port`, and its agent, once both stand by.
fn behind(port: &Path, profile: Profile) -> (Gateway, Agent) {
    let keys = format!("[modem.power]\nby = \"mcu\"\n[watchdog.mcu]\nport = {port:?}");
    let gateway = Gateway::new(profile, Attached::Usb, &keys);
    let agent = gateway.ready();
    let guards = || {
        let mcu: Option<McuStatus> = agent.ask(&Request::Mcu {}).ok();
        mcu.and_then(|mcu| mcu.state).is_some_and(|state| state.stage == "guarding")
    };
    agent.wait_for("an MCU that guards", DEADLINE, |_| guards()).unwrap();
    (gateway, agent)
}

/// Orders the rung, has the modem lose and get its supply as `rail` tells, and gives what that modem then counted more.
fn cycled(gateway: &Gateway, agent: &Agent, mut rail: impl FnMut() -> bool) -> (u32, u32) {
    let count = |gateway: &Gateway| -> Counts { gateway.act(|modem, _| modem.counts()) };
    let before = count(gateway);
    assert!(says(agent, &["mcu", "cycle-modem"]).contains("it is ordered"));
    for expected in [false, true] {
        let power = rail();
        assert_eq!(power, expected);
        gateway.act(move |modem, now| modem.set_power(power, now));
    }
    let after = count(gateway);
    gateway.stands_by(agent);
    let log = agent.log();
    assert!(log.contains("the MCU cut the modem's supply as it was asked to"), "{log}");
    (after.power_cuts - before.power_cuts, after.abrupt_cuts - before.abrupt_cuts)
}

/// The standard has no command that switches a modem off, only one that takes it off the air: it is given a while to write what
/// it has to, and then it is cut.
#[test]
fn a_modem_is_cut_off_by_the_mcus_rail_and_comes_back() {
    let test = "rail::a_modem_is_cut_off_by_the_mcus_rail_and_comes_back";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let (mcu, pins) = stand_in();
    let (gateway, agent) = behind(mcu.1.port(), Profile::plain());
    let cuts = cycled(&gateway, &agent, || powered(&pins));
    assert_eq!(cuts, (1, 1), "one cut");
}

/// One that has such a command is off before its supply goes.
#[test]
fn a_modem_that_can_be_switched_off_is_off_before_the_mcus_rail_cuts_it() {
    let test = "rail::a_modem_that_can_be_switched_off_is_off_before_the_mcus_rail_cuts_it";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let (mcu, pins) = stand_in();
    let (gateway, agent) = behind(mcu.1.port(), Profile::quick());
    let cuts = cycled(&gateway, &agent, || powered(&pins));
    assert_eq!(cuts, (1, 0), "one cut, of a modem that was off");
    assert_eq!(modem(&agent).trouble, None);
}

/// The same by the real firmware, whose pin is seen at the emulated chip.
#[test]
fn the_ladders_power_rung_works_through_the_emulated_mcus_rail() {
    let test = "rail::the_ladders_power_rung_works_through_the_emulated_mcus_rail";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let home = tempfile::tempdir().unwrap();
    let (mut emulator, uart) = Emulator::lm3s6965().unwrap_or_else(|error| panic!("{error}"));
    let bridge = Bridge::start(home.path(), uart).unwrap();
    let (gateway, agent) = behind(bridge.port(), Profile::quick());
    let cuts = cycled(&gateway, &agent, || {
        let change = emulator.wait_for_changes(1).unwrap()[0];
        assert_eq!(change.output, Output::ModemOff);
        !change.high
    });
    assert_eq!(cuts, (1, 0), "one cut, of a modem that was off");
    assert_eq!(emulator.changes(), [], "and no other pin stirred");
}

fn stand_in() -> ((tempfile::TempDir, StandIn), mpsc::Receiver<Outputs>) {
    let home = tempfile::tempdir().unwrap();
    let (moved, pins) = mpsc::channel::<Outputs>();
    let hook = Box::new(move |pins: &Outputs| {
        let _unheard = moved.send(*pins);
    });
    let mcu = StandIn::start(home.path(), Some(hook)).unwrap();
    ((home, mcu), pins)
}

/// Whether the modem has its supply after the next change of the pins.
fn powered(pins: &mpsc::Receiver<Outputs>) -> bool {
    let pins = pins.recv_timeout(DEADLINE * 2).unwrap();
    assert!(!pins.alert && !pins.host_reset, "{pins:?}");
    pins.modem_power
}
