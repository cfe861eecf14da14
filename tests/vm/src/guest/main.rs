//! The first program of the emulated gateway: it sets the machine up, plays the story, and switches off.
//!
//! It has no second chance to tell what went wrong: everything goes to the serial console.
#![allow(clippy::print_stdout, reason = "the console is what it has")]

mod acceptance;
mod story;
mod system;

use shunt_vm::Said;
use std::time::Duration;

/// The host reads the console until it is told the end; then the machine goes.
fn main() {
    println!("{}", Said::Booted(system::uptime()));
    let said = match system::set_up().and_then(|()| story::play()) {
        Ok(()) => Said::Ended,
        Err(error) => Said::Failed(error.to_string()),
    };
    println!("{said}");
    system::switch_off();
    // It goes at once; whoever waits longer has a machine that does not.
    std::thread::sleep(Duration::from_secs(60));
}
