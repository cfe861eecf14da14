//! What adds up while a step goes on: figures, notes, faults. A fault ends no step by itself, for cables must go back in.

use super::super::step::{Figure, Outcome, Verdict};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Account {
    figures: Vec<Figure>,
    notes: Vec<String>,
    faults: Vec<String>,
}

impl Account {
    /// Something that was measured; beyond its limit it is a fault.
    pub(super) fn figure(&mut self, what: &str, value_ms: f64, limit: Option<Duration>) {
        let figure = Figure::new(what, value_ms, limit);
        if !figure.keeps() {
            self.faults.push(format!("It took too long: {what}."));
        }
        self.figures.push(figure);
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(super) fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    pub(super) fn outcome(&mut self) -> Outcome {
        let Self { figures, notes, faults } = std::mem::take(self);
        let verdict = if faults.is_empty() { Verdict::Passed } else { Verdict::Failed };
        Outcome { verdict, why: faults, figures, notes }
    }
}

pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
