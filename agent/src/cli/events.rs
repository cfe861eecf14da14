//! An event as one line for people.

use super::style::{Style, Tone};
use crate::api::describe::clean;
use crate::api::types::Verdict;
use crate::api::wire::{Event, EventKind};

/// Time, then the sentence; colour tells what needs a look.
pub(super) fn line(event: &Event, style: Style) -> String {
    let tone = match (event.kind, event.verdict) {
        (EventKind::Stranded | EventKind::Reset, _) | (_, Some(Verdict::Failed)) => Tone::Bad,
        (EventKind::Warning | EventKind::Missed | EventKind::Unverifiable | EventKind::Target, _) => {
            Tone::Doubtful
        }
        (EventKind::Uplink | EventKind::Force, _) => Tone::Strong,
        (_, Some(verdict)) => Tone::from(verdict),
        _ => Tone::Plain,
    };
    format!(
        "{}  {}",
        style.paint(Tone::Faint, &event.at.replacen('T', " ", 1)),
        style.paint(tone, &clean(&event.text))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_the_time_first() {
        let at = "2026-01-02T03:04:05.678Z".to_owned();
        let event = Event::plain(1, at, EventKind::Stranded, "outage: fiber (IPv4) failed");
        assert_eq!(
            line(&event, Style { colour: false }),
            "2026-01-02 03:04:05.678Z  outage: fiber (IPv4) failed"
        );
        assert!(line(&event, Style { colour: true }).contains("\u{1b}[1;31moutage"));
        // Others' words in it, such as an operator's name, are no commands to the terminal.
        let event = Event { text: "modem lte: net\u{1b}[2J\nwork".into(), ..event };
        assert!(line(&event, Style { colour: false }).ends_with("net [2J work"));
    }
}
