//! What this user may do. The daemon itself ends at once where it may not change routes.

use super::super::facts::{DaemonFacts, Facts};
use super::super::finding::{Check, Finding};
use shunt_config::Config;

const CHECK: Check = Check::Rights;
/// Bits of capabilities(7), and what they are for.
const NEEDED: [(u32, &str, &str); 2] =
    [(12, "CAP_NET_ADMIN", "change routes and rules"), (13, "CAP_NET_RAW", "send probes by ICMP")];

pub(super) fn check(_: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    let held = match &facts.machine.capabilities {
        Ok(held) => *held,
        Err(why) => return vec![Finding::unread(CHECK, "the rights of this user", why)],
    };
    let missing: Vec<_> = NEEDED.iter().filter(|(bit, ..)| held >> bit & 1 == 0).collect();
    if missing.is_empty() {
        let names: Vec<&str> = NEEDED.iter().map(|(_, name, _)| *name).collect();
        return vec![Finding::ok(CHECK, format!("{} are held.", super::list(&names)))];
    }
    let names: Vec<&str> = missing.iter().map(|(_, name, _)| *name).collect();
    let verbs: Vec<&str> = missing.iter().map(|(.., what)| *what).collect();
    let verb = super::plural(names.len(), "is", "are");
    let what = format!("{} {verb} missing: this user may not {}.", super::list(&names), super::list(&verbs));
    // A daemon that runs has its own rights; then it is only this look that is shorter.
    let running = matches!(facts.daemon, DaemonFacts::Running { .. });
    let finding = if running {
        let mend = "Run this as root to have everything looked at. The daemon has rights of its own.";
        Finding::note(CHECK, what, mend)
    } else {
        let mend = format!(
            "Run this as root, and the agent by its service ({}), which has these rights.",
            facts.machine.start()
        );
        Finding::warning(CHECK, what, mend)
    };
    vec![Finding { denied: true, ..finding }]
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::testing::{facts, found};
    use super::*;

    #[test]
    fn a_missing_right_is_named_with_what_it_is_for() {
        let mut facts = facts();
        facts.machine.capabilities = Ok(1 << 13);
        found(
            &check(None, &facts),
            CHECK,
            Level::Note,
            "CAP_NET_ADMIN is missing: this user may not change routes",
        );
        facts.daemon = DaemonFacts::Absent;
        facts.machine.capabilities = Ok(0);
        found(&check(None, &facts), CHECK, Level::Warning, "CAP_NET_ADMIN and CAP_NET_RAW are missing");
        assert!(check(None, &facts).iter().all(|finding| finding.denied));
        facts.machine.capabilities = Err(Unread::Failed("there is none".to_owned()));
        found(&check(None, &facts), CHECK, Level::NotChecked, "rights of this user");
    }
}
