//! How a run looks to people.

use super::INDENT;
use crate::accept::{Done, Limits, Step, Verdict, broken, details};
use crate::cli::style::{Style, Tone};
use std::io::{self, Write};

/// A step before it is done: its name, what it is, and what it is allowed.
pub(super) fn head(step: &Step, limits: &Limits, style: Style, number: &str) -> String {
    let name = style.paint(Tone::Strong, &step.name);
    let mut text = format!("{number}{name}\n{INDENT}{}\n", broken(&step.what(), INDENT));
    if let Some(allowed) = step.allowed(limits) {
        let allowed = broken(&format!("Allowed: {allowed}."), INDENT);
        text.push_str(&format!("{INDENT}{}\n", style.paint(Tone::Faint, &allowed)));
    }
    text
}

/// Where it is told; nothing is while only JSON is wanted.
pub(super) struct Told<'o, W> {
    pub(super) out: &'o mut W,
    pub(super) silent: bool,
    pub(super) style: Style,
}

impl<W: Write> Told<'_, W> {
    pub(super) fn raw(&mut self, text: &str) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        // Somebody waits for it with a cable in the hand.
        self.out.flush()
    }

    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        self.raw(&format!("{INDENT}{}\n", broken(text, INDENT)))
    }

    /// What is to be done with the hands stands out.
    pub(super) fn tell(&mut self, text: &str) -> io::Result<()> {
        let text = self.style.paint(Tone::Strong, &broken(text, INDENT));
        self.raw(&format!("{INDENT}{text}\n"))
    }

    pub(super) fn ask(&mut self, text: &str) -> io::Result<()> {
        self.raw(&format!("{INDENT}{text}: "))
    }

    pub(super) fn done(&mut self, done: &Done) -> io::Result<()> {
        let (word, tone) = match done.verdict {
            Verdict::Passed => ("passed", Tone::Good),
            Verdict::Failed => ("failed", Tone::Bad),
            Verdict::Skipped => ("skipped", Tone::Doubtful),
        };
        let details = details(done, INDENT.len() + 2);
        self.raw(&format!("{INDENT}{}\n{details}", self.style.paint(tone, word)))
    }
}
