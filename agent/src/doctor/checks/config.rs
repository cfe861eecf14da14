//! The configuration file: without it there are no links to look at.

use super::super::ConfigFile;
use super::super::finding::{Check, Finding};

const CHECK: Check = Check::Config;
const NEEDED: &str = "the links, their targets and the modems";

pub(super) fn check(config: &ConfigFile<'_>) -> Vec<Finding> {
    match config {
        ConfigFile::Valid(config) => {
            let names: Vec<&str> = config.links.iter().map(|link| link.name.as_str()).collect();
            let text = format!(
                "It is valid, with the {} {}.",
                super::plural(names.len(), "link", "links"),
                super::list(&names)
            );
            vec![Finding::ok(CHECK, text)]
        }
        ConfigFile::Absent(path) => {
            let why = format!("there is no {}", path.display());
            let mend =
                "`shunt init` proposes one from what is on this machine, and `shunt init --write` writes it.";
            vec![Finding::not_checked(CHECK, NEEDED, &why, Some(mend))]
        }
        ConfigFile::Denied(path) => {
            let why = format!("{} may not be read by this user", path.display());
            let finding = Finding::not_checked(CHECK, NEEDED, &why, Some("Run this as root."));
            vec![Finding { denied: true, ..finding }]
        }
        ConfigFile::NoLink(fault) => {
            let mend = "`shunt init` proposes links from what is on this machine, and `shunt init --write` writes them \
                        into it; or add them by hand.";
            unusable(fault, mend)
        }
        ConfigFile::Faulty(faults) => {
            unusable(faults, "Mend what is named; `shunt check` tells when all of it is right.")
        }
    }
}

fn unusable(faults: &str, mend: &str) -> Vec<Finding> {
    vec![
        Finding::fault(CHECK, format!("It cannot be used: {}", faults.trim_end()), mend),
        Finding::not_checked(CHECK, NEEDED, "the config has faults", Some("Mend the config first.")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Level;
    use super::super::super::testing::found;
    use super::*;
    use std::path::Path;

    #[test]
    fn what_keeps_it_from_being_used_is_told() {
        let path = Path::new("/etc/shunt/shunt.toml");
        found(&check(&ConfigFile::Absent(path)), CHECK, Level::NotChecked, "`shunt init`");
        let denied = check(&ConfigFile::Denied(path));
        found(&denied, CHECK, Level::NotChecked, "Run this as root");
        assert!(denied.iter().all(|finding| finding.denied));
        let faults = "x.toml:3: probe.interval is \"never\"\n".to_owned();
        let none = "x.toml:3: there is no link\n".to_owned();
        found(&check(&ConfigFile::NoLink(none)), CHECK, Level::Fault, "`shunt init --write`");
        found(&check(&ConfigFile::Faulty(faults)), CHECK, Level::Fault, "probe.interval is \"never\"");
    }
}
