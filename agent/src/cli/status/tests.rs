//! Pages as an operator sees them, whole.

use super::*;
use crate::api::types::{Families, Forced, HostReset, ResetBy};

const PLAIN: Style = Style { colour: false };

/// The picture that the contract's page shows.
fn example() -> Status {
    let page = include_str!("../../../API.md");
    let json = page.split("```json status\n").nth(1).unwrap().split("```").next().unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_forced_uplink_with_the_fiber_dead() {
    let page = "\
IPv4 uplink is lte: forced by the operator
Forced by the operator to lte for another 10 min, until 2026-01-02 03:14:05Z

   LINK           INTERFACE  VERDICT  RTT      JITTER  LOSS   SINCE  WHY
   fiber          eth0       failed   -        -       100 %  3 min  2 of 2 targets silent, 6 confirming probes lost
*  lte (metered)  wwan0      healthy  48.1 ms  3.2 ms  0 %    26 h   all 2 targets answer
Modem: lte carries the traffic: registered on Testnet (LTE, -95 dBm), bearer up, data flows; it answered 12 s ago

Incidents: 1, times from the first lost probe or the carrier notice
    STARTED               MOVE               DETECTED  DECIDED  SWITCHED  RESTORED  VERIFIED  OVER  CAUSE
1.  2026-01-02 03:01:00Z  IPv4 fiber -> lte  352 ms    352 ms   352 ms    401 ms    401 ms    open  \
provider: 2 of 2 targets silent, 6 confirming probes lost

Canary: forwarded
shunt 0.1.0, up for 26 h, 2026-01-02 03:04:05Z
";
    assert_eq!(render(&example(), PLAIN), page);
}

#[test]
fn both_families_and_a_warning() {
    let mut status = example();
    status.forced = None;
    status.incidents.clear();
    status.uplink = Families { v4: Some("fiber".into()), v6: None };
    status.uplink_reason =
        Families { v4: "the first".into(), v6: "interface wwan0 has no usable address".into() };
    status.links[1].families.v6 = status.links[0].families.v4.clone();
    status.warnings.push("rp_filter of eth0 is strict; set it to 2".into());
    let page = "\
IPv4 uplink is fiber: the first
IPv6 uplink is none: interface wwan0 has no usable address
Warning: rp_filter of eth0 is strict; set it to 2

   LINK           INTERFACE  IP  VERDICT  RTT      JITTER  LOSS   SINCE  WHY
*  fiber          eth0       v4  failed   -        -       100 %  3 min  2 of 2 targets silent, 6 confirming probes lost
   lte (metered)  wwan0      v4  healthy  48.1 ms  3.2 ms  0 %    26 h   all 2 targets answer
                             v6  failed   -        -       100 %  3 min  2 of 2 targets silent, 6 confirming probes lost
Modem: lte stands by: registered on Testnet (LTE, -95 dBm), bearer up, data flows; it answered 12 s ago

No incident is on record.

Canary: forwarded
shunt 0.1.0, up for 26 h, 2026-01-02 03:04:05Z
";
    assert_eq!(render(&status, PLAIN), page);
}

#[test]
fn a_reset_of_the_gateway_is_told_as_its_end_or_as_an_incident() {
    let mut status = example();
    let reset = HostReset { by: ResetBy::Mcu, after_ms: Some(1e6), silence_s: Some(120), resets: 2 };
    status.incidents[0].host_reset = Some(reset);
    status.incidents[0].ended_ms = Some(1e6);
    let alone = IncidentStatus {
        number: 2,
        family: None,
        link: None,
        to: None,
        cause: host_reset(&reset),
        fault: None,
        restored_ms: Some(176_000.0),
        ..status.incidents[0].clone()
    };
    status.incidents.push(alone);
    let page = render(&status, PLAIN);
    let row = |number: &str| page.lines().find(|line| line.starts_with(number)).unwrap().to_owned();
    assert!(row("1.").ends_with(
        "16 min  provider: 2 of 2 targets silent, 6 confirming probes lost; \
         ended by host reset by the watchdog MCU (feeds missing for 120 s), 2 times"
    ));
    assert!(row("2.").contains("gateway reset  "), "{page}");
    assert!(row("2.").ends_with("  host reset by the watchdog MCU (feeds missing for 120 s), 2 times"));
}

#[test]
fn a_breach_stands_out_and_only_the_last_incidents_are_shown() {
    let mut status = example();
    let mut late = status.incidents[0].clone();
    (late.restored_ms, late.breach, late.ended_ms) = (Some(31_000.0), true, Some(400_000.0));
    let mut never = late.clone();
    (never.restored_ms, never.to) = (None, None);
    status.incidents = vec![late.clone(), late.clone(), never, late.clone(), late.clone(), late];
    for (number, incident) in (1..).zip(&mut status.incidents) {
        incident.number = number;
    }
    let page = render(&status, PLAIN);
    assert!(page.contains("Incidents: the last 5 of 6, "), "{page}");
    assert!(page.contains("31 s, late   401 ms    6 min  provider: 2 of 2"), "{page}");
    assert!(page.contains("IPv4 fiber -> nowhere") && page.contains("not in time"), "{page}");
    assert!(page.find("\n6. ") < page.find("\n2. ") && !page.contains("\n1. "), "the newest first: {page}");
}

#[test]
fn a_lease_without_an_end_says_how_to_end_it() {
    let mut status = example();
    status.forced = Some(Forced { link: "lte".into(), until: None, strict: true });
    let page = render(&status, PLAIN);
    assert!(
        page.contains("Forced by the operator to lte until `shunt release`, even when it is dead\n"),
        "{page}"
    );
}

#[test]
fn a_weaker_proof_and_probes_given_up_are_told() {
    let mut status = example();
    let local = |reason: &str| Some(CanaryStatus { kind: CanaryKind::Local, reason: Some(reason.into()) });
    status.canary = Families { v4: local("/dev/net/tun is missing"), v6: None };
    status.counters.probes_dropped = 12;
    let page = render(&status, PLAIN);
    assert!(
        page.ends_with(
            "

Canary: local only, /dev/net/tun is missing
12 probes were given up with too many in flight; make [probe] interval longer or timeout shorter
shunt 0.1.0, up for 26 h, 2026-01-02 03:04:05Z
"
        ),
        "{page}"
    );

    let forwarded = Some(CanaryStatus { kind: CanaryKind::Forwarded, reason: None });
    status.canary = Families { v4: forwarded, v6: local("IPv6 has no other") };
    status.counters.probes_dropped = 1;
    let page = render(&status, PLAIN);
    assert!(page.contains("\nCanary: IPv4 forwarded; IPv6 local only, IPv6 has no other\n"), "{page}");
    assert!(page.contains("\n1 probe was given up with"), "{page}");
    // An older daemon tells nothing of it.
    status.canary = Families::default();
    assert!(!render(&status, PLAIN).contains("Canary"));
}

#[test]
fn colour_tells_the_dead_from_the_living() {
    let page = render(&example(), Style { colour: true });
    assert!(page.starts_with("IPv4 uplink is \u{1b}[32mlte\u{1b}[0m: "), "{page:?}");
    assert!(page.contains("\u{1b}[1;31mfailed\u{1b}[0m"), "{page:?}");
}
