//! Every reason and every happening, read as an operator would.

use super::*;
use crate::api::names::tests::fiber_and_lte;
use shunt_decision::{ModemTrouble, Percent, Verdict as Core};

const FIBER: LinkId = LinkId(0);
const LTE: LinkId = LinkId(1);
const V4: shunt_decision::Family = shunt_decision::Family::V4;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Timestamp {
    Timestamp::ZERO + ms(millis)
}

#[test]
fn each_reason_is_a_whole_phrase() {
    let names = fiber_and_lte();
    let table = [
        (Reason::Starting, "the agent has just started"),
        (Reason::Unmanaged, "no target of this family is configured"),
        (Reason::Missing(Missing::Interface), "interface eth0 does not exist"),
        (Reason::Missing(Missing::AdminUp), "interface eth0 is switched off"),
        (Reason::Missing(Missing::Address), "interface eth0 has no usable address"),
        (
            Reason::Missing(Missing::Gateway),
            "no default route was learned on interface eth0 and none is configured",
        ),
        (Reason::Missing(Missing::Bearer), "the modem behind interface eth0 has no bearer"),
        (Reason::ModemDoubtful(ModemTrouble::Registration), "the modem lost its registration in the network"),
        (Reason::ModemDoubtful(ModemTrouble::Signal), "the modem lost its signal"),
        (Reason::NoCarrier, "no carrier on eth0"),
        (Reason::Answering { alive: 2, of: 2 }, "all 2 targets answer"),
        (Reason::Answering { alive: 1, of: 2 }, "1 of 2 targets answers"),
        (Reason::Answering { alive: 1, of: 1 }, "1 of 1 target answers"),
        (Reason::Late { deadline: ms(45) }, "no reply within 45 ms, later than it ever is"),
        (
            Reason::Stalled { silence: Duration::from_millis(120) },
            "nothing came back for 120 ms while users' packets were sent",
        ),
        (Reason::Unresolved, "a target's name could not be resolved over the link"),
        (Reason::Intercepted, "something on the way answered in the target's place: a captive portal"),
        (Reason::Refused, "a target refused the probe or answered it wrongly"),
        (Reason::Unsendable, "a probe could not be sent over eth0"),
        (Reason::ClockGap, "the machine slept or stood still, so nothing is known any more"),
        (Reason::Silent { alive: 0, of: 2, lost: 6 }, "2 of 2 targets silent, 6 confirming probes lost"),
        (Reason::Silent { alive: 0, of: 1, lost: 1 }, "1 of 1 target silent, 1 confirming probe lost"),
        (Reason::Loss(Percent::new(12.34)), "12.3 % of the probes are lost"),
        (Reason::SlowRtt(ms(850)), "round-trip time of 850 ms is beyond its limit"),
        (Reason::HighJitter(ms(120)), "jitter of 120 ms is beyond its limit"),
        (Reason::OnTrial(ms(10_000)), "answers again, on trial for 10 s"),
        (Reason::Preferred, "first in the order of preference that is fit for traffic"),
        (Reason::UplinkFailed { from: FIBER }, "fiber failed"),
        (Reason::UplinkDegraded { from: FIBER }, "fiber is degraded and this link is better"),
        (
            Reason::AllowanceUsedUp { link: LTE },
            "the data allowance of lte is used up: it is the last resort",
        ),
        (
            Reason::UplinkDoubtful { from: LTE },
            "lte is in doubt, and this link, which is preferred, has proved good",
        ),
        (Reason::NotVerified { from: LTE }, "no forwarded packet came back over lte"),
        (Reason::NoAlternative, "no other link is fit for traffic"),
        (
            Reason::HoldDown { waiting: FIBER, left: ms(42_000) },
            "fiber is back, but must stay good for another 42 s",
        ),
        (Reason::WaitingForWindow { waiting: FIBER }, "fiber is back and waits for the maintenance window"),
        (
            Reason::WaitingForOperator { waiting: FIBER },
            "fiber is back; failback is by hand (`shunt force fiber`)",
        ),
        (Reason::FailedBack { good_for: ms(60_000) }, "it stayed good for 60 s"),
        (Reason::Forced, "forced by the operator"),
        (Reason::ForceGivenUp { link: LTE }, "the lease on lte was given up, for it is confirmed dead"),
        (Reason::Released, "the operator's lease ended"),
    ];
    for (why, phrase) in table {
        assert_eq!(reason(&why, Some(FIBER), &names), phrase, "{why:?}");
    }
}

#[test]
fn each_happening_is_one_sentence_with_its_loudness() {
    let names = fiber_and_lte();
    let silent = Reason::Silent { alive: 0, of: 2, lost: 6 };
    let table = [
        (
            Happening::Verdict {
                link: FIBER,
                family: V4,
                from: Core::Suspect,
                to: Core::Failed,
                reason: silent,
            },
            Level::WARN,
            "fiber (IPv4) failed: 2 of 2 targets silent, 6 confirming probes lost",
        ),
        (
            Happening::Verdict {
                link: LTE,
                family: V4,
                from: Core::Unknown,
                to: Core::Healthy,
                reason: Reason::Answering { alive: 1, of: 1 },
            },
            Level::INFO,
            "lte (IPv4) is healthy: 1 of 1 target answers",
        ),
        (
            Happening::Uplink {
                family: V4,
                from: Some(FIBER),
                to: LTE,
                reason: Reason::UplinkFailed { from: FIBER },
            },
            Level::WARN,
            "IPv4 uplink is now lte, was fiber: fiber failed",
        ),
        (
            Happening::Uplink { family: V4, from: None, to: FIBER, reason: Reason::Preferred },
            Level::INFO,
            "IPv4 uplink is now fiber: first in the order of preference that is fit for traffic",
        ),
        (
            Happening::Stranded { family: V4, link: FIBER },
            Level::ERROR,
            "outage: fiber (IPv4) failed and no other link is fit for traffic; the route stays where it is",
        ),
        (
            Happening::Force { link: LTE, reason: Reason::Forced },
            Level::INFO,
            "lte is forced by the operator",
        ),
        (
            Happening::Force { link: LTE, reason: Reason::Released },
            Level::INFO,
            "the operator's lease on lte ended; the agent chooses again",
        ),
        (
            Happening::Force { link: LTE, reason: Reason::ForceGivenUp { link: LTE } },
            Level::WARN,
            "the operator's lease on lte is given up: the link is confirmed dead; the agent chooses again",
        ),
        (
            Happening::Verified { family: V4, link: LTE },
            Level::INFO,
            "lte (IPv4) is proved: a packet came back over it",
        ),
        (
            Happening::Target { family: V4, link: LTE, target: shunt_decision::TargetId(0), blamed: true },
            Level::WARN,
            "target tcp://192.0.2.1:443 is silent on every link though others answer; it does not count until it answers",
        ),
        (
            Happening::Target { family: V4, link: LTE, target: shunt_decision::TargetId(0), blamed: false },
            Level::INFO,
            "target tcp://192.0.2.1:443 answers again",
        ),
        (
            Happening::Unverifiable { family: V4, link: LTE },
            Level::WARN,
            "lte (IPv4) cannot be proved: no forwarded packet has ever come back over any link; \
             let the firewall forward and translate the canary, or give it a free LAN address by [canary] source \
             where nothing is translated, or set [canary] enabled = false",
        ),
    ];
    for (what, loudness, sentence) in table {
        assert_eq!(happening(&what, &names), sentence);
        assert_eq!(level(&what), loudness, "{what:?}");
    }
}

#[test]
fn an_incident_tells_as_much_as_has_happened() {
    let names = fiber_and_lte();
    let mut incident = Incident {
        number: 3,
        family: V4,
        link: FIBER,
        to: None,
        cause: Reason::NoCarrier,
        fault: Some(Fault::Carrier),
        zero: at(1_000),
        detected: at(1_000),
        decided: None,
        switched: None,
        restored: None,
        verified: None,
        recovered: None,
        ended: None,
    };
    let opened = "incident 3: fiber (IPv4) left, no carrier on eth0; detected after 0.0 ms";
    assert_eq!(happening(&Happening::Incident(incident), &names), opened);

    let behind = Incident { fault: Some(Fault::Gateway), ..incident };
    let said = happening(&Happening::Incident(behind), &names);
    assert!(said.contains("eth0 (the gateway does not answer either); detected"), "{said}");

    incident.to = Some(LTE);
    incident.switched = Some(at(1_001));
    incident.restored = Some(at(1_052));
    let moved = format!("{opened}, switched to lte after 1.0 ms, restored after 52 ms");
    assert_eq!(happening(&Happening::Incident(incident), &names), moved);

    incident.recovered = Some(at(43_000));
    incident.ended = Some(at(301_000));
    let over = format!("{moved}, link healthy again after 42 s, over after 5 min");
    assert_eq!(happening(&Happening::Incident(incident), &names), over);
}

#[test]
fn durations_are_short_and_never_rounded_into_another_unit() {
    let table = [
        (Duration::from_micros(230), "0.2 ms"),
        (ms(9), "9.0 ms"),
        (ms(340), "340 ms"),
        (ms(999), "999 ms"),
        (ms(1_000), "1 s"),
        (ms(1_500), "1.5 s"),
        (ms(119_000), "119 s"),
        (ms(120_000), "2 min"),
        (ms(7_199_000), "119 min"),
        (ms(7_200_000), "2 h"),
        (ms(172_800_000), "2 days"),
    ];
    for (duration, text) in table {
        assert_eq!(short(duration), text);
    }
}
