//! Flows that the kernel or the network chip forwards by itself: they pass by the rules until they are forgotten.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use super::super::firewall::FlowTable;
use shunt_config::Config;

const CHECK: Check = Check::Offload;

pub(super) fn check(_: Option<&Config>, facts: &Facts) -> Vec<Finding> {
    let by_option = |option: &str| facts.programs.firewall.as_deref().is_some_and(|text| is_on(text, option));
    let rules = match &facts.firewall.rules {
        Ok(rules) => rules,
        Err(why) => return vec![Finding::unread(CHECK, "whether flows are offloaded", why)],
    };
    let hardware: Vec<&FlowTable> = rules.flow_tables.iter().filter(|table| table.hardware).collect();
    if !hardware.is_empty() || by_option("flow_offloading_hw") {
        return vec![Finding::warning(
            CHECK,
            format!(
                "Flows are offloaded to the network chip{}: a flow that moves goes on over the old link until it is \
                 forgotten, and stalls of users' packets are not seen.",
                named(&hardware)
            ),
            "Switch the offloading to hardware off (OpenWrt: `option flow_offloading_hw 0`), or accept that only probes \
             show a silent failure.",
        )];
    }
    let software: Vec<&FlowTable> = rules.flow_tables.iter().collect();
    if !software.is_empty() || by_option("flow_offloading") {
        return vec![Finding::note(
            CHECK,
            format!(
                "Flows are offloaded in the kernel{}: after a failover they leave the dead link up to a second later, when \
                 the kernel cleans up; after a planned move they stay.",
                named(&software)
            ),
            "Nothing has to be done; without offloading (OpenWrt: `option flow_offloading 0`) they move at once.",
        )];
    }
    vec![Finding::ok(CHECK, "No flows pass by the rules.")]
}

fn named(tables: &[&FlowTable]) -> String {
    let one = |table: &&FlowTable| format!("{} with {}", table.name, super::list(&table.devices));
    let names: Vec<String> = tables.iter().map(one).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join("; ")) }
}

/// Whether an option of OpenWrt's firewall is set.
fn is_on(text: &str, option: &str) -> bool {
    let value = super::uci_option(text, "defaults", option);
    value.is_some_and(|value| matches!(value.as_str(), "1" | "on" | "yes" | "true" | "enabled"))
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::testing::{facts, found};
    use super::*;

    #[test]
    fn offloading_is_told_by_kind() {
        let table = |hardware| FlowTable {
            name: "ft".to_owned(),
            devices: vec!["eth0".to_owned(), "lan0".to_owned()],
            hardware,
        };
        let with = |tables: Vec<FlowTable>, text: Option<&str>| {
            let mut facts = facts();
            facts.firewall.rules.as_mut().unwrap().flow_tables = tables;
            facts.programs.firewall = text.map(str::to_owned);
            check(None, &facts)
        };
        found(&with(vec![table(false)], None), CHECK, Level::Note, "ft with eth0 and lan0");
        found(&with(vec![table(false), table(true)], None), CHECK, Level::Warning, "network chip");
        let text = "config defaults\n\toption flow_offloading '1'\n\toption flow_offloading_hw '0'\n";
        found(&with(vec![], Some(text)), CHECK, Level::Note, "in the kernel:");
        let text = "config defaults\n\toption flow_offloading 1\n\toption flow_offloading_hw \"1\"\n";
        found(&with(vec![], Some(text)), CHECK, Level::Warning, "network chip:");
        found(&with(vec![], Some("config defaults\n")), CHECK, Level::Ok, "");
        let mut facts = facts();
        facts.firewall.rules = Err(Unread::Denied("no".to_owned()));
        found(&check(None, &facts), CHECK, Level::NotChecked, "offloaded");
    }
}
