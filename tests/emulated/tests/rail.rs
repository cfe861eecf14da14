//! A modem whose supply is the rail of the real firmware, in an emulator.
//!
//! Where QEMU or the compiler's target is missing, the tests fail and say what to install.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

#[path = "../../tests/modem_agent/bench.rs"]
#[allow(dead_code)] // shared with tests that use more of it
mod bench;
mod common;
#[path = "../../tests/modem_agent/supply.rs"]
mod supply;

use shunt_lab::enter_or_reexec_beside;
use shunt_lab::mcu::Bridge;
use shunt_lab::modem::Profile;
use shunt_model::{Emulator, Output};
use supply::{behind, cycled};

/// The same by the real firmware, whose pin is seen at the emulated chip.
#[test]
fn the_ladders_power_rung_works_through_the_emulated_mcus_rail() {
    let test = "the_ladders_power_rung_works_through_the_emulated_mcus_rail";
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
