//! Colour, on a terminal only; `NO_COLOR` (no-color.org) switches it off.

use crate::api::types::Verdict;
use std::io::{self, IsTerminal};

/// Whether there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) colour: bool,
}

/// What a piece of text means to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Doubtful,
    Bad,
    Strong,
    Faint,
}

impl Style {
    /// As the standard output wants it.
    pub(super) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let able = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { colour: wanted && able && io::stdout().is_terminal() }
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Doubtful => "33",
            Tone::Bad => "1;31",
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Plain => return text.into(),
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

impl From<Verdict> for Tone {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Unknown => Self::Faint,
            Verdict::Healthy => Self::Good,
            Verdict::Suspect | Verdict::Degraded | Verdict::Recovering => Self::Doubtful,
            Verdict::Failed => Self::Bad,
        }
    }
}
