//! The report: what the gateway is, each step with its numbers, and who signed it. `agent/API.md` shows it whole.

use super::kept::Kept;
use super::look::Look;
use super::seal;
use super::step::{Done, Verdict};
use crate::api::describe::{clean, short};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write;
use std::time::Duration;

/// Longest line of the text; sentences are broken before it.
const WIDTH: usize = 100;
/// Columns of a verdict, and before what belongs to it.
const MARK: usize = 9;
/// Columns of a figure's name.
const NAME: usize = 56;

/// What is being accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gateway {
    /// Its name.
    pub(crate) hostname: String,
    /// The name of its installation (`/etc/machine-id`), where it has one.
    pub(crate) machine_id: Option<String>,
    /// Its kernel.
    pub(crate) kernel: String,
    /// Its processor.
    pub(crate) architecture: String,
    /// The version of the agent that ran.
    pub(crate) agent: Option<String>,
    /// The configuration.
    pub(crate) config: String,
    /// The digest over that file.
    pub(crate) config_sha256: String,
    /// The modems.
    pub(crate) modems: Vec<ModemIs>,
    /// The watchdog MCU; `null`: there is none, or it never answered.
    pub(crate) mcu: Option<McuIs>,
}

/// Which modem it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModemIs {
    pub(crate) name: String,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) imei: Option<String>,
    pub(crate) iccid: Option<String>,
}

/// Which MCU it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct McuIs {
    pub(crate) board: String,
    pub(crate) firmware: String,
    pub(crate) capabilities: Vec<String>,
}

impl Gateway {
    /// Takes in what the daemon knows by now.
    pub(crate) fn learn(&mut self, look: &Look) {
        if let Some(status) = &look.status {
            self.agent = Some(status.version.clone());
        }
        if !look.modems.is_empty() {
            let is = |modem: &crate::api::modem::ModemStatus| {
                let known = modem.identity.as_ref();
                ModemIs {
                    name: modem.name.clone(),
                    manufacturer: known.map(|known| known.manufacturer.clone()),
                    model: known.map(|known| known.model.clone()),
                    revision: known.map(|known| known.revision.clone()),
                    imei: known.map(|known| known.imei.clone()),
                    iccid: modem.sim.iccid.clone(),
                }
            };
            self.modems = look.modems.iter().map(is).collect();
        }
        if let Some(known) = look.mcu.as_ref().and_then(|mcu| mcu.identity.as_ref()) {
            self.mcu = Some(McuIs {
                board: known.board.clone(),
                firmware: known.firmware.clone(),
                capabilities: known.capabilities.clone(),
            });
        }
    }
}

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The version of the program that wrote it.
    pub(crate) version: String,
    /// What was accepted, or was not.
    pub(crate) gateway: Gateway,
    /// When the run began (RFC 3339).
    pub(crate) started: String,
    /// When this was written.
    pub(crate) written: String,
    /// Whether all steps are over.
    pub(crate) whole: bool,
    /// The worst of the steps: `failed`, or else `passed`; a skipped step is told beside it.
    pub(crate) verdict: Verdict,
    /// How many steps came to what.
    pub(crate) count: Count,
    /// The steps, in their order.
    pub(crate) steps: Vec<Done>,
    /// Who signed it; `null`: nobody.
    pub(crate) signed_by: Option<String>,
}

/// The report with its digest.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// As [`seal::FIELD`].
    sha256: &'a str,
}

/// How many steps came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Count {
    pub(crate) fn of(steps: &[Done]) -> Self {
        let count = |verdict| steps.iter().filter(|step| step.verdict == verdict).count();
        Self {
            passed: count(Verdict::Passed),
            failed: count(Verdict::Failed),
            skipped: count(Verdict::Skipped),
        }
    }

    /// Nothing is accepted by steps that were not done.
    pub(crate) const fn verdict(self) -> Verdict {
        match self {
            Self { failed: 1.., .. } => Verdict::Failed,
            Self { passed: 1.., .. } => Verdict::Passed,
            Self { .. } => Verdict::Skipped,
        }
    }
}

impl Report {
    /// The report of a run as far as it is.
    pub(crate) fn new(
        gateway: Gateway,
        kept: &Kept,
        (written, whole): (String, bool),
        signed_by: Option<String>,
    ) -> Self {
        let count = Count::of(&kept.done);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            gateway,
            started: kept.started.clone(),
            written,
            whole,
            verdict: count.verdict(),
            count,
            steps: kept.done.clone(),
            signed_by,
        }
    }

    /// The JSON with its digest, and the digest.
    pub(crate) fn sealed(&self) -> Result<(String, String), serde_json::Error> {
        let digest = match serde_json::to_value(self)? {
            Value::Object(report) => seal::of(&report),
            _ => String::new(),
        };
        // The struct itself once more, for the order of its fields.
        let whole = Whole { report: self, sha256: &digest };
        let mut text = serde_json::to_string_pretty(&whole)?;
        text.push('\n');
        Ok((text, digest))
    }

    /// The same for people; `digest` is that of the JSON beside it.
    pub(crate) fn text(&self, digest: &str) -> String {
        let gateway = &self.gateway;
        let mut text = format!("Acceptance of {}\n\n", clean(&gateway.hostname));
        let mut line = |name: &str, what: &str| {
            let _ = writeln!(text, "{name:<12}{}", clean(what));
        };
        line("machine", gateway.machine_id.as_deref().unwrap_or("without a machine-id"));
        line("system", &format!("Linux {} on {}", gateway.kernel, gateway.architecture));
        line("agent", gateway.agent.as_deref().unwrap_or("did not answer"));
        line("config", &format!("{}, SHA-256 {}", gateway.config, gateway.config_sha256));
        for modem in &gateway.modems {
            line("modem", &modem.words());
        }
        if let Some(mcu) = &gateway.mcu {
            let can = mcu.capabilities.join(", ");
            line("MCU", &format!("{}, firmware {}; {can}", mcu.board, mcu.firmware));
        }
        line("begun", &self.started);
        line("written", &self.written);
        for step in &self.steps {
            text.push('\n');
            text.push_str(&paragraph(step));
        }
        let _ = write!(text, "\n{}\n", self.sum());
        match &self.signed_by {
            Some(name) => {
                let _ = writeln!(text, "Signed by {}.", clean(name));
            }
            None => text.push_str("Nobody has signed it.\n"),
        }
        let _ = writeln!(text, "SHA-256 of the report as JSON: {digest}");
        text
    }

    /// What it all comes to, as one sentence.
    pub(crate) fn sum(&self) -> String {
        let Count { passed, failed, skipped } = self.count;
        let verdict = match (self.whole, self.verdict) {
            (false, _) => "The run is not over",
            (true, Verdict::Failed) => "The gateway is not accepted",
            (true, Verdict::Skipped) => "Nothing was tried",
            (true, Verdict::Passed) if skipped > 0 => "The gateway is accepted but for what was skipped",
            (true, Verdict::Passed) => "The gateway is accepted",
        };
        format!("{verdict}: {passed} passed, {failed} failed, {skipped} skipped.")
    }
}

impl ModemIs {
    fn words(&self) -> String {
        let parts = [&self.manufacturer, &self.model, &self.revision];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        let mut text =
            format!("{}: {}", self.name, if parts.is_empty() { "unknown".into() } else { parts.join(" ") });
        for (name, value) in [("IMEI", &self.imei), ("SIM", &self.iccid)] {
            if let Some(value) = value {
                let _ = write!(text, ", {name} {value}");
            }
        }
        text
    }
}

/// A step: its verdict, what it was, and below it the numbers, the reasons and the notes.
pub(crate) fn paragraph(step: &Done) -> String {
    let mark = match step.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    };
    format!("{mark:<MARK$}{}: {}\n{}", step.step, step.what, details(step, MARK))
}

/// What stands below a step, each line behind so many blanks.
pub(crate) fn details(step: &Done, indent: usize) -> String {
    let blanks = " ".repeat(indent);
    let mut text = String::new();
    for why in &step.why {
        let _ = writeln!(text, "{blanks}{}", broken(why, &blanks));
    }
    for figure in &step.figures {
        let took = |ms: f64| short(Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default());
        let limit = figure.limit_ms.map_or_else(String::new, |limit| {
            let word = if figure.keeps() { "allowed" } else { "TOO LONG, allowed" };
            format!("  {word}: {}", took(limit))
        });
        let line = format!("{:<NAME$}{:>8}{limit}", figure.what, took(figure.value_ms));
        let _ = writeln!(text, "{blanks}{}", line.trim_end());
    }
    for note in &step.notes {
        let _ = writeln!(text, "{blanks}{}", broken(note, &blanks));
    }
    text
}

/// Broken at blanks. What others say goes to a terminal: nothing in it may be a command to that.
pub(crate) fn broken(text: &str, indent: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(&word);
        } else if indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word);
        } else {
            line.push(' ');
            line.push_str(&word);
        }
    }
    lines.join(&format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn the_json_is_as_documented_and_keeps_its_seal() {
        let page = include_str!("../../API.md");
        let example =
            page.split("```json accept\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let documented: Value = serde_json::from_str(example).unwrap();
        let report = testing::report();
        let (text, digest) = report.sealed().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), documented, "{text}");
        assert_eq!(seal::verify(&text), seal::Sealed::Whole(digest.clone()));
        assert_eq!(seal::verify(example), seal::Sealed::Whole(digest));
        // It comes back whole, too.
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }

    #[test]
    fn the_text_has_the_numbers_and_the_reasons_and_breaks_its_lines() {
        let mut report = testing::report();
        let text = report.text("0123");
        for part in [
            "Acceptance of gw-17\n",
            "modem       lte: Quectel EC25 EC25EFAR06A06M4G, IMEI 490154203237518, SIM 8949020000012345678\n",
            "passed   link:fiber: You pull the cable",
            "         traffic flows again (IPv4)",
            "41 ms  allowed: 1 s\n",
            "skipped  restart: ",
            "         the site is in use\n",
            "The gateway is accepted but for what was skipped: 1 passed, 0 failed, 1 skipped.\n",
            "Signed by Ada Lovelace.\nSHA-256 of the report as JSON: 0123\n",
        ] {
            assert!(text.contains(part), "{text}\nlacks {part:?}");
        }
        report.steps[0].figures[1].value_ms = 1_200.0;
        assert!(report.text("").contains("1.2 s  TOO LONG, allowed: 1 s"), "{}", report.text(""));
        // No host name, and nobody's name, is a command to the terminal or a line of its own.
        report.gateway.hostname = "gw\u{1b}[2J\nSigned by Eve".into();
        report.signed_by = Some("Ada\r\nEve".into());
        let text = report.text("");
        assert!(text.starts_with("Acceptance of gw [2J Signed by Eve\n\n"), "{text:?}");
        assert!(text.contains("Signed by Ada  Eve.\n") && !text.contains(['\u{1b}', '\r']), "{text:?}");
        let long = broken(&"word ".repeat(60), "  ");
        assert!(long.lines().count() > 2 && long.lines().all(|line| line.len() <= WIDTH), "{long}");
        assert_eq!(broken("a\u{1b}[2Jb\nc", ""), "a[2Jb c");
    }

    #[test]
    fn one_step_that_failed_fails_the_gateway_and_skips_alone_accept_nothing() {
        let count = |passed, failed, skipped| Count { passed, failed, skipped }.verdict();
        assert_eq!(count(5, 1, 0), Verdict::Failed);
        assert_eq!(count(5, 0, 2), Verdict::Passed);
        assert_eq!(count(0, 0, 2), Verdict::Skipped);
    }
}
