//! One measured figure: all its samples, its goal, and how they are summed up in a line.

use std::fmt;
use std::time::Duration;

/// What the samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Mebibytes.
    Mebibytes,
    /// Things counted.
    Count,
    /// How many times as much.
    Ratio,
}

/// One value that stands for all samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Half of the samples do not exceed it.
    Median,
    /// 95 % of the samples do not exceed it.
    P95,
    /// 99 % of the samples do not exceed it.
    P99,
    /// The largest sample.
    Worst,
}

impl Statistic {
    const fn share(self) -> f64 {
        match self {
            Self::Median => 0.5,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::Worst => 1.0,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Worst => "worst",
        }
    }
}

/// A figure with its spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// What it must not exceed, in the figure's unit. Empty: it stands there for comparison.
    pub goals: Vec<(Statistic, f64)>,
    unit: Unit,
    samples: Vec<f64>,
}

impl Figure {
    /// A figure without samples yet.
    #[must_use]
    pub fn new(what: impl Into<String>, unit: Unit, goals: &[(Statistic, f64)]) -> Self {
        Self { what: what.into(), goals: goals.to_vec(), unit, samples: Vec::new() }
    }

    /// One more sample.
    #[must_use]
    pub fn with(mut self, sample: f64) -> Self {
        self.add(sample);
        self
    }

    /// One more sample, in the figure's unit.
    pub fn add(&mut self, sample: f64) {
        let place = self.samples.partition_point(|other| *other < sample);
        self.samples.insert(place, sample);
    }

    /// One more sample, of time.
    pub fn add_time(&mut self, time: Duration) {
        let factor = if self.unit == Unit::Micros { 1e6 } else { 1e3 };
        self.add(time.as_secs_f64() * factor);
    }

    /// The sample that `share` of all samples (from 0 to 1) do not exceed (nearest rank).
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share * self.samples.len() as f64).ceil().max(1.0) as usize;
        self.samples.get(rank - 1).copied()
    }

    /// Whether each goal is met; a goal without a sample is not.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.goals.iter().all(|goal| self.meets(goal))
    }

    fn meets(&self, (statistic, limit): &(Statistic, f64)) -> bool {
        self.quantile(statistic.share()).is_some_and(|value| value <= *limit)
    }

    fn digits(&self) -> usize {
        match self.unit {
            Unit::Millis | Unit::Ratio => 2,
            Unit::Micros | Unit::Mebibytes => 1,
            Unit::Count => 0,
        }
    }

    /// "met", or what was missed, or "–" without a goal.
    fn judgement(&self) -> String {
        if self.goals.is_empty() {
            return "–".into();
        }
        let digits = self.digits();
        let word = |(statistic, limit): &(Statistic, f64)| {
            let value = self.quantile(statistic.share()).unwrap_or(f64::NAN);
            let met = if self.meets(&(*statistic, *limit)) { "met" } else { "**missed**" };
            if self.samples.len() == 1 {
                met.to_owned()
            } else {
                format!("{met} ({} {value:.digits$})", statistic.name())
            }
        };
        self.goals.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn goal(&self) -> String {
        let single = self.samples.len() == 1;
        let word = |(statistic, limit): &(Statistic, f64)| match single {
            true => format!("≤ {limit}"),
            false => format!("{} ≤ {limit}", statistic.name()),
        };
        let words: Vec<String> = self.goals.iter().map(word).collect();
        if words.is_empty() { "–".into() } else { words.join(", ") }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Millis => " ms",
            Unit::Micros => " µs",
            Unit::Mebibytes => " MiB",
            Unit::Count | Unit::Ratio => "",
        };
        if self.samples.is_empty() {
            return write!(f, "| {} | – | – | – | – | {} | not measured |", self.what, self.goal());
        }
        let digits = self.digits();
        let at = |share| self.quantile(share).unwrap_or(f64::NAN);
        let (median, p95, min, max) = (at(0.5), at(0.95), at(0.0), at(1.0));
        write!(f, "| {} | {} | {median:.digits$}{unit} | ", self.what, self.samples.len())?;
        if self.samples.len() == 1 {
            write!(f, "– | – ")?;
        } else {
            write!(f, "{p95:.digits$} | {min:.digits$}–{max:.digits$} ")?;
        }
        write!(f, "| {} | {} |", self.goal(), self.judgement())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let mut figure = Figure::new("gap", Unit::Millis, &[(Statistic::Median, 3.0), (Statistic::P95, 4.0)]);
        for millis in [5_u64, 1, 4, 2, 3] {
            figure.add_time(Duration::from_millis(millis));
        }
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|share| figure.quantile(share)), [1.0, 3.0, 5.0, 5.0].map(Some));
        let line = "| gap | 5 | 3.00 ms | 5.00 | 1.00–5.00 | median ≤ 3, p95 ≤ 4 | \
                    met (median 3.00), **missed** (p95 5.00) |";
        assert_eq!(figure.to_string(), line);
        assert!(!figure.is_met());
    }

    #[test]
    fn a_goal_without_samples_is_missed_and_no_goal_is_met() {
        let goal = [(Statistic::Worst, 0.0)];
        assert_eq!(Figure::new("", Unit::Count, &goal).quantile(0.5), None);
        assert!(!Figure::new("", Unit::Count, &goal).is_met());
        assert!(Figure::new("", Unit::Count, &[]).is_met());
        let none = Figure::new("beside it", Unit::Ratio, &[]);
        assert_eq!(none.to_string(), "| beside it | – | – | – | – | – | not measured |");
        let one = Figure::new("lost", Unit::Count, &goal).with(0.0);
        assert_eq!(one.to_string(), "| lost | 1 | 0 | – | – | ≤ 0 | met |");
    }
}
