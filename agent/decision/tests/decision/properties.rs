//! What holds whatever happens: any order of events, any seed.

use crate::simulation::{Simulation, link, place};
use proptest::prelude::*;
use shunt_decision::{
    Action, CheckId, Command, Config, Event, Failback, FailbackMode, Failover, Family, Force, Happening,
    LinkId, Missing, ModemState, ModemTrouble, Outcome, PathState, ProbeId, RankingId, Reason, TargetId,
    Timestamp, Verdict,
};
use std::time::Duration;

const LINKS: u8 = 3;
/// A steady probe a second for each target, and what bursts, asks and canaries may add under the worst weather:
/// a burst of 5 rounds every 0.1 s on each of the twelve paths' targets.
const MOST_ACTIONS_A_SECOND: u64 = 1_500;

fn config() -> Config {
    let second = Duration::from_secs(1);
    let mut links = vec![link("a", second, 2, 2), link("b", second, 2, 1), link("c", second, 3, 0)];
    links[2].metered = true;
    Config {
        links,
        failback: Failback { mode: FailbackMode::Auto, hold_down: Duration::from_secs(5) },
        damping_half_life: Duration::from_secs(60),
    }
}

fn simulation(seed: u64) -> Simulation {
    let rtts = [10, 40, 90].map(Duration::from_millis);
    let mut simulation = Simulation::new(config(), &rtts, seed);
    simulation.keep_actions = true;
    simulation
}

/// Something that happens to the network or is said to the core.
#[derive(Debug, Clone)]
enum Twist {
    Cut(u8, Family, bool),
    Loss(u8, Family, f64),
    Slow(u8, Family, u64),
    Gone(u8, Family, u8, bool),
    Forwards(u8, Family, bool),
    Carrier(u8, bool),
    Present(u8, Family, bool),
    Force(u8, Option<u64>, bool),
    Release,
    Gap,
    Window(bool),
    Modem(u8, ModemState),
    Allowance(u8, bool),
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::V4), Just(Family::V6)]
}

fn twist(leases: bool) -> impl Strategy<Value = Twist> {
    let id = 0..LINKS;
    let weather = prop_oneof![
        4 => (id.clone(), family(), any::<bool>()).prop_map(|(l, f, on)| Twist::Cut(l, f, on)),
        1 => (id.clone(), family(), 0.0..0.6).prop_map(|(l, f, loss)| Twist::Loss(l, f, loss)),
        1 => (id.clone(), family(), 1..1_500_u64).prop_map(|(l, f, ms)| Twist::Slow(l, f, ms)),
        1 => (id.clone(), family(), 0..4_u8, any::<bool>()).prop_map(|(l, f, t, on)| Twist::Gone(l, f, t, on)),
        1 => (id.clone(), family(), any::<bool>()).prop_map(|(l, f, on)| Twist::Forwards(l, f, on)),
        2 => (id.clone(), any::<bool>()).prop_map(|(l, up)| Twist::Carrier(l, up)),
        2 => (id.clone(), family(), any::<bool>()).prop_map(|(l, f, on)| Twist::Present(l, f, on)),
        2 => (id.clone(), modem_state()).prop_map(|(l, state)| Twist::Modem(l, state)),
        1 => (id.clone(), any::<bool>()).prop_map(|(l, used_up)| Twist::Allowance(l, used_up)),
        1 => Just(Twist::Gap),
        1 => any::<bool>().prop_map(Twist::Window),
    ];
    // Link 9 does not exist.
    let ids = prop_oneof![id, Just(9)];
    let force = (ids, proptest::option::of(1..30_u64), any::<bool>());
    let said = prop_oneof![force.prop_map(|(l, s, strict)| Twist::Force(l, s, strict)), Just(Twist::Release)];
    if leases { prop_oneof![5 => weather, 1 => said].boxed() } else { weather.boxed() }
}

fn modem_state() -> impl Strategy<Value = ModemState> {
    prop_oneof![
        2 => Just(ModemState::Sound),
        1 => Just(ModemState::Doubtful(ModemTrouble::Registration)),
        1 => Just(ModemState::Doubtful(ModemTrouble::Signal)),
        1 => Just(ModemState::NoBearer),
        1 => Just(ModemState::Unreachable),
    ]
}

fn story(leases: bool) -> impl Strategy<Value = Vec<(u64, Twist)>> {
    proptest::collection::vec((0..6_000_u64, twist(leases)), 1..40)
}

fn apply(simulation: &mut Simulation, twist: &Twist) {
    let now = simulation.now();
    let weather = match twist {
        Twist::Cut(link, family, _)
        | Twist::Loss(link, family, _)
        | Twist::Slow(link, family, _)
        | Twist::Gone(link, family, _, _)
        | Twist::Forwards(link, family, _) => &mut simulation.weather[usize::from(*link)][place(*family)],
        _ => &mut simulation.weather[0][0],
    };
    match *twist {
        Twist::Cut(_, _, on) => weather.cut = on.then_some(now),
        Twist::Loss(_, _, loss) => weather.loss = loss,
        Twist::Slow(_, _, ms) => weather.rtt = Duration::from_millis(ms),
        Twist::Gone(_, _, target, true) => weather.gone.push(TargetId(target)),
        Twist::Gone(_, _, target, false) => weather.gone.retain(|gone| gone.0 != target),
        Twist::Forwards(_, _, on) => weather.forwards = on,
        Twist::Carrier(link, up) => simulation.tell(Event::Carrier { link: LinkId(link), up, at: now }),
        Twist::Present(link, family, on) => {
            let state = if on { PathState::Ready } else { PathState::Missing(Missing::Address) };
            simulation.tell(Event::Path { link: LinkId(link), family, state });
        }
        Twist::Force(link, secs, strict) => {
            let until = secs.map(|secs| now + Duration::from_secs(secs));
            simulation.tell(Event::Command(Command::Force(Force { link: LinkId(link), until, strict })));
        }
        Twist::Modem(link, state) => simulation.tell(Event::Modem { link: LinkId(link), state }),
        Twist::Allowance(link, used_up) => simulation.tell(Event::Allowance { link: LinkId(link), used_up }),
        Twist::Release => simulation.tell(Event::Command(Command::Release)),
        Twist::Gap => simulation.tell(Event::ClockGap),
        Twist::Window(open) => simulation.tell(Event::Window { open }),
    }
}

/// Runs a story and checks, on the way, that nothing is done without bound.
fn run(simulation: &mut Simulation, story: &[(u64, Twist)]) {
    for (wait, twist) in story {
        pass(simulation, Duration::from_millis(*wait));
        apply(simulation, twist);
    }
}

fn pass(simulation: &mut Simulation, time: Duration) {
    let before = simulation.actions + simulation.probes.iter().sum::<u64>();
    let woken = simulation.wakeups;
    simulation.run_for(time);
    let done = simulation.actions + simulation.probes.iter().sum::<u64>() - before;
    let most = MOST_ACTIONS_A_SECOND * (time.as_secs() + 1);
    assert!(done < most, "{done} actions in {time:?}");
    assert!(simulation.wakeups - woken < most, "{} wake-ups in {time:?}", simulation.wakeups - woken);
}

/// Lets every link answer again.
fn heal(simulation: &mut Simulation) {
    for (weather, rtt) in simulation.weather.iter_mut().zip([10, 40, 90]) {
        for weather in weather {
            *weather = crate::simulation::Weather::fair(Duration::from_millis(rtt));
        }
    }
    let at = simulation.now();
    for link in (0..LINKS).map(LinkId) {
        simulation.tell(Event::Carrier { link, up: true, at });
        simulation.tell(Event::Modem { link, state: ModemState::Sound });
        simulation.tell(Event::Allowance { link, used_up: false });
        for family in Family::ALL {
            simulation.tell(Event::Path { link, family, state: PathState::Ready });
        }
    }
    simulation.tell(Event::Command(Command::Release));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every state has an exit: when all links answer again, all are healthy, and the best is used.
    #[test]
    fn everything_heals(seed: u64, story in story(true)) {
        let mut simulation = simulation(seed);
        run(&mut simulation, &story);
        heal(&mut simulation);
        // A degraded metered link asks each of its targets every 5 s, and needs a window of a hundred; then
        // the longest hold-down of an hour.
        pass(&mut simulation, Duration::from_secs(600));
        for link in simulation.core.snapshot().links {
            for path in [link.paths.v4, link.paths.v6].into_iter().flatten() {
                prop_assert!(matches!(path.verdict, Verdict::Healthy | Verdict::Suspect), "{:?} {path:?}", link.link);
            }
        }
        for _ in 0..100 {
            if Family::ALL.iter().all(|family| simulation.uplink(*family) == Some(LinkId(0))) {
                break;
            }
            pass(&mut simulation, Duration::from_secs(50));
        }
        let snapshot = simulation.core.snapshot();
        prop_assert_eq!(snapshot.uplink.v4, Some(LinkId(0)));
        prop_assert_eq!(snapshot.uplink.v6, Some(LinkId(0)));
        prop_assert_eq!(simulation.uplink(Family::V4), Some(LinkId(0)));
        let open: Vec<_> = snapshot.incidents.iter().filter(|one| one.link == LinkId(0) && one.ended.is_none()).collect();
        prop_assert!(open.is_empty(), "{open:#?}");
        prop_assert_eq!(snapshot.counters.actions_dropped, 0);
    }

    /// Save by force, the uplink never moves onto a failed link while a healthy one exists.
    #[test]
    fn never_onto_a_failed_link(seed: u64, story in story(true)) {
        let mut simulation = simulation(seed);
        run(&mut simulation, &story);
        let mut verdicts = [[Verdict::Unknown; LINKS as usize]; 2];
        for entry in &simulation.entries {
            match entry.what {
                Happening::Verdict { link, family, to, .. } => {
                    verdicts[place(family)][usize::from(link.0)] = to;
                }
                Happening::Uplink { family, from: Some(_), to, reason } if !matches!(reason, Reason::Forced) => {
                    let verdicts = verdicts[place(family)];
                    let healthy = verdicts.contains(&Verdict::Healthy);
                    let failed = verdicts[usize::from(to.0)] == Verdict::Failed;
                    prop_assert!(!(failed && healthy), "{entry:?} with {verdicts:?}");
                }
                _ => {}
            }
        }
    }

    /// The same config, seed and events give the same actions.
    #[test]
    fn the_same_again(seed: u64, story in story(true)) {
        let mut first = simulation(seed);
        let mut second = simulation(seed);
        run(&mut first, &story);
        run(&mut second, &story);
        prop_assert_eq!(first.log, second.log);
        prop_assert_eq!(first.entries, second.entries);
        prop_assert_eq!(first.probes, second.probes);
        prop_assert_eq!(first.core.snapshot(), second.core.snapshot());
    }

    /// Each ranking holds every managed link once, and no two in a row are the same.
    #[test]
    fn rankings_are_whole(seed: u64, story in story(true)) {
        let mut simulation = simulation(seed);
        run(&mut simulation, &story);
        let mut last = [Vec::new(), Vec::new()];
        for (_, action) in &simulation.log {
            if let Action::Rank { family, order, .. } = action {
                let mut sorted = order.clone();
                sorted.sort();
                let managed = if *family == Family::V4 { vec![LinkId(0), LinkId(1), LinkId(2)] } else { vec![LinkId(0), LinkId(1)] };
                prop_assert_eq!(sorted, managed);
                prop_assert!(&last[place(*family)] != order);
                last[place(*family)] = order.clone();
            }
        }
    }

    /// Facts in any order, about things that do not exist, at times that run backwards: no panic, no flood.
    #[test]
    fn any_nonsense_is_survived(seed: u64, events in proptest::collection::vec((any_event(), 0..20_000_u64), 0..300)) {
        let start = Timestamp::from_nanos(1_000_000_000_000);
        let mut core = Failover::new(config(), seed, start);
        let mut actions = 0_u64;
        for (event, ms) in events {
            let now = start + Duration::from_millis(ms);
            core.handle_event(event, now);
            core.handle_timeout(now);
            while let Some(action) = core.poll_action() {
                actions += 1;
                prop_assert!(actions < 1_000_000, "{action:?}");
            }
            let _ = core.poll_timeout();
        }
        let snapshot = core.snapshot();
        prop_assert!(snapshot.incidents.len() <= 64);
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let id = || prop_oneof![4 => 0..LINKS, 1 => any::<u8>()].prop_map(LinkId);
    let at = || (0..2_000_000_000_000_u64).prop_map(Timestamp::from_nanos);
    let state = prop_oneof![
        3 => Just(PathState::Ready),
        1 => Just(PathState::Missing(Missing::Gateway)),
        1 => Just(PathState::Missing(Missing::Interface))
    ];
    let reply =
        (0..3_000_u64, at()).prop_map(|(ms, at)| Outcome::Reply { rtt: Duration::from_millis(ms), at });
    let outcome = prop_oneof![
        reply,
        Just(Outcome::Refused),
        Just(Outcome::Intercepted),
        Just(Outcome::Unresolved),
        Just(Outcome::Unsendable)
    ];
    // Names as the core gives them: a number, the link (and the canary's bit), the target.
    let probe = (0..400_u64, 0..4_u64, any::<bool>(), 0..5_u64).prop_map(|(n, link, canary, target)| {
        ProbeId(n << 16 | u64::from(canary) << 15 | link << 8 | target)
    });
    let force = (id(), proptest::option::of(at()), any::<bool>())
        .prop_map(|(link, until, strict)| Event::Command(Command::Force(Force { link, until, strict })));
    prop_oneof![
        1 => (id(), any::<bool>(), at()).prop_map(|(link, up, at)| Event::Carrier { link, up, at }),
        1 => (id(), family(), state).prop_map(|(link, family, state)| Event::Path { link, family, state }),
        1 => (family(), id()).prop_map(|(family, link)| Event::Adopted { family, link }),
        9 => (probe, outcome).prop_map(|(id, outcome)| Event::Probe { id, outcome }),
        1 => (id(), any::<u64>(), any::<u64>())
            .prop_map(|(link, received, sent)| Event::Traffic { link, received, sent }),
        1 => (0..40_u64, id(), family(), any::<bool>())
            .prop_map(|(check, link, family, answers)| Event::Gateway { id: CheckId(check), link, family, answers }),
        1 => (0..40_u64, at(), any::<bool>())
            .prop_map(|(id, at, accepted)| Event::Ranked { id: RankingId(id), at, accepted }),
        1 => force,
        1 => Just(Event::Command(Command::Release)),
        1 => any::<bool>().prop_map(|open| Event::Window { open }),
        1 => (id(), modem_state()).prop_map(|(link, state)| Event::Modem { link, state }),
        1 => (id(), any::<bool>()).prop_map(|(link, used_up)| Event::Allowance { link, used_up }),
        1 => Just(Event::ClockGap),
    ]
}
