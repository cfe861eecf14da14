//! Each key arrives where it belongs: without it, its test fails.

use super::{TWO_LINKS, valid};
use crate::TimeLimit;
use crate::keys::SECTIONS;
use crate::{Config, DailyWindow, FailbackMode, Gateway, LogFormat, Target};
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
fn every_known_key_is_tested_here() {
    let tested: BTreeSet<_> = GENERAL.iter().chain(OF_A_LINK).map(|(key, _, _)| (*key).to_owned()).collect();
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
