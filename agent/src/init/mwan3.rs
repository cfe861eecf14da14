//! From a config of mwan3 (OpenWrt) to one of Shunt: what has a counterpart is taken over, and all else is named.
//!
//! Source: <https://openwrt.org/docs/guide-user/network/wan/multiwan/mwan3>, "Configuration"; the devices of logical
//! interfaces as netifd names them.

use super::draft::{Draft, Key, Notes, Section};
use super::uci::{self, UciError};
use device::{Device, Devices};
use std::net::IpAddr;

mod device;

/// Targets of a link: as many as a config may have.
const MAX_TARGETS: usize = 16;

/// A round-trip time from here on is no limit of Shunt's: `timeout` takes such a reply for lost, 2 s by default.
const LONGEST_LATENCY_MS: u32 = 2_000;

/// What mwan3 calls bad where `check_quality` is on and nothing else is said, as its mwan3track has it.
const DEFAULT_LATENCY_MS: u32 = 1_000;
const DEFAULT_LOSS_PERCENT: u32 = 40;

/// Options of an interface that are read here, or that mean the same without being taken over.
const READ: &[&str] = &[
    "enabled",
    "family",
    "track_ip",
    "track_method",
    "httping_ssl",
    "reliability",
    "check_quality",
    "failure_loss",
    "failure_latency",
    "recovery_loss",
    "recovery_latency",
    "initial_state",
    "flush_conntrack",
];

/// What mwan3's config, and that of the network beside it, would be for Shunt. Without the latter the devices are named
/// as the interfaces are, which is wrong for most, and is said.
///
/// # Errors
///
/// When either is no UCI file.
pub(crate) fn from_mwan3(mwan3: &str, network: Option<&str>) -> Result<Draft, UciError> {
    let sections = uci::sections(mwan3)?;
    let network = network.map(uci::sections).transpose()?;
    let mut draft = Draft { origin: "a config of mwan3".into(), ..Draft::default() };
    draft.notes.push(
        "Stop mwan3 before Shunt runs (`service mwan3 stop; service mwan3 disable`): both choose routes by rules. \
         Scripts in /etc/mwan3.user are not run by Shunt.",
    );
    if network.is_none() {
        draft.notes.push(
            "The file `network` does not lie beside that of mwan3, so that each `interface` below is mwan3's name; \
             write the devices' names as `ip link` shows them.",
        );
    }
    let devices = Devices::of(network.as_deref());
    let mut links: Vec<Link<'_>> = Vec::new();
    let mut members = Vec::new();
    for (metric, interface) in order(&sections, &mut draft.notes) {
        let device = devices.find(name_of(interface), &mut draft.notes);
        members.extend(metric.map(|metric| (metric, family(interface), device.name.clone())));
        match links.iter_mut().find(|link| link.device.name == device.name) {
            Some(link) => link.parts.push(interface),
            None => links.push(Link { metric, device, parts: vec![interface] }),
        }
    }
    if shared(&members) {
        let policy = default_policy(&sections).map_or("?", name_of);
        draft.notes.push(format!(
            "The policy `{policy}` shares traffic between members of the same metric. Shunt uses one link at a time: put the \
             links below in the order in which you prefer them."
        ));
    }
    for link in &links {
        link.write(&mut draft);
    }
    rules(&sections, &mut draft.notes);
    Ok(draft)
}

/// A device with the interfaces of mwan3 on it: one for each family, as a rule.
struct Link<'a> {
    metric: Option<u32>,
    device: Device,
    parts: Vec<&'a uci::Section>,
}

/// The sections of mwan3's interfaces that are in use, the preferred first, each with its metric in the policy.
fn order<'a>(sections: &'a [uci::Section], notes: &mut Notes) -> Vec<(Option<u32>, &'a uci::Section)> {
    let named = |kind: &str, name: &str| {
        sections.iter().find(|section| section.kind == kind && section.name.as_deref() == Some(name))
    };
    let mut ordered: Vec<(Option<u32>, &uci::Section)> = Vec::new();
    if let Some(policy) = default_policy(sections) {
        let mut members: Vec<(u32, &str)> = Vec::new();
        for member in policy.list("use_member").iter().filter_map(|name| named("member", name)) {
            let metric = member.option("metric").and_then(|metric| metric.parse().ok()).unwrap_or(1);
            members.push((metric, member.option("interface").unwrap_or("")));
        }
        members.sort_by_key(|(metric, _)| *metric);
        let found =
            members.iter().filter_map(|(metric, name)| Some((Some(*metric), named("interface", name)?)));
        ordered.extend(found);
    }
    // Those of the other family share the device of one in the policy, and join it; others are told there.
    for section in sections.iter().filter(|section| section.kind == "interface") {
        if !ordered.iter().any(|(_, known)| known.name == section.name) {
            ordered.push((None, section));
        }
    }
    ordered.retain(|(_, section)| {
        let enabled =
            section.option("enabled").is_some_and(|value| matches!(value, "1" | "on" | "true" | "yes"));
        if !enabled {
            notes
                .push(format!("Interface `{}` is not enabled for mwan3, and is left out.", name_of(section)));
        }
        enabled
    });
    ordered
}

/// Whether members of one metric and family are on two devices: a device for each family, or one for both, is no sharing.
fn shared(members: &[(u32, &str, String)]) -> bool {
    let share = |one: &(u32, &str, String), other: &(u32, &str, String)| {
        (one.0, one.1) == (other.0, other.1) && one.2 != other.2
    };
    members.iter().any(|one| members.iter().any(|other| share(one, other)))
}

fn family(interface: &uci::Section) -> &str {
    interface.option("family").unwrap_or("ipv4")
}

/// The policy of the first rule that takes all IPv4 traffic, or else all IPv6 traffic, or else the first policy.
fn default_policy(sections: &[uci::Section]) -> Option<&uci::Section> {
    let is_six = |rule: &uci::Section| {
        rule.option("family") == Some("ipv6") || rule.option("dest_ip").is_some_and(|to| to.contains(':'))
    };
    let all = |six| sections.iter().find(|section| takes_all(section) && is_six(section) == six);
    let name = all(false).or_else(|| all(true)).and_then(|rule| rule.option("use_policy"));
    let mut policies = sections.iter().filter(|section| section.kind == "policy");
    match name {
        Some(name) => policies.find(|policy| policy.name.as_deref() == Some(name)),
        None => policies.next(),
    }
}

/// A rule without a condition that narrows it.
fn takes_all(section: &uci::Section) -> bool {
    let narrow = ["src_ip", "src_port", "dest_port", "src_iface", "ipset"];
    section.kind == "rule"
        && section.option("dest_ip").is_none_or(|to| to == "0.0.0.0/0" || to == "::/0")
        && section.option("proto").is_none_or(|proto| proto == "all")
        && !narrow.iter().any(|key| section.option(key).is_some())
}

fn name_of(section: &uci::Section) -> &str {
    section.name.as_deref().unwrap_or("?")
}

impl Link<'_> {
    fn write(&self, draft: &mut Draft) {
        let names: Vec<&str> = self.parts.iter().map(|part| name_of(part)).collect();
        let name = names.first().copied().unwrap_or("?");
        let place = match self.metric {
            Some(metric) => format!("metric {metric} in the policy of all traffic"),
            None => "in no policy of all traffic, so that it comes last".to_owned(),
        };
        let mut link = Section {
            header: "[[link]]",
            why: format!("mwan3's {}: {place}.", names.join(" and ")),
            keys: vec![Key::plain("name", name), Key::plain("interface", self.device.name.as_str())],
        };
        if self.device.cellular {
            link.keys.push(Key::because(
                "metered",
                true,
                "It is a mobile link, and is probed sparsely while it stands by.",
            ));
        }
        let targets = self.targets(&mut draft.notes);
        if targets.is_empty() {
            draft.notes.push(format!("mwan3 asks nobody over `{name}`: Shunt asks its default targets."));
        } else {
            link.keys.push(Key::plain("targets", targets.clone()));
        }
        draft.sections.push(link);
        draft.sections.extend(self.probe(&targets, &mut draft.notes));
        draft.sections.extend(self.limits(&mut draft.notes));
        for part in &self.parts {
            left_out(part, &mut draft.notes);
        }
    }

    fn targets(&self, notes: &mut Notes) -> Vec<String> {
        let mut targets: Vec<String> = Vec::new();
        for part in &self.parts {
            let by_page = match part.option("track_method").unwrap_or("ping") {
                "ping" => false,
                "httping" if part.option("httping_ssl") != Some("1") => true,
                method => {
                    notes.push(format!(
                        "mwan3 asks the targets of `{}` by {method}; Shunt sends them echo requests. See `targets` in \
                         the reference for other kinds.",
                        name_of(part)
                    ));
                    false
                }
            };
            for host in part.list("track_ip") {
                let target = match (by_page, host.parse::<IpAddr>()) {
                    (true, Ok(IpAddr::V6(address))) => format!("http://[{address}]/"),
                    (true, _) => format!("http://{host}/"),
                    (false, _) => host.clone(),
                };
                if !targets.contains(&target) {
                    targets.push(target);
                }
            }
        }
        if targets.len() > MAX_TARGETS {
            notes.push(format!("Of {} targets the first {MAX_TARGETS} are taken over.", targets.len()));
            targets.truncate(MAX_TARGETS);
        }
        targets
    }

    /// `reliability` is how many must answer.
    fn probe(&self, targets: &[String], notes: &mut Notes) -> Option<Section> {
        let part = self.parts.first()?;
        let wanted: usize = part.option("reliability")?.parse().ok()?;
        let six = targets.iter().filter(|target| target.parse::<IpAddr>().is_ok_and(|a| a.is_ipv6())).count();
        // A family has no more votes than it has targets.
        let most = [six, targets.len() - six].into_iter().filter(|count| *count > 0).min()?;
        if wanted > most {
            notes.push(format!(
                "mwan3's reliability of {wanted} for `{}` is more than the {most} targets of one family; {most} is taken.",
                name_of(part)
            ));
        }
        let quorum = i64::try_from(wanted.min(most)).ok()?;
        (quorum > 1).then(|| Section {
            header: "[link.probe]",
            why: "mwan3's reliability.".into(),
            keys: vec![Key::plain("quorum", quorum)],
        })
    }

    fn limits(&self, notes: &mut Notes) -> Option<Section> {
        let part = self.parts.iter().find(|part| part.option("check_quality") == Some("1"))?;
        let number = |key, default| part.option(key).and_then(|text| text.parse().ok()).unwrap_or(default);
        let latency: u32 = number("failure_latency", DEFAULT_LATENCY_MS);
        let loss: u32 = number("failure_loss", DEFAULT_LOSS_PERCENT);
        let mut keys = Vec::new();
        if (1..=100).contains(&loss) {
            keys.push(Key::plain("loss", format!("{loss}%")));
        }
        if (1..LONGEST_LATENCY_MS).contains(&latency) {
            keys.push(Key::plain("rtt", format!("{latency}ms")));
        } else {
            notes.push(format!(
                "The failure_latency of {latency} ms for `{}` is not taken over: a reply later than `timeout` (2s) is \
                 lost anyway.",
                name_of(part)
            ));
        }
        let why = "mwan3's failure_loss and failure_latency. When a link is well again is judged by the same values, with a \
                   margin.";
        (!keys.is_empty()).then(|| Section { header: "[link.limits]", why: why.into(), keys })
    }
}

/// Tells the options that have no counterpart.
fn left_out(part: &uci::Section, notes: &mut Notes) {
    let rest: Vec<&str> = part.keys().filter(|key| !READ.contains(key)).collect();
    if !rest.is_empty() {
        notes.push(format!(
            "Not taken over from `{}`: {}. Shunt asks once a second, at once more often when a reply is late, and decides \
             by what is usual for the link instead of by counts.",
            name_of(part),
            rest.join(", ")
        ));
    }
}

/// Tells the rules that choose by application, and what happens when all links are down.
fn rules(sections: &[uci::Section], notes: &mut Notes) {
    let narrow: Vec<&str> = sections
        .iter()
        .filter(|section| section.kind == "rule" && !takes_all(section))
        .map(name_of)
        .collect();
    if !narrow.is_empty() {
        notes.push(format!(
            "Rules not taken over: {}. Shunt moves all traffic together; rules of your own before Shunt's (see \
             kernel.rule_base) can send some of it elsewhere.",
            narrow.join(", ")
        ));
    }
    let last = |section: &&uci::Section| section.option("last_resort").is_some_and(|last| last != "default");
    let strict: Vec<&str> =
        sections.iter().filter(|section| section.kind == "policy").filter(last).map(name_of).collect();
    if !strict.is_empty() {
        notes.push(format!(
            "The last_resort of {} is not taken over: when no link works, Shunt leaves the route on the best of them.",
            strict.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests;
