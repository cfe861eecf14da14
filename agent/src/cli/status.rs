//! The status for people: first what the uplink is and why, then the rest in the order in which one asks at night.

use super::style::{Style, Tone};
use super::table::{self, Cell};
use crate::api::describe::{clean, host_reset, short};
use crate::api::types::{
    CanaryKind, CanaryStatus, Family, Fault, IncidentStatus, LinkStatus, Meanwhile, PathStatus, Status,
    Verdict,
};
use std::time::Duration;

/// Incidents that are shown; `--json` has all.
const SHOWN_INCIDENTS: usize = 5;

pub(super) fn render(status: &Status, style: Style) -> String {
    let both = status.links.iter().any(|link| link.families.v6.is_some());
    let mut text = uplink(status, Family::V4, style);
    if both {
        text.push_str(&uplink(status, Family::V6, style));
    }
    text.push_str(&forced(status, style));
    for warning in &status.warnings {
        text.push_str(&style.paint(Tone::Doubtful, &format!("Warning: {warning}")));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&links(status, style));
    text.push_str(&modems(status));
    text.push('\n');
    text.push_str(&incidents(&status.incidents, style));
    text.push('\n');
    text.push_str(&canary(status, style));
    text.push_str(&dropped(status, style));
    let up = short(Duration::from_secs(status.uptime_s));
    text.push_str(
        &style.paint(Tone::Faint, &format!("shunt {}, up for {up}, {}", status.version, day(&status.at))),
    );
    text.push('\n');
    text
}

fn uplink(status: &Status, family: Family, style: Style) -> String {
    let (link, reason) = match family {
        Family::V4 => (&status.uplink.v4, &status.uplink_reason.v4),
        Family::V6 => (&status.uplink.v6, &status.uplink_reason.v6),
    };
    let (name, tone) = match link {
        Some(name) => (name.as_str(), uplink_tone(status, name, family)),
        None => ("none", Tone::Bad),
    };
    format!("{} uplink is {}: {reason}\n", family.name(), style.paint(tone, name))
}

/// The uplink is as good as its own verdict.
fn uplink_tone(status: &Status, name: &str, family: Family) -> Tone {
    let link = status.links.iter().find(|link| link.name == name);
    let path = link.and_then(|link| path(link, family));
    path.map_or(Tone::Strong, |path| Tone::from(path.verdict))
}

fn forced(status: &Status, style: Style) -> String {
    let Some(forced) = &status.forced else { return String::new() };
    let lease = match &forced.until {
        Some(until) => match between(&status.at, until) {
            Some(left) => format!("for another {}, until {}", short(left), day(until)),
            None => format!("until {}", day(until)),
        },
        None => "until `shunt release`".into(),
    };
    let strict = if forced.strict { ", even when it is dead" } else { "" };
    let text = format!("Forced by the operator to {} {lease}{strict}", forced.link);
    format!("{}\n", style.paint(Tone::Doubtful, &text))
}

/// How the modems of the links stand, a line each.
fn modems(status: &Status) -> String {
    let modem = |link: &LinkStatus| {
        let text = link.modem.as_ref()?;
        let in_use = [&status.uplink.v4, &status.uplink.v6].contains(&&Some(link.name.clone()));
        let stands = if in_use { "carries the traffic" } else { "stands by" };
        let text = clean(text);
        Some(format!("Modem: {} {stands}: {text}\n", link.name))
    };
    status.links.iter().filter_map(modem).collect()
}

fn links(status: &Status, style: Style) -> String {
    let heads = ["", "LINK", "INTERFACE", "IP", "VERDICT", "RTT", "JITTER", "LOSS", "SINCE", "WHY"];
    let both = status.links.iter().any(|link| link.families.v6.is_some());
    let mut rows = Vec::new();
    for link in &status.links {
        let paths: Vec<_> = [Family::V4, Family::V6]
            .into_iter()
            .filter_map(|family| path(link, family).map(|path| (family, path)))
            .collect();
        if paths.is_empty() {
            rows.push(bare_row(link));
        }
        for (place, (family, path)) in paths.iter().enumerate() {
            let ip = if both { family.name().trim_start_matches("IP") } else { "" };
            rows.push(row(status, link, *family, path, ip, place == 0));
        }
    }
    table::render(&heads, &rows, style)
}

fn row(
    status: &Status,
    link: &LinkStatus,
    family: Family,
    path: &PathStatus,
    ip: &str,
    first: bool,
) -> Vec<Cell> {
    let uplink = match family {
        Family::V4 => &status.uplink.v4,
        Family::V6 => &status.uplink.v6,
    };
    let used = uplink.as_deref() == Some(link.name.as_str());
    let since = between(&path.since, &status.at).map_or_else(|| day(&path.since), short);
    let name = if link.metered { format!("{} (metered)", link.name) } else { link.name.clone() };
    vec![
        Cell::plain(if used { "*" } else { "" }),
        Cell::new(if first { name } else { String::new() }, if used { Tone::Strong } else { Tone::Plain }),
        Cell::plain(if first { link.interface.as_str() } else { "" }),
        Cell::plain(ip),
        Cell::new(path.verdict.word(), Tone::from(path.verdict)),
        Cell::plain(number(path.rtt_ms, "ms")),
        Cell::plain(number(path.jitter_ms, "ms")),
        Cell::plain(number(path.loss_percent, "%")),
        Cell::plain(since),
        Cell::plain(path.reason.as_str()),
    ]
}

fn bare_row(link: &LinkStatus) -> Vec<Cell> {
    let mut row =
        vec![Cell::plain(""), Cell::plain(link.name.as_str()), Cell::plain(link.interface.as_str())];
    row.extend([Cell::plain(""), Cell::new(Verdict::Unknown.word(), Tone::Faint)]);
    row.extend(["", "", "", "", link.reason.as_str()].map(Cell::plain));
    row
}

fn incidents(all: &[IncidentStatus], style: Style) -> String {
    if all.is_empty() {
        return "No incident is on record.\n".into();
    }
    let heads =
        ["", "STARTED", "MOVE", "DETECTED", "DECIDED", "SWITCHED", "RESTORED", "VERIFIED", "OVER", "CAUSE"];
    let rows: Vec<Vec<Cell>> = all.iter().rev().take(SHOWN_INCIDENTS).map(incident).collect();
    let title = match all.len() {
        shown @ ..=SHOWN_INCIDENTS => format!("Incidents: {shown}"),
        many => format!("Incidents: the last {SHOWN_INCIDENTS} of {many}"),
    };
    let table = table::render(&heads, &rows, style);
    let meanwhile: String = all.iter().rev().take(SHOWN_INCIDENTS).map(|it| meanwhile(it, style)).collect();
    format!("{title}, times from the first lost probe or the carrier notice\n{table}{meanwhile}")
}

/// What was done during an incident, a line each.
fn meanwhile(incident: &IncidentStatus, style: Style) -> String {
    let line = |told: &Meanwhile| {
        let text = clean(&told.text);
        let line =
            format!("In {}. after {}: {text}", incident.number, number_or_seconds(Some(told.after_ms)));
        format!("{}\n", style.paint(Tone::Faint, &line))
    };
    incident.meanwhile.iter().map(line).collect()
}

fn incident(incident: &IncidentStatus) -> Vec<Cell> {
    let stage = |millis: Option<f64>| Cell::plain(number_or_seconds(millis));
    let to = incident.to.as_deref().unwrap_or("nowhere");
    let restored = match (incident.restored_ms, incident.breach) {
        (Some(millis), true) => Cell::new(format!("{}, late", number_or_seconds(Some(millis))), Tone::Bad),
        (None, true) => Cell::new("not in time", Tone::Bad),
        (millis, false) => stage(millis),
    };
    vec![
        Cell::plain(format!("{}.", incident.number)),
        Cell::plain(day(&incident.started)),
        Cell::plain(match (incident.family, &incident.link) {
            (Some(family), Some(link)) => format!("{} {link} -> {to}", family.name()),
            _ => "gateway reset".into(),
        }),
        stage(Some(incident.detected_ms)),
        stage(incident.decided_ms),
        stage(incident.switched_ms),
        restored,
        stage(incident.verified_ms),
        incident.ended_ms.map_or_else(|| Cell::new("open", Tone::Doubtful), |ended| stage(Some(ended))),
        Cell::plain(cause(incident)),
    ]
}

/// What happened, and where; and what ended it, where that was no return of the traffic.
fn cause(incident: &IncidentStatus) -> String {
    match incident.host_reset.as_ref().filter(|_| incident.link.is_some()) {
        Some(reset) => format!("{}; ended by {}", failure(incident), host_reset(reset)),
        None => failure(incident),
    }
}

fn failure(incident: &IncidentStatus) -> String {
    let place = match incident.fault {
        None | Some(Fault::Interface | Fault::Carrier | Fault::Portal) => return incident.cause.clone(),
        Some(Fault::Modem) => "modem",
        Some(Fault::Gateway) => "gateway",
        Some(Fault::Provider) => "provider",
        Some(Fault::Dns) => "name resolution",
        Some(Fault::Target) => "targets",
    };
    format!("{place}: {}", incident.cause)
}

/// How a new path is proved.
fn canary(status: &Status, style: Style) -> String {
    let families = [("IPv4", &status.canary.v4), ("IPv6", &status.canary.v6)];
    let families: Vec<_> =
        families.into_iter().filter_map(|(name, canary)| Some((name, canary.as_ref()?))).collect();
    let both = families.len() > 1;
    let say = |(name, canary): &(&str, &CanaryStatus)| {
        let name = if both { format!("{name} ") } else { String::new() };
        match (canary.kind, &canary.reason) {
            (CanaryKind::Forwarded, _) => format!("{name}forwarded"),
            (CanaryKind::Local, Some(reason)) => format!("{name}local only, {reason}"),
            (CanaryKind::Local, None) => format!("{name}local only"),
        }
    };
    if families.is_empty() {
        return String::new();
    }
    let said: Vec<_> = families.iter().map(say).collect();
    // Of IPv6 nothing better is to be had.
    let weaker = status.canary.v4.as_ref().is_some_and(|canary| canary.kind == CanaryKind::Local);
    let tone = if weaker { Tone::Doubtful } else { Tone::Faint };
    format!("{}\n", style.paint(tone, &format!("Canary: {}", said.join("; "))))
}

fn dropped(status: &Status, style: Style) -> String {
    let count = status.counters.probes_dropped;
    if count == 0 {
        return String::new();
    }
    let probes = if count == 1 { "probe was" } else { "probes were" };
    let text = format!(
        "{count} {probes} given up with too many in flight; make [probe] interval longer or timeout shorter"
    );
    format!("{}\n", style.paint(Tone::Doubtful, &text))
}

const fn path(link: &LinkStatus, family: Family) -> Option<&PathStatus> {
    match family {
        Family::V4 => link.families.v4.as_ref(),
        Family::V6 => link.families.v6.as_ref(),
    }
}

fn number(value: Option<f64>, unit: &str) -> String {
    match value {
        None => "-".into(),
        Some(value) if value == 0.0 || value >= 99.95 => format!("{value:.0} {unit}"),
        Some(value) => format!("{value:.1} {unit}"),
    }
}

fn number_or_seconds(millis: Option<f64>) -> String {
    let duration = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1_000.0).ok());
    duration.map_or_else(|| "-".into(), short)
}

/// `2026-01-02 03:04:05Z`: to the second, and still sortable.
fn day(rfc3339: &str) -> String {
    let seconds =
        rfc3339.split_once('.').map_or_else(|| rfc3339.to_owned(), |(before, _)| format!("{before}Z"));
    seconds.replacen('T', " ", 1)
}

/// `None` when one is no time, or `later` is the earlier.
fn between(earlier: &str, later: &str) -> Option<Duration> {
    let parse = |text: &str| humantime::parse_rfc3339(text).ok();
    parse(later)?.duration_since(parse(earlier)?).ok()
}

#[cfg(test)]
mod tests;
