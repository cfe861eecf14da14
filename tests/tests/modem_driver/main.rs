//! The modem's driver, end to end, on the simulated modem's ptys: from a cold boot to data that flows, and back to it
//! after each fault, by the rung that mends it and within its time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // helpers of tests are tests

mod access_point;
mod bench;
#[path = "../common/dice.rs"]
mod dice;
mod faults;
mod orders;
mod sims;
mod story;

use bench::{Bench, SPEED, Setup};

#[tokio::test]
async fn from_a_cold_boot_to_data_that_flows() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    println!(
        "cold boot to verified bearer: {:?} (machine's time runs {SPEED} times as fast)",
        bench.began.elapsed()
    );
    let state = bench.state.borrow().clone();
    assert_eq!(state.dialect, "Quectel");
    assert_eq!(state.way, "+QNETDEVCTL");
    bench.until("the second port", |state| state.ports.len() == 2).await;
    assert_eq!(state.machine.identity.unwrap().model, "EC25");
    assert!(bench.act(|modem, _| modem.bearer().passes));
    bench.until("the operator", |state| state.operator.is_some() && state.temperature.is_some()).await;
    bench.until("the signal", |state| state.machine.signal.is_some() && state.cells.is_some()).await;
}
