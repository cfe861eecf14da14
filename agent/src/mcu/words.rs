//! The MCU's numbers in words, for people and for programs.

use super::book::Noted;
use crate::api::wire::EventKind;
use shunt_wire::{Capabilities, Happened, HostResetCause, ResetCause, Stage};
use std::time::{Duration, SystemTime};

/// What is younger needs no time told: the event has one.
const JUST_NOW: Duration = Duration::from_secs(5);

/// A stage's name.
pub(super) const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Grace => "grace",
        Stage::Guarding => "guarding",
        Stage::Leased => "leased",
        Stage::Alert => "alert",
        Stage::ModemOff => "modem_off",
        Stage::ModemSettling => "modem_settling",
        Stage::ShutdownRequested => "shutdown_requested",
        Stage::BackingOff => "backing_off",
        Stage::HostReset => "host_reset",
        Stage::Unarmed => "unarmed",
    }
}

/// What a stage means.
pub(super) const fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Grace => "gives the gateway time to boot",
        Stage::Guarding => "guards the gateway",
        Stage::Leased => "does not judge the gateway while a lease runs",
        Stage::Alert => "misses feeds, and raised the alert",
        Stage::ModemOff => "misses feeds, and has cut the modem's supply",
        Stage::ModemSettling => "misses feeds, and has given the modem its supply back",
        Stage::ShutdownRequested => "asks the gateway to shut down",
        Stage::BackingOff => "misses feeds, and holds the reset back since the last one was not long ago",
        Stage::HostReset => "holds the gateway in reset",
        Stage::Unarmed => "guards nothing",
    }
}

/// Why the MCU booted.
pub(super) const fn reset_cause(cause: ResetCause) -> &'static str {
    match cause {
        ResetCause::Unknown => "unknown",
        ResetCause::PowerOn => "power_on",
        ResetCause::Pin => "pin",
        ResetCause::Watchdog => "watchdog",
        ResetCause::BrownOut => "brown_out",
        ResetCause::Software => "software",
    }
}

const fn reset_cause_text(cause: ResetCause) -> &'static str {
    match cause {
        ResetCause::Unknown => "it does not know why",
        ResetCause::PowerOn => "its supply came on",
        ResetCause::Pin => "its reset pin was pulled",
        ResetCause::Watchdog => "its firmware had hung, and its own watchdog reset it",
        ResetCause::BrownOut => "its supply had sagged",
        ResetCause::Software => "its firmware asked for it",
    }
}

/// Why the MCU reset the gateway.
pub(super) const fn host_reset(cause: HostResetCause) -> &'static str {
    match cause {
        HostResetCause::Silence => "silence",
        HostResetCause::Asked => "asked",
    }
}

/// What the board has.
pub(super) fn capabilities(all: Capabilities) -> Vec<String> {
    [
        (Capabilities::MODEM_RAIL, "modem_rail"),
        (Capabilities::SHUTDOWN_LINE, "shutdown_line"),
        (Capabilities::HOST_RESET, "host_reset"),
        (Capabilities::SUPPLY_VOLTAGE, "supply_voltage"),
        (Capabilities::BOOT_LOADER, "boot_loader"),
        (Capabilities::LASTING_MEMORY, "lasting_memory"),
    ]
    .into_iter()
    .filter(|(one, _)| all.has(*one))
    .map(|(_, name)| name.to_owned())
    .collect()
}

/// What happened, by its name.
pub(super) const fn happened(what: Happened) -> &'static str {
    match what {
        Happened::McuBooted(_) => "mcu_booted",
        Happened::Armed => "armed",
        Happened::Disarmed => "disarmed",
        Happened::Fed => "fed",
        Happened::Leased(_) => "leased",
        Happened::LeaseOver => "lease_over",
        Happened::Alert => "alert",
        Happened::ModemCut => "modem_cut",
        Happened::ModemCutAsked => "modem_cut_asked",
        Happened::ShutdownRequested => "shutdown_requested",
        Happened::ResetAsked => "reset_asked",
        Happened::HeldBack => "held_back",
        Happened::HostReset(_) => "host_reset",
        Happened::LineStuck => "line_stuck",
        Happened::BootLoader => "boot_loader",
    }
}

/// What happened, without when.
pub(super) fn text(noted: &Noted) -> String {
    match noted.what {
        Happened::McuBooted(cause) => format!("the MCU booted: {}", reset_cause_text(cause)),
        Happened::Armed => "the MCU was armed, or its times were changed".into(),
        Happened::Disarmed => "the MCU was disarmed: it guards nothing".into(),
        Happened::Fed => match noted.silence {
            Some(silence) => {
                format!("feeds came again after {} s, and the MCU guards the gateway", silence.as_secs())
            }
            None => "feeds came, and the MCU guards the gateway".into(),
        },
        Happened::Leased(time) => {
            let time = humantime::format_duration(Duration::from_secs(time.0.into()));
            format!("the MCU was asked not to judge the gateway for {time}")
        }
        Happened::LeaseOver => "the MCU's lease ended without a feed".into(),
        Happened::Alert => "the MCU missed feeds and raised the alert".into(),
        Happened::ModemCut => "the MCU missed feeds and cut the modem's supply".into(),
        Happened::ModemCutAsked => "the MCU cut the modem's supply as it was asked to".into(),
        Happened::ShutdownRequested => "the MCU missed feeds and asked the gateway to shut down".into(),
        Happened::ResetAsked => "the MCU was asked to reset the gateway, and asked it to shut down".into(),
        Happened::HeldBack => {
            "the MCU held the reset of the gateway back, since the last one was not long ago".into()
        }
        Happened::HostReset(in_a_row) => {
            let why = match noted.silence {
                Some(silence) => format!("feeds had stopped for {} s", silence.as_secs()),
                None => "it was asked to".into(),
            };
            let again =
                if in_a_row > 1 { format!(" (reset number {in_a_row} in a row)") } else { String::new() };
            format!("the gateway was reset by its MCU: {why}{again}")
        }
        Happened::LineStuck => "the MCU heard no frames on its line, but something else, for a minute".into(),
        Happened::BootLoader => {
            "the MCU started its boot loader: it guards nothing until it is flashed".into()
        }
    }
}

/// Whether it is told by itself: not what the agent has just done itself, and tells in its own words.
pub(super) fn is_told(noted: &Noted) -> bool {
    match noted.what {
        Happened::Armed => false,
        Happened::Fed => noted.silence.is_some(),
        _ => true,
    }
}

/// The kind of event that this is, and the sentence with the time, where it is not just now.
pub(super) fn event(noted: &Noted, wall: Option<SystemTime>) -> (EventKind, String) {
    let kind = if let Happened::HostReset(_) = noted.what { EventKind::Reset } else { EventKind::Mcu };
    let text = text(noted);
    let when = match (noted.age, wall) {
        (Some(age), _) if age < JUST_NOW => return (kind, text),
        (Some(age), Some(wall)) => wall.checked_sub(age).map(|at| format!("at {}", rfc3339(at))),
        (Some(age), None) => Some(format!("{} s before this", age.as_secs())),
        (None, _) => None,
    };
    let when = when.unwrap_or_else(|| "before the MCU booted, nobody knows when".into());
    let (head, tail) = text.split_once(": ").unwrap_or((&text, ""));
    (kind, if tail.is_empty() { format!("{head}, {when}") } else { format!("{head} {when}: {tail}") })
}

/// A time of day.
pub(super) fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_wire::Seconds;

    #[test]
    fn a_reset_is_told_with_its_time_and_its_cause() {
        let noted = Noted {
            number: 7,
            at: Seconds(900),
            age: Some(Duration::from_secs(240)),
            what: Happened::HostReset(2),
            silence: Some(Duration::from_secs(120)),
            news: true,
        };
        let wall = humantime::parse_rfc3339("2026-01-02T03:04:00Z").unwrap();
        let told = |noted: &Noted, wall| event(noted, wall).1;
        assert_eq!(event(&noted, Some(wall)).0, EventKind::Reset);
        assert_eq!(
            told(&noted, Some(wall)),
            "the gateway was reset by its MCU at 2026-01-02T03:00:00Z: feeds had stopped for 120 s (reset number 2 in a row)"
        );
        assert_eq!(
            told(&Noted { what: Happened::HostReset(1), silence: None, ..noted }, None),
            "the gateway was reset by its MCU 240 s before this: it was asked to"
        );
        assert_eq!(
            told(&Noted { what: Happened::Alert, age: None, ..noted }, None),
            "the MCU missed feeds and raised the alert, before the MCU booted, nobody knows when"
        );
        let now = Noted { what: Happened::Armed, age: Some(Duration::ZERO), ..noted };
        assert_eq!(event(&now, Some(wall)), (EventKind::Mcu, text(&now)));
    }
}
