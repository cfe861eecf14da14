//! A modem whose supply is the watchdog MCU's rail.

use crate::bench::{Attached, DEADLINE, Gateway, says};
use shunt_lab::enter_or_reexec;
use shunt_lab::mcu::{Outputs, Stage, StandIn};
use shunt_lab::modem::Profile;
use std::sync::mpsc;

#[test]
fn a_modem_is_cut_off_by_the_mcus_rail_and_comes_back() {
    let test = "rail::a_modem_is_cut_off_by_the_mcus_rail_and_comes_back";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let home = tempfile::tempdir().unwrap();
    let (moved, pins) = mpsc::channel::<Outputs>();
    let hook = Box::new(move |pins: &Outputs| {
        let _unheard = moved.send(*pins);
    });
    let mcu = StandIn::start(home.path(), Some(hook)).unwrap();
    let keys = format!("[modem.power]\nby = \"mcu\"\n[watchdog.mcu]\nport = {:?}", mcu.port());
    let gateway = Gateway::new(Profile::plain(), Attached::Usb, &keys);
    let agent = gateway.ready();
    let guards = |seen: &shunt_lab::mcu::Seen| matches!(seen.stage, Some(Stage::Guarding { .. }));
    mcu.wait_for("an MCU that guards", DEADLINE, guards).unwrap();
    let before = gateway.act(|modem, _| modem.counts());

    assert!(says(&agent, &["mcu", "cycle-modem"]).contains("it is ordered"));
    // This modem does not know how to switch itself off: it is asked to, and cut when its time for that is over.
    for power in [false, true] {
        let pins = pins.recv_timeout(DEADLINE * 2).unwrap();
        assert_eq!((pins.modem_power, pins.alert, pins.host_reset), (power, false, false));
        gateway.act(move |modem, now| modem.set_power(power, now));
    }
    let after = gateway.act(|modem, _| modem.counts());
    assert_eq!(after.power_cuts - before.power_cuts, 1, "{after:?}");
    gateway.stands_by(&agent);
    let log = agent.log();
    assert!(log.contains("the MCU cut the modem's supply as it was asked to"), "{log}");
}
