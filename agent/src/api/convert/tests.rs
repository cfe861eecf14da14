//! Tables: what the core knows on one side, what the contract says on the other.

use super::*;
use crate::api::names::tests::fiber_and_lte;
use crate::api::types;
use crate::api::types::Verdict;
use shunt_decision::{
    BudgetState as Fares, Force, PerFamily, Reason, TargetId, TargetSnapshot, Verdict as Core,
};

const FIBER: LinkId = LinkId(0);
const LTE: LinkId = LinkId(1);
const V4: shunt_decision::Family = shunt_decision::Family::V4;
const V6: shunt_decision::Family = shunt_decision::Family::V6;

/// 2026-01-02T03:04:05Z.
const WALL: u64 = 1_767_323_045;

fn at(millis: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(millis)
}

fn context(names: &Names) -> Context<'_> {
    Context {
        names,
        version: "0.1.0",
        started: at(40_000),
        clock: WallClock { boot: at(100_000), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(WALL) },
        recovery_time_objective: Duration::from_secs(1),
        warnings: &[],
    }
}

fn path(family: shunt_decision::Family, verdict: Core, reason: Reason) -> PathSnapshot {
    PathSnapshot {
        family,
        verdict,
        reason,
        fault: None,
        since: at(90_000),
        rtt: Some(Duration::from_nanos(10_123_456)),
        jitter: None,
        loss: Some(Percent::new(1.0 / 3.0)),
        targets: vec![TargetSnapshot {
            target: TargetId(0),
            alive: true,
            blamed: false,
            rtt: None,
            loss: None,
        }],
    }
}

fn link(link: LinkId, v4: Option<PathSnapshot>, v6: Option<PathSnapshot>) -> LinkSnapshot {
    LinkSnapshot { link, carrier: Some(true), penalty: 0.0, budget: None, paths: PerFamily { v4, v6 } }
}

fn snapshot(links: Vec<LinkSnapshot>) -> Snapshot {
    Snapshot {
        at: at(100_500),
        uplink: PerFamily { v4: Some(LTE), v6: None },
        uplink_reason: PerFamily { v4: Reason::UplinkFailed { from: FIBER }, v6: Reason::Unmanaged },
        forced: None,
        links,
        incidents: Vec::new(),
        counters: shunt_decision::Counters { probes: 12, moves: 1, actions_dropped: 2, ..Default::default() },
    }
}

fn failover() -> Incident {
    Incident {
        number: 1,
        family: V4,
        link: FIBER,
        to: Some(LTE),
        cause: Reason::NoCarrier,
        fault: Some(shunt_decision::Fault::Carrier),
        zero: at(95_000),
        detected: at(95_000),
        decided: Some(at(95_000)),
        switched: Some(Timestamp::from_nanos(95_000_440_400)),
        restored: Some(at(95_052)),
        verified: Some(at(95_060)),
        recovered: None,
        ended: None,
    }
}

#[test]
fn the_headline_is_v4s_and_else_v6s() {
    let names = fiber_and_lte();
    let healthy = || path(V4, Core::Healthy, Reason::Answering { alive: 2, of: 2 });
    let failed = || path(V6, Core::Failed, Reason::Silent { alive: 0, of: 1, lost: 3 });
    let table = [
        (link(FIBER, Some(healthy()), Some(failed())), Verdict::Healthy, "all 2 targets answer"),
        (
            link(FIBER, None, Some(failed())),
            Verdict::Failed,
            "1 of 1 target silent, 3 confirming probes lost",
        ),
        (link(FIBER, None, None), Verdict::Unknown, "no target is configured"),
    ];
    for (link, verdict, reason) in table {
        let status = status(&snapshot(vec![link]), &context(&names));
        assert_eq!((status.links[0].verdict, status.links[0].reason.as_str()), (verdict, reason));
    }
}

#[test]
fn names_numbers_and_times_are_the_operators() {
    let names = fiber_and_lte();
    let mut picture = snapshot(vec![
        link(FIBER, Some(path(V4, Core::Healthy, Reason::NoCarrier)), None),
        link(LTE, None, None),
    ]);
    picture.forced = Some(Force { link: LTE, until: Some(at(700_500)), strict: true });
    let status = status(&picture, &context(&names));

    assert_eq!((status.at.as_str(), status.uptime_s), ("2026-01-02T03:04:05.500Z", 60));
    assert_eq!(status.uplink, Families { v4: Some("lte".into()), v6: None });
    assert_eq!(status.uplink_reason.v4, "fiber failed");
    assert_eq!(status.uplink_reason.v6, "no target of this family is configured");
    let until = Some("2026-01-02T03:14:05.500Z".into());
    assert_eq!(status.forced, Some(Forced { link: "lte".into(), until, strict: true }));

    assert_eq!((status.counters.probes, status.counters.moves, status.counters.dropped), (12, 1, 2));

    let fiber = &status.links[0];
    assert_eq!((fiber.name.as_str(), fiber.interface.as_str(), fiber.metered), ("fiber", "eth0", false));
    assert_eq!((fiber.rtt_ms, fiber.jitter_ms, fiber.loss_percent), (Some(10.123), None, Some(0.33)));
    assert_eq!(fiber.since.as_deref(), Some("2026-01-02T03:03:55.000Z"));
    assert_eq!(fiber.reason, "no carrier on eth0");
    assert_eq!(fiber.families.v4.as_ref().unwrap().targets[0].target, "1.1.1.1");
    assert!(status.links[1].metered);
}

#[test]
fn stages_count_from_zero() {
    let names = fiber_and_lte();
    let shown = incident(&failover(), at(100_000), &context(&names));
    assert_eq!(shown.started, "2026-01-02T03:04:00.000Z");
    assert_eq!((shown.detected_ms, shown.decided_ms, shown.switched_ms), (0.0, Some(0.0), Some(0.44)));
    assert_eq!((shown.restored_ms, shown.verified_ms), (Some(52.0), Some(60.0)));
    assert_eq!((shown.recovered_ms, shown.ended_ms), (None, None));
    assert_eq!(
        (shown.link.as_deref(), shown.to.as_deref(), shown.breach),
        (Some("fiber"), Some("lte"), false)
    );
}

#[test]
fn a_breach_is_traffic_restored_too_late_or_not_at_all() {
    let names = fiber_and_lte();
    let open = Incident { restored: None, verified: None, ..failover() };
    // (incident, now, breach), with an objective of one second after 95.0 s
    let table = [
        (Incident { restored: Some(at(96_000)), ..failover() }, 200_000, false),
        (Incident { restored: Some(at(96_001)), ..failover() }, 200_000, true),
        (open, 95_900, false),
        (open, 96_100, true),
        (Incident { recovered: Some(at(95_800)), ..open }, 200_000, false),
        (Incident { ended: Some(at(97_000)), ..open }, 200_000, true),
    ];
    for (one, now, breach) in table {
        assert_eq!(incident(&one, at(now), &context(&names)).breach, breach, "{one:?}");
    }
}

#[test]
fn an_event_carries_its_parts_and_the_sentence() {
    let names = fiber_and_lte();
    let context = context(&names);
    let entry = |what| Entry { at: at(100_000), what };

    let reason = Reason::NoCarrier;
    let verdict =
        Happening::Verdict { link: FIBER, family: V4, from: Core::Healthy, to: Core::Failed, reason };
    let shown = event(7, &entry(verdict), &context);
    assert_eq!(
        (shown.number, shown.kind, shown.at.as_str()),
        (7, EventKind::Verdict, "2026-01-02T03:04:05.000Z")
    );
    assert_eq!((shown.family, shown.link.as_deref()), (Some(Family::V4), Some("fiber")));
    assert_eq!((shown.verdict, shown.reason.as_deref()), (Some(Verdict::Failed), Some("no carrier on eth0")));
    assert_eq!(shown.text, "fiber (IPv4) failed: no carrier on eth0");

    let uplink = Happening::Uplink { family: V6, from: Some(FIBER), to: LTE, reason: Reason::Preferred };
    let shown = event(8, &entry(uplink), &context);
    assert_eq!((shown.kind, shown.family), (EventKind::Uplink, Some(Family::V6)));
    assert_eq!((shown.link.as_deref(), shown.to.as_deref()), (Some("fiber"), Some("lte")));

    let shown = event(9, &entry(Happening::Stranded { family: V4, link: LTE }), &context);
    assert_eq!((shown.kind, shown.link.as_deref()), (EventKind::Stranded, Some("lte")));
    let shown = event(10, &entry(Happening::Force { link: LTE, reason: Reason::Forced }), &context);
    assert_eq!((shown.kind, shown.family, shown.link.as_deref()), (EventKind::Force, None, Some("lte")));
    let shown = event(11, &entry(Happening::Verified { family: V4, link: LTE }), &context);
    assert_eq!((shown.kind, shown.link.as_deref()), (EventKind::Verified, Some("lte")));

    let shown = event(12, &entry(Happening::Incident(failover())), &context);
    assert_eq!((shown.kind, shown.to.as_deref()), (EventKind::Incident, Some("lte")));
    assert_eq!(shown.incident.unwrap().restored_ms, Some(52.0));
}

#[test]
fn a_clock_that_was_never_set_breaks_nothing() {
    let table = [
        (SystemTime::UNIX_EPOCH, 0, "1970-01-01T00:00:00.000Z"),
        (SystemTime::UNIX_EPOCH, 200_000, "1970-01-01T00:01:40.000Z"),
        (
            SystemTime::UNIX_EPOCH + Duration::from_secs(LAST_WRITABLE_SECOND),
            200_000,
            "9999-12-31T23:59:59.000Z",
        ),
    ];
    for (wall, millis, written) in table {
        assert_eq!(WallClock { boot: at(100_000), wall }.rfc3339(at(millis)), written);
    }
    let end = WallClock { boot: Timestamp::ZERO, wall: SystemTime::UNIX_EPOCH };
    assert_eq!(end.rfc3339(Timestamp::from_nanos(u64::MAX)), "2554-07-21T23:34:33.709Z");
}

#[test]
fn a_budget_is_shown_and_told_when_it_runs_short() {
    let allowed = shunt_decision::ProbeBudget { bytes: 1_000_000, period: Duration::from_secs(86_400) };
    let of = |state, owed| BudgetSnapshot {
        allowed,
        reserve: 12,
        owed,
        capacity: 100_000,
        spent: 345,
        cost_ratio: 1.234,
        state,
    };
    let names = fiber_and_lte();
    for (state, owed, shown, part) in [
        (Fares::Kept, 0, types::BudgetState::Kept, None),
        (Fares::Low, 0, types::BudgetState::Low, Some("its own suspicions wait; raise its probe_budget")),
        (Fares::Empty, 0, types::BudgetState::Empty, Some("only moves are paid at once")),
        (Fares::Empty, 7, types::BudgetState::Empty, Some("nothing is sent over it until that is paid off")),
    ] {
        let link = LinkSnapshot { budget: Some(of(state, owed)), ..link(LTE, None, None) };
        let status = status(&snapshot(vec![link]), &context(&names));
        let budget = status.links[0].budget.unwrap();
        assert_eq!((budget.allowed_bytes, budget.period_s, budget.reserve_bytes), (1_000_000, 86_400, 12));
        assert_eq!((budget.capacity_bytes, budget.spent_bytes, budget.state), (100_000, 345, shown));
        assert_eq!((budget.owed_bytes, budget.cost_ratio), (owed, 1.23));
        let told = status
            .warnings
            .iter()
            .find(|warning| warning.contains("lte") && warning.contains("probe budget"));
        assert_eq!(told.is_some(), part.is_some(), "{:?}", status.warnings);
        assert!(part.is_none_or(|part| told.is_some_and(|told| told.contains(part))), "{told:?}");
    }
}
