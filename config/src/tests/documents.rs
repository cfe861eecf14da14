//! The reference file, the README and the examples say what the code does.

use super::{TWO_LINKS, faults, valid};
use crate::keys::SECTIONS;
use crate::{
    Agent, Canary, Config, Damping, Failback, FailbackMode, Failover, Kernel, Limits, Link, LogFormat, Mcu,
    Probe, Recording, Target, Watchdog,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

const REFERENCE: &str = include_str!("../../shunt.toml");
const README: &str = include_str!("../../README.md");

/// A setting in the reference: its line, its value as written, and whether it is commented out.
struct Setting {
    line: usize,
    value: &'static str,
    optional: bool,
}

/// All settings of the reference by their dotted keys; of the links, those of the first.
fn settings() -> BTreeMap<String, Setting> {
    let mut section = "";
    let mut all = BTreeMap::new();
    for (line, text) in REFERENCE.lines().enumerate() {
        if text.starts_with(['[', '#']) && text.ends_with(']') && !text.contains([' ', '=']) {
            section = text.trim_matches(['#', '[', ']']);
        }
        let optional = text.starts_with('#') && !text.starts_with("# ");
        let Some((key, value)) = text.trim_start_matches('#').split_once(" = ") else { continue };
        if text.starts_with("# ") || key.contains(' ') {
            continue;
        }
        all.entry(dotted(section, key)).or_insert(Setting { line, value, optional });
    }
    all
}

fn dotted(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

fn known() -> Vec<String> {
    SECTIONS.iter().flat_map(|(section, keys)| keys.iter().map(|key| dotted(section, key))).collect()
}

/// The defaults, written out by hand: what the documents promise.
fn promised() -> Config {
    let link = |name: &str, interface: &str, metered| Link {
        name: name.to_owned(),
        interface: interface.to_owned(),
        metered,
        gateway: None,
        gateway6: None,
        targets: ["1.1.1.1", "9.9.9.9", "2606:4700:4700::1111", "2620:fe::fe"]
            .map(|address| Target::Icmp(address.parse::<IpAddr>().unwrap().into()).into())
            .to_vec(),
        resolvers: ["1.1.1.1", "9.9.9.9", "2606:4700:4700::1111", "2620:fe::fe"]
            .map(|address| address.parse().unwrap())
            .to_vec(),
        resolvers_named: false,
        probe: Probe {
            interval: Duration::from_secs(1),
            standby_interval: Duration::from_secs(30),
            timeout: Duration::from_secs(2),
            quorum: 1,
        },
        probe_budget: None,
        limits: Limits { loss_percent: 20.0, rtt: None, jitter: None },
    };
    Config {
        agent: Agent {
            socket: PathBuf::from("/run/shunt/shunt.sock"),
            group: "shunt".to_owned(),
            state_dir: PathBuf::from("/var/lib/shunt"),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        },
        failover: Failover { recovery_time_objective: Duration::from_secs(1) },
        failback: Failback { mode: FailbackMode::Auto, hold_down: Duration::from_secs(60) },
        damping: Damping { half_life: Duration::from_secs(600) },
        canary: Canary {
            enabled: true,
            interface: "shunt0".to_owned(),
            source: "198.19.255.254".parse().unwrap(),
        },
        recording: Recording { enabled: true, size: 4 * 1024 * 1024 },
        watchdog: watchdog(),
        kernel: Kernel { table_base: 21_000, rule_base: 20_000, mark_mask: 0x7f00_0000, protocol: 157 },
        links: vec![link("fiber", "eth0", false), link("lte", "wwan0", true)],
        modems: Vec::new(),
    }
}

/// The same of `[watchdog]`.
fn watchdog() -> Watchdog {
    let seconds = Duration::from_secs;
    Watchdog {
        device: None,
        device_timeout: seconds(60),
        mcu: Mcu {
            port: None,
            boot_grace: seconds(300),
            feed_timeout: seconds(30),
            alert: seconds(30),
            cut_modem: false,
            modem_off: seconds(10),
            modem_settle: seconds(60),
            shutdown: seconds(60),
            reset_hold: seconds(10),
            backoff_shortest: seconds(600),
            backoff_longest: seconds(14_400),
            backoff_healthy: seconds(1_800),
            most_resets: 0,
            longest_lease: seconds(3_600),
            stop_lease: seconds(600),
            pins: None,
        },
    }
}

#[test]
fn the_reference_holds_the_defaults() {
    assert_eq!(valid(REFERENCE), promised());
    assert_eq!(valid(TWO_LINKS), promised());
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let settings = settings();
    for key in known() {
        assert!(settings.contains_key(&key), "shunt.toml lacks {key}");
    }
    assert_eq!(settings.len(), known().len(), "shunt.toml has more than the known keys");
}

#[test]
fn every_key_of_the_reference_is_explained() {
    let lines: Vec<_> = REFERENCE.lines().collect();
    for (key, setting) in settings() {
        let above = lines[setting.line - 1];
        let own_override =
            ["link.probe.", "link.limits.", "modem.sim."].iter().any(|own| key.starts_with(own));
        assert!(own_override || above.starts_with("# "), "nothing above {key} says what it is");
    }
}

#[test]
fn every_optional_key_of_the_reference_can_be_uncommented() {
    let optional = |(key, setting): &(String, Setting)| setting.optional && !key.starts_with("modem.");
    for (key, setting) in settings().into_iter().filter(optional) {
        let mut lines: Vec<String> = REFERENCE.lines().map(str::to_owned).collect();
        // The lines to the MCU's pins come together.
        const PINS: [&str; 3] = ["#chip = \"/dev/gpiochip0\"", "#boot0_line", "#reset_line"];
        let pins = |line: &str| PINS.iter().any(|pin| line.starts_with(pin));
        let beside = lines[..setting.line].iter().rposition(|line| line == "[watchdog.mcu]").unwrap_or(0);
        let together = if pins(&lines[setting.line]) { beside..lines.len() } else { 0..0 };
        for line in
            lines[together].iter_mut().take_while(|line| *line != "[kernel]").filter(|line| pins(line))
        {
            *line = line.trim_start_matches('#').to_owned();
        }
        lines[setting.line] = lines[setting.line].trim_start_matches('#').to_owned();
        let mut text = lines.join("\n");
        if key == "failback.window" {
            assert_eq!(faults(&text).len(), 1);
            text = text.replace("mode = \"auto\"", "mode = \"window\"").replace("# The window", "#");
        }
        assert_ne!(valid(&text), promised(), "{key} has no effect");
    }
}

/// What a key of a modem needs beside it to be of use: lines of its own section.
fn company(key: &str) -> &'static str {
    const OPERATORS: &str =
        "operators = [{ name = \"b\", number = \"+15550100\", secret_file = \"/s\" }]\nenabled = true";
    match key {
        "modem.user" | "modem.sim.user" => "auth = \"pap\"\npassword_file = \"/p\"",
        "modem.password_file" | "modem.sim.password_file" => "auth = \"pap\"\nuser = \"u\"",
        "modem.sim.auth" => "user = \"u\"\npassword_file = \"/p\"",
        "modem.return_after" => "sim = [{ slot = 1 }, { slot = 2 }]",
        "modem.power.by" => "line = 1\nchip = \"/dev/c\"",
        "modem.power.chip" => "line = 1",
        "modem.power.line" => "chip = \"/dev/c\"",
        "modem.power.active" => "line = 1\nchip = \"/dev/c\"",
        "modem.remote.enabled" => "",
        "modem.remote.operators" => "enabled = true",
        other if other.starts_with("modem.remote.") => OPERATORS,
        _ => "",
    }
}

/// Each key of a modem as the reference shows it is valid. It has effect, unless it shows the default that README tells.
#[test]
fn every_key_of_a_modem_in_the_reference_is_valid_and_its_default_is_one() {
    let (rows, settings) = (rows(), settings());
    for key in known().into_iter().filter(|key| key.starts_with("modem.")) {
        let (section, name) = key.rsplit_once('.').unwrap();
        let mut lines = REFERENCE.lines().map(|line| line.trim_start_matches('#'));
        let header = lines.rfind(|line| line.trim_matches(['[', ']']) == section).unwrap();
        let link = if key == "modem.link" { "" } else { "link = \"lte\"" };
        let found = ["modem.usb", "modem.imei", "modem.path", "modem.port"].contains(&key.as_str());
        let found = if found { "" } else { "usb = \"2c7c:0125\"" };
        let below = if section == "modem" { "" } else { header };
        let without = format!("{TWO_LINKS}[[modem]]\n{link}\n{found}\n{below}\n{}\n", company(&key));
        let with = valid(&format!("{without}{name} = {}\n", settings[&key].value));
        let without = crate::parse(&without, std::path::Path::new("test.toml"));
        let has_effect = without.as_ref() != Ok(&with);
        let default = rows[key.as_str()][2];
        assert_eq!(has_effect, default == "–", "{key}: README.md says {default}; without it: {without:?}");
    }
}

fn rows() -> BTreeMap<&'static str, Vec<&'static str>> {
    README
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>())
        .map(|cells| (cells[0].trim_matches('`'), cells))
        .collect()
}

#[test]
fn the_readme_has_every_key_with_its_default() {
    let rows = rows();
    let settings = settings();
    for key in known() {
        let cells = rows.get(key.as_str()).unwrap_or_else(|| panic!("README.md lacks {key}"));
        assert_eq!(cells.len(), 5, "{key}");
        let needed = cells[4].starts_with("Needed.");
        let setting = &settings[&key];
        let default =
            if needed || setting.optional { "–".to_owned() } else { format!("`{}`", setting.value) };
        // Of a modem, which is commented out as a whole, what is shown may be the default; that is tried out above.
        let shown = key.starts_with("modem.") && !needed && cells[2] == format!("`{}`", setting.value);
        assert!(shown || cells[2] == default, "README.md has another default for {key}");
        assert!(cells[4].ends_with('.'), "{key} has no meaning in README.md");
    }
    assert_eq!(rows.len(), known().len(), "README.md has more than the known keys");
}

#[test]
fn the_readme_shows_a_config_and_a_fault_as_they_are() {
    let block = |fence: &str| README.split(fence).nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(valid(block("```toml\n")), promised());
    let shown = block("```text\n").trim_end();
    let text = format!("\n{}[link.probe]\ninterval = \"5 parsecs\"\n", TWO_LINKS);
    let message = crate::parse(&text, std::path::Path::new("/etc/shunt/shunt.toml")).unwrap_err().to_string();
    assert_eq!(message, shown);
}

#[test]
fn the_examples_are_valid_and_short() {
    let examples = [
        (include_str!("../../examples/fiber-lte.toml"), 2, 10),
        (include_str!("../../examples/fiber-lte-modem.toml"), 2, 18),
        (include_str!("../../examples/dual-dsl.toml"), 2, 25),
        (include_str!("../../examples/starlink-5g.toml"), 2, 25),
        (include_str!("../../examples/three-links.toml"), 3, 25),
    ];
    for (text, links, lines) in examples {
        assert_eq!(valid(text).links.len(), links);
        assert!(text.lines().count() <= lines, "{text}");
    }
    assert_eq!(valid(examples[0].0), promised());
}
