//! Each key arrives where it belongs: without it, its test fails.

use super::{TWO_LINKS, valid};
use crate::TimeLimit;
use crate::keys::SECTIONS;
use crate::{
    BearerAuth, BearerIp, Config, DailyWindow, FailbackMode, Find, Gateway, LogFormat, McuPins, McuPort,
    Power, Remote, Target,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// A key, a value for it, and whether the configuration shows that it arrived.
type Row = (&'static str, &'static str, fn(&Config) -> bool);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Whether all targets of a link are these.
fn asked(config: &Config, link: usize, targets: &[&str]) -> bool {
    config.links[link].targets.iter().map(ToString::to_string).eq(targets.iter().copied())
}

const GENERAL: &[Row] = &[
    ("targets", r#"["192.0.2.1", "tcp://[2001:db8::1]:443"]"#, |c| {
        (0..2).all(|link| asked(c, link, &["192.0.2.1", "tcp://[2001:db8::1]:443"]))
    }),
    ("resolvers", r#"["192.0.2.53", "2001:db8::53"]"#, |c| {
        c.links
            .iter()
            .all(|link| link.resolvers.len() == 2 && link.resolvers[0] == IpAddr::from([192, 0, 2, 53]))
    }),
    ("agent.socket", r#""/tmp/x.sock""#, |c| c.agent.socket == Path::new("/tmp/x.sock")),
    ("agent.group", r#""wheel""#, |c| c.agent.group == "wheel"),
    ("agent.state_dir", r#""/data/shunt""#, |c| c.agent.state_dir == Path::new("/data/shunt")),
    ("agent.log", r#""warn, shunt::probe=TRACE""#, |c| c.agent.log == "warn, shunt::probe=TRACE"),
    ("agent.log_format", r#""json""#, |c| c.agent.log_format == LogFormat::Json),
    ("probe.interval", r#""100ms""#, |c| c.links.iter().all(|link| link.probe.interval == ms(100))),
    ("probe.standby_interval", r#""2m""#, |c| {
        c.links.iter().all(|l| l.probe.standby_interval == ms(120_000))
    }),
    ("probe.timeout", r#""2s 500ms""#, |c| c.links.iter().all(|link| link.probe.timeout == ms(2500))),
    ("probe.quorum", "2", |c| c.links.iter().all(|link| link.probe.quorum == 2)),
    ("limits.loss", "2.5", |c| c.links.iter().all(|link| link.limits.loss_percent == 2.5)),
    ("limits.rtt", r#""400ms""#, |c| {
        c.links.iter().all(|link| link.limits.rtt == Some(TimeLimit::At(ms(400))))
    }),
    ("limits.jitter", r#""7.5x""#, |c| {
        c.links.iter().all(|link| link.limits.jitter == Some(TimeLimit::TimesBaseline(7.5)))
    }),
    ("failover.recovery_time_objective", r#""750ms""#, |c| c.failover.recovery_time_objective == ms(750)),
    ("failback.mode", r#""manual""#, |c| c.failback.mode == FailbackMode::Manual),
    ("failback.window", "\"23:30-04:05\"\nmode = \"window\"", |c| {
        c.failback.mode == FailbackMode::Window(DailyWindow { from: 84_600, to: 14_700 })
    }),
    ("failback.hold_down", r#""5m""#, |c| c.failback.hold_down == ms(300_000)),
    ("damping.half_life", r#""1h""#, |c| c.damping.half_life == ms(3_600_000)),
    ("canary.enabled", "false", |c| !c.canary.enabled),
    ("canary.interface", r#""probe0""#, |c| c.canary.interface == "probe0"),
    ("canary.source", r#""192.168.1.250""#, |c| c.canary.source.octets() == [192, 168, 1, 250]),
    ("recording.enabled", "false", |c| !c.recording.enabled),
    ("recording.size", r#""1500 kB""#, |c| c.recording.size == 1_500_000),
    ("watchdog.device", r#""/dev/watchdog1""#, |c| {
        c.watchdog.device.as_deref() == Some(Path::new("/dev/watchdog1"))
    }),
    ("watchdog.device_timeout", r#""30s""#, |c| c.watchdog.device_timeout == ms(30_000)),
    ("watchdog.mcu.port", r#""/dev/ttyS1""#, |c| {
        c.watchdog.mcu.port == Some(McuPort::Path("/dev/ttyS1".into()))
    }),
    ("watchdog.mcu.usb", r#""1A86:7523""#, |c| {
        c.watchdog.mcu.port == Some(McuPort::Usb { vendor: 0x1a86, product: 0x7523 })
    }),
    ("watchdog.mcu.boot_grace", r#""10m""#, |c| c.watchdog.mcu.boot_grace == ms(600_000)),
    ("watchdog.mcu.feed_timeout", r#""1m""#, |c| c.watchdog.mcu.feed_timeout == ms(60_000)),
    ("watchdog.mcu.alert", r#""1m""#, |c| c.watchdog.mcu.alert == ms(60_000)),
    ("watchdog.mcu.cut_modem", "true", |c| c.watchdog.mcu.cut_modem),
    ("watchdog.mcu.modem_off", r#""15s""#, |c| c.watchdog.mcu.modem_off == ms(15_000)),
    ("watchdog.mcu.modem_settle", r#""30s""#, |c| c.watchdog.mcu.modem_settle == ms(30_000)),
    ("watchdog.mcu.shutdown", r#""30s""#, |c| c.watchdog.mcu.shutdown == ms(30_000)),
    ("watchdog.mcu.reset_hold", r#""5s""#, |c| c.watchdog.mcu.reset_hold == ms(5_000)),
    ("watchdog.mcu.backoff_shortest", r#""5m""#, |c| c.watchdog.mcu.backoff_shortest == ms(300_000)),
    ("watchdog.mcu.backoff_longest", r#""1d""#, |c| c.watchdog.mcu.backoff_longest == ms(86_400_000)),
    ("watchdog.mcu.backoff_healthy", r#""1h""#, |c| c.watchdog.mcu.backoff_healthy == ms(3_600_000)),
    ("watchdog.mcu.most_resets", "5", |c| c.watchdog.mcu.most_resets == 5),
    ("watchdog.mcu.longest_lease", r#""2h""#, |c| c.watchdog.mcu.longest_lease == ms(7_200_000)),
    ("watchdog.mcu.stop_lease", r#""5m""#, |c| c.watchdog.mcu.stop_lease == ms(300_000)),
    ("watchdog.mcu.chip", "\"gpiochip1\"\nboot0_line = 1\nreset_line = 2", |c| {
        c.watchdog.mcu.pins == Some(McuPins { chip: "/dev/gpiochip1".into(), boot0: 1, reset: 2 })
    }),
    ("watchdog.mcu.boot0_line", "5\nchip = \"gpiochip0\"\nreset_line = 2", |c| {
        c.watchdog.mcu.pins.as_ref().is_some_and(|pins| pins.boot0 == 5)
    }),
    ("watchdog.mcu.reset_line", "6\nchip = \"gpiochip0\"\nboot0_line = 2", |c| {
        c.watchdog.mcu.pins.as_ref().is_some_and(|pins| pins.reset == 6)
    }),
    ("kernel.table_base", "300", |c| c.kernel.table_base == 300),
    ("kernel.rule_base", "31766", |c| c.kernel.rule_base == 31_766),
    ("kernel.mark_mask", "0x3000", |c| c.kernel.mark_mask == 0x3000),
    ("kernel.protocol", "200", |c| c.kernel.protocol == 200),
];

/// Keys of the second link; the first must not see them.
const OF_A_LINK: &[Row] = &[
    ("link.name", r#""5g""#, |c| c.links[1].name == "5g"),
    ("link.interface", r#""usb0""#, |c| c.links[1].interface == "usb0"),
    ("link.metered", "false", |c| !c.links[1].metered),
    ("link.gateway", r#""192.0.2.1""#, |c| {
        c.links[1].gateway == Some(Gateway::Via([192, 0, 2, 1].into())) && c.links[0].gateway.is_none()
    }),
    ("link.gateway6", r#""on-link""#, |c| {
        c.links[1].gateway6 == Some(Gateway::OnLink) && c.links[0].gateway6.is_none()
    }),
    ("link.targets", r#"["dns://192.0.2.1/example.com."]"#, |c| {
        asked(c, 1, &["dns://192.0.2.1:53/example.com"]) && c.links[0].targets.len() == 4
    }),
    ("link.probe_budget", r#""100 MB/month""#, |c| {
        let month = ms(30 * 86_400_000);
        let budget = Some(crate::ProbeBudget { bytes: 100_000_000, period: month });
        each(c, |link| link.probe_budget, None, budget)
    }),
    ("link.resolvers", r#"["192.0.2.53"]"#, |c| {
        c.links[1].resolvers == ["192.0.2.53".parse::<IpAddr>().unwrap()] && c.links[0].resolvers.len() == 4
    }),
    ("link.probe.interval", r#""200ms""#, |c| each(c, |link| link.probe.interval, ms(1000), ms(200))),
    ("link.probe.standby_interval", r#""1m""#, |c| {
        each(c, |link| link.probe.standby_interval, ms(30_000), ms(60_000))
    }),
    ("link.probe.timeout", r#""3s""#, |c| each(c, |link| link.probe.timeout, ms(2000), ms(3000))),
    ("link.probe.quorum", "2", |c| each(c, |link| link.probe.quorum, 1, 2)),
    ("link.limits.loss", r#""5%""#, |c| each(c, |link| link.limits.loss_percent, 20.0, 5.0)),
    ("link.limits.rtt", r#""90ms""#, |c| each(c, |link| link.limits.rtt, None, Some(TimeLimit::At(ms(90))))),
    ("link.limits.jitter", r#""9ms""#, |c| {
        each(c, |link| link.limits.jitter, None, Some(TimeLimit::At(ms(9))))
    }),
];

/// A value, and what else remote control needs.
macro_rules! concat_remote {
    ($value:literal) => {
        concat_remote!($value, "\nenabled = true")
    };
    ($value:literal, $enabled:literal) => {
        concat!(
            $value,
            $enabled,
            "\noperators = [{ name = \"a\", number = \"+15550199\", secret_file = \"/s\" }]"
        )
    };
}

/// Keys of a modem, with the rest of their section; a modem without them must not have them.
const OF_A_MODEM: &[Row] = &[
    ("modem.link", r#""fiber""#, |c| c.modems[0].link == "fiber"),
    ("modem.name", r#""quectel""#, |c| c.modems[0].name == "quectel" && c.modems[0].link == "lte"),
    ("modem.usb", r#""12D1:15c1""#, |c| c.modems[0].find == Find::Usb { vendor: 0x12d1, product: 0x15c1 }),
    ("modem.imei", r#""490154203237518""#, |c| c.modems[0].find == Find::Imei("490154203237518".into())),
    ("modem.path", r#""1-1.2""#, |c| c.modems[0].find == Find::Path("1-1.2".into())),
    ("modem.port", r#""/dev/ttyS1""#, |c| c.modems[0].find == Find::Port("/dev/ttyS1".into())),
    ("modem.apn", r#""internet.example""#, |c| {
        c.modems[0].sims[0].apn.as_deref() == Some("internet.example")
    }),
    ("modem.user", "\"me\"\npassword_file = \"/p\"\nauth = \"pap\"", |c| {
        c.modems[0].sims[0].user.as_deref() == Some("me")
    }),
    ("modem.password_file", "\"/p\"\nuser = \"me\"\nauth = \"pap\"", |c| {
        c.modems[0].sims[0].password_file.as_deref() == Some(Path::new("/p"))
    }),
    ("modem.auth", "\"chap\"\nuser = \"me\"\npassword_file = \"/p\"", |c| {
        c.modems[0].sims[0].auth == BearerAuth::Chap
    }),
    ("modem.ip", r#""v4""#, |c| c.modems[0].ip == BearerIp::V4),
    ("modem.context", "3", |c| c.modems[0].context == 3),
    ("modem.pin_file", r#""/etc/pin""#, |c| {
        c.modems[0].sims[0].pin_file.as_deref() == Some(Path::new("/etc/pin"))
    }),
    ("modem.allowance", r#""1.5 GB""#, |c| c.modems[0].sims[0].allowance == Some(1_500_000_000)),
    ("modem.billing_day", "28", |c| c.modems[0].sims[0].billing_day == 28),
    ("modem.return_after", "\"2h\"\nsim = [{ slot = 1 }, { slot = 2 }]", |c| {
        c.modems[0].return_after == Some(ms(7_200_000))
    }),
    ("modem.watch", r#""10s""#, |c| c.modems[0].watch == ms(10_000)),
    ("modem.sim.slot", "2", |c| c.modems[0].sims[0].slot == Some(2)),
    ("modem.sim.pin_file", r#""/etc/pin""#, |c| {
        c.modems[0].sims[0].pin_file.as_deref() == Some(Path::new("/etc/pin"))
    }),
    ("modem.sim.apn", r#""iot""#, |c| c.modems[0].sims[0].apn.as_deref() == Some("iot")),
    ("modem.sim.user", "\"me\"\npassword_file = \"/p\"\nauth = \"pap\"", |c| {
        c.modems[0].sims[0].user.as_deref() == Some("me")
    }),
    ("modem.sim.password_file", "\"/p\"\nuser = \"me\"\nauth = \"pap\"", |c| {
        c.modems[0].sims[0].password_file.as_deref() == Some(Path::new("/p"))
    }),
    ("modem.sim.auth", "\"pap\"\nuser = \"me\"\npassword_file = \"/p\"", |c| {
        c.modems[0].sims[0].auth == BearerAuth::Pap
    }),
    ("modem.sim.allowance", r#""2 MiB""#, |c| c.modems[0].sims[0].allowance == Some(2 << 20)),
    ("modem.sim.billing_day", "9", |c| c.modems[0].sims[0].billing_day == 9),
    ("modem.power.by", "\"mcu\"\n[watchdog.mcu]\nport = \"/dev/ttyS2\"", |c| {
        c.modems[0].power == Some(Power::Mcu)
    }),
    ("modem.power.chip", "\"gpiochip2\"\nline = 1", |c| {
        c.modems[0].power == Some(Power::Gpio { chip: "/dev/gpiochip2".into(), line: 1, active_high: true })
    }),
    ("modem.power.line", "7\nchip = \"/dev/gpiochip0\"", |c| {
        c.modems[0].power == Some(Power::Gpio { chip: "/dev/gpiochip0".into(), line: 7, active_high: true })
    }),
    ("modem.power.active", "\"low\"\nline = 1\nchip = \"/dev/gpiochip0\"", |c| {
        c.modems[0].power == Some(Power::Gpio { chip: "/dev/gpiochip0".into(), line: 1, active_high: false })
    }),
    ("modem.remote.enabled", concat_remote!("true", ""), |c| c.modems[0].remote.is_some()),
    (
        "modem.remote.operators",
        "[{ name = \"b\", number = \"+15550100\", secret_file = \"/s\" }]\nenabled = true",
        |c| remote(c, |remote| remote.operators[0].number == "+15550100" && remote.operators[0].name == "b"),
    ),
    ("modem.remote.country", concat_remote!("\"49\""), |c| remote(c, |r| r.country.as_deref() == Some("49"))),
    ("modem.remote.trunk", concat_remote!("\"\""), |c| remote(c, |r| r.trunk.is_empty())),
    ("modem.remote.codes", concat_remote!("\"time\""), |c| remote(c, |r| r.by_time)),
    ("modem.remote.digits", concat_remote!("8"), |c| remote(c, |r| r.digits == 8)),
    ("modem.remote.per_number", concat_remote!("5"), |c| remote(c, |r| r.per_number == 5)),
    ("modem.remote.in_all", concat_remote!("6"), |c| remote(c, |r| r.in_all == 6)),
];

fn remote(config: &Config, arrived: fn(&Remote) -> bool) -> bool {
    config.modems[0].remote.as_ref().is_some_and(arrived)
}

fn each<T: PartialEq>(config: &Config, get: fn(&crate::Link) -> T, first: T, second: T) -> bool {
    get(&config.links[0]) == first && get(&config.links[1]) == second
}

#[test]
fn every_general_key_arrives() {
    for (key, value, arrived) in GENERAL {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
        let config = valid(&format!("{header}{name} = {value}\n{TWO_LINKS}"));
        assert!(arrived(&config), "{key} did not arrive: {config:?}");
        assert!(!arrived(&valid(TWO_LINKS)), "{key} would pass without being set");
    }
}

#[test]
fn every_key_of_a_link_arrives() {
    let two = |keys: &str| {
        let mut needed = String::from("name = \"lte\"\ninterface = \"wwan0\"\nmetered = true\n");
        if let Some((name, _)) = keys.split_once(" = ")
            && !name.contains('.')
        {
            needed = needed
                .lines()
                .filter(|line| !line.starts_with(&format!("{name} ")))
                .collect::<Vec<_>>()
                .join("\n");
        }
        valid(&format!("[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n[[link]]\n{needed}\n{keys}\n"))
    };
    for (key, value, arrived) in OF_A_LINK {
        let name = key.trim_start_matches("link.");
        let config = two(&format!("{name} = {value}"));
        assert!(arrived(&config), "{key} did not arrive: {config:?}");
        assert!(!arrived(&two("")), "{key} would pass without being set");
    }
}

#[test]
fn every_key_of_a_modem_arrives() {
    let one = |section: &str, keys: &str| {
        let own = |key: &str| section == "modem" && keys.starts_with(&format!("{key} = "));
        let link = if own("link") { "" } else { "link = \"lte\"" };
        let ways = ["usb", "imei", "path", "port"];
        let usb = if ways.into_iter().any(own) { "" } else { "usb = \"2c7c:0125\"" };
        let header = match section {
            "modem" => "",
            "modem.sim" => "[[modem.sim]]",
            "modem.power" => "[modem.power]",
            _ => "[modem.remote]",
        };
        valid(&format!("{TWO_LINKS}[[modem]]\n{link}\n{usb}\n{header}\n{keys}\n"))
    };
    let bare = one("modem", "");
    for (key, value, arrived) in OF_A_MODEM {
        let (section, name) = key.rsplit_once('.').unwrap();
        let config = one(section, &format!("{name} = {value}"));
        assert!(arrived(&config), "{key} did not arrive: {config:?}");
        assert!(!arrived(&bare), "{key} would pass without being set");
    }
}

#[test]
fn a_sim_takes_what_it_leaves_out_from_its_modem() {
    let config = valid(&format!(
        "{TWO_LINKS}[[modem]]\nlink = \"lte\"\nimei = \"490154203237518\"\napn = \"a\"\nbilling_day = 3\n\
         [[modem.sim]]\nslot = 2\n[[modem.sim]]\nslot = 1\napn = \"b\"\nallowance = \"1 GB\"\n"
    ));
    let sims = &config.modems[0].sims;
    let apns: Vec<_> = sims.iter().map(|sim| sim.apn.as_deref()).collect();
    assert_eq!((apns, sims[1].billing_day), (vec![Some("a"), Some("b")], 3));
    assert_eq!((sims[0].slot, sims[0].allowance, sims[1].allowance), (Some(2), None, Some(1_000_000_000)));
    assert_eq!(config.modems[0].name, "lte");
}

#[test]
fn every_known_key_is_tested_here() {
    let all = GENERAL.iter().chain(OF_A_LINK).chain(OF_A_MODEM);
    let tested: BTreeSet<_> = all.map(|(key, _, _)| (*key).to_owned()).collect();
    let known: BTreeSet<_> = SECTIONS
        .iter()
        .flat_map(|(section, keys)| {
            keys.iter().map(
                move |key| if section.is_empty() { (*key).to_owned() } else { format!("{section}.{key}") },
            )
        })
        .collect();
    assert_eq!(tested, known);
}

#[test]
fn a_link_of_its_own_lays_over_the_general_values() {
    let config = valid(
        "[probe]\ntimeout = \"3s\"\nquorum = 2\n[limits]\nrtt = \"1s\"\n[[link]]\nname = \"a\"\ninterface = \"a0\"\n\
         [link.probe]\nquorum = 1\n[link.limits]\nloss = 10\n[[link]]\nname = \"b\"\ninterface = \"b0\"\n",
    );
    let (a, b) = (&config.links[0], &config.links[1]);
    assert_eq!((a.probe.timeout, a.probe.quorum, b.probe.quorum), (ms(3000), 1, 2));
    assert_eq!((a.limits.loss_percent, b.limits.loss_percent), (10.0, 20.0));
    assert_eq!((a.limits.rtt, b.limits.rtt), (Some(TimeLimit::At(ms(1000))), Some(TimeLimit::At(ms(1000)))));
}

#[test]
fn a_target_may_be_a_table_with_more_to_say() {
    let config = valid(&format!(
        "targets = [\"192.0.2.1\", {{ target = \"192.0.2.2\", weight = 3 }},\n\
         {{ target = \"dns://192.0.2.3/example.com\", answer = \"192.0.2.7\" }}]\n\
         probe = {{ quorum = 5 }}\n{TWO_LINKS}"
    ));
    let targets = &config.links[1].targets;
    assert_eq!(targets.iter().map(|weighted| weighted.weight).collect::<Vec<_>>(), [1, 3, 1]);
    assert_eq!(targets[1].target, Target::Icmp([192, 0, 2, 2].into()));
    let Target::Dns { answer, .. } = &targets[2].target else { panic!("{targets:?}") };
    assert_eq!(*answer, Some([192, 0, 2, 7].into()));
}

#[test]
fn every_kind_of_target_may_have_a_name() {
    let config = valid(&format!(
        "targets = [\"Example.com.\", {{ target = \"example.com\", family = \"v6\" }},\n\
         \"tcp://example.com:443\", \"dns://dns.example/example.com\",\n\
         {{ target = \"dns://dns.example:5353/a.b\", family = \"v6\", answer = \"2001:db8::1\" }}]\n{TWO_LINKS}"
    ));
    let targets = &config.links[0].targets;
    let shown = [
        "example.com",
        "example.com over IPv6",
        "tcp://example.com:443",
        "dns://dns.example:53/example.com",
        "dns://dns.example:5353/a.b over IPv6",
    ];
    assert_eq!(targets.iter().map(ToString::to_string).collect::<Vec<_>>(), shown);
    let ipv4: Vec<_> = targets.iter().map(|weighted| weighted.target.is_ipv4()).collect();
    assert_eq!(ipv4, [true, false, true, true, false]);
    assert!(targets.iter().all(|weighted| weighted.target.address().is_none()));
    let at = targets[4].target.clone().at(IpAddr::from([192, 0, 2, 1]).into());
    assert_eq!(at.to_string(), "dns://192.0.2.1:5353/a.b");
}

#[test]
fn a_page_says_where_it_is_and_what_it_is_like() {
    let config = valid(&format!(
        "targets = [\"http://192.0.2.1:8080/a?b=%20\", \"http://Example.COM.\", \"http://[2001:db8::1]?q\",\n\
         {{ target = \"http://example.com\", status = 204, body = \"ok\", family = \"v6\" }}]\n{TWO_LINKS}"
    ));
    let shown: Vec<_> = config.links[0].targets.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "http://192.0.2.1:8080/a?b=%20",
            "http://example.com/",
            "http://[2001:db8::1]/?q",
            "http://example.com/ over IPv6"
        ]
    );
    let ipv4: Vec<_> = config.links[0].targets.iter().map(|weighted| weighted.target.is_ipv4()).collect();
    assert_eq!(ipv4, [true, true, false, false]);
    let Target::Page(page) = &config.links[0].targets[3].target else { panic!("{shown:?}") };
    assert_eq!((page.status, page.body.as_deref(), page.port), (Some(204), Some("ok"), 80));
}

#[test]
fn a_long_interval_takes_the_default_standby_interval_along() {
    let config = valid(&format!("[probe]\ninterval = \"2m\"\n{TWO_LINKS}"));
    assert_eq!(config.links[1].probe.standby_interval, ms(120_000));
}
