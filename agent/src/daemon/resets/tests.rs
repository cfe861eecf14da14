use super::*;
use crate::api::{Names, WallClock};
use std::path::Path;
use std::time::SystemTime;

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn time(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap()
}

/// The gateway booted at 3:00, the agent started 20 s later, and the MCU told two seconds after that.
fn names() -> Names {
    let text = "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n";
    Names::new(&shunt_config::parse(text, Path::new("test.toml")).unwrap())
}

fn context(names: &Names, seconds: u64) -> Context<'_> {
    let wall = time("2026-01-02T03:00:00Z") + Duration::from_secs(seconds);
    Context {
        names,
        version: "0",
        started: at(20),
        clock: WallClock { boot: at(seconds), wall },
        recovery_time_objective: MINUTE,
        warnings: &[],
    }
}

/// Pulled 30 s before the boot, two minutes after the last feed.
fn reset() -> Reset {
    Reset {
        by: ResetBy::Mcu,
        told: at(22),
        age: Duration::from_secs(52),
        silence: Some(2 * MINUTE),
        alarm: Duration::from_secs(30),
    }
}

fn open(started: &str) -> IncidentStatus {
    let value = serde_json::json!({
        "number": 7, "family": "v4", "link": "fiber", "to": "lte", "cause": "no carrier on eth0",
        "started": started, "detected_ms": 0.1, "decided_ms": 0.2, "switched_ms": 0.3, "restored_ms": 40.0,
        "verified_ms": 41.5, "recovered_ms": null, "ended_ms": 1e6, "breach": false
    });
    serde_json::from_value(value).unwrap()
}

fn snapshot(verdict: Verdict) -> Snapshot {
    use shunt_decision::{Counters, LinkId, LinkSnapshot, PathSnapshot, PerFamily, Reason};
    let path = PathSnapshot {
        family: Family::V4,
        verdict,
        reason: Reason::Starting,
        since: at(20),
        fault: None,
        rtt: None,
        jitter: None,
        loss: None,
        targets: Vec::new(),
    };
    let paths = PerFamily { v4: Some(path), v6: None };
    let link = LinkSnapshot { link: LinkId(0), carrier: Some(true), penalty: 0.0, budget: None, paths };
    Snapshot {
        at: at(22),
        uplink: PerFamily { v4: Some(LinkId(0)), v6: None },
        uplink_reason: PerFamily { v4: Reason::Starting, v6: Reason::Starting },
        forced: None,
        links: vec![link],
        incidents: Vec::new(),
        counters: Counters::default(),
    }
}

#[test]
fn what_was_open_ends_with_the_reset() {
    let names = names();
    let mut resets = Resets::new(vec![7]);
    let before = open("2026-01-02T02:50:00.000Z");
    assert_eq!(resets.end(before.clone(), &context(&names, 22)), before);
    resets.take(reset(), 0);
    // Reset at 2:59:30, whenever it is looked at.
    for second in [22, 100] {
        let ended = resets.end(before.clone(), &context(&names, second));
        assert_eq!(ended.ended_ms, Some(570_000.0));
        let told = ended.host_reset.unwrap();
        assert_eq!((told.after_ms, told.silence_s, told.resets), (Some(570_000.0), Some(120), 1));
        assert_eq!(
            sentence(&ended).unwrap(),
            "incident 7: the one of fiber ended by host reset by the watchdog MCU (feeds missing for 120 s), 9 min after it began"
        );
    }
    // The clock was behind before the boot, or is now: the last that is known.
    let ended = resets.end(open("2026-01-02T03:10:00.000Z"), &context(&names, 22));
    assert_eq!((ended.ended_ms, ended.host_reset.unwrap().after_ms), (Some(41.5), None));
    // Others are left alone, and nothing new is told.
    let other = IncidentStatus { number: 6, ..before };
    assert_eq!(resets.end(other.clone(), &context(&names, 22)), other);
    assert_eq!((resets.alone(9, &context(&names, 22)), resets.shift(1)), (None, 0));
    assert_eq!(resets.concerned(9), [7]);
}

#[test]
fn where_nothing_was_open_it_is_an_incident_until_an_uplink_carries() {
    let names = names();
    let mut resets = Resets::new(Vec::new());
    // The core had told one of its incidents before.
    resets.take(reset(), 1);
    assert!(!resets.look(at(22), || snapshot(Verdict::Suspect)));
    let now = resets.alone(9, &context(&names, 25)).unwrap();
    assert_eq!((now.number, now.family, now.link.as_deref(), now.ended_ms), (11, None, None, None));
    assert_eq!((now.started.as_str(), now.detected_ms), ("2026-01-02T02:57:30.000Z", 30_000.0));
    assert_eq!(now.host_reset.unwrap().after_ms, Some(120_000.0));
    assert!(!now.breach && resets.alone(9, &context(&names, 31)).unwrap().breach, "61 s after the reset");
    assert_eq!((resets.shift(1), resets.shift(2)), (0, 1), "later ones are counted after it");
    assert!(sentence(&now).unwrap().ends_with("no uplink is known to carry yet"));

    assert!(resets.look(at(26), || snapshot(Verdict::Healthy)));
    assert!(!resets.look(at(27), || panic!("it is known")));
    let now = resets.alone(9, &context(&names, 500)).unwrap();
    // Two minutes of silence, and 56 s from the reset to the uplink.
    assert_eq!((now.restored_ms, now.ended_ms, now.breach), (Some(176_000.0), Some(176_000.0), false));
    assert_eq!(
        sentence(&now).unwrap(),
        "incident 11: host reset by the watchdog MCU (feeds missing for 120 s); an uplink carries again 2 min after the last sign of life"
    );
}

#[test]
fn an_uplink_that_carried_before_the_reset_was_told_counts_from_when_it_did() {
    let names = names();
    let mut resets = Resets::new(Vec::new());
    assert!(!resets.look(at(21), || snapshot(Verdict::Healthy)), "there is no outage to end yet");
    resets.take(reset(), 0);
    let now = resets.alone(0, &context(&names, 22)).unwrap();
    assert_eq!((now.number, now.ended_ms), (1, Some(171_000.0)));
}

#[test]
fn resets_in_a_row_are_counted_and_one_that_is_told_again_is_known() {
    let names = names();
    let mut resets = Resets::new(Vec::new());
    for _ in 0..3 {
        resets.take(reset(), 0);
    }
    let told = resets.alone(0, &context(&names, 22)).unwrap();
    assert!(told.cause.ends_with(", 3 times"), "{told:?}");
    assert!(reset().is_that_of(&told, &context(&names, 400)));
    let other = Reset { age: Duration::from_secs(100), ..reset() };
    assert!(!other.is_that_of(&told, &context(&names, 22)));
    let other = Reset { by: ResetBy::Kernel, ..reset() };
    assert!(!other.is_that_of(&told, &context(&names, 22)));
    resets.close();
    assert!(resets.concerned(0).is_empty());
}

#[test]
fn each_reset_has_its_words() {
    let told =
        |by, silence_s, resets| describe::host_reset(&HostReset { by, after_ms: None, silence_s, resets });
    assert_eq!(told(ResetBy::Mcu, None, 1), "host reset by the watchdog MCU (it was asked to)");
    assert_eq!(told(ResetBy::Kernel, None, 2), "host reset by the kernel's watchdog, 2 times");
}
