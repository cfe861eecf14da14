//! What links have in common fails together: the same router, the same interface beneath, the same network.

use super::super::facts::{Facts, Seen};
use super::super::finding::{Check, Finding};
use super::routes::router;
use crate::netlink::Address;
use shunt_config::{Config, Link};
use shunt_decision::Family;
use std::net::IpAddr;

const CHECK: Check = Check::Paths;
/// How the addresses begin that routers have by VRRP (RFC 5798, section 7.3): the rest is their group's number.
const VIRTUAL: [[u8; 5]; 2] = [[0, 0, 0x5e, 0, 1], [0, 0, 0x5e, 0, 2]];

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    if let Err(why) = &facts.network.interfaces {
        return vec![Finding::unread(CHECK, "what the links have in common", why)];
    }
    let mut found = Vec::new();
    for (place, one) in config.links.iter().enumerate() {
        for other in config.links.iter().skip(place + 1) {
            found.extend(
                pair(config, one, other, facts)
                    .into_iter()
                    .map(|finding| finding.about(format!("{} and {}", one.name, other.name))),
            );
        }
    }
    if let Err(why) = &facts.network.neighbours
        && config.links.len() > 1
    {
        found.push(Finding::unread(CHECK, "whether one router stands behind two links", why));
    }
    if config.links.len() > 1 && super::present(config, facts) < 2 {
        found.push(super::absent(CHECK, "what the links have in common"));
    }
    if found.is_empty() {
        let text = match config.links.len() {
            1 => "There is one link only: nothing stands behind it.",
            _ => "The links have neither router, interface nor network in common.",
        };
        found.push(Finding::ok(CHECK, text));
    }
    found
}

fn pair(config: &Config, one: &Link, other: &Link, facts: &Facts) -> Vec<Finding> {
    let (Some(first), Some(second)) =
        (facts.network.interface(&one.interface), facts.network.interface(&other.interface))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mobile = |link: &Link| link.metered || config.modems.iter().any(|modem| modem.link == link.name);
    // Modems of one kind answer with one address of their maker's: it tells nothing.
    let telling = !(mobile(one) && mobile(other));
    found.extend(same_router((one, first), (other, second), telling, facts));
    found.extend(same_ground(first, second, facts));
    found.extend(same_network(first, second, facts));
    found
}

/// `telling`: that both have one hardware address says that they are one box.
fn same_router(
    (one, first): (&Link, &Seen),
    (other, second): (&Link, &Seen),
    telling: bool,
    facts: &Facts,
) -> Option<Finding> {
    let tell = |family: &Family| {
        let (here, there) = (router(one, *family, facts)?, router(other, *family, facts)?);
        let hardware = |seen: &Seen, address: IpAddr| {
            let all = facts.network.neighbours.as_deref().unwrap_or(&[]);
            let entry =
                |n: &&crate::netlink::Neighbour| n.index == seen.interface.index && n.address == address;
            let found = all.iter().find(entry)?.hardware.clone();
            (telling && !VIRTUAL.iter().any(|start| found.starts_with(start))).then_some(found)
        };
        let same_box = hardware(first, here).is_some_and(|mac| Some(mac) == hardware(second, there));
        let what = match (here == there, same_box) {
            (_, true) => {
                format!("Both lead to the same router ({here}): it has one hardware address on both.")
            }
            // A router's fe80::1 is the same everywhere, and so are private addresses of boxes out of the shop.
            (true, false) if here.is_ipv4() && first.interface.index != second.interface.index => {
                format!("Both have the router {here}; whether it is one box cannot be told.")
            }
            _ => return None,
        };
        let mend = "If one box stands behind both, they fail together: lead one of them elsewhere. If they are two boxes \
                    with one address, give one of them another network.";
        Some(Finding::warning(CHECK, what, mend))
    };
    Family::ALL.iter().find_map(tell)
}

fn same_ground(first: &Seen, second: &Seen, facts: &Facts) -> Option<Finding> {
    let name = |index: u32| {
        let all = facts.network.interfaces.iter().flatten();
        all.map(|seen| &seen.interface).find(|i| i.index == index).map_or("one", |i| i.name.as_str())
    };
    let (a, b) = (first.interface.index, second.interface.index);
    // Two sockets of one switch or system on a chip are ports of their own, whatever the kernel has beneath both.
    if (first.socket.of_switch || second.socket.of_switch) && first.socket != second.socket {
        return None;
    }
    let sockets_differ = first.socket.marks != second.socket.marks;
    let ground = match (first.parent, second.parent) {
        (Some(one), Some(other)) if one == other => Some(name(one).to_owned()),
        (Some(one), _) if one == b => Some(second.interface.name.clone()),
        (_, Some(other)) if other == a => Some(first.interface.name.clone()),
        _ => first.device.clone().filter(|device| Some(device) == second.device.as_ref() && !sockets_differ),
    }?;
    Some(Finding::warning(
        CHECK,
        format!(
            "{} and {} stand on the same interface or device ({ground}).",
            first.interface.name, second.interface.name
        ),
        "One cable or port that fails takes both: give each link a port of its own.",
    ))
}

/// Two interfaces in one network: the kernel answers ARP for both on each, and replies take the wrong one.
fn same_network(first: &Seen, second: &Seen, facts: &Facts) -> Option<Finding> {
    let all = facts.network.addresses.as_deref().unwrap_or(&[]);
    let of = |seen: &Seen| {
        let index = seen.interface.index;
        all.iter().filter(move |a| a.index == index && a.usable() && !is_alone(a))
    };
    let clash =
        of(first).find_map(|here| of(second).find(|there| overlap(here, there)).map(|there| (here, there)));
    let (here, there) = clash?;
    Some(Finding::warning(
        CHECK,
        format!(
            "{}/{} on {} and {}/{} on {} are in the same network.",
            here.address,
            here.prefix,
            first.interface.name,
            there.address,
            there.prefix,
            second.interface.name
        ),
        "Give one of the boxes behind them another network; until then set net.ipv4.conf.all.arp_ignore = 1 and \
         arp_announce = 2, so that each interface answers for itself alone.",
    ))
}

/// Without a network: of a point-to-point line.
const fn is_alone(address: &Address) -> bool {
    match address.address {
        IpAddr::V4(_) => address.prefix >= 32,
        IpAddr::V6(_) => address.prefix >= 128,
    }
}

fn overlap(one: &Address, other: &Address) -> bool {
    let shorter = u32::from(one.prefix.min(other.prefix));
    match (one.address, other.address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32_u32.saturating_sub(shorter);
            a.to_bits().checked_shr(shift).unwrap_or(0) == b.to_bits().checked_shr(shift).unwrap_or(0)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128_u32.saturating_sub(shorter);
            a.to_bits().checked_shr(shift).unwrap_or(0) == b.to_bits().checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::{Socket, Unread};
    use super::super::super::finding::Level;
    use super::super::super::testing::{address, config, default_route, facts, found, neighbour};
    use super::*;

    #[test]
    fn what_two_links_have_in_common_is_told() {
        fn network(facts: &mut Facts) -> &mut super::super::super::facts::Network {
            &mut facts.network
        }
        for (spoil, said) in [
            (
                (|facts| network(facts).neighbours.as_mut().unwrap()[1] = neighbour(3, "203.0.113.1", 1))
                    as fn(&mut Facts),
                "the same router (192.0.2.1)",
            ),
            (
                |facts| network(facts).defaults.v4.as_mut().unwrap()[1] = default_route(3, 200, "192.0.2.1"),
                "Both have the router 192.0.2.1",
            ),
            (
                |facts| network(facts).addresses.as_mut().unwrap()[1] = address(3, "192.0.2.200", 25),
                "in the same network",
            ),
            (
                |facts| {
                    for seen in network(facts).interfaces.as_mut().unwrap() {
                        seen.parent = Some(1);
                    }
                },
                "the same interface or device (lo)",
            ),
            (
                |facts| network(facts).interfaces.as_mut().unwrap()[2].parent = Some(2),
                "the same interface or device (eth0)",
            ),
            (
                |facts| {
                    for seen in network(facts).interfaces.as_mut().unwrap() {
                        seen.device = Some("/sys/devices/usb1".to_owned());
                    }
                },
                "(/sys/devices/usb1)",
            ),
        ] {
            let mut facts = facts();
            spoil(&mut facts);
            let findings = check(&config(""), &facts);
            found(&findings, CHECK, Level::Warning, said);
            found(&findings, CHECK, Level::Warning, "fiber and lte");
        }
        let mut facts = facts();
        facts.network.neighbours = Err(Unread::Failed("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "one router stands behind two links");
        facts.network.interfaces = Err(Unread::Failed("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "in common");
    }

    #[test]
    fn a_hardware_address_that_many_boxes_have_is_no_proof_of_one() {
        let with = |hardware: [u8; 6], config: &Config| {
            let mut facts = facts();
            for neighbour in facts.network.neighbours.as_mut().unwrap() {
                neighbour.hardware = hardware.to_vec();
            }
            check(config, &facts)
        };
        let mobile = "targets = [\"198.51.100.1\"]\n[[link]]\nname = \"a\"\ninterface = \"eth0\"\nmetered = true\n\
                      [[link]]\nname = \"b\"\ninterface = \"wwan0\"\nmetered = true\n";
        let mobile = shunt_config::parse(mobile, std::path::Path::new("test.toml")).unwrap();
        found(&with([2, 0, 0, 0, 0, 1], &config("")), CHECK, Level::Warning, "the same router");
        found(&with([2, 0, 0, 0, 0, 1], &mobile), CHECK, Level::Ok, "");
        for last in [1, 2] {
            found(&with([0, 0, 0x5e, 0, last, 7], &config("")), CHECK, Level::Ok, "");
        }
    }

    #[test]
    fn sockets_of_one_chip_are_ports_of_their_own() {
        let with = |of_switch: bool, names: [&str; 2]| {
            let mut facts = facts();
            for (seen, name) in facts.network.interfaces.as_mut().unwrap().iter_mut().skip(1).zip(names) {
                seen.parent = of_switch.then_some(1);
                seen.device = Some("/sys/devices/switch".to_owned());
                seen.socket = Socket { of_switch, marks: vec![name.to_owned()] };
            }
            check(&config(""), &facts)
        };
        for of_switch in [true, false] {
            found(&with(of_switch, ["p4", "p3"]), CHECK, Level::Ok, "");
            found(&with(of_switch, ["p4", "p4"]), CHECK, Level::Warning, "the same interface or device");
        }
    }

    #[test]
    fn a_line_without_a_network_has_nothing_in_common() {
        let mut facts = facts();
        facts.network.addresses = Ok(vec![address(2, "10.64.64.64", 32), address(3, "10.64.64.64", 32)]);
        found(&check(&config(""), &facts), CHECK, Level::Ok, "");
        for (one, other, expected) in [
            (("192.0.2.1", 24), ("192.0.2.200", 25), true),
            (("192.0.2.1", 25), ("192.0.2.200", 25), false),
            (("0.0.0.1", 0), ("203.0.113.1", 24), true),
            (("2001:db8::1", 64), ("2001:db8::2", 64), true),
            (("2001:db8::1", 64), ("192.0.2.1", 24), false),
        ] {
            assert_eq!(overlap(&address(2, one.0, one.1), &address(3, other.0, other.1)), expected);
        }
    }
}
