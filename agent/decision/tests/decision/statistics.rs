//! The figures that are promised: mistakes in a hundred days, and the time to see a black hole.

use crate::simulation::{black_hole_detection, false_switches};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);

/// Debug builds are slow; the bench runs the same at full length.
const DAYS: u32 = if cfg!(debug_assertions) { 5 } else { 100 };

#[test]
fn no_false_switch_at_one_percent_loss() {
    let begun = Instant::now();
    let report = false_switches(DAYS, SECOND, 0.01, 42);
    let each = begun.elapsed() / u32::try_from(report.probes.max(1)).unwrap();
    println!("{report:?}, {each:?} a probe");
    assert_eq!(report.false_switches, 0);
    // Two ticks a second, and one deadline check each; the bursts come on top.
    let ticks = u64::from(DAYS) * 86_400 * 2;
    assert!(report.wakeups < ticks * 2 + report.bursts * 6, "{report:?}");
    assert!(report.probes > ticks * 2 && report.probes < ticks * 2 * 12 / 10, "{report:?}");
}

#[test]
fn a_black_hole_is_seen_in_four_tenths_of_a_second() {
    let report = black_hole_detection(SECOND, 0.0, 400, 1);
    let (median, late) = (report.percentile(50).unwrap(), report.percentile(95).unwrap());
    println!("1 s: median {median:?}, p95 {late:?}");
    assert_eq!(report.missed, 0);
    assert!(
        median <= Duration::from_millis(400) && late <= Duration::from_millis(700),
        "{median:?} {late:?}"
    );
}

#[test]
fn a_black_hole_is_seen_in_two_tenths_at_a_tenth_of_a_second() {
    let report = black_hole_detection(TENTH, 0.0, 400, 2);
    let (median, late) = (report.percentile(50).unwrap(), report.percentile(95).unwrap());
    println!("100 ms: median {median:?}, p95 {late:?}");
    assert_eq!(report.missed, 0);
    assert!(
        median <= Duration::from_millis(190) && late <= Duration::from_millis(250),
        "{median:?} {late:?}"
    );
}

#[test]
fn a_black_hole_under_traffic_is_seen_in_a_quarter_of_a_second() {
    let report = black_hole_detection(SECOND, 1_000.0, 400, 3);
    let (median, late) = (report.percentile(50).unwrap(), report.percentile(95).unwrap());
    println!("under traffic: median {median:?}, p95 {late:?}");
    assert_eq!(report.missed, 0);
    assert!(
        median <= Duration::from_millis(230) && late <= Duration::from_millis(300),
        "{median:?} {late:?}"
    );
}
