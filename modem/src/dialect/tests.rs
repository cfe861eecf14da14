//! What else knows modems by their ids.

use super::ALL;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A vendor, and a product of it or all.
type Id = (u16, Option<u16>);

/// The ids for which the rule of udev that is this line has the agent's user take a device off USB.
fn granted(line: &str) -> BTreeSet<Id> {
    let values = |key: &str| -> Option<Vec<u16>> {
        let (_, rest) = line.split_once(&format!("ATTR{{{key}}}==\""))?;
        rest.split('"').next()?.split('|').map(|id| u16::from_str_radix(id, 16).ok()).collect()
    };
    let products = values("idProduct").map_or(vec![None], |all| all.into_iter().map(Some).collect());
    let vendors = values("idVendor").expect("a rule without vendors is one for all devices");
    vendors.into_iter().flat_map(|vendor| products.iter().map(move |product| (vendor, *product))).collect()
}

#[test]
fn the_agents_user_may_take_off_usb_what_has_a_dialect_and_no_other_device() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/packaging/systemd/shunt.udev");
    let text = fs::read_to_string(rules).unwrap();
    let granted: BTreeSet<_> =
        text.lines().filter(|line| line.contains("/authorized")).flat_map(granted).collect();
    let all = ALL.iter().flat_map(|dialect| dialect.signs.usb);
    let ids = all.flat_map(|(vendor, products)| {
        let each = products.iter().map(|product| (*vendor, Some(*product)));
        each.chain(products.is_empty().then_some((*vendor, None)))
    });
    let known: BTreeSet<_> = ids.collect();
    // Where all of a vendor's are known, one of its products is no more.
    let wanted =
        known.iter().filter(|(vendor, product)| product.is_none() || !known.contains(&(*vendor, None)));
    assert_eq!(granted, wanted.copied().collect());
}
