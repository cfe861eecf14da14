//! An agent that feeds, that dies or stands still, and what the MCU tells of it afterwards.

use crate::bench::{Bench, CALM, HOUR, HURRY, escalation, reset_in_order, warns};
use crate::common::{DEADLINE, uplink};
use shunt::api::mcu::{McuLogEntry, McuStatus};
use shunt::api::types::{IncidentStatus, ResetBy, Status};
use shunt::api::wire::{EventKind, Request};
use shunt_lab::mcu::{Outputs, Seen, Stage};
use shunt_lab::{Agent, enter_or_reexec};
use shunt_wire::Message;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

#[test]
fn while_it_is_fed_no_pin_stirs_and_operators_are_answered() {
    let Some(_turn) = enter_or_reexec("guard::while_it_is_fed_no_pin_stirs_and_operators_are_answered")
    else {
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
        enter_or_reexec("guard::a_killed_agent_is_missed_and_its_successor_tells_why_the_gateway_was_reset")
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
        "guard::a_reset_that_was_asked_for_comes_after_the_request_to_shut_down_and_is_told_as_that",
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
    bench.mcu.wait_for("the reset", DEADLINE, reset).unwrap();
    bench.agent.kill().unwrap();
    let over = |seen: &Seen| seen.changes.len() >= 3;
    let seen = bench.mcu.wait_for("the end of the reset", DEADLINE, over).unwrap();
    bench.mcu.hurry(1).unwrap();
    let pins: Vec<Outputs> = seen.changes.iter().map(|change| change.pins).collect();
    let alert = Outputs { alert: true, ..CALM };
    let [asked, reset] = [Outputs { shutdown_request: true, ..alert }, Outputs { host_reset: true, ..alert }];
    assert_eq!(pins, [asked, reset, CALM], "at once, and no other step before");
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
        enter_or_reexec("guard::an_incident_that_was_open_when_the_gateway_was_reset_ends_with_the_reset")
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
    let Some(_turn) =
        enter_or_reexec("guard::an_agent_that_stands_still_is_missed_and_forgiven_until_the_reset")
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
    let Some(_turn) = enter_or_reexec("guard::an_agent_that_dies_soon_after_each_start_is_missed") else {
        return;
    };
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
fn the_ladders_power_rung_cuts_the_modem_by_the_mcus_rail() {
    let Some(_turn) = enter_or_reexec("guard::the_ladders_power_rung_cuts_the_modem_by_the_mcus_rail") else {
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
