//! `shunt doctor`: what it found, a line each with the mend below it.

use super::args::Args;
use super::client::ClientError;
use super::exit::Failure;
use super::style::{Style, Tone};
use crate::api::describe::clean;
use crate::api::types::Status;
use crate::api::wire::Request;
use crate::doctor::{
    ConfigFile, DaemonFacts, Finding, Level, Outcome, Patient, Report, Roots, Unread, examine,
};
use shunt_config::{Fault, LoadError};
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};

/// Longest line; sentences are broken before it. A console of a gateway has 80 to 120 columns.
const WIDTH: usize = 100;
/// Columns of the marks ("not checked") and of the checks' names ("forwarding").
const MARK: usize = 13;
const NAME: usize = 12;

/// How it is to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) json: bool,
    pub(super) offline: bool,
    pub(super) strict: bool,
}

pub(super) fn carry_out(args: &Args, manner: Manner, out: &mut impl Write) -> Result<(), Failure> {
    let loaded = shunt_config::load(args.config());
    let config = match &loaded {
        Ok(config) => ConfigFile::Valid(config),
        Err(LoadError::Unreadable { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            ConfigFile::Denied(args.config())
        }
        Err(LoadError::Unreadable { source, .. })
            if source.kind() == ErrorKind::NotFound && args.named_config().is_none() =>
        {
            ConfigFile::Absent(args.config())
        }
        // A file that was named and is not there is a slip of the pen: nobody wants to read of anything else.
        Err(LoadError::Unreadable { .. }) => {
            return loaded.map(|_| ()).map_err(Failure::Config);
        }
        Err(error) if names_no_link(error) => ConfigFile::NoLink(error.to_string()),
        Err(error) => ConfigFile::Faulty(error.to_string()),
    };
    let report =
        examine(Patient { config, roots: Roots::system(), daemon: daemon(args), offline: manner.offline });
    if manner.json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(render(&report, Style::of_stdout()).as_bytes())?;
    }
    out.flush()?;
    match report.outcome(manner.strict) {
        Outcome::Well => Ok(()),
        other => Err(Failure::Unwell(other)),
    }
}

/// Whether it is the only fault of a config that nobody has written a link into yet.
fn names_no_link(error: &LoadError) -> bool {
    let LoadError::Faulty(faults) = error else { return false };
    let missing = |fault: &Fault| fault.key == "link" && fault.why == "there is no link";
    matches!(faults.as_slice(), [only] if missing(only))
}

fn daemon(args: &Args) -> DaemonFacts {
    let status: Result<Status, ClientError> =
        super::commands::connect(args).and_then(|mut client| client.ask(&Request::Status {}));
    match status {
        Ok(status) => DaemonFacts::Running { version: status.version, warnings: status.warnings },
        Err(ClientError::Absent { .. }) => DaemonFacts::Absent,
        Err(error @ ClientError::Denied { .. }) => DaemonFacts::Unasked(Unread::Denied(error.to_string())),
        Err(error) => DaemonFacts::Unasked(Unread::Failed(error.to_string())),
    }
}

fn render(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        line(&mut text, finding, style);
    }
    text.push('\n');
    text.push_str(&sum(report, style));
    text.push('\n');
    text
}

fn line(text: &mut String, finding: &Finding, style: Style) {
    let (mark, tone) = mark(finding.level);
    let about = finding.about.as_deref().map(|about| format!("{about}: ")).unwrap_or_default();
    let indent = " ".repeat(MARK + NAME);
    let body = broken(&format!("{about}{}", finding.what), &indent);
    let pad = " ".repeat(MARK.saturating_sub(mark.len()));
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{}{pad}{:NAME$}{body}", style.paint(tone, mark), finding.check.name());
    if let Some(mend) = &finding.mend {
        let _ = writeln!(
            text,
            "{indent}{}",
            style.paint(Tone::Faint, &broken(&format!("Mend: {mend}"), &indent))
        );
    }
}

const fn mark(level: Level) -> (&'static str, Tone) {
    match level {
        Level::Ok => ("ok", Tone::Good),
        Level::Note => ("note", Tone::Plain),
        Level::NotChecked => ("not checked", Tone::Doubtful),
        Level::Warning => ("warning", Tone::Doubtful),
        Level::Fault => ("fault", Tone::Bad),
    }
}

/// Broken at blanks; what has line breaks of its own (the faults of a config) keeps them. What others say goes to a
/// terminal: nothing in it may be a command to that.
fn broken(text: &str, indent: &str) -> String {
    let mut lines = Vec::new();
    for part in text.lines() {
        let mut line = String::new();
        for word in part.split(' ') {
            let word = clean(word);
            let full = line.chars().count() + 1 + word.chars().count() > WIDTH - MARK - NAME;
            if full && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines.join(&format!("\n{indent}"))
}

fn sum(report: &Report, style: Style) -> String {
    let count = &report.count;
    let parts = [
        (count.fault, "fault", "faults", Tone::Bad),
        (count.warning, "warning", "warnings", Tone::Doubtful),
        (count.not_checked, "thing not checked", "things not checked", Tone::Doubtful),
        (count.note, "note", "notes", Tone::Plain),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many, tone)| {
            style.paint(*tone, &format!("{count} {}", if *count == 1 { one } else { many }))
        })
        .collect();
    if said.is_empty() {
        return style.paint(Tone::Good, "Everything is as it should be.");
    }
    format!("{}; {} in order.", said.join(", "), count.ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing;

    #[test]
    fn a_fault_stands_with_its_mend_below_it() {
        let report = testing::report();
        let text = render(&report, Style { colour: false });
        assert!(text.starts_with("ok           kernel      "), "{text}");
        let line = "fault        nat         lte: Nothing translates what leaves by wwan0:";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\n                         Mend: Add it to the firewall:"), "{text}");
        assert!(text.ends_with("1 fault; 1 in order.\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(render(&report, Style { colour: true }).contains("\u{1b}[1;31mfault\u{1b}[0m        nat"));
        let well = Report::of(Vec::new());
        assert_eq!(render(&well, Style { colour: false }), "\nEverything is as it should be.\n");
    }

    #[test]
    fn the_json_is_as_documented() {
        let page = include_str!("../../API.md");
        let example =
            page.split("```json doctor\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let documented: serde_json::Value = serde_json::from_str(example).unwrap();
        assert_eq!(serde_json::to_value(testing::report()).unwrap(), documented);
    }

    #[test]
    fn nothing_that_others_say_commands_the_terminal() {
        assert_eq!(broken("a\u{1b}[2Jb\nc", "  "), "a [2Jb\n  c");
    }
}
