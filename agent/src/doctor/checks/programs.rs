//! Other programs that choose uplinks, or take away what they did not put there.

use super::super::facts::{Facts, Programs};
use super::super::finding::{Check, Finding};
use super::numbers::{Owner, mask_of_mwan3, owner};
use shunt_config::Config;
use shunt_decision::Family;

const CHECK: Check = Check::Programs;
/// The canary's interface by default.
const CANARY: &str = "shunt0";
/// Settings of systemd-networkd by which it removes what it does not know; each is "yes" by default.
const FOREIGN: [&str; 2] = ["ManageForeignRoutingPolicyRules", "ManageForeignRoutes"];

pub(super) fn check(config: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    let programs = &facts.programs;
    let mut found = Vec::new();
    if let Err(why) = &programs.processes {
        found.push(Finding::unread(CHECK, "which other programs run", why));
    }
    let unread = |why| Finding::unread(CHECK, "the settings of other programs", why);
    found.extend(programs.unread.iter().map(unread));
    found.extend(mwan3(facts));
    found.extend(networkd(programs));
    found.extend(network_manager(config, programs));
    found.extend(keepers(programs));
    found.extend(tailscale(facts));
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "None runs that chooses uplinks or removes the rules of others."));
    }
    found
}

fn mwan3(facts: &Facts) -> Option<Finding> {
    let marks = mask_of_mwan3(facts);
    let active = Family::ALL.into_iter().any(|family| {
        let rules = facts.network.rules.get(family).as_deref().unwrap_or(&[]);
        let ours = |rule: &&crate::netlink::FoundRule| {
            owner(rule) == Some(Owner::Mwan3) && rule.mark().is_some_and(|(_, mask)| mask == marks)
        };
        rules.iter().any(|rule| ours(&rule))
    });
    let runs = ["mwan3track", "mwan3rtmon"].into_iter().any(|name| facts.programs.runs(name));
    if active || runs {
        let what = "mwan3 runs: it chooses an uplink for each packet before Shunt's rules are asked.";
        let mend = "Let one of them do it: `/etc/init.d/mwan3 stop` and `/etc/init.d/mwan3 disable`.";
        return Some(Finding::fault(CHECK, what, mend).about("mwan3"));
    }
    facts.programs.mwan3.as_ref().map(|_| {
        let mend = "Keep it disabled (`/etc/init.d/mwan3 disable`), or remove it.";
        Finding::note(CHECK, "mwan3 is installed, and does not run.", mend).about("mwan3")
    })
}

fn networkd(programs: &Programs) -> Option<Finding> {
    if !programs.runs("systemd-networkd") {
        return None;
    }
    let removes: Vec<&str> = FOREIGN.into_iter().filter(|key| is_on(&programs.networkd, key)).collect();
    if removes.is_empty() {
        return None;
    }
    let what = format!(
        "systemd-networkd runs with {}=yes: whenever it starts, or sets an interface up anew, it removes what Shunt put \
         into the kernel. The daemon repairs it within milliseconds; without a daemon nobody does.",
        super::list(&removes)
    );
    let mend = "Write `[Network]`, `ManageForeignRoutingPolicyRules=no` and `ManageForeignRoutes=no` into \
                /etc/systemd/networkd.conf.d/shunt.conf, and restart it.";
    Some(Finding::warning(CHECK, what, mend).about("systemd-networkd"))
}

/// Whether a setting is on by the texts, of which the last word counts; where none says anything, it is.
fn is_on(texts: &[String], key: &str) -> bool {
    let value = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().to_ascii_lowercase())
    };
    let last = texts.iter().flat_map(|text| text.lines()).filter_map(value).next_back();
    !last.is_some_and(|value| matches!(value.as_str(), "no" | "false" | "off" | "0"))
}

fn network_manager(config: Option<&Config>, programs: &Programs) -> Option<Finding> {
    let canary = config.map_or(CANARY, |config| &config.canary.interface);
    let wanted = config.is_none_or(|config| config.canary.enabled);
    let told = |line: &str| line.trim_start().starts_with("unmanaged-devices") && line.contains(canary);
    let kept_off = programs.network_manager.iter().flat_map(|text| text.lines()).any(told);
    (wanted && !kept_off && programs.runs("NetworkManager")).then(|| {
        let what = "NetworkManager runs. Its default routes are learned from; its connectivity check may make it rank them \
                    anew, which changes nothing for clients.";
        let mend = format!(
            "Have it leave the canary's interface alone: `[keyfile]` with `unmanaged-devices=interface-name:{canary}` in \
             /etc/NetworkManager/conf.d/shunt.conf."
        );
        Finding::note(CHECK, what, mend).about("NetworkManager")
    })
}

/// Others that watch links and move default routes.
fn keepers(programs: &Programs) -> Vec<Finding> {
    let known = [("connmand", "ConnMan"), ("foolsm", "foolsm")];
    let tell = |(_, name): &(&str, &str)| {
        let what = format!("{name} runs: it moves default routes, too.");
        Finding::warning(
            CHECK,
            what,
            "Let one of them choose the uplink: stop it, or keep it off the links' interfaces.",
        )
        .about(*name)
    };
    known.iter().filter(|(process, _)| programs.runs(process)).map(tell).collect()
}

fn tailscale(facts: &Facts) -> Option<Finding> {
    if !facts.programs.runs("tailscaled") {
        return None;
    }
    let leads_out = |family: &Family| {
        let rules = facts.network.rules.get(*family).as_deref().unwrap_or(&[]);
        let ours =
            rules.iter().filter(|rule| owner(rule) == Some(Owner::Tailscale)).filter_map(|rule| rule.table());
        let tables = facts.network.tables.get(*family);
        ours.filter_map(|table| tables.get(&table)).flatten().any(|of| of.values().any(|default| *default))
    };
    if !Family::ALL.iter().any(leads_out) {
        return None;
    }
    let what =
        "Tailscale runs with an exit node: all traffic goes into its tunnel before Shunt's rules are asked.";
    let mend = "Nothing has to be done if that is wanted: Shunt then chooses the way of the tunnel. Otherwise \
                `tailscale set --exit-node=`.";
    Some(Finding::note(CHECK, what, mend).about("Tailscale"))
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::{Process, Unread};
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found, rule};
    use super::*;
    use crate::netlink::Selector;
    use std::collections::BTreeMap;

    fn running(name: &str) -> Facts {
        let mut facts = facts();
        let name = name.chars().take(15).collect();
        facts.programs.processes = Ok(vec![Process { pid: 7, name, args: Vec::new() }]);
        facts
    }

    #[test]
    fn programs_that_choose_uplinks_are_told() {
        found(&check(None, &running("mwan3track")), CHECK, Level::Fault, "/etc/init.d/mwan3 disable");
        found(&check(None, &running("connmand")), CHECK, Level::Warning, "ConnMan runs");
        let mut managed = running("NetworkManager");
        found(&check(None, &managed), CHECK, Level::Note, "unmanaged-devices=interface-name:shunt0");
        let other = config("[canary]\ninterface = \"bird0\"\n");
        managed.programs.network_manager =
            vec!["[keyfile]\nunmanaged-devices=interface-name:shunt0\n".to_owned()];
        found(&check(None, &managed), CHECK, Level::Ok, "");
        found(&check(Some(&other), &managed), CHECK, Level::Note, "unmanaged-devices=interface-name:bird0");
        let off = config("[canary]\nenabled = false\n");
        found(&check(Some(&off), &running("NetworkManager")), CHECK, Level::Ok, "");
        let mut facts = facts();
        facts.programs.mwan3 = Some(String::new());
        found(&check(None, &facts), CHECK, Level::Note, "does not run");
        facts.network.rules.v4 = Ok(vec![rule(2_001, Selector::Mark { mark: 0x100, mask: 0x3f00 }, 1)]);
        found(&check(None, &facts), CHECK, Level::Fault, "mwan3 runs");
        // By the bits that its settings name.
        facts.programs.mwan3 = Some("config globals 'globals'\n\toption mmx_mask '0xff00'\n".to_owned());
        found(&check(None, &facts), CHECK, Level::Note, "does not run");
        facts.network.rules.v4 = Ok(vec![rule(2_001, Selector::Mark { mark: 0x100, mask: 0xff00 }, 1)]);
        found(&check(None, &facts), CHECK, Level::Fault, "mwan3 runs");
        facts.programs.processes = Err(Unread::Denied("they are hidden".to_owned()));
        let findings = check(None, &facts);
        assert!(
            findings.iter().any(|f| f.level == Level::NotChecked && f.what.contains("hidden")),
            "{findings:?}"
        );
    }

    #[test]
    fn settings_that_cannot_be_read_are_told() {
        let mut facts = facts();
        facts.programs.unread = vec![Unread::Denied("/etc/config/mwan3 is for root".to_owned())];
        found(&check(None, &facts), CHECK, Level::NotChecked, "/etc/config/mwan3 is for root");
    }

    #[test]
    fn networkd_is_told_while_it_removes_what_is_not_its_own() {
        let mut facts = running("systemd-networkd");
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        found(&check(None, &facts), CHECK, Level::Warning, "ManageForeignRoutes=no");
        facts.programs.networkd = texts(&["[Network]\nManageForeignRoutes=no\n"]);
        found(&check(None, &facts), CHECK, Level::Warning, "runs with ManageForeignRoutingPolicyRules=yes");
        let both = "[Network]\nManageForeignRoutes = no\nManageForeignRoutingPolicyRules=false\n";
        facts.programs.networkd = texts(&["[Network]\nManageForeignRoutes=yes\n", both]);
        found(&check(None, &facts), CHECK, Level::Ok, "");
        facts.programs.networkd = texts(&[both, "[Network]\nManageForeignRoutes=yes\n"]);
        found(&check(None, &facts), CHECK, Level::Warning, "runs with ManageForeignRoutes=yes");
    }

    #[test]
    fn an_exit_node_is_told() {
        let mut facts = running("tailscaled");
        facts.network.rules.v4 = Ok(vec![rule(5_270, Selector::All, 52)]);
        found(&check(None, &facts), CHECK, Level::Ok, "");
        facts.network.tables.v4 = BTreeMap::from([(52, Ok(BTreeMap::from([(3, true)])))]);
        found(&check(None, &facts), CHECK, Level::Note, "exit node");
    }
}
