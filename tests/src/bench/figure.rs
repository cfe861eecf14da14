//! One measured figure: all its samples, and how they are summed up in a line.

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
}

/// A figure with its spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// What it should be.
    pub goal: String,
    unit: Unit,
    samples: Vec<f64>,
}

impl Figure {
    /// A figure without samples yet.
    #[must_use]
    pub fn new(what: impl Into<String>, unit: Unit, goal: impl Into<String>) -> Self {
        Self { what: what.into(), goal: goal.into(), unit, samples: Vec::new() }
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
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, digits) = match self.unit {
            Unit::Millis => ("ms", 2),
            Unit::Micros => ("µs", 1),
            Unit::Mebibytes => ("MiB", 1),
            Unit::Count => ("", 0),
        };
        let at = |share| self.quantile(share).unwrap_or(f64::NAN);
        let (median, p95, p99, min, max) = (at(0.5), at(0.95), at(0.99), at(0.0), at(1.0));
        write!(f, "| {} | {} | ", self.what, self.samples.len())?;
        if self.samples.len() == 1 {
            write!(f, "{median:.digits$} {unit} | – | – | – | {} |", self.goal)
        } else {
            write!(
                f,
                "{median:.digits$} {unit} | {p95:.digits$} | {p99:.digits$} | {min:.digits$}–{max:.digits$} | {} |",
                self.goal
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let mut figure = Figure::new("gap", Unit::Millis, "≤ 1");
        for millis in [5_u64, 1, 4, 2, 3] {
            figure.add_time(Duration::from_millis(millis));
        }
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|share| figure.quantile(share)), [1.0, 3.0, 5.0, 5.0].map(Some));
        assert_eq!(figure.to_string(), "| gap | 5 | 3.00 ms | 5.00 | 5.00 | 1.00–5.00 | ≤ 1 |");
        assert_eq!(Figure::new("", Unit::Count, "").quantile(0.5), None);
    }
}
