//! The largest packets: a connection that moves onto a link with smaller ones must learn so.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use shunt_config::Config;

const CHECK: Check = Check::Mtu;
/// IPv6 needs links that take so much (RFC 8200, section 5).
const LEAST_FOR_IPV6: u32 = 1_280;

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    if let Err(why) = &facts.network.interfaces {
        return vec![Finding::unread(CHECK, "the largest packets of the links", why)];
    }
    let of = |link: &shunt_config::Link| {
        Some((link.name.clone(), facts.network.interface(&link.interface)?.interface.mtu))
    };
    let all: Vec<(String, u32)> = config.links.iter().filter_map(of).collect();
    if all.is_empty() {
        return vec![super::absent(CHECK, "the largest packets of the links")];
    }
    let mut found = Vec::new();
    for (name, mtu) in all.iter().filter(|(_, mtu)| *mtu < LEAST_FOR_IPV6) {
        let what = format!("Its largest packet has {mtu} bytes; IPv6 needs {LEAST_FOR_IPV6}.");
        let mend =
            "Set a larger MTU if the provider takes one; many applications fail below it in IPv4, too.";
        found.push(Finding::warning(CHECK, what, mend).about(name));
    }
    let sizes: Vec<String> = all.iter().map(|(name, mtu)| format!("{name} {mtu}")).collect();
    let (least, most) = (all.iter().map(|(_, mtu)| mtu).min(), all.iter().map(|(_, mtu)| mtu).max());
    if least == most {
        if found.is_empty() {
            found.push(Finding::ok(
                CHECK,
                format!("The same on all links that are there ({}).", sizes.join(", ")),
            ));
        }
        return found;
    }
    found.push(Finding::note(
        CHECK,
        format!("The largest packets differ: {} bytes.", super::list(&sizes)),
        "Clamp the MSS on what leaves (in nftables `tcp flags syn tcp option maxseg size set rt mtu` in a forward chain; \
         OpenWrt's mtu_fix), so that connections survive a move onto the smaller one.",
    ));
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    #[test]
    fn differences_and_very_small_packets_are_told() {
        let with = |mtu| {
            let mut facts = facts();
            facts.network.interfaces.as_mut().unwrap()[2].interface.mtu = mtu;
            check(&config(""), &facts)
        };
        found(&with(1_430), CHECK, Level::Note, "fiber 1500 and lte 1430");
        found(&with(1_200), CHECK, Level::Warning, "lte Its largest packet has 1200 bytes");
        let mut facts = facts();
        facts.network.interfaces = Err(Unread::Failed("no".to_owned()));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "largest packets");
    }
}
