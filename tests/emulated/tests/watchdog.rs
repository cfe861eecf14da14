//! The real agent and the real firmware: the image of the LM3S6965 runs in QEMU, its UART is a pty that the agent opens, and
//! its outputs are seen at the emulated chip.
//!
//! Where QEMU or the compiler's target is missing, the tests fail and say what to install.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, program};
use shunt::api::mcu::{McuLogEntry, McuStatus};
use shunt::api::types::Status;
use shunt::api::wire::Request;
use shunt_lab::mcu::{Bridge, Habit};
use shunt_lab::{Agent, AgentConfig, Lab, Plan, UplinkPlan, enter_or_reexec};
use shunt_model::{Emulator, Output, OutputChange};
use shunt_wire::{Message, Seconds};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The shortest times that the config takes, so that the tests need not wait for long; two seconds where spacing is judged.
const TIMES: &str = "boot_grace = \"30s\"\nfeed_timeout = \"5s\"\nalert = \"2s\"\ncut_modem = true\nmodem_off = \"2s\"\n\
                     modem_settle = \"2s\"\nshutdown = \"2s\"\nreset_hold = \"2s\"\nstop_lease = \"2m\"";
const FEED_TIMEOUT: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_secs(2);
/// Between two feeds: a quarter of the time that the MCU waits for one.
const PACE: Duration = Duration::from_millis(1_250);
/// An MCU that is up for so long has its boot grace behind it by the time of the reset.
const GRACE_UP: u64 = 20;

/// A change is heard of after it was made: on a busy machine one may be held up longer than the one before.
const EARLY: Duration = Duration::from_millis(500);
/// An emulator's clock misses ticks on a busy machine.
const LATE: Duration = Duration::from_secs(6);

/// The whole escalation, each change with what may have passed since the one before. What changes within one write to the port
/// is told in the order of the pins.
const ESCALATION: [(Output, bool, Duration); 8] = [
    (Output::Alert, true, FEED_TIMEOUT),
    (Output::ModemOff, true, STEP),
    (Output::ModemOff, false, STEP),
    // The modem settles.
    (Output::Shutdown, true, STEP),
    (Output::Shutdown, false, STEP),
    (Output::HostReset, true, Duration::ZERO),
    (Output::Alert, false, STEP),
    (Output::HostReset, false, Duration::ZERO),
];

struct Bench {
    emulator: Emulator,
    bridge: Bridge,
    agent: Agent,
    _lab: Lab,
    _home: TempDir,
}

impl Bench {
    /// An agent that feeds an MCU, seen to guard it.
    fn guarded() -> Self {
        let home = tempfile::Builder::new().prefix("shunt-mcu-").tempdir().unwrap();
        let (emulator, uart) = Emulator::lm3s6965().unwrap_or_else(|error| panic!("{error}"));
        let bridge = Bridge::start(home.path(), uart).unwrap();
        let uplinks = vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")];
        let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 5 }).unwrap();
        let section =
            format!("[canary]\nenabled = false\n[watchdog.mcu]\nport = {:?}\n{TIMES}\n", bridge.port());
        let agent = Agent::start(&program(), &lab.gateway, &AgentConfig::new(&lab).with(&section)).unwrap();
        let bench = Self { emulator, bridge, agent, _lab: lab, _home: home };
        bench.guards();
        bench
    }

    /// Waits until the agent knows that the MCU guards.
    fn guards(&self) -> McuStatus {
        self.agent
            .wait_for("an MCU that guards", DEADLINE, |_| {
                self.status().is_some_and(|mcu| mcu.state.is_some_and(|state| state.stage == "guarding"))
            })
            .unwrap();
        self.status().unwrap()
    }

    fn status(&self) -> Option<McuStatus> {
        self.agent.ask(&Request::Mcu {}).ok()
    }

    /// Waits for so many more feeds, by what the agent writes.
    fn fed(&self, more: usize) {
        for _ in 0..more {
            self.bridge.wait_for("a feed", DEADLINE, |message| *message == Message::Feed).unwrap();
        }
    }

    /// Waits for the escalation, and holds it against the config: each step once, in order and on time.
    fn reset_in_order(&mut self, silent_since: Instant) {
        let changes = self.emulator.wait_for_changes(ESCALATION.len()).unwrap();
        let steps: Vec<_> = changes.iter().map(|change| (change.output, change.high)).collect();
        assert_eq!(steps, ESCALATION.map(|(output, high, _)| (output, high)));
        // The last feed may have come a pace before.
        let mut before = silent_since.checked_sub(PACE).unwrap();
        let mut late = LATE + PACE;
        for (OutputChange { at, .. }, (_, _, after)) in changes.iter().zip(ESCALATION) {
            let passed = at.saturating_duration_since(before);
            assert!(
                passed + EARLY >= after && passed <= after + late,
                "{passed:?}, not {after:?}: {changes:?}"
            );
            (before, late) = (*at, LATE);
        }
    }

    fn log(&self) -> Vec<McuLogEntry> {
        serde_json::from_str(&self.shows(&["mcu", "log", "--json"])).unwrap()
    }

    fn shows(&self, arguments: &[&str]) -> String {
        let output = self.agent.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn feeds_keep_the_pins_calm_through_noise_and_a_hang_and_a_stop_is_a_lease() {
    let test = "feeds_keep_the_pins_calm_through_noise_and_a_hang_and_a_stop_is_a_lease";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let mut bench = Bench::guarded();
    // Longer than the MCU waits for a feed.
    bench.fed(6);
    let status = bench.status().unwrap();
    assert_eq!((status.trouble, status.identity.unwrap().board.as_str()), (None, "lm3s6965"));
    let before = status.state.unwrap();

    bench.bridge.set_habit(Habit::Noisy).unwrap();
    bench.fed(8);
    bench.bridge.set_habit(Habit::Sound).unwrap();
    assert!(bench.agent.terminate().unwrap().success());
    let lease = Message::Lease(Seconds(120));
    bench.bridge.wait_for("the lease of the stop", DEADLINE, |message| *message == lease).unwrap();
    assert_eq!(bench.emulator.watch_for(FEED_TIMEOUT + STEP), None, "a stop is no silence");

    bench.agent.start_again().unwrap();
    let now = bench.guards().state.unwrap();
    assert!(now.damaged_frames > before.damaged_frames, "the noise was heard: {now:?}");
    assert_eq!((now.counts.boots, now.counts.host_resets), (before.counts.boots, 0), "{now:?}");
    let what: Vec<_> = bench.log().into_iter().map(|entry| entry.what).collect();
    assert!(what.contains(&"leased".into()) && !what.contains(&"alert".into()), "{what:?}");

    // The firmware hangs: its own watchdog resets it, it is armed again, and tells why it booted.
    bench.emulator.hang().unwrap();
    bench.emulator.wait_for_event("WATCHDOG").unwrap();
    let hung = |mcu: McuStatus| mcu.state.is_some_and(|state| state.reset_cause == "watchdog");
    bench.agent.wait_for("its word on that", DEADLINE, |_| bench.status().is_some_and(hung)).unwrap();
    bench.guards();
    let why = "the MCU booted: its firmware had hung, and its own watchdog reset it";
    bench.agent.wait_for(why, DEADLINE, |_| bench.agent.log().contains(why)).unwrap();
    assert_eq!(bench.emulator.changes(), [], "no pin ever stirred");
}

/// Side by side, since the MCU resets nobody within its boot grace, and the shortest is half a minute.
#[test]
fn an_agent_that_is_killed_or_stands_still_leads_to_the_reset_in_order_and_on_time() {
    let test = "an_agent_that_is_killed_or_stands_still_leads_to_the_reset_in_order_and_on_time";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let (mut killed, mut frozen) = (Bench::guarded(), Bench::guarded());
    let graceful = |bench: &Bench| bench.status().and_then(|mcu| mcu.state).unwrap().uptime_s >= GRACE_UP;
    for bench in [&killed, &frozen] {
        bench.agent.wait_for("the end of the grace to be near", DEADLINE, |_| graceful(bench)).unwrap();
        assert_eq!(bench.status().unwrap().state.unwrap().stage, "guarding");
    }
    killed.agent.kill().unwrap();
    frozen.agent.freeze(true).unwrap();
    let silent_since = Instant::now();
    for bench in [&mut killed, &mut frozen] {
        bench.reset_in_order(silent_since);
    }
    frozen.agent.freeze(false).unwrap();
    killed.agent.start_again().unwrap();
    for bench in [&killed, &frozen] {
        let state = bench.guards().state.unwrap();
        assert_eq!((state.counts.host_resets, state.counts.modem_cycles), (1, 1), "{state:?}");
        let told = "the gateway was reset by its MCU";
        bench.agent.wait_for(told, DEADLINE, |_| bench.agent.log().contains(told)).unwrap();
        by_its_own_clock(&bench.log());
    }
    // One of them lived through it: nothing is behind this board's pin.
    let unwired = "its reset line does not reach it";
    frozen.agent.wait_for(unwired, DEADLINE, |_| frozen.agent.log().contains(unwired)).unwrap();
    let reset = |status: &Status| status.incidents.iter().any(|incident| incident.host_reset.is_some());
    killed.agent.wait_for("the reset among the incidents", DEADLINE, reset).unwrap();
    assert!(!reset(&frozen.agent.status().unwrap()) && !killed.agent.log().contains(unwired));
}

/// The spacing of the steps in the MCU's record, which has whole seconds.
fn by_its_own_clock(log: &[McuLogEntry]) {
    let at = |what: &str| log.iter().find(|entry| entry.what == what).unwrap().uptime_s;
    let steps = ["alert", "modem_cut", "shutdown_requested", "host_reset"].map(at);
    let spacing: Vec<_> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (took, expected) in spacing.iter().zip([2, 4, 2]) {
        assert!((expected - 1..=expected + LATE.as_secs()).contains(took), "{spacing:?}: {log:?}");
    }
}
