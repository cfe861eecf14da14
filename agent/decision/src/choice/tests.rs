//! The choice by tables: candidates in, answer out.

use super::*;
use Fitness::{Absent, Degraded, Failed, Healthy, Recovering, Unknown};

const A: LinkId = LinkId(0);
const B: LinkId = LinkId(1);
const C: LinkId = LinkId(2);

fn candidate(link: LinkId, fitness: Fitness) -> Candidate {
    let hold = if fitness == Healthy { Hold::Served(Duration::from_secs(60)) } else { Hold::Broken };
    Candidate {
        link,
        fitness,
        suspect: false,
        doubtful: false,
        fresh: true,
        unasked: false,
        unheard: false,
        hold,
        ripe: false,
        spotless: false,
        better: true,
        rejected: false,
        used_up: false,
    }
}

fn three(a: Fitness, b: Fitness, c: Fitness) -> [Candidate; 3] {
    [candidate(A, a), candidate(B, b), candidate(C, c)]
}

fn ask(candidates: &[Candidate], incumbent: Option<LinkId>) -> Question<'_> {
    Question {
        candidates,
        incumbent,
        settled: true,
        lease: None,
        mode: FailbackMode::Auto,
        window_open: false,
        returning: false,
    }
}

fn moved(choice: Choice) -> Option<(LinkId, Motive)> {
    match choice {
        Choice::Move { link, motive, .. } => Some((link, motive)),
        Choice::Keep | Choice::Stranded => None,
    }
}

#[test]
fn the_first_uplink_is_the_first_that_is_ready() {
    let table = [
        (three(Unknown, Unknown, Unknown), Some(A)),
        (three(Absent, Unknown, Healthy), Some(B)),
        (three(Failed, Unknown, Healthy), Some(B)),
        (three(Failed, Failed, Recovering), Some(C)),
        (three(Failed, Absent, Absent), Some(A)),
        (three(Absent, Absent, Absent), None),
    ];
    for (candidates, expected) in table {
        assert_eq!(moved(choose(&ask(&candidates, None))).map(|(link, _)| link), expected, "{candidates:?}");
    }
}

#[test]
fn before_it_proved_itself_preference_alone_decides() {
    let candidates = three(Unknown, Unknown, Unknown);
    let question = Question { settled: false, ..ask(&candidates, Some(B)) };
    assert_eq!(moved(choose(&question)), Some((A, Motive::First)));
    assert_eq!(moved(choose(&ask(&candidates, Some(B)))), None);
}

#[test]
fn a_failed_uplink_is_left_for_one_that_could_not_be_asked_if_none_answers() {
    let silent = |c| Candidate { fresh: false, ..c };
    let unasked = |c| Candidate { unasked: true, ..silent(c) };
    let table = [
        ([candidate(A, Failed), unasked(candidate(B, Healthy)), candidate(C, Degraded)], Some(C)),
        ([candidate(A, Failed), unasked(candidate(B, Healthy)), silent(candidate(C, Healthy))], Some(B)),
        ([candidate(A, Failed), silent(candidate(B, Healthy)), unasked(candidate(C, Unknown))], Some(C)),
        ([candidate(A, Failed), unasked(candidate(B, Failed)), unasked(candidate(C, Absent))], None),
    ];
    for (candidates, expected) in table {
        let expected = expected.map(|link| (link, Motive::Failed));
        assert_eq!(moved(choose(&ask(&candidates, Some(A)))), expected, "{candidates:?}");
    }
}

#[test]
fn a_failed_uplink_is_left_for_the_best_that_answers() {
    let table = [
        (
            three(Failed, Healthy, Healthy),
            Choice::Move { link: B, motive: Motive::Failed, reason: Reason::UplinkFailed { from: A } },
        ),
        (
            three(Failed, Degraded, Healthy),
            Choice::Move { link: C, motive: Motive::Failed, reason: Reason::UplinkFailed { from: A } },
        ),
        (
            three(Failed, Unknown, Recovering),
            Choice::Move { link: C, motive: Motive::Failed, reason: Reason::UplinkFailed { from: A } },
        ),
        (three(Failed, Failed, Absent), Choice::Stranded),
    ];
    for (candidates, expected) in table {
        assert_eq!(choose(&ask(&candidates, Some(A))), expected, "{candidates:?}");
    }
    let mut stale = three(Failed, Healthy, Healthy);
    stale[1].fresh = false;
    assert_eq!(moved(choose(&ask(&stale, Some(A)))), Some((C, Motive::Failed)));
    stale[2].fresh = false;
    assert_eq!(choose(&ask(&stale, Some(A))), Choice::Stranded);
}

#[test]
fn without_carrier_any_other_is_no_worse() {
    let mut candidates = three(Absent, Failed, Absent);
    candidates[1].fresh = false;
    assert_eq!(moved(choose(&ask(&candidates, Some(A)))), Some((B, Motive::Failed)));
    let mut candidates = three(Absent, Healthy, Healthy);
    candidates[1].suspect = true;
    candidates[2].fresh = false;
    assert_eq!(moved(choose(&ask(&candidates, Some(A)))), Some((C, Motive::Failed)));
    assert_eq!(choose(&ask(&three(Absent, Absent, Absent), Some(A))), Choice::Stranded);
}

#[test]
fn a_degraded_uplink_is_left_for_a_healthy_one_only() {
    assert_eq!(
        moved(choose(&ask(&three(Degraded, Degraded, Healthy), Some(A)))),
        Some((C, Motive::Degraded))
    );
    assert_eq!(choose(&ask(&three(Degraded, Degraded, Unknown), Some(A))), Choice::Keep);
    let mut suspect = three(Degraded, Healthy, Absent);
    suspect[1].suspect = true;
    assert_eq!(choose(&ask(&suspect, Some(A))), Choice::Keep);
}

#[test]
fn failback_asks_for_mode_window_and_hold_down() {
    let candidates = three(Healthy, Healthy, Healthy);
    let question = ask(&candidates, Some(C));
    let table = [
        (FailbackMode::Auto, false, Some(A)),
        (FailbackMode::Window, false, None),
        (FailbackMode::Window, true, Some(A)),
        (FailbackMode::Manual, true, None),
    ];
    for (mode, window_open, expected) in table {
        let choice = choose(&Question { mode, window_open, ..question });
        assert_eq!(moved(choice).map(|(link, _)| link), expected, "{mode:?} {window_open}");
    }
    let mut waiting = candidates;
    waiting[0].hold = Hold::Waiting(Duration::from_secs(5));
    assert_eq!(moved(choose(&ask(&waiting, Some(C)))), Some((B, Motive::Planned)));
    waiting[1].suspect = true;
    assert_eq!(choose(&ask(&waiting, Some(C))), Choice::Keep);
}

#[test]
fn the_way_back_from_a_lease_needs_no_failback() {
    let mut candidates = three(Healthy, Healthy, Absent);
    let back = |candidates: &[Candidate]| {
        choose(&Question { returning: true, mode: FailbackMode::Manual, ..ask(candidates, Some(B)) })
    };
    let there = Choice::Move { link: A, motive: Motive::Planned, reason: Reason::Released };
    assert_eq!(back(&candidates), there);
    candidates[0].hold = Hold::Waiting(Duration::from_secs(5));
    assert_eq!(back(&candidates), Choice::Keep);
    candidates[0].spotless = true;
    assert_eq!(back(&candidates), there);
}

#[test]
fn a_lease_overrides_until_the_link_is_dead() {
    let lease = |strict, on_trial| Some(Lease { link: B, strict, on_trial, untried: true });
    let run = |candidates: &[Candidate], incumbent, lease| {
        choose(&Question { lease, ..ask(candidates, Some(incumbent)) })
    };
    let forced = Some((B, Motive::Forced));
    assert_eq!(moved(run(&three(Healthy, Degraded, Absent), A, lease(false, false))), forced);
    assert_eq!(moved(run(&three(Healthy, Failed, Absent), A, lease(false, true))), forced);
    assert_eq!(moved(run(&three(Healthy, Failed, Absent), A, lease(true, false))), forced);
    assert_eq!(moved(run(&three(Failed, Failed, Absent), B, lease(false, false))), forced);
    assert_eq!(run(&three(Healthy, Absent, Absent), A, lease(false, false)), Choice::Keep);
    let given_up = Choice::Move { link: A, motive: Motive::Failed, reason: Reason::ForceGivenUp { link: B } };
    assert_eq!(run(&three(Healthy, Failed, Absent), B, lease(false, false)), given_up);
    assert_eq!(run(&three(Healthy, Absent, Absent), B, lease(false, false)), given_up);
}

#[test]
fn a_lost_canary_tries_the_next_and_then_stays() {
    let mut candidates = three(Failed, Healthy, Healthy);
    candidates[1].rejected = true;
    // Its hold-down begins anew with the rejection.
    candidates[1].hold = Hold::Waiting(Duration::from_secs(60));
    assert_eq!(moved(choose(&ask(&candidates, Some(B)))), Some((C, Motive::NotVerified)));
    candidates[2].rejected = true;
    assert_eq!(choose(&ask(&candidates, Some(C))), Choice::Keep);
    // The way back is never closed: when nothing else is left, a rejected one is better than a dead one.
    assert_eq!(moved(choose(&ask(&candidates, Some(A)))), Some((B, Motive::Failed)));
}

#[test]
fn failed_links_rank_last_and_equals_by_preference() {
    let mut order = Vec::new();
    rank(&three(Absent, Healthy, Healthy), C, &mut order);
    assert_eq!(order, [C, B, A]);
    rank(&three(Failed, Degraded, Healthy), A, &mut order);
    assert_eq!(order, [A, C, B]);
}

/// Which of three links is moved onto when those of `used_up` have no data left.
fn spared(mut candidates: [Candidate; 3], used_up: &[LinkId], incumbent: LinkId) -> Choice {
    for candidate in &mut candidates {
        candidate.used_up = used_up.contains(&candidate.link);
    }
    choose(&ask(&candidates, Some(incumbent)))
}

#[test]
fn a_link_without_data_left_is_left_for_one_that_has_earned_it() {
    let healthy = three(Healthy, Healthy, Healthy);
    let reason = Reason::AllowanceUsedUp { link: A };
    assert_eq!(spared(healthy, &[A], A), Choice::Move { link: B, motive: Motive::Planned, reason });
    assert_eq!(moved(spared(healthy, &[A, B], A)), Some((C, Motive::Planned)));
    assert_eq!(spared(healthy, &[A, B, C], A), Choice::Keep, "none is better");
    assert_eq!(spared(healthy, &[A], B), Choice::Keep, "there is no way back to it");
    for fitness in [Degraded, Recovering, Unknown, Failed, Absent] {
        assert_eq!(spared(three(Healthy, fitness, fitness), &[A], A), Choice::Keep, "{fitness:?}");
    }
    let mut waiting = three(Healthy, Healthy, Absent);
    waiting[1].hold = Hold::Waiting(Duration::from_secs(5));
    assert_eq!(spared(waiting, &[A], A), Choice::Keep);
    waiting[1].spotless = true;
    assert_eq!(moved(spared(waiting, &[A], A)), Some((B, Motive::Planned)));
    let manual = Question { mode: FailbackMode::Manual, ..ask(&healthy, Some(A)) };
    assert_eq!(choose(&manual), Choice::Keep);
    let mut dear = healthy;
    dear[0].used_up = true;
    assert_eq!(moved(choose(&Question { candidates: &dear, ..manual })), Some((B, Motive::Planned)));
}

#[test]
fn a_link_without_data_left_is_the_last_resort() {
    let onto = |candidates, used_up: &[LinkId], incumbent| moved(spared(candidates, used_up, incumbent));
    assert_eq!(onto(three(Failed, Healthy, Degraded), &[B], A), Some((C, Motive::Failed)));
    assert_eq!(onto(three(Failed, Healthy, Failed), &[B], A), Some((B, Motive::Failed)));
    assert_eq!(
        onto(three(Absent, Healthy, Failed), &[B], A),
        Some((B, Motive::Failed)),
        "better than a dead one"
    );
    assert_eq!(spared(three(Degraded, Healthy, Absent), &[B], A), Choice::Keep);
    let mut first = three(Healthy, Unknown, Healthy);
    first[0].used_up = true;
    assert_eq!(moved(choose(&ask(&first, None))), Some((B, Motive::First)));
    let mut order = Vec::new();
    let mut candidates = three(Healthy, Failed, Degraded);
    candidates[0].used_up = true;
    rank(&candidates, C, &mut order);
    assert_eq!(order, [C, A, B]);
    rank(&candidates, B, &mut order);
    assert_eq!(order, [B, C, A]);
}

#[test]
fn an_operator_may_force_a_link_without_data_left() {
    let mut candidates = three(Healthy, Healthy, Absent);
    candidates[1].used_up = true;
    let lease = Some(Lease { link: B, strict: false, on_trial: false, untried: true });
    for incumbent in [A, B] {
        let choice = choose(&Question { lease, ..ask(&candidates, Some(incumbent)) });
        assert_eq!(moved(choice), Some((B, Motive::Forced)));
    }
}
