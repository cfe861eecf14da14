//! A modem whose supply is the watchdog MCU's rail.

use crate::bench::{DEADLINE, modem};
use crate::supply::{behind, cycled};
use shunt_lab::enter_or_reexec_beside;
use shunt_lab::mcu::{Outputs, StandIn};
use shunt_lab::modem::Profile;
use std::sync::mpsc;

/// The standard has no command that switches a modem off, only one that takes it off the air: it is given a while to write what
/// it has to, and then it is cut.
#[test]
fn a_modem_is_cut_off_by_the_mcus_rail_and_comes_back() {
    let test = "rail::a_modem_is_cut_off_by_the_mcus_rail_and_comes_back";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let (mcu, pins) = stand_in();
    let (gateway, agent) = behind(mcu.1.port(), Profile::plain());
    let before = modem(&agent).counters;
    let cuts = cycled(&gateway, &agent, || powered(&pins));
    assert_eq!(cuts, (1, 1), "one cut");
    // Nothing but the cut took its ports away: that it was this modem's supply is seen.
    let after = modem(&agent).counters;
    assert_eq!((after.gone - before.gone, after.boots), (1, before.boots), "{after:?}");
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

pub(crate) fn stand_in() -> ((tempfile::TempDir, StandIn), mpsc::Receiver<Outputs>) {
    let home = tempfile::tempdir().unwrap();
    let (moved, pins) = mpsc::channel::<Outputs>();
    let hook = Box::new(move |pins: &Outputs| {
        let _unheard = moved.send(*pins);
    });
    let mcu = StandIn::start(home.path(), Some(hook)).unwrap();
    ((home, mcu), pins)
}

/// Whether the modem has its supply after the next change of the pins.
pub(crate) fn powered(pins: &mpsc::Receiver<Outputs>) -> bool {
    let pins = pins.recv_timeout(DEADLINE * 2).unwrap();
    assert!(!pins.alert && !pins.host_reset, "{pins:?}");
    pins.modem_power
}
