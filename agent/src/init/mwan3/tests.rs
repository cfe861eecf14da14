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
    assert!(notes.contains("shares traffic between members"), "{notes}");
}
