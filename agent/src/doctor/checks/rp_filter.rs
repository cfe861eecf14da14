//! The reverse path filter: strict, it drops what comes in by another link than the best one.

use super::super::facts::{DaemonFacts, Facts};
use super::super::finding::{Check, Finding};
use shunt_config::{Config, Link};
use shunt_decision::Family;

const CHECK: Check = Check::RpFilter;
const STRICT: u8 = 1;

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    if let Some(why) = super::unseen(config, facts, CHECK, "the reverse path filter") {
        return vec![why];
    }
    let of = |link: &Link| of_link(link, facts).map(|finding| finding.about(&link.name));
    let mut found: Vec<Finding> =
        config.links.iter().filter(|link| super::manages(link, Family::V4)).filter_map(of).collect();
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "It is not strict on any link that is there."));
    }
    found
}

fn of_link(link: &Link, facts: &Facts) -> Option<Finding> {
    let name = &link.interface;
    facts.network.interface(name)?;
    let own = facts.sysctls.interfaces.get(name).and_then(|of| of.rp_filter);
    let (Some(own), Some(all)) = (own, facts.sysctls.rp_filter_all) else {
        let why = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter cannot be read");
        return Some(Finding::not_checked(CHECK, "the reverse path filter", &why, None));
    };
    // The kernel takes the greater of both.
    if own.max(all) != STRICT {
        return None;
    }
    let whose = if own == STRICT { format!("net.ipv4.conf.{name}") } else { "net.ipv4.conf.all".to_owned() };
    let what = format!(
        "It is strict on {name} (by {whose}): answers that come by {name} while another link is the uplink are dropped."
    );
    Some(if matches!(facts.daemon, DaemonFacts::Running { .. }) {
        let mend = format!(
            "The daemon sets it loose and could not, or another program set it back: set net.ipv4.conf.{name}.rp_filter = 2 \
             in /etc/sysctl.d, and see the log."
        );
        Finding::fault(CHECK, what, mend)
    } else {
        let mend = format!(
            "The daemon sets it loose when it starts; to have it so for good, set net.ipv4.conf.{name}.rp_filter = 2 in \
             /etc/sysctl.d."
        );
        Finding::warning(CHECK, what, mend)
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    #[test]
    fn the_greater_value_counts() {
        for (all, own, daemon, level, said) in [
            (1, 0, true, Level::Fault, "by net.ipv4.conf.all"),
            (0, 1, true, Level::Fault, "by net.ipv4.conf.wwan0"),
            (0, 1, false, Level::Warning, "The daemon sets it loose when it starts"),
            (1, 2, true, Level::Ok, ""),
            (2, 1, true, Level::Ok, ""),
            (0, 0, true, Level::Ok, ""),
        ] {
            let mut facts = facts();
            facts.sysctls.rp_filter_all = Some(all);
            facts.sysctls.interfaces.get_mut("wwan0").unwrap().rp_filter = Some(own);
            if !daemon {
                facts.daemon = DaemonFacts::Absent;
            }
            found(&check(&config(""), &facts), CHECK, level, said);
        }
        let mut facts = facts();
        facts.sysctls.interfaces.clear();
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "cannot be read");
    }
}
