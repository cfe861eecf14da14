//! A step, and what came of it.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a step is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The agent and its links, as they stand. Only looks.
    Gateway,
    /// The watchdog MCU: whether it guards. Only looks.
    Mcu,
    /// The traffic leaves a link, or goes onto it, and comes back.
    Link {
        /// The link.
        link: String,
        /// Its interface.
        interface: String,
        /// Whether it has a cable that can be pulled; a modem has none.
        cable: bool,
    },
    /// A modem is reset, and comes back to data that flows.
    Modem {
        /// The modem.
        modem: String,
        /// Its link.
        link: String,
    },
    /// A modem loses its supply, and comes back.
    Rail {
        /// The modem.
        modem: String,
        /// Its link.
        link: String,
        /// Whether its supply is the MCU's rail.
        by_mcu: bool,
    },
    /// Somebody looks at the MCU's lamp.
    Lamp,
    /// The gateway starts anew.
    Restart {
        /// The MCU resets it; otherwise somebody does.
        by_mcu: bool,
    },
}

/// How a step that disturbs was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    /// As it is meant: a cable is pulled, a modem reset.
    Real,
    /// The agent moved the traffic by order: nobody pulled anything.
    ByOrder,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It went as it should.
    Passed,
    /// It did not; the reason stands with it.
    Failed,
    /// It was not done; the reason stands with it.
    Skipped,
}

/// Something that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Of what.
    pub(crate) what: String,
    /// How long it took, to the hundredth.
    pub(crate) value_ms: f64,
    /// How long it may take; `null`: it is told, and not judged.
    pub(crate) limit_ms: Option<f64>,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, value_ms: f64, limit: Option<Duration>) -> Self {
        let limit_ms = limit.map(|limit| rounded(limit.as_secs_f64() * 1e3));
        Self { what: what.into(), value_ms: rounded(value_ms), limit_ms }
    }

    /// Whether it keeps its limit.
    pub(crate) fn keeps(&self) -> bool {
        self.limit_ms.is_none_or(|limit| self.value_ms <= limit)
    }
}

/// So short a number reads the same from JSON as it was written.
fn rounded(ms: f64) -> f64 {
    (ms * 100.0).round() / 100.0
}

/// What a trial found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// What is wrong, or why it was not done: whole sentences.
    pub(crate) why: Vec<String>,
    pub(crate) figures: Vec<Figure>,
    /// Worth knowing.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, why: vec![why.into()], figures: Vec::new(), notes: Vec::new() }
    }
}

/// A step that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Its name, such as `link:fiber`.
    pub(crate) step: String,
    /// What it is, in words.
    pub(crate) what: String,
    /// How it was carried out; `null`: it was skipped, or only looks.
    pub(crate) way: Option<Way>,
    /// What it came to.
    pub(crate) verdict: Verdict,
    /// What is wrong, or why it was skipped.
    pub(crate) why: Vec<String>,
    /// What was measured.
    pub(crate) figures: Vec<Figure>,
    /// Worth knowing.
    pub(crate) notes: Vec<String>,
    /// When it began (RFC 3339).
    pub(crate) at: String,
    /// How long it took, what people took included.
    pub(crate) took_s: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_short_and_held_to_its_limit() {
        let figure = Figure::new("restored", 352.041_7, Some(Duration::from_millis(352)));
        assert_eq!((figure.value_ms, figure.keeps()), (352.04, false));
        assert!(Figure::new("restored", 352.001, Some(Duration::from_millis(352))).keeps());
        assert!(Figure::new("detected", 1e9, None).keeps());
    }
}
