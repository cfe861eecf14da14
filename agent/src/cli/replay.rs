//! What a replay came to, for people: whether it was the same, then what happened beside what would have happened.

use super::exit::Failure;
use super::style::{Style, Tone};
use super::table::{self, Cell};
use crate::api::describe::short;
use crate::recording::replay::{self, AROUND, COMPARED, FamilyFigures, Figures, Move, Report, WORSE};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Moves that are shown of each side; `--json` has all.
const SHOWN_MOVES: usize = 20;

/// Replays `recording`, with another config if there is one.
pub(super) fn carry_out(
    recording: &Path,
    config: Option<&Path>,
    json: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let config = config.map(|file| Ok::<_, Failure>((file, shunt_config::load(file)?))).transpose()?;
    let recording = crate::recording::open(recording)?;
    let report = match &config {
        Some((_, config)) => replay::other(&recording, config)?,
        None => replay::same(&recording)?,
    };
    if json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        let file = config.as_ref().map(|(file, _)| *file);
        out.write_all(render(&report, file, Style::of_stdout()).as_bytes())?;
    }
    match report.same.and_then(|same| same.difference) {
        Some(difference) => Err(Failure::Differs(difference.at)),
        None => Ok(()),
    }
}

fn render(report: &Report, config: Option<&Path>, style: Style) -> String {
    let mut text = headline(report);
    for hole in &report.holes {
        text.push_str(&style.paint(Tone::Doubtful, &format!("Missing: {hole}")));
        text.push('\n');
    }
    text.push_str(&sameness(report, style));
    text.push('\n');
    let name = config.map_or_else(
        || "REPLAYED".to_owned(),
        |config| format!("WITH {}", config.file_name().unwrap_or(config.as_os_str()).to_string_lossy()),
    );
    let replayed = report.replayed.as_ref().map(|replayed| &replayed.figures);
    let heads = ["", "", "HAPPENED", if replayed.is_some() { &name } else { "" }];
    text.push_str(&table::render(&heads, &figures(&report.happened, replayed), style));
    text.push_str(&moves("Moves that happened", &report.happened.moves, style));
    if let Some(replayed) = replayed {
        text.push_str(&moves(&format!("Moves {}", name.to_lowercase()), &replayed.moves, style));
    }
    text.push('\n');
    text.push_str(&style.paint(Tone::Faint, &definitions(config.is_some())));
    text.push('\n');
    text
}

fn headline(report: &Report) -> String {
    let whole = report.spans.iter().map(|span| span.length_s).sum();
    let (from, to) = match (report.spans.first(), report.spans.last()) {
        (Some(first), Some(last)) => (day(&first.from), day(&last.to)),
        _ => ("-".to_owned(), "-".to_owned()),
    };
    format!(
        "{} in {}, {} to {}, recorded by shunt {}\n",
        time(whole),
        count(report.spans.len(), "stretch", "stretches without a hole"),
        from,
        to,
        report.recorded_by.join(", ")
    )
}

fn sameness(report: &Report, style: Style) -> String {
    let Some(same) = &report.same else { return String::new() };
    let (tone, text) = match &same.difference {
        None => (
            Tone::Good,
            format!("The same config: {} actions in {} calls, all the same.", same.actions, same.calls),
        ),
        Some(difference) => (
            Tone::Bad,
            format!("The same config, but the replay parts at {}: {}.", day(&difference.at), difference.how),
        ),
    };
    format!("{}\n", style.paint(tone, &text))
}

fn figures(happened: &Figures, replayed: Option<&Figures>) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for family in &happened.families {
        let other = replayed.and_then(|all| all.families.iter().find(|other| other.family == family.family));
        let mut row = |what: &str, of: &dyn Fn(&FamilyFigures) -> String| {
            let name = if what == "moves" { family.family.name() } else { "" };
            let other = other.map_or_else(String::new, of);
            rows.push(vec![
                Cell::plain(name),
                Cell::plain(what),
                Cell::plain(of(family)),
                Cell::plain(other),
            ]);
        };
        row("moves", &|figures| figures.moves.to_string());
        row("failovers", &|figures| figures.failovers.to_string());
        row("false failovers", &|figures| figures.false_failovers.to_string());
        row("outage", &|figures| time(figures.outage_s));
        let mut links: Vec<&Option<String>> = family.uplinks.iter().map(|on| &on.link).collect();
        for on in other.iter().flat_map(|other| &other.uplinks) {
            if !links.contains(&&on.link) {
                links.push(&on.link);
            }
        }
        for link in links {
            let what = link.as_ref().map_or_else(|| "no uplink".to_owned(), |link| format!("on {link}"));
            row(&what, &|figures| {
                let on = figures.uplinks.iter().find(|on| on.link == *link);
                on.map_or_else(|| "-".to_owned(), |on| time(on.time_s))
            });
        }
    }
    rows
}

fn moves(title: &str, all: &[Move], style: Style) -> String {
    if all.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<Cell>> = all
        .iter()
        .rev()
        .take(SHOWN_MOVES)
        .rev()
        .map(|a_move| {
            let from = a_move.from.as_deref().unwrap_or("none");
            let (kind, tone) = match (a_move.is_false, a_move.failover) {
                (true, _) => ("false failover", Tone::Bad),
                (false, true) => ("failover", Tone::Doubtful),
                (false, false) => ("", Tone::Plain),
            };
            vec![
                Cell::plain(day(&a_move.at)),
                Cell::plain(format!("{} {from} -> {}", a_move.family.name(), a_move.to)),
                Cell::new(kind, tone),
                Cell::plain(a_move.reason.as_str()),
            ]
        })
        .collect();
    let shown = if all.len() > SHOWN_MOVES {
        format!(", the last {SHOWN_MOVES} of {}", all.len())
    } else {
        String::new()
    };
    format!("\n{title}{shown}\n{}", table::render(&["WHEN", "MOVE", "", "WHY"], &rows, style))
}

fn definitions(estimate: bool) -> String {
    let estimate = if estimate {
        "This is an estimate. Each probe that the new config asks for gets the fate of the recorded probe of the same \
         link and target that was asked for nearest in time and answered no other, or is lost if the link was silent \
         then; carrier, paths and orders are as recorded. A link that was asked every 30 s says little of the time \
         between.\n"
    } else {
        ""
    };
    format!(
        "{estimate}Outage: time in which the uplink was silent (three probes in a row without an answer, two of each \
         target that ever answers), or had no carrier, address or way out. A failover is false when, by the recording, \
         the link that was left was not silent within {} of it, and had not lost {:.0} % more of its probes in the {} \
         before than the link that was taken in the {} after (or was not slower, where it was left for that).",
        short(AROUND),
        WORSE * 100.0,
        short(COMPARED),
        short(COMPARED),
    )
}

fn time(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "-".to_owned(), short)
}

fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// `2026-01-02 03:04:05.678Z`.
fn day(rfc3339: &str) -> String {
    rfc3339.replacen('T', " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::Family;
    use crate::recording::replay::{OnUplink, Replayed, Same, Span};

    fn figures(outage_s: f64) -> Figures {
        let on = |link: &str, time_s| OnUplink { link: Some(link.into()), time_s };
        Figures {
            families: vec![FamilyFigures {
                family: Family::V4,
                moves: 2,
                failovers: 1,
                false_failovers: 0,
                outage_s,
                uplinks: vec![on("fiber", 3_000.0), on("lte", 600.0)],
            }],
            moves: vec![Move {
                at: "2026-01-02T03:04:05.678Z".into(),
                family: Family::V4,
                from: Some("fiber".into()),
                to: "lte".into(),
                reason: "fiber failed".into(),
                failover: true,
                is_false: false,
            }],
        }
    }

    #[test]
    fn both_sides_stand_beside_each_other_and_the_estimate_is_called_one() {
        let span = Span {
            from: "2026-01-02T03:00:00.000Z".into(),
            to: "2026-01-02T04:00:00.000Z".into(),
            length_s: 3_600.0,
        };
        let mut report = Report {
            recorded_by: vec!["0.1.0".into()],
            segments: 2,
            spans: vec![span],
            holes: vec!["a.shuntrec: its last write was cut off".into()],
            same: Some(Same { calls: 9, actions: 7, difference: None }),
            happened: figures(2.5),
            replayed: None,
        };
        let page = render(&report, None, Style { colour: false });
        assert!(page.contains("The same config: 7 actions in 9 calls, all the same."), "{page}");
        assert!(page.contains("Missing: a.shuntrec"), "{page}");
        assert!(!page.contains("estimate"), "{page}");
        report.same = None;
        report.replayed = Some(Replayed { figures: figures(0.5), probes: Some(100) });
        let page = render(&report, Some(Path::new("/tmp/new.toml")), Style { colour: false });
        let outage = page.lines().find(|line| line.trim_start().starts_with("outage")).unwrap();
        assert_eq!(outage.split_whitespace().collect::<Vec<_>>(), ["outage", "2.5", "s", "500", "ms"]);
        assert!(page.contains("WITH new.toml") && page.contains("This is an estimate."), "{page}");
        assert!(page.contains("IPv4 fiber -> lte  failover  fiber failed"), "{page}");
    }
}
