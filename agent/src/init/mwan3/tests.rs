//! What of mwan3's own kind of config is taken over, and what is told.

use super::*;
use std::path::Path;

/// As mwan3's own example: a fiber with both families, and a modem behind it.
const MWAN3: &str = include_str!("example");
const NETWORK: &str = include_str!("network");

fn config(draft: &Draft) -> shunt_config::Config {
    let text = draft.to_string();
    shunt_config::parse(&text, Path::new("proposed")).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

#[test]
fn links_targets_and_limits_are_taken_over() {
    let draft = from_mwan3(MWAN3, Some(NETWORK)).unwrap();
    let config = config(&draft);
    let links: Vec<_> = config
        .links
        .iter()
        .map(|link| (link.name.as_str(), link.interface.as_str(), link.metered, link.targets.len()))
        .collect();
    assert_eq!(links, [("wan", "eth1", false, 4), ("dsl", "pppoe-dsl", false, 2), ("lte", "wwan0", true, 1)]);
    assert_eq!(config.links[0].probe.quorum, 2);
    assert_eq!(config.links[1].limits.loss_percent, 35.0);
    let told = draft.notes.join("\n");
    for part in
        ["Rules not taken over: voip", "last_resort of wan_dsl", "`spare` is not enabled", "proto qmi"]
    {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
    assert!(told.contains("Not taken over from `wan`: count, down, interval, timeout, up."), "{told}");
}

#[test]
fn without_the_network_the_names_stand_for_the_devices_and_that_is_told() {
    let draft = from_mwan3(MWAN3, None).unwrap();
    assert!(draft.notes.iter().any(|note| note.contains("`network` does not lie beside")));
    assert_eq!(config(&draft).links[0].interface, "wan");
}

#[test]
fn balanced_members_are_told() {
    let text = MWAN3.replace("option metric '2'", "option metric '1'");
    let notes = from_mwan3(&text, Some(NETWORK)).unwrap().notes.join("\n");
    assert!(notes.contains("`wan_dsl` shares traffic between members"), "{notes}");
}

#[test]
fn members_of_two_families_or_out_of_use_share_nothing() {
    let member =
        |name: &str| format!("config member '{name}_m1'\n\toption interface '{name}'\n\toption metric '1'\n");
    let names = ["wan6", "spare"];
    let members: String = names.iter().map(|name| member(name)).collect();
    let used = "\tlist use_member 'wan_m1_w3'\n";
    let more: String = names.iter().map(|name| format!("\tlist use_member '{name}_m1'\n")).collect();
    let text = format!("{}\n{members}", MWAN3.replace(used, &format!("{used}{more}")));
    // Of another device, and still of the other family.
    for network in [NETWORK.to_owned(), NETWORK.replace("'@wan'", "'he6'")] {
        let notes = from_mwan3(&text, Some(&network)).unwrap().notes.join("\n");
        assert!(!notes.contains("shares traffic"), "{notes}");
    }
}

#[test]
fn the_policy_of_ipv4_orders_the_links() {
    let rule = "config rule 'default_rule_v6'\n\toption dest_ip '::/0'\n\toption use_policy 'six'\n\
                config policy 'six'\n\tlist use_member 'lte_m3_w1'\n";
    let draft = from_mwan3(&format!("{rule}{MWAN3}"), Some(NETWORK)).unwrap();
    assert_eq!(devices(&draft), devices(&from_mwan3(MWAN3, Some(NETWORK)).unwrap()));
    // Where there is no other, it is the one to go by.
    let (before, _) = MWAN3.split_once("config rule 'default_rule_v4'").unwrap();
    let draft = from_mwan3(&format!("{before}{rule}"), Some(NETWORK)).unwrap();
    assert_eq!(devices(&draft)[0], link("lte", "wwan0", true));
}

#[test]
fn limits_that_are_not_set_are_those_of_mwan3() {
    let text =
        MWAN3.replace("\toption failure_loss '35'\n", "").replace("\toption failure_latency '4000'\n", "");
    let limits = config(&from_mwan3(&text, Some(NETWORK)).unwrap()).links[1].limits;
    assert_eq!(limits.loss_percent, 40.0);
    assert_eq!(limits.rtt, Some(shunt_config::TimeLimit::At(std::time::Duration::from_secs(1))));
}

/// Interfaces in use, all with the same target, in the order of a policy; and the network that has their `sections`.
fn uplinks(names: &[&str], sections: &str) -> Draft {
    let mut mwan3 = String::new();
    for (metric, name) in (1..).zip(names) {
        mwan3.push_str(&format!(
            "config interface '{name}'\n\toption enabled '1'\n\tlist track_ip '192.0.2.1'\n\
             config member 'm{metric}'\n\toption interface '{name}'\n\toption metric '{metric}'\n"
        ));
    }
    mwan3.push_str("config policy 'all'\n");
    for metric in 1..=names.len() {
        mwan3.push_str(&format!("\tlist use_member 'm{metric}'\n"));
    }
    from_mwan3(&mwan3, Some(sections)).unwrap()
}

fn devices(draft: &Draft) -> Vec<(String, String, bool)> {
    let link = |link: &shunt_config::Link| (link.name.to_string(), link.interface.to_string(), link.metered);
    config(draft).links.iter().map(link).collect()
}

fn link(name: &str, interface: &str, metered: bool) -> (String, String, bool) {
    (name.into(), interface.into(), metered)
}

#[test]
fn each_modem_is_a_link_of_its_own() {
    let draft = uplinks(
        &["lte1", "lte2", "lte2_6", "lte3"],
        "config interface 'lte1'\n\toption proto 'qmi'\n\toption device '/dev/cdc-wdm1'\n\
         config interface 'lte2'\n\toption proto 'ncm'\n\toption device '/dev/ttyUSB2'\n\
         config interface 'lte2_6'\n\toption proto 'dhcpv6'\n\toption device '@lte2'\n\
         config interface 'lte3'\n\toption proto 'mbim'\n\toption device '/dev/cdc-wdm1'\n",
    );
    let expected = [link("lte1", "wwan1", true), link("lte2", "wwan0", true), link("lte3", "wwan2", true)];
    assert_eq!(devices(&draft), expected);
    let told = draft.notes.join("\n");
    for part in ["`lte1` is a modem (proto qmi), taken to be wwan1", "`lte3` is a modem"] {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
    assert_eq!(told.matches("`lte2` is a modem").count(), 1, "{told}");
}

#[test]
fn what_an_unknown_protocol_runs_on_is_told() {
    let draft = uplinks(
        &["usb", "sat", "wg"],
        "config interface 'usb'\n\toption proto 'wwan'\n\
         config interface 'sat'\n\toption proto 'dish'\n\toption device '/dev/ttyS1'\n\
         config interface 'wg'\n\toption proto 'wireguard'\n",
    );
    let expected = [link("usb", "wwan0", true), link("sat", "sat", false), link("wg", "wg", false)];
    assert_eq!(devices(&draft), expected);
    let told = draft.notes.join("\n");
    assert!(told.contains("`sat` has the proto dish, which is not known here"), "{told}");
    assert!(told.contains("`usb` is a modem (proto wwan)") && !told.contains("`wg`"), "{told}");
}
