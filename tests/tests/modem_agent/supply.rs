//! A modem behind the rail of a watchdog MCU, whichever that is.

use crate::bench::{Attached, DEADLINE, Gateway, says};
use shunt::api::mcu::McuStatus;
use shunt::api::wire::Request;
use shunt_lab::Agent;
use shunt_lab::modem::{Counts, Profile};
use std::path::Path;

/// A gateway whose modem hangs on the rail of the MCU on `port`, and its agent, once both stand by.
pub(crate) fn behind(port: &Path, profile: Profile) -> (Gateway, Agent) {
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
pub(crate) fn cycled(gateway: &Gateway, agent: &Agent, mut rail: impl FnMut() -> bool) -> (u32, u32) {
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
