//! The laboratory with a prompt: one command a line, from a person or a pipe.

use super::mobile::Blow;
use super::screen::Screen;
use super::stage::{Stage, show_incident};
use crate::agent::Program;
use crate::error::{Doing, LabError, Result};
use crate::relay::Policy;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

const HELP: &str = "Commands:
  cut [LINK]          nothing passes any more behind the ISP's router; the carrier stays
  unplug [LINK]       the carrier goes
  restore [LINK]      everything as it was
  delay LINK MS       each packet takes this long, each way
  loss LINK PERCENT   this share of the packets vanishes, each way
  force LINK [TIME]   make LINK the uplink, for good or so long: 10s, 5m, 1h30m
  release             give the choice back to the agent
  modem WHAT          the modem of LTE: hang, stall, drop (its bearer), lost (its network), mend
  status              what the agent knows
  quit                end (so does the end of the input)
Without LINK the preferred one is meant: fiber.";

/// How long the input is waited for before the agent's events are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What `cut`, `unplug` and `restore` without a link mean.
const PREFERRED: &str = "fiber";

/// What can be typed.
#[derive(Debug, Clone, PartialEq)]
enum Order {
    Cut(String),
    Unplug(String),
    Restore(String),
    Delay(String, Duration),
    Loss(String, f64),
    Force(String, Option<u64>),
    Modem(Blow),
    Release,
    Status,
    Help,
    Quit,
}

/// Runs until `quit` or the end of the input.
pub(super) fn run(program: &Program, screen: &Screen) -> Result<()> {
    let mut stage = Stage::set(program, screen)?;
    screen.line(HELP);
    let lines = read_lines()?;
    loop {
        stage.show_events(screen, Duration::from_millis(1))?;
        let line = match lines.recv_timeout(LOOK) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match parse(&line) {
            Ok(None) => {}
            Ok(Some(Order::Quit)) => break,
            // What one command cannot do does not end the session.
            Ok(Some(order)) => {
                if let Err(error) = obey(&order, &mut stage, screen) {
                    screen.fault(&format!("failed to {error}"));
                }
            }
            Err(help) => screen.fault(&help),
        }
        let _closed = io::stdout().flush();
    }
    let report = stage.stream.report()?;
    screen.stream(&report_line(&stage, &report));
    Ok(())
}

fn read_lines() -> Result<mpsc::Receiver<String>> {
    let (lines, inbox) = mpsc::channel();
    let read = move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if lines.send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("input".into()).spawn(read).doing(|| "read the input".into())?;
    Ok(inbox)
}

fn obey(order: &Order, stage: &mut Stage, screen: &Screen) -> Result<()> {
    match order {
        Order::Cut(link) => stage.uplink(link)?.black_hole().map(drop)?,
        Order::Unplug(link) => stage.uplink(link)?.set_carrier(false).map(drop)?,
        Order::Restore(link) => {
            stage.uplink(link)?.set_carrier(true)?;
            stage.uplink(link)?.restore().map(drop)?;
        }
        Order::Delay(link, delay) => stage.uplink(link)?.set(Policy::delay(*delay)).map(drop)?,
        Order::Loss(link, share) => {
            let uplink = stage.uplink(link)?;
            uplink.set(uplink.plan().clone().with_loss(*share)).map(drop)?;
        }
        Order::Force(link, seconds) => screen.agent(&stage.agent.force(link, *seconds)?.text),
        Order::Modem(blow) => match &stage.mobile {
            Some(mobile) => mobile.strike(*blow)?,
            None => return Err(no_modem()),
        },
        Order::Release => screen.agent(&stage.agent.release()?.text),
        Order::Status => show_status(stage, screen)?,
        Order::Help => screen.line(HELP),
        Order::Quit => {}
    }
    match order {
        Order::Force(..) | Order::Release | Order::Status | Order::Help | Order::Quit => {}
        _ => screen.act("done"),
    }
    Ok(())
}

fn no_modem() -> LabError {
    LabError::Garbled { reading: "the order".into(), fault: "no modem can be simulated here".into() }
}

fn show_status(stage: &Stage, screen: &Screen) -> Result<()> {
    let status = stage.agent.status()?;
    let uplink = status.uplink.v4.as_deref().unwrap_or("none");
    screen.agent(&format!("the uplink is {uplink}: {}", status.uplink_reason.v4));
    for link in &status.links {
        let rtt = link.rtt_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"));
        let loss = link.loss_percent.map_or_else(|| "–".to_owned(), |loss| format!("{loss:.0} %"));
        let verdict = link.verdict.word();
        screen.line(&format!(
            "            {:<8}{verdict:<12}RTT {rtt:<10}loss {loss:<6}{}",
            link.name, link.reason
        ));
    }
    for modem in status.links.iter().filter_map(|link| link.modem.as_ref()) {
        screen.line(&format!("            modem: {modem}"));
    }
    if let Some(incident) = status.incidents.last() {
        show_incident(screen, incident);
    }
    let report = stage.stream.report()?;
    screen.stream(&report_line(stage, &report));
    Ok(())
}

fn report_line(stage: &Stage, report: &crate::stream::Report) -> String {
    format!(
        "{} packets received by now, the last one by {}; {} lost; {} moves, the longest gap {:.1} ms",
        report.received,
        stage.path(report.path),
        report.lost,
        report.moves.len(),
        report.longest_gap().unwrap_or_default().as_secs_f64() * 1e3
    )
}

/// `None`: an empty line.
fn parse(line: &str) -> std::result::Result<Option<Order>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let link = |link: &&str| (*link).to_owned();
    let order = match words.as_slice() {
        [] => return Ok(None),
        ["cut"] => Order::Cut(PREFERRED.to_owned()),
        ["unplug"] => Order::Unplug(PREFERRED.to_owned()),
        ["restore"] => Order::Restore(PREFERRED.to_owned()),
        ["cut", name] => Order::Cut(link(name)),
        ["unplug", name] => Order::Unplug(link(name)),
        ["restore", name] => Order::Restore(link(name)),
        ["delay", name, ms] => {
            let ms: u32 = ms.parse().map_err(|_| format!("{ms} is no number of milliseconds"))?;
            Order::Delay(link(name), Duration::from_millis(ms.into()))
        }
        ["loss", name, percent] => match percent.trim_end_matches('%').parse::<f64>() {
            Ok(value) if (0.0..=100.0).contains(&value) => Order::Loss(link(name), value / 100.0),
            _ => return Err(format!("{percent} is no percentage from 0 to 100")),
        },
        ["force", name] => Order::Force(link(name), None),
        ["force", name, time @ ..] => Order::Force(link(name), Some(lease(&time.concat())?)),
        ["modem", "hang"] => Order::Modem(Blow::Hang),
        ["modem", "stall"] => Order::Modem(Blow::Stall),
        ["modem", "drop"] => Order::Modem(Blow::Drop),
        ["modem", "lost"] => Order::Modem(Blow::Lost),
        ["modem", "mend"] => Order::Modem(Blow::Mend),
        ["release"] => Order::Release,
        ["status"] => Order::Status,
        ["help"] => Order::Help,
        ["quit" | "exit"] => Order::Quit,
        [word, ..] => return Err(format!("{word} is not understood like this; \"help\" shows what is")),
    };
    Ok(Some(order))
}

/// The seconds of a lease: `90`, `90s` or `1m30s`.
fn lease(text: &str) -> std::result::Result<u64, String> {
    let seconds = text
        .parse()
        .ok()
        .or_else(|| humantime::parse_duration(text).ok().map(|time| time.as_secs()))
        .filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| format!("{text} is no time from a second up, such as 90, 90s or 10m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_link_the_preferred_one_is_meant() {
        for word in ["cut", "unplug", "restore"] {
            assert_eq!(parse(word), parse(&format!("{word} fiber")));
        }
        assert_eq!(parse("cut"), Ok(Some(Order::Cut("fiber".into()))));
    }

    #[test]
    fn commands_are_read_as_help_shows_them() {
        assert_eq!(parse("  "), Ok(None));
        assert_eq!(parse("cut fiber"), Ok(Some(Order::Cut("fiber".into()))));
        assert_eq!(parse("delay lte 20"), Ok(Some(Order::Delay("lte".into(), Duration::from_millis(20)))));
        assert_eq!(parse("loss lte 30%"), Ok(Some(Order::Loss("lte".into(), 0.3))));
        assert_eq!(parse("force lte 60"), Ok(Some(Order::Force("lte".into(), Some(60)))));
        assert_eq!(parse("modem hang"), Ok(Some(Order::Modem(Blow::Hang))));
        for (text, seconds) in [("10s", 10), ("10m", 600), ("1h 30m", 5_400)] {
            let order = parse(&format!("force lte {text}"));
            assert_eq!(order, Ok(Some(Order::Force("lte".into(), Some(seconds)))));
        }
        for wrong in [
            "force",
            "force lte soon",
            "force lte 0",
            "force lte 200ms",
            "delay lte soon",
            "loss lte 101",
            "dance",
            "release now",
            "modem",
            "modem dance",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
