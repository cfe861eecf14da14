//! `shunt modem`: what the daemon knows of its modems, and what can be asked of them.

use super::args::{Args, ModemCommand, SmsCommand};
use super::commands::connect;
use super::exit::Failure;
use super::style::{Style, Tone};
use super::table::{self, Cell};
use crate::api::describe::{clean, short};
use crate::api::modem::{AtAnswer, ModemSignal, ModemStatus, Readiness, ShortMessage};
use crate::api::wire::{ApiError, Done, ErrorCode, Request};
use crate::cli::client::ClientError;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

/// A PIN has eight digits at most; what has a longer first line was named by mistake.
const LONGEST_LINE: u64 = 1_024;

pub(super) fn carry_out(args: &Args, command: &ModemCommand, out: &mut impl Write) -> Result<(), Failure> {
    let style = Style::of_stdout();
    match command {
        ModemCommand::Status { modem, json } => {
            let modems = asked(args, modem.as_deref())?;
            show(&modems, *json, out, |modems| modems.iter().map(|modem| status(modem, style)).collect())
        }
        ModemCommand::Signal { modem, json } => {
            let modems = asked(args, modem.as_deref())?;
            show(&modems, *json, out, |modems| modems.iter().map(|modem| signal(modem, style)).collect())
        }
        ModemCommand::Sim { modem, slot: Some(slot), json, .. } => {
            order(args, &Request::ModemSim { modem: modem.clone(), slot: *slot }, *json, out)
        }
        ModemCommand::Sim { modem, pin_file: Some(file), json, .. } => {
            let pin = first_line(file)
                .map_err(|source| Failure::PinFile { file: file.display().to_string(), source })?;
            order(args, &Request::ModemPin { modem: modem.clone(), pin: pin.into() }, *json, out)
        }
        ModemCommand::Sim { modem, slot: None, pin_file: None, json } => {
            let modems = asked(args, modem.as_deref())?;
            show(&modems, *json, out, |modems| modems.iter().map(sim).collect())
        }
        ModemCommand::At { line, modem, limit, at_own_risk, json } => {
            let limit_s = limit.and_then(|limit| NonZeroU64::new(limit.as_secs()));
            let (modem, line, at_own_risk) = (modem.clone(), line.clone(), *at_own_risk);
            let request = Request::ModemAt { modem, line, limit_s, at_own_risk };
            let answer: AtAnswer = connect(args)?.ask(&request)?;
            let text = |answer: &AtAnswer| {
                answer.lines.iter().chain([&answer.result]).map(|line| format!("{}\n", clean(line))).collect()
            };
            show(&answer, *json, out, text)?;
            if answer.ok { Ok(()) } else { Err(Failure::At(answer.result)) }
        }
        ModemCommand::Reset { modem, rung, json } => {
            order(args, &Request::ModemReset { modem: modem.clone(), rung: rung.clone() }, *json, out)
        }
        ModemCommand::Retry { modem, json } => {
            order(args, &Request::ModemRetry { modem: modem.clone() }, *json, out)
        }
        ModemCommand::Sms(SmsCommand::Send { to, text, modem }) => {
            let (modem, to, text) = (modem.clone(), to.clone(), text.clone());
            order(args, &Request::ModemSmsSend { modem, to, text }, false, out)
        }
        ModemCommand::Sms(SmsCommand::List { modem, json }) => {
            let messages: Vec<ShortMessage> =
                connect(args)?.ask(&Request::ModemSmsList { modem: modem.clone() })?;
            show(&messages, *json, out, |messages| messages.iter().map(message).collect())
        }
    }
}

/// The first line of `file`, or of the standard input for `-`, without the blanks around it.
fn first_line(file: &Path) -> io::Result<String> {
    let mut line = String::new();
    let from: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    BufReader::new(from.take(LONGEST_LINE)).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Has something done, and shows what the daemon says to it.
fn order(args: &Args, request: &Request, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let done: Done = connect(args)?.ask(request)?;
    show(&done, json, out, |done| format!("{}\n", done.text))
}

/// All modems, or the one with this name.
fn asked(args: &Args, name: Option<&str>) -> Result<Vec<ModemStatus>, Failure> {
    let mut modems: Vec<ModemStatus> = connect(args)?.ask(&Request::Modem {})?;
    if modems.is_empty() {
        return Err(unknown("no modem is configured; add [[modem]] to the config".into()));
    }
    let Some(name) = name else { return Ok(modems) };
    let known: Vec<String> = modems.iter().map(|modem| modem.name.clone()).collect();
    modems.retain(|modem| modem.name == name);
    if modems.is_empty() {
        let known = known.join(", ");
        return Err(unknown(format!("there is no modem {name:?}; the modems are {known}")));
    }
    Ok(modems)
}

fn unknown(message: String) -> Failure {
    ClientError::Refused(ApiError::new(ErrorCode::UnknownModem, message)).into()
}

pub(super) fn show<T: Serialize>(
    value: &T,
    json: bool,
    out: &mut impl Write,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    if json {
        serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    Ok(out.write_all(text(value).as_bytes())?)
}

/// A modem's whole picture, a line for each thing that is known.
fn status(modem: &ModemStatus, style: Style) -> String {
    let tone = match modem.readiness {
        Readiness::Verified => Tone::Good,
        Readiness::Searching | Readiness::Registered | Readiness::BearerUp => Tone::Doubtful,
        Readiness::NoModem | Readiness::NoSim | Readiness::Failed => Tone::Bad,
    };
    let since = short(Duration::from_secs(modem.for_s));
    let head = format!(
        "{} carries {}: {} (for {since})\n",
        style.paint(Tone::Strong, &modem.name),
        modem.link,
        style.paint(tone, &clean(&modem.text))
    );
    let known = itself(modem).into_iter().chain(recovery(modem));
    let known = known.filter_map(|(name, text)| Some(format!("  {name:<9} {}\n", clean(&text?))));
    std::iter::once(head).chain(known).collect()
}

/// What it is, and what it carries.
fn itself(modem: &ModemStatus) -> [(&'static str, Option<String>); 7] {
    let network = modem.registration.as_ref().map(|it| {
        let operator = it.operator.iter().chain(&it.plmn).cloned();
        let rest = it.technology.iter().cloned().chain(it.cause.clone());
        let words: Vec<String> = [it.state.clone()].into_iter().chain(operator).chain(rest).collect();
        words.join(", ")
    });
    let bearer = modem.bearer.as_ref().map(|it| {
        let addresses: Vec<&str> = it.v4.iter().chain(&it.v6).map(String::as_str).collect();
        let addresses =
            if addresses.is_empty() { String::new() } else { format!(", {}", addresses.join(", ")) };
        format!("{}{addresses}, by {}", if it.up { "up" } else { "down" }, it.way)
    });
    let identity = modem
        .identity
        .as_ref()
        .map(|it| format!("{} {}, firmware {}, IMEI {}", it.manufacturer, it.model, it.revision, it.imei));
    [
        ("trouble", modem.trouble.clone()),
        ("modem", identity),
        ("port", modem.port.as_ref().map(|port| format!("{port}, spoken to as {}", modem.dialect))),
        ("SIM", sim_words(modem)),
        ("network", network),
        ("signal", Some(signal_words(&modem.signal)).filter(|words| !words.is_empty())),
        ("bearer", bearer),
    ]
}

/// What was done to it, and what it used up.
fn recovery(modem: &ModemStatus) -> [(&'static str, Option<String>); 5] {
    let waits = modem
        .rests_s
        .map(|left| format!("all was tried; it begins anew in {}", short(Duration::from_secs(left))));
    let resets = Some((modem.resets_hour, modem.resets_day))
        .filter(|(_, day)| *day > 0)
        .map(|(hour, day)| format!("{hour} within the last hour, {day} within the last day"));
    let data = modem.allowance.map(|it| {
        let of = it.limit_bytes.map_or_else(String::new, |limit| format!(" of {}", megabytes(limit)));
        let end = if it.used_up { ", used up" } else { "" };
        format!("{}{of} this month{end}", megabytes(it.used_bytes))
    });
    [
        ("recovery", modem.rung.clone()),
        ("waits", waits),
        ("resets", resets),
        ("data", data),
        ("warmth", modem.temperature_c.map(|degrees| format!("{degrees:.0} °C"))),
    ]
}

/// The cells of a modem.
fn signal(modem: &ModemStatus, style: Style) -> String {
    let heads = ["MODEM", "CELL", "BAND", "CHANNEL", "RSSI", "RSRP", "RSRQ", "SINR"];
    let row = |kind: String, band: Option<u16>, channel: Option<u32>, signal: &ModemSignal| {
        let number = |value: Option<String>, unit: &str| {
            Cell::plain(value.map_or_else(|| "-".to_owned(), |value| format!("{value} {unit}")))
        };
        vec![
            Cell::new(modem.name.clone(), Tone::Strong),
            Cell::plain(kind),
            Cell::plain(band.map_or_else(String::new, |band| band.to_string())),
            Cell::plain(channel.map_or_else(String::new, |channel| channel.to_string())),
            number(signal.rssi_dbm.map(|value| value.to_string()), "dBm"),
            number(signal.rsrp_dbm.map(|value| value.to_string()), "dBm"),
            number(signal.rsrq_db.map(|value| format!("{value:.1}")), "dB"),
            number(signal.sinr_db.map(|value| format!("{value:.1}")), "dB"),
        ]
    };
    let mut rows: Vec<Vec<Cell>> = modem
        .cells
        .iter()
        .map(|cell| {
            let technology = cell.technology.clone().unwrap_or_default();
            let kind = if cell.secondary { format!("{technology} besides") } else { technology };
            row(kind, cell.band, cell.channel, &cell.signal)
        })
        .collect();
    if rows.is_empty() {
        rows.push(row(String::new(), None, None, &modem.signal));
    }
    table::render(&heads, &rows, style)
}

fn sim(modem: &ModemStatus) -> String {
    let words = sim_words(modem).unwrap_or_else(|| "not known yet".to_owned());
    format!("{}: {}\n", modem.name, clean(&words))
}

fn sim_words(modem: &ModemStatus) -> Option<String> {
    let state = modem.sim.state.clone()?;
    let slot = modem.sim.slot.map(|slot| format!("slot {slot}"));
    let card = modem.sim.iccid.as_ref().map(|iccid| format!("card {iccid}"));
    Some([Some(state), slot, card].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn signal_words(signal: &ModemSignal) -> String {
    let words = [
        signal.rssi_dbm.map(|value| format!("RSSI {value} dBm")),
        signal.rsrp_dbm.map(|value| format!("RSRP {value} dBm")),
        signal.rsrq_db.map(|value| format!("RSRQ {value:.1} dB")),
        signal.sinr_db.map(|value| format!("SINR {value:.1} dB")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn message(message: &ShortMessage) -> String {
    let from = if message.from.is_empty() { "unknown" } else { &message.from };
    format!("{}  {}  {}\n", message.at.replacen('T', " ", 1), clean(from), clean(&message.text))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../API.md");

    /// The modem of the documentation.
    fn documented() -> ModemStatus {
        let json = PAGE.split("```json modem\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_status_is_whole_and_holds_no_control_character() {
        let mut modem = documented();
        let style = Style { colour: false };
        let text = status(&modem, style);
        for part in [
            "lte carries lte: registered on",
            "IMEI 490154203237518",
            "slot 1, card 8949",
            "bearer    up, 10.",
        ] {
            assert!(text.contains(part), "{text}\nlacks {part}");
        }
        modem.trouble = Some("\u{1b}[2Jgone".into());
        assert!(!status(&modem, style).contains('\u{1b}'));
    }

    #[test]
    fn the_signal_has_a_line_for_each_cell_and_one_without_cells() {
        let mut modem = documented();
        let style = Style { colour: false };
        let text = signal(&modem, style);
        assert!(text.lines().count() == 1 + modem.cells.len() && text.contains("-95 dBm"), "{text}");
        modem.cells.clear();
        modem.signal = ModemSignal::default();
        assert_eq!(signal(&modem, style), "MODEM  RSSI  RSRP  RSRQ  SINR\nlte    -     -     -     -\n");
    }

    #[test]
    fn a_message_is_one_line_whatever_is_in_it() {
        let text = "two\nlines \u{1b}[0m".to_owned();
        let at = "2026-01-02T03:04:05.678Z".to_owned();
        let shown = message(&ShortMessage { at, from: "+491701234567".into(), sent: None, text });
        assert_eq!(shown, "2026-01-02 03:04:05.678Z  +491701234567  two lines  [0m\n");
    }
}
