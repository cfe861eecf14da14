//! Trials by tables: looks go in, and what comes out is what a person on site would do and write down.

mod loose_ends;
mod machines;

use super::*;
use crate::accept::step::Figure;
use crate::accept::{Lease, testing};
use crate::api::modem::Readiness;
use crate::api::types::{Families, Family, Forced, IncidentStatus, ResetBy, Status, Verdict as Health};
use crate::api::wire::{Event, EventKind};

const LINKS: &str =
    "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\n";
const MANUAL: &str = "[failback]\nmode = \"manual\"\n";
const MCU: &str = "[watchdog.mcu]\nport = \"/dev/ttyS1\"\n";

fn limits(extra: &str) -> Limits {
    Limits::of(&testing::config(&format!("{LINKS}{extra}{MCU}")))
}

fn step(kind: Kind) -> Step {
    Step { name: "it".into(), kind, cannot: None }
}

fn cable(link: &str) -> Step {
    step(Kind::Link { link: link.into(), interface: "eth0".into(), cable: true })
}

/// A trial and the look that it sees next.
struct Bench {
    trial: Trial,
    look: Look,
    at: u64,
    lease: Lease,
}

impl Bench {
    fn new(step: &Step, way: Option<Way>, limits: &Limits) -> Self {
        Self { trial: Trial::begin(step, way, limits), look: testing::look(), at: 0, lease: Lease::default() }
    }

    fn status(&mut self) -> &mut Status {
        self.look.status.as_mut().unwrap()
    }

    fn next(&mut self) -> Next {
        self.look.own_lease = self.look.status.as_ref().is_some_and(|status| self.lease.see(status));
        self.trial.next(&self.look, Duration::from_secs(self.at))
    }

    /// Lets so many seconds pass, in which nothing is to be done.
    fn wait(&mut self, seconds: u64) {
        assert_eq!(self.next(), Next::Wait);
        self.at += seconds;
    }

    fn tells(&mut self, part: &str) {
        let next = self.next();
        assert!(matches!(&next, Next::Tell(text) if text.contains(part)), "{next:?} lacks {part:?}");
    }

    fn asks(&mut self) -> Request {
        match self.next() {
            Next::Do(request) => {
                if let Request::Force { link, .. } = &request {
                    self.lease.taken(link);
                }
                request
            }
            other => panic!("it asks for nothing: {other:?}"),
        }
    }

    fn over(&mut self) -> Outcome {
        match self.next() {
            Next::Over(outcome) => outcome,
            other => panic!("it is not over: {other:?}"),
        }
    }

    fn fails(&mut self, part: &str) -> Outcome {
        let outcome = self.over();
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert!(outcome.why.iter().any(|why| why.contains(part)), "{outcome:?} lacks {part:?}");
        outcome
    }

    fn passes(&mut self) -> Outcome {
        let outcome = self.over();
        assert_eq!((outcome.verdict, &*outcome.why), (Verdict::Passed, &[][..]));
        outcome
    }

    /// What the run's lease moved onto LTE goes back to the fiber.
    fn gives_back(&mut self) {
        self.forced("lte", Some(900));
        assert_eq!(self.asks(), Request::Release {});
        self.status().forced = None;
        self.uplink("fiber");
    }

    fn parting(&self) -> String {
        self.trial.parting(&self.look).unwrap_or_default()
    }

    fn health(&mut self, name: &str, verdict: Health) {
        let link = self.status().links.iter_mut().find(|link| link.name == name).unwrap();
        link.verdict = verdict;
        link.reason = "no carrier on eth0".into();
        let path = link.families.v4.as_mut().unwrap();
        (path.verdict, path.reason) = (verdict, "no carrier on eth0".into());
    }

    /// Something is forced, for so many more seconds.
    fn forced(&mut self, link: &str, seconds: Option<u64>) {
        let status = self.status();
        let now = humantime::parse_rfc3339(&status.at).unwrap();
        let until = seconds.map(|seconds| now + Duration::from_secs(seconds));
        let until = until.map(|until| humantime::format_rfc3339_millis(until).to_string());
        status.forced = Some(Forced { link: link.into(), until, strict: false });
    }

    fn uplink(&mut self, name: &str) {
        self.status().uplink.v4 = Some(name.into());
    }

    /// The link fails, and the traffic is elsewhere after so many milliseconds.
    fn leave(&mut self, from: &str, to: &str, restored: Option<f64>) {
        let incident = incident(from, to, restored);
        self.status().incidents.push(incident);
        self.health(from, Health::Failed);
        self.uplink(to);
    }

    fn modem(&mut self, readiness: Readiness, for_s: u64) {
        let modem = &mut self.look.modems[0];
        (modem.readiness, modem.for_s) = (readiness, for_s);
    }
}

/// The fiber was pulled, its traffic flowed over LTE so soon, and somebody is asked to plug it in.
fn pulled(limits: &Limits, restored: f64) -> Bench {
    let mut bench = Bench::new(&cable("fiber"), Some(Way::Real), limits);
    bench.tells("Pull");
    bench.leave("fiber", "lte", Some(restored));
    bench.wait(0);
    bench.tells("Plug");
    bench
}

fn incident(from: &str, to: &str, restored: Option<f64>) -> IncidentStatus {
    let value = serde_json::json!({
        "number": 4, "family": "v4", "link": from, "to": to, "cause": "no carrier on eth0",
        "started": "2026-01-02T03:00:00.000Z", "detected_ms": 0.3, "decided_ms": 0.4, "switched_ms": 0.5,
        "restored_ms": restored, "verified_ms": restored, "recovered_ms": 60_000.0, "ended_ms": 62_000.0,
        "breach": false
    });
    serde_json::from_value(value).unwrap()
}

fn figure<'a>(outcome: &'a Outcome, what: &str) -> &'a Figure {
    outcome.figures.iter().find(|figure| figure.what.contains(what)).unwrap()
}

#[test]
fn the_preferred_link_is_pulled_and_the_daemon_says_how_long_it_took() {
    let mut bench = Bench::new(&cable("fiber"), Some(Way::Real), &limits(""));
    bench.tells("Pull the cable of fiber (eth0)");
    bench.wait(40);
    assert_eq!(bench.parting(), "", "it is not pulled yet");
    bench.leave("fiber", "lte", None);
    bench.wait(0);
    assert_eq!(bench.parting(), "Plug the cable of fiber (eth0) in again.");
    bench.wait(1);
    bench.status().incidents = vec![incident("fiber", "lte", Some(41.2))];
    bench.tells("Plug the cable of fiber");
    bench.wait(30);
    bench.health("fiber", Health::Healthy);
    bench.wait(2);
    bench.wait(2);
    bench.uplink("fiber");
    let outcome = bench.passes();
    let restored = figure(&outcome, "traffic flows again (IPv4)");
    assert_eq!((restored.value_ms, restored.limit_ms), (41.2, Some(1_000.0)));
    assert_eq!(figure(&outcome, "takes the traffic back").value_ms, 2_000.0);
}

#[test]
fn what_is_late_fails_and_the_cable_goes_back_in_all_the_same() {
    let mut never = Bench::new(&cable("fiber"), Some(Way::Real), &limits(""));
    never.tells("Pull");
    never.leave("fiber", "lte", None);
    never.wait(0);
    never.wait(31);
    never.tells("Plug");
    let late = pulled(&limits(""), 1_700.0);
    for (mut bench, why) in [(late, "It took too long: traffic flows again"), (never, "No traffic flowed")] {
        bench.health("fiber", Health::Healthy);
        bench.uplink("fiber");
        bench.wait(0);
        bench.fails(why);
    }
}

#[test]
fn a_cable_that_nobody_pulls_and_a_link_that_never_comes_back_are_told() {
    let mut bench = Bench::new(&cable("fiber"), Some(Way::Real), &limits(""));
    bench.tells("Pull");
    // Another link's incident is none of this step.
    let other = incident("lte", "fiber", Some(40.0));
    bench.status().incidents.push(other);
    bench.wait(301);
    bench.wait(0);
    bench.fails("fiber did not fail within 5 min");

    let mut bench = pulled(&limits(""), 41.2);
    bench.wait(301);
    bench.fails("fiber was not healthy again within 5 min: IPv4 is failed: no carrier on eth0");
    assert!(bench.parting().starts_with("Plug the cable"));
}

#[test]
fn a_standby_is_used_by_a_lease_that_is_given_back() {
    let mut bench = Bench::new(&cable("lte"), Some(Way::Real), &limits(""));
    let request = bench.asks();
    assert!(
        matches!(&request, Request::Force { link, for_s: Some(time), strict: false } if link == "lte" && time.get() == 900),
        "{request:?}"
    );
    bench.wait(0);
    bench.uplink("lte");
    bench.forced("lte", Some(900));
    bench.tells("Pull the cable of lte");
    // The agent gives the lease up by itself; where it does not, the run does.
    bench.leave("lte", "fiber", Some(41.2));
    bench.wait(0);
    bench.tells("Plug");
    bench.health("lte", Health::Healthy);
    bench.wait(0);
    assert_eq!(bench.asks(), Request::Release {});
    bench.status().forced = None;
    bench.passes();

    let mut bench = Bench::new(&cable("lte"), Some(Way::Real), &limits(""));
    bench.asks();
    bench.wait(31);
    bench.fails("The traffic could not be moved onto lte");
}

#[test]
fn what_would_cut_the_site_off_or_is_an_operators_is_left_alone() {
    type Spoil = fn(&mut Bench);
    let spoil: [(Spoil, &str); 3] = [
        (|bench| bench.health("lte", Health::Failed), "this would cut the site off"),
        (|bench| bench.health("fiber", Health::Degraded), "fiber is not healthy to begin with"),
        (
            |bench| {
                bench.forced("fiber", None);
            },
            "forced to fiber by an operator",
        ),
    ];
    for (spoil, why) in spoil {
        for way in [Way::Real, Way::ByOrder] {
            let mut bench = Bench::new(&cable("fiber"), Some(way), &limits(""));
            spoil(&mut bench);
            bench.fails(why);
        }
    }
}

#[test]
fn what_an_operator_forces_meanwhile_ends_the_step_and_stays() {
    for (link, seconds) in [("lte", None), ("lte", Some(3_600)), ("fiber", Some(900))] {
        let mut bench = Bench::new(&cable("lte"), Some(Way::ByOrder), &limits(""));
        bench.asks();
        bench.uplink("lte");
        bench.forced("lte", Some(900));
        bench.wait(1);
        bench.forced(link, seconds);
        bench.fails("by an operator");
    }
    let mut bench = Bench::new(&cable("fiber"), Some(Way::Real), &limits(""));
    bench.tells("Pull");
    bench.forced("fiber", None);
    bench.fails("forced to fiber by an operator");
}

#[test]
fn the_way_back_is_ordered_where_the_config_leaves_it_to_people_and_is_waited_for_where_not() {
    let mut bench = pulled(&limits(MANUAL), 41.2);
    bench.health("fiber", Health::Healthy);
    bench.wait(0);
    assert!(matches!(bench.asks(), Request::Force { link, .. } if link == "fiber"));
    bench.uplink("fiber");
    bench.forced("fiber", Some(900));
    assert_eq!(bench.asks(), Request::Release {});
    bench.status().forced = None;
    assert!(bench.passes().notes.iter().any(|note| note.contains("by order")));

    let mut bench = pulled(&limits(""), 41.2);
    bench.health("fiber", Health::Healthy);
    bench.status().uplink_reason =
        Families { v4: "fiber is back, but must stay good for another 9 min".into(), v6: String::new() };
    bench.wait(0);
    bench.wait(301);
    bench.fails("The traffic was not back after 5 min: fiber is back, but must stay good");
}

fn told(number: u64, kind: EventKind, millis: u64) -> Event {
    let at = format!("2026-01-02T03:00:00.{millis:03}Z");
    let event = Event::plain(number, at, kind, "");
    let (from, to) =
        if kind == EventKind::Uplink { ("fiber", Some("lte".to_owned())) } else { ("lte", None) };
    Event { family: Some(Family::V4), link: Some(from.into()), to, ..event }
}

#[test]
fn a_move_by_order_is_measured_by_the_daemons_events() {
    let mut bench = Bench::new(&cable("fiber"), Some(Way::ByOrder), &limits(""));
    // The history may hold such a move already.
    bench.look.events =
        [EventKind::Force, EventKind::Uplink, EventKind::Verified].map(|kind| told(1, kind, 1)).to_vec();
    assert!(matches!(bench.asks(), Request::Force { link, .. } if link == "lte"));
    bench.uplink("lte");
    bench.wait(1);
    let events = [(2, EventKind::Force, 100), (3, EventKind::Uplink, 101), (4, EventKind::Verified, 112)];
    bench.look.events.extend(events.map(|(number, kind, millis)| told(number, kind, millis)));
    bench.gives_back();
    let outcome = bench.passes();
    assert_eq!(figure(&outcome, "route on lte").value_ms, 1.0);
    assert_eq!(figure(&outcome, "traffic flows over lte").value_ms, 12.0);
    assert!(outcome.notes[0].contains("nothing was pulled"));

    let mut bench = Bench::new(&cable("fiber"), Some(Way::ByOrder), &limits(""));
    bench.asks();
    bench.uplink("lte");
    bench.wait(31);
    bench.uplink("lte");
    bench.gives_back();
    bench.fails("No forwarded packet came back over lte (IPv4)");
}

#[test]
fn a_family_whose_proof_failed_and_that_was_moved_away_again_is_told() {
    for (events, why) in [
        (vec![EventKind::Uplink], "No forwarded packet came back over lte (IPv6)"),
        (Vec::new(), "could not be moved onto lte (IPv6)"),
    ] {
        let mut bench = Bench::new(&cable("fiber"), Some(Way::ByOrder), &limits(""));
        for link in &mut bench.status().links {
            link.families.v6.clone_from(&link.families.v4);
        }
        bench.status().uplink.v6 = Some("fiber".into());
        bench.asks();
        // IPv4 goes and is proved; IPv6 comes back to the fiber.
        bench.uplink("lte");
        let both = [(2, EventKind::Force, 100), (3, EventKind::Uplink, 101), (4, EventKind::Verified, 112)];
        bench.look.events.extend(both.map(|(number, kind, millis)| told(number, kind, millis)));
        let v6 = |kind| Event { family: Some(Family::V6), ..told(5, kind, 120) };
        bench.look.events.extend(events.into_iter().map(v6));
        bench.wait(31);
        bench.uplink("fiber");
        bench.fails(why);
    }
}

#[test]
fn a_daemon_that_goes_or_refuses_ends_the_step() {
    let mut bench = Bench::new(&cable("fiber"), Some(Way::Real), &limits(""));
    bench.tells("Pull");
    let status = bench.look.status.take();
    bench.wait(29);
    bench.wait(2);
    bench.fails("No daemon has answered for 30 s");

    let mut bench = Bench::new(&cable("fiber"), Some(Way::Real), &limits(""));
    bench.tells("Pull");
    bench.look.status = status;
    bench.status().uptime_s = 1;
    bench.fails("The daemon was restarted in the midst");

    let mut bench = Bench::new(&machines::modem_step(false), Some(Way::Real), &limits(""));
    bench.asks();
    bench.trial.refused("there is no rung \"reset\".");
    bench.fails("The daemon refused: there is no rung \"reset\".");
}
