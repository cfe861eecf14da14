//! `shunt mcu flash` with the firmware that ships, which is then run as it lies in the part.
//!
//! Where the compiler's target is missing, the test fails and says what to install.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

use shunt_lab::mcu::{StandIn, program};
use shunt_wire::{Decoder, Frame, Hello, Message, Received};
use std::process::{Command, Stdio};
use std::time::Duration;

const BOARD: &str = "stm32g030";

/// The firmware that ships, over the agent, into the laboratory's part; and what is in that part then, run as it is.
#[test]
fn the_firmware_that_ships_is_flashed_and_starts() {
    let home = tempfile::Builder::new().prefix("shunt-flash-").tempdir().unwrap();
    let mcu = StandIn::start_with(home.path(), &program(BOARD, "1.0.0", 15_148)).unwrap();
    let path = shunt_firmware::build(shunt_firmware::STM32G030).unwrap_or_else(|error| panic!("{error}"));
    let image = shunt_firmware::flash(&std::fs::read(&path).unwrap()).unwrap();
    mcu.trust(image).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulated-lab"));
    command.current_dir(&home).args(["agent", "mcu", "flash", "--yes", "--config", "none.toml", "--port"]);
    let flashed = command.arg(mcu.port()).arg(&path).stdin(Stdio::null()).output().unwrap();
    assert!(flashed.status.success(), "{flashed:?}");
    let mut part = shunt_model::Stm32g030::with_flash(mcu.rom().unwrap().flash());
    part.run_for(Duration::from_secs(1));
    let mut decoder = Decoder::new();
    let heard = part.take_sent().into_iter().filter_map(|byte| decoder.receive(byte));
    let hellos: Vec<Hello> = heard
        .filter_map(|received| match received {
            Received::Frame(Frame { message: Message::Hello(hello), .. }) => Some(hello),
            _ => None,
        })
        .collect();
    assert_eq!(hellos.len(), 1);
    assert_eq!((hellos[0].board.as_str(), hellos[0].software.as_str()), (BOARD, env!("CARGO_PKG_VERSION")));
    assert!(part.watchdog_runs());
}
