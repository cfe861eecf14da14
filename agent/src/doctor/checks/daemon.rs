//! The agent itself: whether it runs, and what it warns of.

use super::super::facts::{DaemonFacts, Facts};
use super::super::finding::{Check, Finding};
use shunt_config::Config;
use shunt_decision::Family;

const CHECK: Check = Check::Daemon;

pub(super) fn check(config: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    match &facts.daemon {
        DaemonFacts::Running { version, warnings } => running(version, warnings),
        DaemonFacts::Unasked(why) => vec![Finding::unread(CHECK, "the daemon", why)],
        DaemonFacts::Absent if config.is_some_and(|config| leftovers(config, facts)) => {
            vec![Finding::warning(
                CHECK,
                "No daemon answers, but its rules stand in the kernel: the last uplink stays in use, and nobody moves it.",
                format!(
                    "Start it ({}), or take its rules away (`shunt stop --restore`).",
                    facts.machine.start()
                ),
            )]
        }
        DaemonFacts::Absent => {
            let mend = format!("Start it when the rest is in order: {}.", facts.machine.start());
            vec![Finding::note(CHECK, "No daemon runs.", mend)]
        }
    }
}

fn running(version: &str, warnings: &[String]) -> Vec<Finding> {
    let mut found: Vec<Finding> = warnings
        .iter()
        .map(|warning| {
            Finding::warning(
                CHECK,
                warning,
                "Its mend stands in the sentence itself; `shunt status` shows it until its cause is gone.",
            )
        })
        .collect();
    if version != env!("CARGO_PKG_VERSION") {
        let what =
            format!("The daemon is of version {version}, and this program of {}.", env!("CARGO_PKG_VERSION"));
        found.push(Finding::note(
            CHECK,
            what,
            "Restart the daemon to run what is installed; forwarding goes on meanwhile.",
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, format!("It runs (version {version}), and has nothing to warn of.")));
    }
    found
}

/// Rules of ours stand in the kernel.
fn leftovers(config: &Config, facts: &Facts) -> bool {
    let own = |family| {
        let rules = facts.network.rules.get(family).as_deref().unwrap_or(&[]);
        rules.iter().any(|rule| rule.protocol == config.kernel.protocol)
    };
    Family::ALL.into_iter().any(own)
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found, rule};
    use super::*;
    use crate::netlink::{FoundRule, Selector};

    #[test]
    fn an_absent_a_silent_and_a_worried_daemon_are_told() {
        let mut facts = facts();
        let config = config("");
        facts.daemon = DaemonFacts::Absent;
        found(&check(Some(&config), &facts), CHECK, Level::Note, "systemctl start shunt");
        facts.machine.systemd = false;
        found(&check(Some(&config), &facts), CHECK, Level::Note, "/etc/init.d/shunt start");
        let own = FoundRule { protocol: config.kernel.protocol, ..rule(20_600, Selector::All, 21_000) };
        facts.network.rules.v4 = Ok(vec![own]);
        found(&check(Some(&config), &facts), CHECK, Level::Warning, "its rules stand");
        facts.daemon = DaemonFacts::Unasked(Unread::Denied("the socket may not be used".to_owned()));
        found(&check(None, &facts), CHECK, Level::NotChecked, "the socket may not be used");
        let warnings = vec!["The disk is full; make room.".to_owned()];
        facts.daemon = DaemonFacts::Running { version: "0.0.1".to_owned(), warnings };
        let findings = check(None, &facts);
        found(&findings, CHECK, Level::Warning, "The disk is full");
        found(&findings, CHECK, Level::Warning, "is of version 0.0.1");
    }
}
