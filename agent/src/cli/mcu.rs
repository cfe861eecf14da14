//! `shunt mcu`: what the daemon knows of the watchdog MCU, and what can be asked of it.

use super::args::{Args, McuCommand};
use super::commands::{confirm, connect, tell};
use super::exit::Failure;
use super::modem::show;
use super::style::{Style, Tone};
use crate::api::describe::{clean, short};
use crate::api::mcu::{McuLogEntry, McuStatus};
use crate::api::wire::Request;
use std::io::Write;
use std::time::Duration;

/// What is asked before.
const RESETS: &str = "The MCU asks this gateway to shut down, and resets it when it had its time for that. Nothing calls that back.";

pub(super) fn carry_out(args: &Args, command: &McuCommand, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        McuCommand::Status { json } => {
            let mcu: McuStatus = connect(args)?.ask(&Request::Mcu {})?;
            show(&mcu, *json, out, |mcu| status(mcu, Style::of_stdout()))
        }
        McuCommand::Log { json } => {
            let log: Vec<McuLogEntry> = connect(args)?.ask(&Request::McuLog {})?;
            show(&log, *json, out, |log| log.iter().map(entry).collect())
        }
        McuCommand::Lease { time, end: _ } => {
            // Without a time it is the end that was asked for.
            tell(args, &Request::McuLease { for_s: time.map_or(0, |time| time.as_secs()) }, out)
        }
        McuCommand::CycleModem => tell(args, &Request::McuCycleModem {}, out),
        McuCommand::ResetHost { yes } => {
            if !yes {
                confirm(RESETS, "reset")?;
            }
            tell(args, &Request::McuResetHost {}, out)
        }
        McuCommand::Flash(flags) => super::mcu_flash::carry_out(args, flags, out),
    }
}

/// The whole picture, a line for each thing that is known.
fn status(mcu: &McuStatus, style: Style) -> String {
    let tone = match &mcu.state {
        Some(state) if mcu.trouble.is_none() => match state.stage.as_str() {
            "guarding" => Tone::Good,
            "grace" | "leased" | "unarmed" => Tone::Doubtful,
            _ => Tone::Bad,
        },
        Some(_) | None => Tone::Bad,
    };
    let mut lines = vec![format!(
        "{} {}",
        style.paint(Tone::Strong, &format!("watchdog MCU on {}:", clean(&mcu.port))),
        style.paint(tone, &clean(&mcu.text))
    )];
    let mut line = |name: &str, text: Option<String>| {
        lines.extend(text.map(|text| format!("  {name:<9} {}", clean(&text))));
    };
    let time = |seconds| short(Duration::from_secs(seconds));
    line("trouble", mcu.trouble.clone());
    line(
        "board",
        mcu.identity
            .as_ref()
            .map(|it| format!("{}, firmware {}; {}", it.board, it.firmware, it.capabilities.join(", "))),
    );
    line(
        "flash",
        mcu.flash.as_ref().map(|flash| match flash.state.as_str() {
            "running" => format!("{}: {}, {} %", flash.text, flash.phase, flash.percent),
            _ => flash.text.clone(),
        }),
    );
    line("fed", mcu.fed_s.map(|seconds| format!("{} ago", time(seconds))));
    let Some(state) = &mcu.state else { return format!("{}\n", lines.join("\n")) };
    line("stage", state.left_s.map(|left| format!("{}, ends in {}", state.stage, time(left))));
    line("modem", (!state.modem_power).then(|| "its supply is cut".to_owned()));
    line("line", state.line_stuck.then(|| "it hears no frames, but something else".to_owned()));
    line("supply", state.supply_mv.map(|millivolts| format!("{:.2} V", f64::from(millivolts) / 1e3)));
    line("up", Some(format!("for {}, booted by {}", time(state.uptime_s), state.reset_cause)));
    line("last", state.last_host_reset.as_ref().map(|cause| format!("reset of the gateway: {cause}")));
    let counts = state.counts;
    line(
        "counted",
        Some(format!(
            "{} resets of the gateway, {} of them in a row; {} cuts of the modem's supply; {} boots of its own, {} after a hang",
            counts.host_resets, counts.resets_in_a_row, counts.modem_cycles, counts.boots, counts.own_hangs
        )),
    );
    line(
        "heard",
        Some(format!("{} feeds, and {} frames that were damaged", state.feeds, state.damaged_frames)),
    );
    format!("{}\n", lines.join("\n"))
}

fn entry(entry: &McuLogEntry) -> String {
    let at = match &entry.at {
        Some(at) => at.replacen('T', " ", 1),
        None => format!("{:>15} s up", entry.uptime_s),
    };
    format!("{:>5}  {}  {}\n", entry.number, clean(&at), clean(&entry.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    const PAGE: &str = include_str!("../../API.md");

    fn documented<T: DeserializeOwned>(name: &str) -> T {
        let begin = format!("```json {name}\n");
        let json = PAGE.split(&begin).nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_status_is_whole_and_holds_no_control_character() {
        let mut mcu: McuStatus = documented("mcu");
        let style = Style { colour: false };
        let text = status(&mcu, style);
        for part in [
            "watchdog MCU on /dev/ttyS1: it guards the gateway",
            "board     stm32g030, firmware 0.1.0; modem_rail, shutdown_line, host_reset",
            "last      reset of the gateway: silence",
            "1 resets of the gateway",
        ] {
            assert!(text.contains(part), "{text}\nlacks {part}");
        }
        mcu.state = None;
        mcu.trouble = Some("\u{1b}[2Jgone".into());
        let text = status(&mcu, style);
        assert!(text.contains("trouble    [2Jgone") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn an_entry_is_one_line_with_its_time_where_it_is_known() {
        let known: McuLogEntry = documented("mcu_log");
        assert!(
            entry(&known).starts_with("   17  2026-01-02 03:00:00Z  the gateway was reset"),
            "{}",
            entry(&known)
        );
        let unknown = McuLogEntry { at: None, ..known };
        assert!(
            entry(&unknown).starts_with("   17              900 s up  the gateway"),
            "{}",
            entry(&unknown)
        );
    }
}
