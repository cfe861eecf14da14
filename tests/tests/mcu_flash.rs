//! `shunt mcu flash` against the boot loader of the laboratory's MCU: with the real agent between them, and without one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, program as agent_program};
use serde_json::Value;
use shunt::api::mcu::McuStatus;
use shunt::api::types::Status;
use shunt::api::wire::{Done, Request};
use shunt_lab::mcu::{Boot, Seen, Stage, StandIn, Wrong, program};
use shunt_lab::{Agent, AgentConfig, Lab, Plan, UplinkPlan, enter_or_reexec};
use shunt_wire::{Message, Seconds};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const BOARD: &str = "stm32g030";
/// As long as the firmware that ships.
const LENGTH: usize = 15_148;

/// An MCU with the firmware 1.0.0, and images beside it.
struct Bench {
    mcu: StandIn,
    home: TempDir,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("shunt-flash-").tempdir().unwrap();
        let mcu = StandIn::start_with(home.path(), &program(BOARD, "1.0.0", LENGTH)).unwrap();
        let bench = Self { mcu, home };
        for version in ["1.0.0", "1.1.0"] {
            std::fs::write(bench.image(version), program(BOARD, version, LENGTH)).unwrap();
        }
        bench
    }

    fn image(&self, version: &str) -> PathBuf {
        self.home.path().join(version)
    }

    /// The firmware that runs.
    fn runs(&self) -> Option<String> {
        self.mcu.seen().unwrap().firmware
    }

    /// Flashes without a daemon, with files beside the images.
    fn flash_alone(&self, image: &Path) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.current_dir(&self.home).args([
            "agent",
            "mcu",
            "flash",
            "--yes",
            "--config",
            "none.toml",
            "--port",
        ]);
        command.arg(self.mcu.port()).arg(image).stdin(Stdio::null()).output().unwrap()
    }
}

fn agent(bench: &Bench, lab: &Lab) -> Agent {
    let section = format!(
        "[canary]\nenabled = false\n[watchdog.mcu]\nport = {:?}\nfeed_timeout = \"8s\"\nboot_grace = \"1m\"\n",
        bench.mcu.port()
    );
    let agent = Agent::start(&agent_program(), &lab.gateway, &AgentConfig::new(lab).with(&section)).unwrap();
    agent.wait_for("an answer", DEADLINE, |_| true).unwrap();
    agent
}

fn guards(mcu: &StandIn) -> Seen {
    let guards = |seen: &Seen| matches!(seen.stage, Some(Stage::Guarding { .. }));
    mcu.wait_for("an MCU that guards", DEADLINE, guards).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn warns(status: &Status, part: &str) -> bool {
    status.warnings.iter().any(|warning| warning.contains(part))
}

#[test]
fn an_agent_flashes_its_mcu_and_goes_on_feeding_it() {
    let Some(_turn) = enter_or_reexec("an_agent_flashes_its_mcu_and_goes_on_feeding_it") else { return };
    let bench = Bench::new();
    let uplinks = vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")];
    let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 3 }).unwrap();
    let agent = agent(&bench, &lab);
    guards(&bench.mcu);
    let flash = |image: &Path, more: &[&str]| {
        let mut command = agent.command(&["mcu", "flash"]);
        command.arg(image).args(more).stdin(Stdio::null()).output().unwrap()
    };
    // Nobody said yes, and what is no firmware: nothing is asked of the MCU.
    let refused = flash(&bench.image("1.1.0"), &[]);
    assert!(refused.status.code() == Some(2) && said(&refused).contains("add --yes"), "{refused:?}");
    let refused = flash(&agent.config_file(), &["--yes"]);
    assert!(
        refused.status.code() == Some(2) && said(&refused).contains("failed to use the image"),
        "{refused:?}"
    );
    assert_eq!(bench.mcu.rom().unwrap().wear(), (0, &[][..]));

    let flashed = flash(&bench.image("1.1.0"), &["--yes", "--json"]);
    assert!(flashed.status.success(), "{flashed:?}");
    let end: Value = serde_json::from_slice(&flashed.stdout).unwrap();
    assert_eq!((end["state"].as_str(), end["percent"].as_u64()), (Some("done"), Some(100)), "{end}");
    assert!(end["text"].as_str().unwrap().contains("runs firmware 1.1.0 for stm32g030"), "{end}");
    // It is guarded and fed by the new one, which stirs no pin.
    let seen = guards(&bench.mcu);
    assert_eq!((seen.firmware.as_deref(), seen.changes.as_slice()), (Some("1.1.0"), &[][..]));
    let goal = seen.feeds + 2;
    bench.mcu.wait_for("more feeds", DEADLINE, move |seen| seen.feeds >= goal).unwrap();
    let status: McuStatus = agent.ask(&Request::Mcu {}).unwrap();
    assert_eq!((status.trouble, status.identity.unwrap().firmware.as_str()), (None, "1.1.0"));
    let backup = agent.home().join("state/mcu-before.bin");
    assert!(std::fs::read(&backup).unwrap().starts_with(&program(BOARD, "1.0.0", LENGTH)));
    let events = String::from_utf8(agent.command(&["events"]).output().unwrap().stdout).unwrap();
    for part in
        ["is being flashed with firmware 1.1.0", "runs firmware 1.1.0 for stm32g030, verified byte by byte"]
    {
        assert!(events.contains(part), "{events}\nlacks {part}");
    }

    // A line that dies in the midst of it leaves the MCU in its boot loader, and a second run mends that.
    bench.mcu.set_wrong(Wrong::DeadAtWrite(20)).unwrap();
    let failed = flash(&backup, &["--yes"]);
    assert!(
        failed.status.code() == Some(1) && said(&failed).contains("run `shunt mcu flash` again"),
        "{failed:?}"
    );
    assert_eq!((bench.runs(), bench.mcu.rom().unwrap().power()), (None, Boot::Loader));
    bench.mcu.set_wrong(Wrong::Nothing).unwrap();
    agent.wait_for("the trouble", DEADLINE, |status| warns(status, "the watchdog MCU on")).unwrap();
    // The old program for it is that of the time before: the half of one was not kept.
    let flashed = flash(&bench.image("1.0.0"), &["--yes"]);
    let text = String::from_utf8_lossy(&flashed.stdout);
    assert!(
        flashed.status.success() && text.contains("reaching") && text.contains("before, none answered"),
        "{flashed:?}"
    );
    assert_eq!(guards(&bench.mcu).firmware.as_deref(), Some("1.0.0"));
    assert!(std::fs::read(&backup).unwrap().starts_with(&program(BOARD, "1.1.0", LENGTH)));
    agent.wait_for("no trouble", DEADLINE, |status| !warns(status, "MCU")).unwrap();
}

/// Whoever stops the agent in the midst of an upgrade: it ends first, and the firmware that it started is told of the stop.
#[test]
fn a_stop_in_the_midst_waits_for_the_end_and_tells_the_new_firmware() {
    let Some(_turn) = enter_or_reexec("a_stop_in_the_midst_waits_for_the_end_and_tells_the_new_firmware")
    else {
        return;
    };
    let bench = Bench::new();
    let uplinks = vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")];
    let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 3 }).unwrap();
    let mut agent = agent(&bench, &lab);
    guards(&bench.mcu);
    let begin = |agent: &Agent, version: &str| {
        let image = program(BOARD, version, LENGTH).iter().map(|byte| format!("{byte:02x}")).collect();
        let _begun: Done = agent.ask(&Request::McuFlash { image }).unwrap();
        bench.mcu.wait_for("its boot loader", DEADLINE, |seen| seen.firmware.is_none()).unwrap();
    };
    // An operator's lease goes on in the firmware that is started.
    let leased = agent.command(&["mcu", "lease", "40m"]).output().unwrap();
    assert!(leased.status.success(), "{leased:?}");
    let lease = |seen: &Seen| matches!(seen.stage, Some(Stage::Leased { .. }));
    bench.mcu.wait_for("the lease", DEADLINE, lease).unwrap();
    begin(&agent, "1.0.0");
    bench.mcu.wait_for("it to be flashed", DEADLINE, |seen| seen.firmware.is_some()).unwrap();
    let seen = bench.mcu.wait_for("the lease again", DEADLINE, lease).unwrap();
    let asked =
        |message: &Message| if let Message::Lease(Seconds(left)) = message { Some(*left) } else { None };
    let left = seen.heard.iter().rev().find_map(asked);
    assert!(left.is_some_and(|left| (2_280..2_400).contains(&left)), "{left:?} s");
    assert!(agent.command(&["mcu", "lease", "--end"]).output().unwrap().status.success());
    guards(&bench.mcu);

    begin(&agent, "1.1.0");
    let restored = agent.command(&["stop", "--restore"]).output().unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let seen = bench.mcu.seen().unwrap();
    assert_eq!((seen.firmware.as_deref(), seen.stage), (Some("1.1.0"), None), "{:?}", seen.heard);
    assert!(seen.heard.contains(&Message::Disarm) && seen.changes.is_empty(), "{seen:?}");

    agent.start_again().unwrap();
    guards(&bench.mcu);
    begin(&agent, "1.0.0");
    assert!(agent.terminate().unwrap().success());
    let seen = bench.mcu.seen().unwrap();
    assert_eq!(seen.firmware.as_deref(), Some("1.0.0"));
    assert!(matches!(seen.stage, Some(Stage::Leased { .. })) && seen.changes.is_empty(), "{seen:?}");
}

#[test]
fn without_an_agent_it_is_flashed_as_well_and_what_fails_is_written_back() {
    let bench = Bench::new();
    // A config with faults may have lines to the pins, which nobody knows then.
    std::fs::write(bench.home.path().join("none.toml"), "[watchdog.mcu]\nboot0_line = \"x\"\n").unwrap();
    let refused = bench.flash_alone(&bench.image("1.1.0"));
    assert!(refused.status.code() == Some(2) && said(&refused).contains("boot0_line"), "{refused:?}");
    std::fs::remove_file(bench.home.path().join("none.toml")).unwrap();
    let flashed = bench.flash_alone(&bench.image("1.1.0"));
    assert!(flashed.status.success(), "{flashed:?}");
    assert_eq!(bench.runs().as_deref(), Some("1.1.0"));
    let kept = bench.home.path().join("mcu-before.bin");
    assert!(std::fs::read(&kept).unwrap().starts_with(&program(BOARD, "1.0.0", LENGTH)));
    // What cannot be written is given up for what was there.
    bench.mcu.set_wrong(Wrong::Stubborn).unwrap();
    let failed = bench.flash_alone(&bench.image("1.0.0"));
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(said(&failed).contains("was written back, and verified; its firmware runs"), "{failed:?}");
    assert_eq!(bench.runs().as_deref(), Some("1.1.0"));
    bench.mcu.set_wrong(Wrong::Nothing).unwrap();
    assert!(bench.flash_alone(&bench.image("1.0.0")).status.success());
    assert_eq!(bench.runs().as_deref(), Some("1.0.0"));
}

#[test]
fn another_part_and_a_silent_line_are_told_and_left_alone() {
    let bench = Bench::new();
    bench.mcu.set_wrong(Wrong::Product(0x460)).unwrap();
    let failed = bench.flash_alone(&bench.image("1.1.0"));
    assert!(failed.status.code() == Some(1) && said(&failed).contains("0x460, an STM32G07x"), "{failed:?}");
    assert_eq!(bench.mcu.rom().unwrap().wear(), (0, &[][..]));
    bench.mcu.power_cycle().unwrap();
    bench.mcu.set_habit(shunt_lab::mcu::Habit::Silent).unwrap();
    let failed = bench.flash_alone(&bench.image("1.1.0"));
    assert!(failed.status.code() == Some(1) && said(&failed).contains("set its BOOT0 high"), "{failed:?}");
    assert_eq!((bench.runs().as_deref(), bench.mcu.rom().unwrap().wear().0), (Some("1.0.0"), 0));
}
