//! The real agent and the firmware's decisions on one line: feeds, what their end leads to, and lines that are spoilt.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, program, uplink};
use shunt::api::mcu::{McuLogEntry, McuStatus};
use shunt::api::types::{IncidentStatus, ResetBy, Status};
use shunt::api::wire::{EventKind, Request};
use shunt_lab::mcu::{Change, Habit, Outputs, Seen, Stage, StandIn};
use shunt_lab::{Agent, AgentConfig, Lab, Plan, UplinkPlan, enter_or_reexec};
use shunt_wire::{Message, Seconds};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// How fast the MCU's time runs while nobody feeds it.
const HURRY: u32 = 30;
/// How late a pin may be by the MCU's clock: what its thread is late by on a busy machine, at that speed.
const LATE: Duration = Duration::from_secs(10);

const HOUR: Duration = Duration::from_secs(3_600);

const TIMES: &str = "boot_grace = \"1m\"\nfeed_timeout = \"8s\"\nalert = \"20s\"\ncut_modem = true\nmodem_off = \"10s\"\n\
                     modem_settle = \"30s\"\nshutdown = \"40s\"\nreset_hold = \"10s\"\nstop_lease = \"5m\"";

struct Bench {
    mcu: StandIn,
    agent: Agent,
    lab: Lab,
    _home: TempDir,
}

impl Bench {
    /// An agent that feeds an MCU, seen to guard it.
    fn guarded(more: &str) -> Self {
        let bench = Self::start(Habit::Sound, more);
        bench.guards();
        bench
    }

    fn start(habit: Habit, more: &str) -> Self {
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

    fn guards(&self) -> Seen {
        let guards = |seen: &Seen| matches!(seen.stage, Some(Stage::Guarding { .. }));
        self.mcu.wait_for("an MCU that guards", DEADLINE, guards).unwrap()
    }

    /// Waits for so many more feeds.
    fn fed(&self, more: u64) -> Seen {
        let goal = self.mcu.seen().unwrap().feeds + more;
        self.mcu.wait_for("more feeds", DEADLINE, move |seen| seen.feeds >= goal).unwrap()
    }

    /// An MCU that is left disarmed; to be called when nobody is on its line any more who could arm it again.
    fn left_disarmed(&self) {
        let disarmed = |seen: &Seen| seen.heard.contains(&Message::Disarm) && seen.stage.is_none();
        let seen = self.mcu.wait_for("an MCU that is disarmed", DEADLINE, disarmed).unwrap();
        assert_eq!(seen.changes, []);
    }

    fn status(&self) -> McuStatus {
        self.agent.ask(&Request::Mcu {}).unwrap()
    }

    /// Waits for a warning with this in it.
    fn warned(&self, part: &str) -> Status {
        self.agent.wait_for(part, DEADLINE, |status| warns(status, part)).unwrap()
    }

    fn calm(&self) -> Status {
        self.agent.wait_for("no warning of the MCU", DEADLINE, |status| !warns(status, "MCU")).unwrap()
    }

    /// What the command line shows.
    fn shows(&self, arguments: &[&str]) -> String {
        let output = self.agent.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn warns(status: &Status, part: &str) -> bool {
    status.warnings.iter().any(|warning| warning.contains(part))
}

const CALM: Outputs = Outputs { alert: false, modem_power: true, shutdown_request: false, host_reset: false };

/// The pins of the whole escalation, and how long each stands by the config.
fn escalation() -> [(Outputs, u64); 6] {
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
fn reset_in_order(bench: &Bench, silent_since: Duration) {
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

#[test]
fn while_it_is_fed_no_pin_stirs_and_operators_are_answered() {
    let Some(_turn) = enter_or_reexec("while_it_is_fed_no_pin_stirs_and_operators_are_answered") else {
        return;
    };
    let bench = Bench::guarded("");
    // Longer than the MCU waits for a feed.
    let seen = bench.fed(6);
    assert_eq!(seen.changes, []);
    let status = bench.status();
    assert_eq!((status.trouble.as_deref(), status.state.unwrap().stage.as_str()), (None, "guarding"));
    assert_eq!(status.identity.unwrap().board, "stand-in");
    let text = bench.shows(&["mcu", "status"]);
    assert!(text.contains("it guards the gateway") && text.contains("board     stand-in"), "{text}");
    let log: Vec<McuLogEntry> = serde_json::from_str(&bench.shows(&["mcu", "log", "--json"])).unwrap();
    assert!(log.iter().any(|entry| entry.what == "armed" && entry.at.is_some()), "{log:?}");
    assert!(bench.shows(&["mcu", "lease", "2m"]).contains("does not judge the gateway for 2m"));
    bench
        .mcu
        .wait_for("the lease", DEADLINE, |seen| matches!(seen.stage, Some(Stage::Leased { .. })))
        .unwrap();
    assert!(bench.shows(&["mcu", "lease", "2h"]).contains("the longest lease"));
    assert!(bench.shows(&["mcu", "lease", "--end"]).contains("the lease is over"));
    bench.guards();
    assert!(bench.shows(&["mcu", "cycle-modem"]).contains("the modem's supply is cut"));
    let cut = |seen: &Seen| seen.changes.len() == 2;
    let seen = bench.mcu.wait_for("the modem's supply off and on", DEADLINE, cut).unwrap();
    let off = Outputs { modem_power: false, ..CALM };
    assert_eq!(seen.changes.iter().map(|change| change.pins).collect::<Vec<_>>(), [off, CALM]);
    let refused = bench.agent.command(&["mcu", "cycle-modem"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not long enough ago"), "{refused:?}");
    // The agent's journal has what the MCU did.
    let events = bench.shows(&["events"]);
    for part in ["guards the gateway (board stand-in", "the MCU cut the modem's supply as it was asked to"] {
        assert!(events.contains(part), "{events}\nlacks {part}");
    }
}

#[test]
fn a_killed_agent_is_missed_and_its_successor_tells_why_the_gateway_was_reset() {
    let Some(_turn) =
        enter_or_reexec("a_killed_agent_is_missed_and_its_successor_tells_why_the_gateway_was_reset")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    bench.fed(2);
    bench.agent.kill().unwrap();
    reset_in_order(&bench, bench.mcu.seen().unwrap().now);
    bench.agent.start_again().unwrap();
    bench.guards();
    let told = |agent: &Agent| agent.log().matches("the gateway was reset by its MCU").count();
    let mut events =
        bench.agent.wait_for("an answer", DEADLINE, |_| true).and_then(|_| bench.agent.events()).unwrap();
    let reset = std::iter::from_fn(|| events.next(DEADLINE).unwrap())
        .find(|event| event.kind == EventKind::Reset)
        .expect("the reset is told");
    // 8 + 20 + 10 + 30 + 40 s, by a clock that was hurried.
    let silence: u64 =
        reset.text.split("stopped for ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((108..130).contains(&silence), "{}", reset.text);
    // No incident was open: the reset is one, which is over as soon as an uplink carries.
    let over = |status: &Status| matches!(&*status.incidents, [one] if one.ended_ms.is_some());
    let incident = bench.agent.wait_for("the incident", DEADLINE, over).unwrap().incidents.remove(0);
    let reset = incident.host_reset.unwrap();
    assert_eq!((incident.link.as_deref(), reset.by, reset.silence_s), (None, ResetBy::Mcu, Some(silence)));
    assert_eq!(reset.after_ms, Some(silence as f64 * 1e3));
    assert!(incident.restored_ms > reset.after_ms, "{incident:?}");
    let text = bench.shows(&["status"]);
    let row = text.lines().find(|line| line.contains("gateway reset")).expect("it is in the status");
    assert!(
        row.contains(&format!("host reset by the watchdog MCU (feeds missing for {silence} s)")),
        "{row}"
    );
    // It is told once, as soon as that is on the disk.
    assert_eq!(told(&bench.agent), 1);
    let log: Vec<McuLogEntry> = bench.agent.ask(&Request::McuLog {}).unwrap();
    let last = log.last().unwrap().number;
    let file = bench.agent.home().join("state/mcu.json");
    let kept =
        || serde_json::from_slice::<serde_json::Value>(&std::fs::read(&file).ok()?).ok()?["told"].as_u64();
    let is_kept = |_: &Status| kept().is_some_and(|next| next > u64::from(last));
    bench.agent.wait_for("how far it was told on the disk", DEADLINE, is_kept).unwrap();
    bench.agent.kill().unwrap();
    bench.agent.start_again().unwrap();
    bench.fed(2);
    let log: Vec<McuLogEntry> = bench.agent.ask(&Request::McuLog {}).unwrap();
    assert!(log.iter().any(|entry| entry.what == "host_reset"), "{log:?}");
    assert_eq!(told(&bench.agent), 1);
    assert_eq!(bench.agent.status().unwrap().incidents.len(), 1);
}

#[test]
fn a_reset_that_was_asked_for_comes_after_the_request_to_shut_down_and_is_told_as_that() {
    let Some(_turn) = enter_or_reexec(
        "a_reset_that_was_asked_for_comes_after_the_request_to_shut_down_and_is_told_as_that",
    ) else {
        return;
    };
    let mut bench = Bench::guarded("");
    bench.fed(2);
    // So soon after its boot it resets nobody; it is fed often enough for this hurry.
    bench.mcu.hurry(3).unwrap();
    let minute = |seen: &Seen| seen.now > Duration::from_secs(62);
    bench.mcu.wait_for("the end of the boot grace", DEADLINE, minute).unwrap();
    let unconfirmed = bench.agent.command(&["mcu", "reset-host"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(unconfirmed.status.code(), Some(2), "{unconfirmed:?}");
    assert!(String::from_utf8_lossy(&unconfirmed.stderr).contains("nothing was reset"), "{unconfirmed:?}");
    assert!(bench.shows(&["mcu", "reset-host", "--yes"]).contains("asks the gateway to shut down"));
    // Feeds do not call it back.
    bench.mcu.hurry(HURRY).unwrap();
    let reset = |seen: &Seen| seen.changes.iter().any(|change| change.pins.host_reset);
    let seen = bench.mcu.wait_for("the reset", DEADLINE, reset).unwrap();
    bench.mcu.hurry(1).unwrap();
    let pins: Vec<Outputs> = seen.changes.iter().map(|change| change.pins).take(2).collect();
    let asked = Outputs { shutdown_request: true, ..CALM };
    assert_eq!(pins, [asked, Outputs { host_reset: true, ..CALM }]);
    bench.agent.kill().unwrap();
    bench.agent.start_again().unwrap();
    let told = |status: &Status| status.incidents.iter().any(|incident| incident.host_reset.is_some());
    let status = bench.agent.wait_for("the reset", DEADLINE, told).unwrap();
    let incident = status.incidents.iter().find_map(|incident| incident.host_reset).unwrap();
    assert_eq!((incident.by, incident.silence_s), (ResetBy::Mcu, None));
    assert_eq!(bench.status().state.unwrap().last_host_reset.as_deref(), Some("asked"));
}

#[test]
fn an_incident_that_was_open_when_the_gateway_was_reset_ends_with_the_reset() {
    let Some(_turn) =
        enter_or_reexec("an_incident_that_was_open_when_the_gateway_was_reset_ends_with_the_reset")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    bench.agent.wait_for("the fiber", DEADLINE, |status| uplink(status) == Some("fiber")).unwrap();
    bench.lab.uplinks[0].set_carrier(false).unwrap();
    let moved = |status: &Status| status.incidents.last().is_some_and(|one| one.restored_ms.is_some());
    bench.agent.wait_for("a failover", DEADLINE, moved).unwrap();
    let file = bench.agent.home().join("state/incidents.json");
    let kept = || -> Option<Vec<IncidentStatus>> { serde_json::from_slice(&std::fs::read(&file).ok()?).ok() };
    let restored = || kept().is_some_and(|all| all.last().is_some_and(|one| one.restored_ms.is_some()));
    bench.agent.wait_for("the failover on the disk", DEADLINE, |_| restored()).unwrap();
    bench.agent.kill().unwrap();
    reset_in_order(&bench, bench.mcu.seen().unwrap().now);
    // It began an hour ago: an MCU that is hurried tells longer ages than have passed.
    let mut left_open = kept().unwrap();
    let began = humantime::format_rfc3339_millis(SystemTime::now() - HOUR).to_string();
    began.clone_into(&mut left_open[0].started);
    std::fs::write(&file, serde_json::to_vec(&left_open).unwrap()).unwrap();
    bench.lab.uplinks[0].set_carrier(true).unwrap();
    bench.agent.start_again().unwrap();
    bench.guards();
    let reset = |status: &Status| status.incidents.first().is_some_and(|one| one.host_reset.is_some());
    let status = bench.agent.wait_for("the reset in the incident", DEADLINE, reset).unwrap();
    let [incident] = &*status.incidents else { panic!("{:?}", status.incidents) };
    let told = incident.host_reset.unwrap();
    assert_eq!((incident.number, incident.link.as_deref(), told.resets), (1, Some("fiber"), 1));
    assert!(told.after_ms.is_some() && told.after_ms == incident.ended_ms, "{incident:?}");
    let off = incident.ended_ms.unwrap() / 1e3 - HOUR.as_secs_f64();
    assert!(off.abs() < 60.0, "measured to within a minute: {incident:?}");
    let silence = told.silence_s.unwrap();
    let words = format!("ended by host reset by the watchdog MCU (feeds missing for {silence} s)");
    let text = bench.shows(&["status"]);
    assert!(text.contains(&words), "{text}");
    assert!(bench.agent.log().contains(&format!("incident 1: the one of fiber {words}")));
    // That is on the disk, and what comes is counted on.
    let kept_reset = || kept().is_some_and(|all| all.iter().any(|one| one.host_reset.is_some()));
    bench.agent.wait_for("the reset on the disk", DEADLINE, |_| kept_reset()).unwrap();
}

#[test]
fn an_agent_that_stands_still_is_missed_and_forgiven_until_the_reset() {
    let Some(_turn) = enter_or_reexec("an_agent_that_stands_still_is_missed_and_forgiven_until_the_reset")
    else {
        return;
    };
    let bench = Bench::guarded("");
    bench.agent.freeze(true).unwrap();
    bench.mcu.hurry(HURRY).unwrap();
    let alert = |seen: &Seen| seen.changes.iter().any(|change| change.pins.alert);
    bench.mcu.wait_for("the alert", DEADLINE, alert).unwrap();
    bench.mcu.hurry(1).unwrap();
    bench.agent.freeze(false).unwrap();
    let seen = bench.guards();
    assert!(seen.changes.iter().all(|change| !change.pins.host_reset), "{:?}", seen.changes);
    bench.agent.wait_for("the status", DEADLINE, |_| true).unwrap();
    bench.agent.freeze(true).unwrap();
    bench.mcu.hurry(HURRY).unwrap();
    let reset = |seen: &Seen| seen.changes.iter().any(|change| change.pins.host_reset);
    let seen = bench.mcu.wait_for("the reset", DEADLINE, reset).unwrap();
    let order: Vec<_> = seen.changes.iter().map(|change| change.pins).collect();
    assert!(order.ends_with(&escalation().map(|(pins, _)| pins)[..5]), "{order:?}");
    bench.agent.freeze(false).unwrap();
}

/// What the service manager starts again and again, for ever.
#[test]
fn an_agent_that_dies_soon_after_each_start_is_missed() {
    let Some(_turn) = enter_or_reexec("an_agent_that_dies_soon_after_each_start_is_missed") else { return };
    let mut bench = Bench::guarded("");
    let alert = |seen: &Seen| seen.changes.iter().any(|change| change.pins.alert);
    let end = Instant::now() + DEADLINE;
    while !alert(&bench.mcu.seen().unwrap()) {
        assert!(Instant::now() < end, "it is never missed: {:?}", bench.mcu.seen().unwrap());
        bench.agent.kill().unwrap();
        bench.agent.start_again().unwrap();
        // Its loop turns, and it has met the MCU.
        let met =
            |agent: &Agent| agent.ask::<McuStatus>(&Request::Mcu {}).is_ok_and(|mcu| mcu.state.is_some());
        bench.agent.wait_for("the MCU to be met", DEADLINE, |_| met(&bench.agent)).unwrap();
    }
    // One that lives is fed for after all.
    bench.guards();
}

#[test]
fn a_stop_asks_for_a_lease_and_a_stop_for_good_disarms() {
    let Some(_turn) = enter_or_reexec("a_stop_asks_for_a_lease_and_a_stop_for_good_disarms") else { return };
    let mut bench = Bench::guarded("");
    assert!(bench.agent.terminate().unwrap().success());
    let leased = |seen: &Seen| seen.heard.contains(&Message::Lease(Seconds(300)));
    let seen = bench.mcu.wait_for("the lease of the stop", DEADLINE, leased).unwrap();
    assert!(matches!(seen.stage, Some(Stage::Leased { .. })), "{seen:?}");
    // Its successor ends it by itself, and is guarded.
    bench.agent.start_again().unwrap();
    let seen = bench.guards();
    assert!(seen.heard.contains(&Message::Lease(Seconds(0))) && seen.changes.is_empty(), "{seen:?}");
    // The command waits until the agent is gone.
    bench.shows(&["stop", "--restore"]);
    bench.left_disarmed();
}

/// As when the package is removed: the service is stopped first.
#[test]
fn a_stop_for_good_disarms_when_no_agent_runs_and_tells_when_it_cannot() {
    let Some(_turn) = enter_or_reexec("a_stop_for_good_disarms_when_no_agent_runs_and_tells_when_it_cannot")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    assert!(bench.agent.terminate().unwrap().success());
    let state = || std::fs::read_to_string(bench.agent.home().join("state/mcu.json")).unwrap();
    let port = format!("{:?}", bench.mcu.port());
    assert!(state().contains(&port), "{}", state());
    bench.mcu.set_habit(Habit::Silent).unwrap();
    let failed = bench.agent.command(&["stop", "--restore"]).output().unwrap();
    let text = String::from_utf8_lossy(&failed.stderr);
    for part in ["failed to disarm the watchdog MCU on", "does not answer", "owned in the kernel is gone"] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(state().contains(&port), "it is known to be armed: {}", state());
    bench.mcu.set_habit(Habit::Sound).unwrap();
    let text = bench.shows(&["stop", "--restore"]);
    assert!(text.contains("is disarmed"), "{text}");
    bench.left_disarmed();
    assert!(!state().contains(&port), "{}", state());
}

/// Some service managers only ask for the stop: the agent is still ending when the package is removed.
#[test]
fn a_stop_for_good_waits_for_an_agent_that_is_still_ending_and_disarms_after_it() {
    let test = "a_stop_for_good_waits_for_an_agent_that_is_still_ending_and_disarms_after_it";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let mut bench = Bench::guarded("");
    // The end waits for an MCU that does not answer.
    bench.mcu.set_habit(Habit::Silent).unwrap();
    let mut events = bench.agent.events().unwrap();
    bench.agent.ask_to_end().unwrap();
    while events.next(DEADLINE).unwrap().unwrap().kind != EventKind::Stopping {}
    let command = bench.agent.command(&["stop", "--restore"]).stdout(Stdio::piped()).spawn().unwrap();
    assert!(bench.agent.terminate().unwrap().success());
    bench.mcu.set_habit(Habit::Sound).unwrap();
    let output = command.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("is disarmed"), "{output:?}");
    bench.left_disarmed();
}

#[test]
fn a_stop_for_good_that_an_mcu_does_not_hear_of_is_a_failure() {
    let Some(_turn) = enter_or_reexec("a_stop_for_good_that_an_mcu_does_not_hear_of_is_a_failure") else {
        return;
    };
    let bench = Bench::guarded("");
    bench.mcu.set_habit(Habit::Silent).unwrap();
    let failed = bench.agent.command(&["stop", "--restore"]).output().unwrap();
    let text = String::from_utf8_lossy(&failed.stderr);
    for part in ["owned in the kernel is gone, but", "does not answer", "run `shunt stop --restore` again"] {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
}

#[test]
fn what_is_armed_and_configured_no_more_is_told_and_disarmed_by_the_next_start() {
    let Some(_turn) =
        enter_or_reexec("what_is_armed_and_configured_no_more_is_told_and_disarmed_by_the_next_start")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    assert!(bench.agent.terminate().unwrap().success());
    let text = std::fs::read_to_string(bench.agent.config_file()).unwrap();
    std::fs::write(bench.agent.config_file(), text.replace("port = ", "#port = ")).unwrap();
    bench.mcu.set_habit(Habit::Silent).unwrap();
    bench.agent.start_again().unwrap();
    bench.warned("a watchdog MCU is armed that the config has no more: failed to disarm");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.left_disarmed();
    bench.calm();
    assert!(bench.agent.log().contains("is configured no more, and is disarmed"));
}

/// The new one is fed from the start, whatever becomes of those before it.
#[test]
fn an_mcu_that_takes_the_place_of_others_is_fed_while_these_are_disarmed() {
    let Some(_turn) =
        enter_or_reexec("an_mcu_that_takes_the_place_of_others_is_fed_while_these_are_disarmed")
    else {
        return;
    };
    let mut bench = Bench::guarded("");
    let homes: [TempDir; 2] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let others = homes.each_ref().map(|home| StandIn::start(home.path(), None).unwrap());
    let guards = |seen: &Seen| matches!(seen.stage, Some(Stage::Guarding { .. }));
    let mut port = bench.mcu.port().to_owned();
    bench.mcu.set_habit(Habit::Silent).unwrap();
    for other in &others {
        assert!(bench.agent.terminate().unwrap().success());
        let text = std::fs::read_to_string(bench.agent.config_file()).unwrap();
        let text = text.replace(port.to_str().unwrap(), other.port().to_str().unwrap());
        std::fs::write(bench.agent.config_file(), text).unwrap();
        bench.agent.start_again().unwrap();
        other.wait_for("an MCU that guards", DEADLINE, guards).unwrap();
        bench.warned("failed to disarm");
        port = other.port().to_owned();
        other.set_habit(Habit::Silent).unwrap();
    }
    // The last one is armed, two before it are, and nobody hears of the stop: that is told of each.
    let failed = bench.agent.command(&["stop", "--restore"]).output().unwrap();
    let text = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(text.matches("it resets a gateway that does not feed it").count(), 2, "{text}");
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    for mcu in others.iter().chain([&bench.mcu]) {
        mcu.set_habit(Habit::Sound).unwrap();
    }
    assert_eq!(bench.shows(&["stop", "--restore"]).matches("is disarmed").count(), 3);
    for mcu in others.iter().chain([&bench.mcu]) {
        mcu.wait_for("an MCU that is disarmed", DEADLINE, |seen| seen.stage.is_none()).unwrap();
    }
}

#[test]
fn a_spoilt_line_is_told_and_stirs_nothing() {
    let Some(_turn) = enter_or_reexec("a_spoilt_line_is_told_and_stirs_nothing") else { return };
    let bench = Bench::guarded("");
    // Noise costs frames, and nothing else.
    bench.mcu.set_habit(Habit::Noisy).unwrap();
    assert_eq!(bench.fed(8).changes, []);
    // A flood keeps neither the feeds nor the operators waiting.
    bench.mcu.set_habit(Habit::Flood).unwrap();
    bench.warned("floods its line");
    assert_eq!(bench.fed(3).changes, []);
    bench.mcu.set_habit(Habit::Sound).unwrap();
    // The firmware hangs: it is armed again.
    bench.mcu.hang().unwrap();
    let _hello = bench.guards();
    // The port goes, and comes back as another one.
    bench.mcu.plug(false).unwrap();
    bench.warned("cannot be reached: failed to");
    assert!(bench.status().identity.is_none());
    bench.mcu.plug(true).unwrap();
    assert_eq!(bench.fed(2).changes, []);
    bench.agent.wait_for("the port", DEADLINE, |status| !warns(status, "cannot be reached")).unwrap();
}

#[test]
fn strangers_and_silence_are_told_and_an_mcu_that_comes_is_met() {
    let Some(_turn) = enter_or_reexec("strangers_and_silence_are_told_and_an_mcu_that_comes_is_met") else {
        return;
    };
    let bench = Bench::start(Habit::Silent, "");
    bench.warned("does not answer");
    let refused = bench.agent.command(&["mcu", "cycle-modem"]).output().unwrap();
    assert!(!refused.status.success());
    bench.mcu.set_habit(Habit::NewerVersion).unwrap();
    bench.warned("speaks version 2 of the frames");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.guards();
    bench.calm();
    let bench = Bench::start(Habit::Console, "");
    bench.warned("sends what is no frame");
    assert!(bench.agent.log().matches("sends what is no frame").count() == 1, "told once");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.guards();
}

/// One that hears nothing says nothing: the speed is named all the same, and once it boots it is known.
#[test]
fn another_speed_is_told_and_left_behind_when_it_is_mended() {
    let Some(_turn) = enter_or_reexec("another_speed_is_told_and_left_behind_when_it_is_mended") else {
        return;
    };
    let bench = Bench::start(Habit::WrongSpeed, "");
    bench.warned(
        "does not answer; is it connected, has it power and Shunt's firmware, is its speed 115200 baud",
    );
    bench.mcu.hang().unwrap();
    bench.warned("sends what is no frame; is its speed 115200 baud");
    let seen = bench.mcu.seen().unwrap();
    assert!(seen.heard.is_empty() && seen.feeds == 0 && seen.changes.is_empty(), "{seen:?}");
    bench.mcu.set_habit(Habit::Sound).unwrap();
    bench.guards();
    bench.calm();
}

#[test]
fn the_ladders_power_rung_cuts_the_modem_by_the_mcus_rail() {
    let Some(_turn) = enter_or_reexec("the_ladders_power_rung_cuts_the_modem_by_the_mcus_rail") else {
        return;
    };
    let modem = "[[modem]]\nlink = \"lte\"\nport = \"/dev/ttyS97\"\n[modem.power]\nby = \"mcu\"\n";
    let bench = Bench::guarded(modem);
    assert!(bench.shows(&["mcu", "cycle-modem"]).contains("it is ordered"));
    let cut = |seen: &Seen| seen.changes.len() == 2;
    let seen = bench.mcu.wait_for("the modem's supply off and on", DEADLINE, cut).unwrap();
    assert!(!seen.changes[0].pins.modem_power && seen.changes[1].pins.modem_power, "{seen:?}");
    let off = seen.changes[1].at - seen.changes[0].at;
    assert!(off >= Duration::from_secs(10), "{off:?}");
    assert_eq!(seen.heard.iter().filter(|message| **message == Message::CycleModem).count(), 1);
    let told = |status: &Status| !warns(status, "MCU");
    bench.agent.wait_for("no complaint", DEADLINE, told).unwrap();
}

#[test]
fn a_reload_changes_the_times_and_disarms_what_is_configured_no_more() {
    let Some(_turn) = enter_or_reexec("a_reload_changes_the_times_and_disarms_what_is_configured_no_more")
    else {
        return;
    };
    let bench = Bench::guarded("");
    let change = |from: &str, to: &str| {
        let text = std::fs::read_to_string(bench.agent.config_file()).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(bench.agent.config_file(), text.replace(from, to)).unwrap();
        bench.agent.reload().unwrap();
    };
    change("alert = \"20s\"", "alert = \"25s\"");
    let armed = |seen: &Seen| {
        let alert = |message: &Message| matches!(message, Message::Arm(times) if times.alert == Seconds(25));
        seen.heard.iter().any(alert) && matches!(seen.stage, Some(Stage::Guarding { .. }))
    };
    bench.mcu.wait_for("the new times", DEADLINE, armed).unwrap();
    // What leaves it alone does so.
    let before = bench.mcu.seen().unwrap().heard.len();
    change("[canary]", "[probe]\ninterval = \"500ms\"\n[canary]");
    let reloads = |part: &str| bench.agent.log().matches(part).count();
    bench.agent.wait_for("the reload", DEADLINE, |_| reloads("the new config is in force") == 2).unwrap();
    let hellos = |heard: &[Message]| heard.iter().any(|message| matches!(message, Message::Hello(_)));
    let seen = bench.fed(2);
    assert!(!hellos(&seen.heard[before..]), "{:?}", &seen.heard[before..]);
    change("port = ", "#port = ");
    bench.agent.wait_for("the reload", DEADLINE, |_| reloads("the new config is in force") == 3).unwrap();
    bench.left_disarmed();
    let refused = bench.agent.command(&["mcu", "status"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("add [watchdog.mcu] with its port"),
        "{refused:?}"
    );
}
