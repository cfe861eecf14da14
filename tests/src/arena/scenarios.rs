//! The networks in which the contest is held: synthetic ones, and those that public recordings make possible.

use super::trace::Trace;
use super::weather::{Arrival, Climate, Effect, Kind, Length, Plan};
use std::sync::Arc;
use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Outages without a carrier notice, from a blink to a digger, one in so many seconds.
const fn outages(every: u64) -> Kind {
    Kind {
        effect: Effect::Loss,
        arrival: Arrival::Random(secs(every)),
        length: Length::LogUniform(ms(200), secs(600)),
        depth: (1.0, 1.0),
    }
}

const HOUR: u64 = 3_600;

/// Twelve-hourly outages are far more than a fiber has; rates scale, and detection needs events.
fn fiber() -> Climate {
    let kinds = vec![outages(12 * HOUR)];
    Climate { rtt: ms(9), jitter: ms(1), loss: 0.0001, kinds, trace: None }
}

/// Handovers, in which packets are held and then delivered, and busy cells.
fn lte() -> Climate {
    let handovers = Kind {
        effect: Effect::Hold,
        arrival: Arrival::Random(secs(180)),
        length: Length::LogUniform(ms(30), ms(600)),
        depth: (1.0, 1.0),
    };
    let busy = Kind {
        effect: Effect::Queue,
        arrival: Arrival::Random(secs(600)),
        length: Length::LogUniform(secs(1), secs(60)),
        depth: (0.02, 0.4),
    };
    let kinds = vec![outages(12 * HOUR), handovers, busy];
    Climate { rtt: ms(38), jitter: ms(12), loss: 0.002, kinds, trace: None }
}

/// One percent lost at random, and a Gilbert–Elliott process of bursts on top.
fn dsl() -> Climate {
    let bursts = Kind {
        effect: Effect::Loss,
        arrival: Arrival::Random(secs(90)),
        length: Length::Exponential(ms(120)),
        depth: (0.5, 1.0),
    };
    let kinds = vec![outages(12 * HOUR), bursts];
    Climate { rtt: ms(24), jitter: ms(4), loss: 0.01, kinds, trace: None }
}

/// A satellite constellation that hands over every 15 s: a short gap each time, another round-trip time after it, and a
/// longer gap about every ten minutes (N. Mohan et al., "A Multifaceted Look at Starlink Performance", WWW 2024).
fn starlink() -> Climate {
    let period = secs(15);
    let gaps = Kind {
        effect: Effect::Loss,
        arrival: Arrival::Every(period),
        length: Length::LogUniform(ms(10), ms(140)),
        depth: (1.0, 1.0),
    };
    let long_gaps = Kind {
        effect: Effect::Loss,
        arrival: Arrival::Random(secs(600)),
        length: Length::LogUniform(ms(200), secs(2)),
        depth: (1.0, 1.0),
    };
    let steps = Kind {
        effect: Effect::Step,
        arrival: Arrival::Every(period),
        length: Length::LogUniform(ms(14_900), ms(14_990)),
        depth: (0.0, 0.03),
    };
    let kinds = vec![outages(12 * HOUR), gaps, long_gaps, steps];
    Climate { rtt: ms(28), jitter: ms(5), loss: 0.003, kinds, trace: None }
}

/// A fiber that keeps answering while it loses a part of its packets for minutes.
fn browning() -> Climate {
    let brown_outs = Kind {
        effect: Effect::Loss,
        arrival: Arrival::Random(secs(3 * HOUR)),
        length: Length::LogUniform(secs(10), secs(900)),
        depth: (0.15, 0.7),
    };
    let kinds = vec![outages(12 * HOUR), brown_outs];
    Climate { kinds, ..fiber() }
}

/// A line whose router has more buffer than sense: uploads add up to more than a second to each round trip.
fn bloated() -> Climate {
    let uploads = Kind {
        effect: Effect::Queue,
        arrival: Arrival::Random(secs(1_200)),
        length: Length::LogUniform(secs(2), secs(120)),
        depth: (0.1, 1.2),
    };
    let kinds = vec![outages(12 * HOUR), uploads];
    Climate { rtt: ms(18), jitter: ms(5), loss: 0.001, kinds, trace: None }
}

/// A recorded link; its outages are those of the recording. The round trip without it is that of a mobile core network.
fn recorded(trace: &Arc<Trace>) -> Climate {
    Climate { rtt: ms(36), jitter: ms(2), loss: 0.0005, kinds: Vec::new(), trace: Some(Arc::clone(trace)) }
}

fn plan(name: impl Into<String>, primary: Climate, backup: Climate) -> Plan {
    Plan { name: name.into(), climates: vec![primary, backup] }
}

/// All scenarios. Each trace stands in as backup of a fiber, and as primary with the next trace behind it (a synthetic
/// LTE link, if there is only one).
#[must_use]
pub fn all(traces: &[Arc<Trace>]) -> Vec<Plan> {
    let mut plans = vec![
        plan("calm fiber, LTE behind", fiber(), lte()),
        plan("lossy DSL (1 %, bursts), LTE behind", dsl(), lte()),
        plan("Starlink, LTE behind", starlink(), lte()),
        plan("fiber with brown-outs, LTE behind", browning(), lte()),
        plan("bloated cable, LTE behind", bloated(), lte()),
    ];
    for trace in traces {
        plans.push(plan(format!("fiber, {} behind", trace.name), fiber(), recorded(trace)));
    }
    for (trace, next) in traces.iter().zip(traces.iter().cycle().skip(1)) {
        let backup = if Arc::ptr_eq(trace, next) { lte() } else { recorded(next) };
        let behind = if Arc::ptr_eq(trace, next) { "LTE" } else { &next.name };
        plans.push(plan(format!("{}, {behind} behind", trace.name), recorded(trace), backup));
    }
    plans
}
