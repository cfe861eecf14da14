//! An agent in front of the stand-in for its MCU, and the escalation that the config asks for.

use crate::common::{DEADLINE, program};
use shunt::api::mcu::McuStatus;
use shunt::api::types::Status;
use shunt::api::wire::Request;
use shunt_lab::mcu::{Change, Habit, Outputs, Seen, Stage, StandIn};
use shunt_lab::{Agent, AgentConfig, Lab, Plan, UplinkPlan};
use shunt_wire::Message;
use std::time::Duration;
use tempfile::TempDir;

/// How fast the MCU's time runs while nobody feeds it.
pub(crate) const HURRY: u32 = 30;
/// How late a pin may be by the MCU's clock: what its thread is late by on a busy machine, at that speed.
pub(crate) const LATE: Duration = Duration::from_secs(10);

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) const TIMES: &str = "boot_grace = \"1m\"\nfeed_timeout = \"8s\"\nalert = \"20s\"\ncut_modem = true\nmodem_off = \"10s\"\n\
                     modem_settle = \"30s\"\nshutdown = \"40s\"\nreset_hold = \"10s\"\nstop_lease = \"5m\"";

pub(crate) struct Bench {
    pub(crate) mcu: StandIn,
    pub(crate) agent: Agent,
    pub(crate) lab: Lab,
    _home: TempDir,
}

impl Bench {
    /// An agent that feeds an MCU, seen to guard it.
    pub(crate) fn guarded(more: &str) -> Self {
        let bench = Self::start(Habit::Sound, more);
        bench.guards();
        bench
    }

    pub(crate) fn start(habit: Habit, more: &str) -> Self {
        let home = tempfile::Builder::new().prefix("shunt-mcu-").tempdir().unwrap();
        let mcu = StandIn::start(home.path(), None).unwrap();
        mcu.set_habit(habit).unwrap();
        let uplinks = vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")];
        let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 3 }).unwrap();
        let section =
            format!("[canary]\nenabled = false\n[watchdog.mcu]\nport = {:?}\n{TIMES}\n", mcu.port());
        let mut config = AgentConfig::new(&lab).with(&section);
        if let Some(last) = config.links.last_mut() {
            last.keys = more.to_owned();
        }
        let agent = Agent::start(&program(), &lab.gateway, &config).unwrap();
        agent.wait_for("an answer", DEADLINE, |_| true).unwrap();
        Self { mcu, agent, lab, _home: home }
    }

    pub(crate) fn guards(&self) -> Seen {
        let guards = |seen: &Seen| matches!(seen.stage, Some(Stage::Guarding { .. }));
        self.mcu.wait_for("an MCU that guards", DEADLINE, guards).unwrap()
    }

    /// Waits for so many more feeds.
    pub(crate) fn fed(&self, more: u64) -> Seen {
        let goal = self.mcu.seen().unwrap().feeds + more;
        self.mcu.wait_for("more feeds", DEADLINE, move |seen| seen.feeds >= goal).unwrap()
    }

    /// An MCU that is left disarmed; to be called when nobody is on its line any more who could arm it again.
    pub(crate) fn left_disarmed(&self) {
        let disarmed = |seen: &Seen| seen.heard.contains(&Message::Disarm) && seen.stage.is_none();
        let seen = self.mcu.wait_for("an MCU that is disarmed", DEADLINE, disarmed).unwrap();
        assert_eq!(seen.changes, []);
    }

    pub(crate) fn status(&self) -> McuStatus {
        self.agent.ask(&Request::Mcu {}).unwrap()
    }

    /// Waits for a warning with this in it.
    pub(crate) fn warned(&self, part: &str) -> Status {
        self.agent.wait_for(part, DEADLINE, |status| warns(status, part)).unwrap()
    }

    pub(crate) fn calm(&self) -> Status {
        self.agent.wait_for("no warning of the MCU", DEADLINE, |status| !warns(status, "MCU")).unwrap()
    }

    /// What the command line shows.
    pub(crate) fn shows(&self, arguments: &[&str]) -> String {
        let output = self.agent.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

pub(crate) fn warns(status: &Status, part: &str) -> bool {
    status.warnings.iter().any(|warning| warning.contains(part))
}

pub(crate) const CALM: Outputs =
    Outputs { alert: false, modem_power: true, shutdown_request: false, host_reset: false };

/// The pins of the whole escalation, and how long each stands by the config.
pub(crate) fn escalation() -> [(Outputs, u64); 6] {
    let alert = Outputs { alert: true, ..CALM };
    [
        (alert, 20),
        (Outputs { modem_power: false, ..alert }, 10),
        (alert, 30),
        (Outputs { shutdown_request: true, ..alert }, 40),
        (Outputs { host_reset: true, ..alert }, 10),
        (CALM, 0),
    ]
}

/// Hurries until the gateway was reset, and holds the pins against the config: in order and on time.
pub(crate) fn reset_in_order(bench: &Bench, silent_since: Duration) {
    bench.mcu.hurry(HURRY).unwrap();
    let whole = |seen: &Seen| seen.changes.len() >= 6;
    let seen = bench.mcu.wait_for("the whole escalation", DEADLINE, whole).unwrap();
    bench.mcu.hurry(1).unwrap();
    let pins: Vec<Outputs> = seen.changes.iter().map(|change| change.pins).collect();
    assert_eq!(pins, escalation().map(|(pins, _)| pins));
    let on_time = |from: Duration, to: Duration, expected: u64| {
        let passed = to.saturating_sub(from);
        let expected = Duration::from_secs(expected);
        assert!(passed + Duration::from_millis(10) >= expected && passed < expected + LATE, "{seen:?}");
    };
    let Change { at: first, .. } = seen.changes[0];
    // The last feed came up to 2 s before.
    on_time(silent_since.saturating_sub(Duration::from_secs(2)), first, 8);
    for (two, (_, stands)) in seen.changes.windows(2).zip(escalation()) {
        on_time(two[0].at, two[1].at, stands);
    }
}
