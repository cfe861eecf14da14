//! The results as a table, with a mark wherever somebody else is better for no more probe bytes, and as JSON.

use super::score::Tally;
use super::{Outcome, Round};
use serde_json::{Value, json};
use std::fmt::Write;

/// A budget is the same if it is not larger by more than this: the fixed count is set to ours by trial.
const SAME_BUDGET: f64 = 1.01;

/// A column, for which less is better.
#[derive(Debug, Clone, Copy)]
struct Column {
    head: &'static str,
    key: &'static str,
    decimals: usize,
    /// `None`: there is nothing to show.
    value: fn(&Tally) -> Option<f64>,
}

#[allow(clippy::cast_precision_loss)]
const COLUMNS: [Column; 8] = [
    Column {
        head: "detection median, s",
        key: "detection_median_s",
        decimals: 2,
        value: |t| t.detection(0.5),
    },
    Column { head: "p95, s", key: "detection_p95_s", decimals: 2, value: |t| t.detection(0.95) },
    Column {
        head: "missed outages > 5 s",
        key: "missed",
        decimals: 1,
        value: |t| Some(t.monthly(t.missed as f64)),
    },
    Column {
        head: "false failovers",
        key: "false_failovers",
        decimals: 1,
        value: |t| Some(t.monthly(t.false_failovers as f64)),
    },
    Column {
        head: "outage, s",
        key: "outage_s",
        decimals: 0,
        value: |t| Some(t.monthly(t.outage.as_secs_f64())),
    },
    Column {
        head: "degraded, s",
        key: "degraded_s",
        decimals: 0,
        value: |t| Some(t.monthly(t.degraded.as_secs_f64())),
    },
    Column { head: "switches", key: "switches", decimals: 1, value: |t| Some(t.monthly(t.switches as f64)) },
    Column {
        head: "probe MB a day",
        key: "probe_mb_a_day",
        decimals: 2,
        value: |t| Some(t.daily_bytes() / 1e6),
    },
];
const OUTAGE: usize = 4;
const FALSE_FAILOVERS: usize = 3;

/// All scenarios together, as if each had lasted equally long.
#[must_use]
pub fn together(rounds: &[Round]) -> Round {
    let mut all = Round { name: "all scenarios".into(), outcomes: Vec::new() };
    for round in rounds {
        for (place, outcome) in round.outcomes.iter().enumerate() {
            match all.outcomes.get_mut(place) {
                Some(sum) => sum.tally.add(&outcome.tally),
                None => all.outcomes.push(outcome.clone()),
            }
        }
    }
    all
}

impl Column {
    fn show(&self, tally: &Tally) -> String {
        (self.value)(tally).map_or_else(|| "–".into(), |value| format!("{value:.*}", self.decimals))
    }

    /// Whether a peer is better than we are, for no more bytes.
    fn beaten(&self, ours: &Tally, peer: &Tally) -> bool {
        let cheap = peer.bytes as f64 <= ours.bytes as f64 * SAME_BUDGET;
        match ((self.value)(ours), (self.value)(peer)) {
            (Some(ours), Some(peer)) => cheap && peer < ours,
            (None, Some(_)) => cheap,
            (_, None) => false,
        }
    }
}

/// One table. The first outcome is ours.
#[must_use]
pub fn render(round: &Round) -> String {
    let mut text = String::from("| rules |");
    for column in COLUMNS {
        let _never_fails = write!(text, " {} |", column.head);
    }
    text.push_str("\n|-|");
    text.push_str(&"-|".repeat(COLUMNS.len()));
    let Some(ours) = round.outcomes.first() else { return text };
    for outcome in &round.outcomes {
        let _never_fails = write!(text, "\n| {} |", outcome.contestant.name());
        for column in COLUMNS {
            let mark = if column.beaten(&ours.tally, &outcome.tally) { " *" } else { "" };
            let _never_fails = write!(text, " {}{mark} |", column.show(&outcome.tally));
        }
    }
    text
}

/// The sentences to the marks.
#[must_use]
pub fn better(round: &Round) -> Vec<String> {
    let Some((ours, peers)) = round.outcomes.split_first() else { return Vec::new() };
    peers.iter().filter_map(|peer| beats(ours, peer)).collect()
}

fn beats(ours: &Outcome, peer: &Outcome) -> Option<String> {
    let beaten = COLUMNS.iter().filter(|column| column.beaten(&ours.tally, &peer.tally));
    let each: Vec<_> = beaten
        .map(|column| {
            format!("{} ({} against {})", column.head, column.show(&peer.tally), column.show(&ours.tally))
        })
        .collect();
    let name = peer.contestant.name();
    (!each.is_empty())
        .then(|| format!("* {name} is better, for no more probe bytes, in: {}.", each.join("; ")))
}

/// Whether we are first in what matters most.
#[must_use]
pub fn standing(round: &Round) -> String {
    let Some((ours, peers)) = round.outcomes.split_first() else { return String::new() };
    let of = |column: usize, tally| {
        COLUMNS.get(column).and_then(|column| (column.value)(tally)).unwrap_or(f64::INFINITY)
    };
    let first = |column: usize| {
        let best = peers.iter().map(|peer| of(column, &peer.tally)).fold(f64::INFINITY, f64::min);
        if of(column, &ours.tally) <= best { "first" } else { "not first" }
    };
    format!("Shunt is {} in outage seconds and {} in false failovers.", first(OUTAGE), first(FALSE_FAILOVERS))
}

/// One line a scenario: outage seconds and false failovers of ours, of the equal budget, and of the best.
#[must_use]
pub fn by_scenario(rounds: &[Round]) -> String {
    let mut text = String::from(
        "| scenario: outage s / false failovers | Shunt | fixed count, equal budget | least outage of the others | fewest false of the others |\n|-|-|-|-|-|",
    );
    for round in rounds {
        let Some((ours, peers)) = round.outcomes.split_first() else { continue };
        let cell = |tally: &Tally| {
            let show = |column: usize| COLUMNS.get(column).map_or_else(String::new, |c| c.show(tally));
            format!("{} / {}", show(OUTAGE), show(FALSE_FAILOVERS))
        };
        let least = |key: &dyn Fn(&Tally) -> u128| {
            peers.iter().min_by_key(|peer| key(&peer.tally)).map_or_else(String::new, |peer| {
                format!("{} ({})", cell(&peer.tally), peer.contestant.name())
            })
        };
        let equal = peers.last().map_or_else(String::new, |peer| cell(&peer.tally));
        let _never_fails = write!(
            text,
            "\n| {} | {} | {equal} | {} | {} |",
            round.name,
            cell(&ours.tally),
            least(&|tally| tally.outage.as_nanos()),
            least(&|tally| u128::from(tally.false_failovers)),
        );
    }
    text
}

/// The same for programs.
#[must_use]
pub fn to_json(round: &Round) -> Value {
    let rules = round.outcomes.iter().map(|outcome| {
        let mut object = json!({
            "rules": outcome.contestant.name(),
            "hours": outcome.tally.time.as_secs_f64() / 3_600.0,
            "detected": outcome.tally.detections.len(),
        });
        for column in COLUMNS {
            if let Some(object) = object.as_object_mut() {
                object.insert(column.key.into(), json!((column.value)(&outcome.tally)));
            }
        }
        object
    });
    json!({ "scenario": round.name, "rules": rules.collect::<Vec<_>>(), "better": better(round) })
}

#[cfg(test)]
mod tests {
    use super::super::rules::Contestant;
    use super::*;
    use std::time::Duration;

    fn outcome(contestant: Contestant, outage: u64, bytes: u64) -> Outcome {
        let tally = Tally {
            time: Duration::from_secs(30 * 86_400),
            outage: Duration::from_secs(outage),
            bytes,
            detections: vec![Duration::from_millis(1_500)],
            ..Tally::default()
        };
        Outcome { contestant, tally }
    }

    #[test]
    fn a_peer_that_is_better_for_no_more_bytes_is_marked_and_named() {
        let outcomes = vec![
            outcome(Contestant::Shunt, 100, 30_000_000),
            outcome(Contestant::Vyos, 90, 15_000_000),
            outcome(Contestant::Peplink, 90, 60_000_000),
        ];
        let round = Round { name: "x".into(), outcomes };
        let text = render(&round);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[2], "| Shunt (defaults) | 1.50 | 1.50 | 0.0 | 0.0 | 100 | 0 | 0.0 | 1.00 |");
        assert_eq!(lines[3], "| VyOS wan load-balance | 1.50 | 1.50 | 0.0 | 0.0 | 90 * | 0 | 0.0 | 0.50 * |");
        assert_eq!(lines[4], "| Peplink | 1.50 | 1.50 | 0.0 | 0.0 | 90 | 0 | 0.0 | 2.00 |");
        assert_eq!(
            better(&round),
            ["* VyOS wan load-balance is better, for no more probe bytes, in: outage, s (90 against 100); \
              probe MB a day (0.50 against 1.00)."]
        );
        assert_eq!(standing(&round), "Shunt is not first in outage seconds and first in false failovers.");
        assert_eq!(to_json(&round)["rules"][1]["outage_s"], 90.0);
    }

    #[test]
    fn scenarios_are_summed_by_contestant() {
        let round = |outage| Round {
            name: "x".into(),
            outcomes: vec![outcome(Contestant::Shunt, outage, 10), outcome(Contestant::Vyos, 1, 1)],
        };
        let all = together(&[round(10), round(20)]);
        assert_eq!(all.outcomes[0].tally.outage, Duration::from_secs(30));
        assert_eq!(all.outcomes[0].tally.detections.len(), 2);
        assert_eq!(all.outcomes[1].tally.bytes, 2);
        assert!(by_scenario(&[round(10)]).contains("| x | 10 / 0.0 | 1 / 0.0 |"));
    }
}
