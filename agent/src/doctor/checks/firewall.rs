//! Whether the firewall lets clients' packets, and the canary that stands in for them, through to each uplink.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use super::super::firewall::{Fate, Packet, Ruleset};
use crate::netlink::family_name;
use shunt_config::{Config, Link};
use shunt_decision::Family;

const CHECK: Check = Check::Firewall;
/// How the interfaces of containers and of virtual machines are called: no client is behind them.
const CONTAINERS: [&str; 5] = ["docker", "veth", "lxc", "virbr", "cni"];

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    let rules = match &facts.firewall.rules {
        Ok(rules) => rules,
        Err(why) => return vec![Finding::unread(CHECK, "what is forwarded", why)],
    };
    if let Some(why) = super::unseen(config, facts, CHECK, "what is forwarded") {
        return vec![why];
    }
    let mut found = Vec::new();
    for link in &config.links {
        for family in Family::ALL.into_iter().filter(|family| super::manages(link, *family)) {
            let finding = of_link(config, link, family, rules, facts);
            found.extend(finding.map(|finding| finding.about(&link.name)));
        }
    }
    match &facts.firewall.legacy {
        Ok(tables) if tables.iter().any(|table| table == "filter") => {
            let why = "the old iptables has a table `filter`, whose rules cannot be read from here";
            let mend = "Look at `iptables-legacy -S FORWARD`: what leaves by the links must be accepted.";
            found.push(Finding::not_checked(CHECK, "what it forwards", why, Some(mend)));
        }
        Ok(_) => {}
        Err(why) => found.push(Finding::unread(CHECK, "what the old iptables forwards", why)),
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "Nothing was found that keeps packets from the links."));
    }
    found
}

fn of_link(config: &Config, link: &Link, family: Family, rules: &Ruleset, facts: &Facts) -> Option<Finding> {
    let index = facts.network.interface(&link.interface)?.interface.index;
    let out_of = (link.interface.clone(), index);
    let any = Packet { out_of: out_of.clone(), v6: family == Family::V6, ..Packet::default() };
    let docker = if facts.programs.runs("dockerd") {
        " (Docker sets such a policy: accept what is to pass in its chain DOCKER-USER)"
    } else {
        ""
    };
    if let (Fate::Yes, Some(chain)) = rules.drops(&any) {
        return Some(Finding::fault(
            CHECK,
            format!(
                "The chain `{chain}` drops all {} that would be forwarded out of {}.",
                family_name(family),
                link.interface
            ),
            format!("Accept there what comes from the LAN and leaves by {}{docker}.", link.interface),
        ));
    }
    let clients: Vec<Client> = lans(config, family, facts)
        .into_iter()
        .map(|(name, index)| {
            let into = Some((name.clone(), Some(index)));
            let (fate, chain) = rules.drops(&Packet { into, ..any.clone() });
            Client { name, fate, chain }
        })
        .collect();
    if let Some(found) = no_client(link, &clients, docker) {
        return Some(found);
    }
    // The canary is a packet of IPv4.
    let canary = if config.canary.enabled && family == Family::V4 {
        let entry = &config.canary.interface;
        let packet = Packet {
            into: Some((entry.clone(), None)),
            out_of,
            source: Some(config.canary.source),
            v6: false,
        };
        rules.drops(&packet)
    } else {
        (Fate::No, None)
    };
    match canary {
        (Fate::Yes, Some(chain)) => Some(no_canary(config, link, &chain, docker)),
        (canary, _) => open(config, link, &clients, canary),
    }
}

/// A network behind this machine, and what becomes of its packets.
struct Client {
    name: String,
    fate: Fate,
    chain: Option<String>,
}

/// The interfaces with an address that are no link's, nor one of a container's bridges.
fn lans(config: &Config, family: Family, facts: &Facts) -> Vec<(String, u32)> {
    let addresses = facts.network.addresses.as_deref().unwrap_or(&[]);
    let has_one = |index: u32| {
        let ours = |a: &&crate::netlink::Address| a.index == index && a.usable();
        addresses.iter().filter(ours).any(|a| a.address.is_ipv4() == (family == Family::V4))
    };
    let strange = |name: &str| {
        name == "lo"
            || name == config.canary.interface
            || CONTAINERS.iter().any(|start| name.starts_with(start))
            || is_docker_bridge(name)
            || config.links.iter().any(|link| link.interface == name)
    };
    let all = facts.network.interfaces.iter().flatten().map(|seen| &seen.interface);
    all.filter(|i| !strange(&i.name) && has_one(i.index)).map(|i| (i.name.clone(), i.index)).collect()
}

/// `br-` and twelve hexadecimal digits of the network.
fn is_docker_bridge(name: &str) -> bool {
    const DIGITS: usize = 12;
    let id = name.strip_prefix("br-");
    id.is_some_and(|id| id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A network may be shut in on purpose, such as one for guests; if all are, it is none.
fn no_client(link: &Link, clients: &[Client], docker: &str) -> Option<Finding> {
    let chain = clients.first().and_then(|client| client.chain.clone())?;
    if clients.iter().any(|client| client.fate != Fate::Yes) {
        return None;
    }
    let names: Vec<&str> = clients.iter().map(|client| client.name.as_str()).collect();
    let names = super::list(&names);
    Some(Finding::warning(
        CHECK,
        format!(
            "The chain `{chain}` drops what comes in by {names} and leaves by {}: no client there gets out.",
            link.interface
        ),
        format!("Accept there what comes in by the LAN and leaves by {}{docker}.", link.interface),
    ))
}

fn no_canary(config: &Config, link: &Link, chain: &str, docker: &str) -> Finding {
    let entry = &config.canary.interface;
    Finding::warning(
        CHECK,
        format!(
            "The chain `{chain}` drops the canary, which comes in by {entry} and leaves by {}: every move would be held for unproved.",
            link.interface
        ),
        format!(
            "Accept there what comes in by {entry}{docker} (OpenWrt: add `list device '{entry}'` to the zone `lan`), or set canary.enabled = false."
        ),
    )
}

/// What could not be told of the clients (where none is known to get through), and of the canary.
fn open(config: &Config, link: &Link, clients: &[Client], canary: Fate) -> Option<Finding> {
    let mut names: Vec<&str> = Vec::new();
    if clients.iter().all(|client| client.fate != Fate::No) {
        let unsure = clients.iter().filter(|client| client.fate == Fate::Perhaps);
        names.extend(unsure.map(|client| client.name.as_str()));
    }
    if canary == Fate::Perhaps {
        names.push(&config.canary.interface);
    }
    if names.is_empty() {
        return None;
    }
    Some(Finding::note(
        CHECK,
        format!(
            "Whether what comes in by {} is let through to {} depends on conditions that cannot be judged from here.",
            super::list(&names),
            link.interface
        ),
        format!(
            "See that these rules take the packets of all your clients, and of the canary, which comes in by {} (`nft list ruleset`).",
            config.canary.interface
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::{Process, Unread};
    use super::super::super::finding::Level;
    use super::super::super::firewall::samples;
    use super::super::super::testing::{address, config, facts, found, interface};
    use super::*;

    #[test]
    fn what_is_dropped_is_told_with_the_chain() {
        let mut facts = facts();
        facts.firewall.rules = Ok(samples::forwarding_nothing());
        found(&check(&config(""), &facts), CHECK, Level::Fault, "`inet t forward` drops all IPv4");
        let process = Process { pid: 9, name: "dockerd".to_owned(), args: Vec::new() };
        facts.programs.processes = Ok(vec![process]);
        found(&check(&config(""), &facts), CHECK, Level::Fault, "DOCKER-USER");
        facts.firewall.rules = Ok(samples::forwarding_only("br-lan"));
        found(
            &check(&config(""), &facts),
            CHECK,
            Level::Warning,
            "drops the canary, which comes in by shunt0",
        );
        found(&check(&config("[canary]\nenabled = false\n"), &facts), CHECK, Level::Ok, "");
        facts.firewall.rules = Ok(samples::forwarding_only("shunt0"));
        found(&check(&config(""), &facts), CHECK, Level::Ok, "");
    }

    /// A LAN and a container's network behind the links.
    fn with_networks(rules: Ruleset) -> Facts {
        let mut facts = facts();
        let interfaces = facts.network.interfaces.as_mut().unwrap();
        let added = [(4, "br-lan"), (5, "docker0"), (6, "br-0123456789ab")];
        interfaces.extend(added.map(|(index, name)| interface(index, name)));
        let addresses = facts.network.addresses.as_mut().unwrap();
        addresses.extend([4, 5, 6].map(|index| address(index, &format!("192.168.{index}.1"), 24)));
        facts.firewall.rules = Ok(rules);
        facts
    }

    #[test]
    fn clients_that_docker_shuts_in_are_told_though_its_own_get_out() {
        let off = config("[canary]\nenabled = false\n");
        let facts = with_networks(samples::docker());
        for config in [&config(""), &off] {
            let said = "`inet t forward` drops what comes in by br-lan and leaves by wwan0: no client there gets out";
            found(&check(config, &facts), CHECK, Level::Warning, said);
        }
        let facts = with_networks(samples::forwarding_between("br-lan", &["eth0", "wwan0"]));
        found(&check(&off, &facts), CHECK, Level::Ok, "");
        // New flows alone count: that answers are accepted lets no canary through.
        found(&check(&config(""), &facts), CHECK, Level::Warning, "drops the canary");
        let facts = with_networks(samples::forwarding_between("br-lan", &["eth0"]));
        let findings = check(&off, &facts);
        found(&findings, CHECK, Level::Fault, "drops all IPv4 that would be forwarded out of wwan0");
        assert_eq!(findings.len(), 1, "{findings:?}");
    }

    #[test]
    fn one_network_that_is_shut_in_is_nobodys_fault() {
        let mut facts = with_networks(samples::forwarding_between("br-lan", &["eth0", "wwan0"]));
        facts.network.interfaces.as_mut().unwrap().push(interface(7, "guests"));
        facts.network.addresses.as_mut().unwrap().push(address(7, "192.168.7.1", 24));
        found(&check(&config("[canary]\nenabled = false\n"), &facts), CHECK, Level::Ok, "");
    }

    #[test]
    fn what_is_perhaps_dropped_is_not_called_good() {
        let facts = with_networks(samples::forwarding_perhaps());
        let said = "what comes in by br-lan and shunt0 is let through to wwan0 depends";
        found(&check(&config(""), &facts), CHECK, Level::Note, said);
        let off = config("[canary]\nenabled = false\n");
        found(&check(&off, &facts), CHECK, Level::Note, "what comes in by br-lan is let through");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut facts = facts();
        facts.firewall.legacy = Ok(vec!["filter".to_owned()]);
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "iptables-legacy -S FORWARD");
        facts.firewall.legacy = Err(Unread::Denied("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "old iptables forwards");
        facts.firewall.rules = Err(Unread::Denied("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "what is forwarded");
    }
}
