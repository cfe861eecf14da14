//! What the user sees: whole lines with the time, coloured on a terminal only.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

/// Standard output with a clock.
#[derive(Debug)]
pub(super) struct Screen {
    begin: Instant,
    coloured: bool,
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
enum Colour {
    Plain,
    Bold,
    Dim,
    Green,
    Red,
}

impl Screen {
    pub(super) fn new() -> Self {
        let coloured = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { begin: Instant::now(), coloured }
    }

    /// What the laboratory does.
    pub(super) fn act(&self, text: &str) {
        self.timed(Colour::Bold, "lab", text);
    }

    /// What the agent says.
    pub(super) fn agent(&self, text: &str) {
        self.timed(Colour::Plain, "agent", text);
    }

    /// What the client's stream shows.
    pub(super) fn stream(&self, text: &str) {
        self.timed(Colour::Dim, "stream", text);
    }

    /// Something that was to be shown, and was.
    pub(super) fn shown(&self, text: &str) {
        self.timed(Colour::Green, "ok", text);
    }

    /// Something that was to be shown, and was not.
    pub(super) fn fault(&self, text: &str) {
        self.timed(Colour::Red, "FAULT", text);
    }

    /// A line without a time: part of a table.
    pub(super) fn line(&self, text: &str) {
        // A closed output is no reason to fail: the exit code tells the result, too.
        let _closed = writeln!(io::stdout().lock(), "{text}");
    }

    /// What is being done now: beside the table, not in it.
    pub(super) fn progress(&self, text: &str) {
        let time = self.begin.elapsed().as_secs_f64();
        let _closed = writeln!(io::stderr().lock(), "{time:8.1} s  {text}");
    }

    fn timed(&self, colour: Colour, who: &str, text: &str) {
        let time = self.begin.elapsed().as_secs_f64();
        let (on, off) = if self.coloured { (code(colour), "\x1b[0m") } else { ("", "") };
        self.line(&format!("{time:8.3} s  {on}{who:<7}{text}{off}"));
    }
}

const fn code(colour: Colour) -> &'static str {
    match colour {
        Colour::Plain => "",
        Colour::Bold => "\x1b[1m",
        Colour::Dim => "\x1b[2m",
        Colour::Green => "\x1b[32m",
        Colour::Red => "\x1b[1;31m",
    }
}
