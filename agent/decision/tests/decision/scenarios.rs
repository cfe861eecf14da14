//! Scenarios as data: what happens to the links, and what must follow. One file each in `tests/scenarios`.

use crate::simulation::{self, Simulation, place};
use serde::Deserialize;
use shunt_decision::{
    Action, Command, Config, Event, Failback, FailbackMode, Family, Force, Happening, Incident, LinkId,
    Missing, ModemState, ModemTrouble, PathState, Percent, TargetId, TimeLimit, Timestamp, Verdict,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it shows.
    about: String,
    /// Seconds.
    until: f64,
    #[serde(default)]
    seeds: Option<u64>,
    #[serde(default)]
    config: Settings,
    #[serde(default)]
    adopted: Option<u8>,
    link: Vec<LinkSettings>,
    #[serde(default)]
    event: Vec<Step>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    mode: String,
    hold_down: f64,
    half_life: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { mode: "auto".to_owned(), hold_down: 10.0, half_life: 900.0 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LinkSettings {
    rtt_ms: u64,
    metered: bool,
    v4: usize,
    v6: usize,
    loss_limit: f64,
    rtt_limit_ms: Option<u64>,
    rtt_limit_times: Option<f64>,
    jitter_limit_ms: Option<u64>,
    jitter_limit_times: Option<f64>,
    present: bool,
    forwards: bool,
    quorum: u8,
    /// One for each target; 1 where there are fewer.
    weights: Vec<u8>,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            rtt_ms: 10,
            metered: false,
            v4: 2,
            v6: 0,
            loss_limit: 20.0,
            rtt_limit_ms: None,
            rtt_limit_times: None,
            jitter_limit_ms: None,
            jitter_limit_times: None,
            present: true,
            forwards: true,
            quorum: 1,
            weights: Vec::new(),
        }
    }
}

/// One thing that happens; `every` and `times` repeat it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: f64,
    #[serde(default)]
    link: Option<u8>,
    #[serde(default)]
    family: Option<u8>,
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    value: f64,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    every: f64,
    #[serde(default)]
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// Every change of uplink: `[family, link, earliest second, latest second]`, in order.
    #[serde(default)]
    uplink: Option<Vec<(u8, u8, f64, f64)>>,
    /// At most so many moves, where the exact ones do not matter.
    #[serde(default)]
    most_moves: Option<usize>,
    /// The uplink at the end, by family.
    #[serde(default)]
    last: BTreeMap<String, u8>,
    /// Verdicts that must be told, in order: `[family, link, verdict, earliest, latest]`.
    #[serde(default)]
    verdict: Vec<(u8, u8, String, f64, f64)>,
    /// Links whose verdict must never be this.
    #[serde(default)]
    never: Vec<(u8, String)>,
    /// Reasons, by their name, of uplink changes and leases, in order and among others.
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(default)]
    stranded: Option<usize>,
    /// Where the incidents' links were broken, in order.
    #[serde(default)]
    faults: Option<Vec<String>>,
    /// Targets that were blamed (`true`) and acquitted (`false`), in order.
    #[serde(default)]
    blamed: Option<Vec<bool>>,
    /// How many incidents.
    #[serde(default)]
    incidents: Option<usize>,
    /// Latest milliseconds after zero of the first incident's stages.
    #[serde(default)]
    stage_ms: BTreeMap<String, f64>,
    /// Probes on a link between two seconds: `[link, from, to, least, most]`.
    #[serde(default)]
    probes: Vec<(u8, f64, f64, u64, u64)>,
    /// `CutFlows` for a link, how many.
    #[serde(default)]
    cuts: BTreeMap<String, usize>,
    /// How many failed canaries were told as no evidence.
    #[serde(default)]
    unverifiable: Option<usize>,
    /// Every proof of an uplink: `[family, link, earliest second, latest second]`, in order.
    #[serde(default)]
    verified: Option<Vec<(u8, u8, f64, f64)>>,
}

fn secs(value: f64) -> Duration {
    Duration::from_secs_f64(value)
}

fn family(number: u8) -> Family {
    if number == 6 { Family::V6 } else { Family::V4 }
}

fn limit(ms: Option<u64>, times: Option<f64>) -> Option<TimeLimit> {
    ms.map(|ms| TimeLimit::At(Duration::from_millis(ms))).or(times.map(TimeLimit::TimesBaseline))
}

fn config(scenario: &Scenario) -> Config {
    let link = |settings: &LinkSettings| {
        let mut link = simulation::link("link", Duration::from_secs(1), settings.v4, settings.v6);
        link.metered = settings.metered;
        link.limits.loss = Percent::new(settings.loss_limit);
        link.limits.rtt = limit(settings.rtt_limit_ms, settings.rtt_limit_times);
        link.limits.jitter = limit(settings.jitter_limit_ms, settings.jitter_limit_times);
        link.quorum = settings.quorum;
        for (target, weight) in link.targets.iter_mut().zip(&settings.weights) {
            target.weight = *weight;
        }
        link
    };
    let mode = match scenario.config.mode.as_str() {
        "auto" => FailbackMode::Auto,
        "window" => FailbackMode::Window,
        "manual" => FailbackMode::Manual,
        other => panic!("no failback mode {other}"),
    };
    Config {
        links: scenario.link.iter().map(link).collect(),
        failback: Failback { mode, hold_down: secs(scenario.config.hold_down) },
        damping_half_life: secs(scenario.config.half_life),
    }
}

fn apply(simulation: &mut Simulation, step: &Step) {
    let link = LinkId(step.link.unwrap_or(0));
    let now = simulation.now();
    let families = step.family.map_or_else(|| Family::ALL.to_vec(), |number| vec![family(number)]);
    match step.what.as_str() {
        "carrier_down" => return simulation.tell(Event::Carrier { link, up: false, at: now }),
        "carrier_up" => return simulation.tell(Event::Carrier { link, up: true, at: now }),
        "release" => return simulation.tell(Event::Command(Command::Release)),
        "open" => return simulation.tell(Event::Window { open: true }),
        "close" => return simulation.tell(Event::Window { open: false }),
        "modem_sound" => return simulation.tell(Event::Modem { link, state: ModemState::Sound }),
        "modem_unreachable" => return simulation.tell(Event::Modem { link, state: ModemState::Unreachable }),
        "modem_no_bearer" => return simulation.tell(Event::Modem { link, state: ModemState::NoBearer }),
        "modem_unregistered" => {
            let state = ModemState::Doubtful(ModemTrouble::Registration);
            return simulation.tell(Event::Modem { link, state });
        }
        "used_up" => return simulation.tell(Event::Allowance { link, used_up: true }),
        "data_left" => return simulation.tell(Event::Allowance { link, used_up: false }),
        "gap" => return simulation.tell(Event::ClockGap),
        "force" => {
            let until = (step.value > 0.0).then(|| now + secs(step.value));
            let force = Force { link, until, strict: step.strict };
            return simulation.tell(Event::Command(Command::Force(force)));
        }
        _ => {}
    }
    for family in families {
        let state = match step.what.as_str() {
            "ready" => Some(PathState::Ready),
            "missing" => Some(PathState::Missing(Missing::Address)),
            _ => None,
        };
        if let Some(state) = state {
            simulation.tell(Event::Path { link, family, state });
            continue;
        }
        let weather = &mut simulation.weather[usize::from(link.0)][place(family)];
        match step.what.as_str() {
            "cut" => weather.cut = Some(now),
            "restore" => weather.cut = None,
            "loss" => weather.loss = step.value,
            "rtt_ms" => weather.rtt = Duration::from_secs_f64(step.value / 1_000.0),
            "jitter_ms" => weather.jitter = Duration::from_secs_f64(step.value / 1_000.0),
            "users" => weather.users = step.value,
            "strangers" => weather.strangers = step.value,
            "forwards" => weather.forwards = step.value > 0.0,
            "gone" => weather.gone.push(TargetId(step.value as u8)),
            "gateway" => weather.gateway = step.value > 0.0,
            "portal" => weather.portal.push(TargetId(step.value as u8)),
            "portal_gone" => weather.portal.retain(|target| target.0 != step.value as u8),
            "unresolved" => weather.unresolved.push(TargetId(step.value as u8)),
            "resolved" => weather.unresolved.retain(|target| target.0 != step.value as u8),
            "back" => weather.gone.retain(|target| target.0 != step.value as u8),
            other => panic!("no event {other}"),
        }
    }
}

/// What is to be seen of one run.
struct Seen {
    moves: Vec<(u8, u8, f64)>,
    verdicts: Vec<(u8, u8, Verdict, f64)>,
    reasons: Vec<String>,
    stranded: usize,
    unverifiable: usize,
    verified: Vec<(u8, u8, f64)>,
    blamed: Vec<bool>,
    cuts: BTreeMap<String, usize>,
    probes: Vec<u64>,
    incidents: Vec<Incident>,
    last: [Option<LinkId>; 2],
}

fn run(scenario: &Scenario, seed: u64) -> Seen {
    let rtts: Vec<_> = scenario.link.iter().map(|link| Duration::from_millis(link.rtt_ms)).collect();
    let mut simulation = Simulation::bare(config(scenario), &rtts, seed);
    simulation.keep_actions = true;
    let zero = simulation.now();
    for (link, settings) in simulation.weather.iter_mut().zip(&scenario.link) {
        for weather in link {
            weather.forwards = settings.forwards;
        }
    }
    if let Some(link) = scenario.adopted.map(LinkId) {
        simulation.ranking[0] = vec![link];
        simulation.tell(Event::Adopted { family: Family::V4, link });
    }
    for (id, _) in (0..).zip(&scenario.link).filter(|(_, link)| link.present) {
        for family in Family::ALL {
            simulation.tell(Event::Path { link: LinkId(id), family, state: PathState::Ready });
        }
    }
    // Happenings and looks at the probe counters, in order of time.
    let mut agenda: Vec<(f64, Option<&Step>)> = Vec::new();
    for step in &scenario.event {
        for n in 0..step.times.unwrap_or(1) {
            agenda.push((step.at + step.every * f64::from(n), Some(step)));
        }
    }
    for (_, from, to, ..) in &scenario.expect.probes {
        agenda.extend([(*from, None), (*to, None)]);
    }
    agenda.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut looks: Vec<(f64, Vec<u64>)> = Vec::new();
    for (at, step) in agenda {
        simulation.run_for((zero + secs(at)).since(simulation.now()));
        match step {
            Some(step) => apply(&mut simulation, step),
            None => looks.push((at, simulation.probes.clone())),
        }
    }
    simulation.run_for((zero + secs(scenario.until)).since(simulation.now()));
    let look = |at: f64, link: u8| looks.iter().find(|(t, _)| *t == at).unwrap().1[usize::from(link)];
    let probes = &scenario.expect.probes;
    let probes = probes.iter().map(|(link, from, to, ..)| look(*to, *link) - look(*from, *link)).collect();
    watch(&simulation, zero, probes)
}

fn watch(simulation: &Simulation, zero: Timestamp, probes: Vec<u64>) -> Seen {
    let mut seen = Seen {
        moves: Vec::new(),
        verdicts: Vec::new(),
        reasons: Vec::new(),
        stranded: 0,
        unverifiable: 0,
        verified: Vec::new(),
        blamed: Vec::new(),
        cuts: BTreeMap::new(),
        probes,
        incidents: simulation.core.snapshot().incidents,
        last: [simulation.uplink(Family::V4), simulation.uplink(Family::V6)],
    };
    let number = |family| if family == Family::V6 { 6 } else { 4 };
    for entry in &simulation.entries {
        let at = entry.at.since(zero).as_secs_f64();
        match &entry.what {
            Happening::Uplink { family, to, reason, .. } => {
                seen.moves.push((number(*family), to.0, at));
                seen.reasons.push(format!("{reason:?}"));
            }
            Happening::Verdict { link, family, to, .. } => {
                seen.verdicts.push((number(*family), link.0, *to, at));
            }
            Happening::Target { blamed, .. } => seen.blamed.push(*blamed),
            Happening::Stranded { .. } => seen.stranded += 1,
            Happening::Unverifiable { .. } => seen.unverifiable += 1,
            Happening::Force { reason, .. } => seen.reasons.push(format!("{reason:?}")),
            Happening::Verified { family, link } => seen.verified.push((number(*family), link.0, at)),
            Happening::Incident(_) => {}
        }
    }
    for (_, action) in &simulation.log {
        if let Action::CutFlows { link, .. } = action {
            *seen.cuts.entry(link.0.to_string()).or_default() += 1;
        }
    }
    seen
}

fn stage(incident: &Incident, name: &str) -> Option<Timestamp> {
    match name {
        "detected" => Some(incident.detected),
        "decided" => incident.decided,
        "switched" => incident.switched,
        "restored" => incident.restored,
        "verified" => incident.verified,
        "recovered" => incident.recovered,
        "ended" => incident.ended,
        other => panic!("no stage {other}"),
    }
}

fn check(name: &str, scenario: &Scenario, seen: &Seen) {
    let expect = &scenario.expect;
    let about = format!(
        "{name} ({}): moves {:?}, verdicts {:?}, reasons {:?}",
        scenario.about, seen.moves, seen.verdicts, seen.reasons
    );
    for (what, expected, seen) in
        [("moves", &expect.uplink, &seen.moves), ("proofs", &expect.verified, &seen.verified)]
    {
        let Some(expected) = expected else { continue };
        assert_eq!(expected.len(), seen.len(), "{what} {seen:?}: {about}");
        for ((family, link, from, to), (f, l, at)) in expected.iter().zip(seen) {
            assert!(family == f && link == l && from <= at && at <= to, "{what}, {l} at {at}: {about}");
        }
    }
    if let Some(most) = expect.most_moves {
        assert!(seen.moves.len() <= most, "moves: {about}");
    }
    for (family_number, link) in &expect.last {
        let at = place(family(family_number.parse().unwrap()));
        assert_eq!(seen.last[at], Some(LinkId(*link)), "last: {about}");
    }
    let mut told = seen.verdicts.iter();
    for (family, link, verdict, from, to) in &expect.verdict {
        let wanted = |(f, l, v, at): &&(u8, u8, Verdict, f64)| {
            f == family && l == link && format!("{v:?}") == *verdict && from <= at && at <= to
        };
        assert!(told.any(|one| wanted(&one)), "{link} {verdict}: {about}");
    }
    for (link, verdict) in &expect.never {
        assert!(
            !seen.verdicts.iter().any(|(_, l, v, _)| l == link && format!("{v:?}") == *verdict),
            "{about}"
        );
    }
    let mut reasons = seen.reasons.iter();
    for reason in &expect.reasons {
        assert!(reasons.any(|seen| seen.starts_with(reason.as_str())), "reason {reason}: {about}");
    }
    assert!(expect.stranded.is_none_or(|n| n == seen.stranded), "stranded {}: {about}", seen.stranded);
    assert!(expect.unverifiable.is_none_or(|n| n == seen.unverifiable), "unverifiable: {about}");
    if let Some(faults) = &expect.faults {
        let seen: Vec<_> = seen.incidents.iter().map(|incident| format!("{:?}", incident.fault)).collect();
        let wanted: Vec<_> = faults.iter().map(|fault| format!("Some({fault})")).collect();
        assert_eq!(wanted, seen, "faults: {about}");
    }
    assert!(expect.blamed.as_ref().is_none_or(|b| *b == seen.blamed), "blamed {:?}: {about}", seen.blamed);
    assert!(expect.incidents.is_none_or(|n| n == seen.incidents.len()), "{:#?} {about}", seen.incidents);
    for (stage_name, most) in &expect.stage_ms {
        let incident = seen.incidents.first().unwrap_or_else(|| panic!("no incident: {about}"));
        let at =
            stage(incident, stage_name).unwrap_or_else(|| panic!("no {stage_name}: {incident:#?} {about}"));
        let after = at.since(incident.zero).as_secs_f64() * 1_000.0;
        assert!(after <= *most, "{stage_name} after {after} ms: {about}");
    }
    for ((link, from, to, least, most), count) in expect.probes.iter().zip(&seen.probes) {
        assert!(least <= count && count <= most, "{count} probes on {link} from {from} to {to}: {about}");
    }
    for (link, count) in &expect.cuts {
        assert_eq!(seen.cuts.get(link).copied().unwrap_or(0), *count, "cuts: {about}");
    }
}

#[test]
fn every_scenario_goes_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 18, "{files:?}");
    let mut faults = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario: Scenario = toml::from_str(&fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        for seed in 1..=scenario.seeds.unwrap_or(20) {
            let outcome = std::panic::catch_unwind(|| check(&name, &scenario, &run(&scenario, seed)));
            if outcome.is_err() {
                faults.push(format!("{name}, seed {seed}"));
                break;
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
