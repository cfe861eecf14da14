//! What fails with a modem in the loop: the fiber, the modem, its network, or two of them at once.

use crate::bench::{Attached, DEADLINE, Gateway, lte_carries, modem, on_lte};
use crate::common::{link, moved_to, streaming, uplink};
use shunt::api::modem::{ModemStatus, Readiness};
use shunt::api::types::{Fault as Broken, IncidentStatus, Status, Verdict};
use shunt_lab::enter_or_reexec_beside;
use shunt_lab::modem::{Cure, Fault, Profile};
use std::time::{Duration, Instant};

/// A ladder that is climbed up to its sixth rung takes each rung before that the time that it has.
const LADDER: Duration = Duration::from_secs(240);

/// How a modem is shown.
type Shown = fn(&ModemStatus) -> bool;

fn verified(status: &Status) -> Option<&IncidentStatus> {
    status.incidents.last().filter(|incident| incident.verified_ms.is_some())
}

/// The modem was connected before, so that the failover takes no longer than onto any other link.
#[test]
fn a_black_hole_moves_the_traffic_onto_the_modem_and_back() {
    let test = "outages::a_black_hole_moves_the_traffic_onto_the_modem_and_back";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let mut gateway = Gateway::new(Profile::plain(), Attached::Line, "");
    gateway.config = gateway.config.with("[failback]\nhold_down = \"1s\"\n");
    let agent = gateway.ready();
    let (fiber, lte) = (&gateway.lab.uplinks[0], &gateway.lab.uplinks[1]);
    let stream = streaming(&gateway.lab, 1_000);
    stream.take_report().unwrap();

    fiber.black_hole().unwrap();
    let report = stream.wait_for_path(lte.far_index(), DEADLINE).unwrap();
    let gap = report.longest_gap().unwrap();
    let status =
        agent.wait_for("the incident, verified", DEADLINE, |status| verified(status).is_some()).unwrap();
    let incident = verified(&status).unwrap();
    println!(
        "from the last packet by fiber to the first by the modem: {:.0} ms; decided {:.0}, switched {:.1} ms later, \
         verified {:.0} ms after the start",
        gap.as_secs_f64() * 1e3,
        incident.decided_ms.unwrap(),
        incident.switched_ms.unwrap() - incident.decided_ms.unwrap(),
        incident.verified_ms.unwrap(),
    );
    assert_eq!((incident.link.as_deref(), incident.to.as_deref()), (Some("fiber"), Some("lte")));
    assert!(gap < Duration::from_secs(3), "{gap:?}");
    let shown = modem(&agent);
    assert!(shown.readiness == Readiness::Verified && shown.data, "{shown:?}");

    fiber.restore().unwrap();
    stream.wait_for_path(fiber.far_index(), DEADLINE).unwrap();
    let counts = gateway.act(|modem, _| modem.counts());
    assert_eq!((counts.boots, counts.radio_cycles, counts.resets), (1, 0, 0), "the modem was left alone");
    gateway.is(&agent, Readiness::Verified);
}

/// The hung modem carries nothing: there is an outage until the ladder has brought it back.
#[test]
fn a_modem_that_hangs_when_the_fiber_is_cut_is_brought_back_by_the_ladder() {
    let test = "outages::a_modem_that_hangs_when_the_fiber_is_cut_is_brought_back_by_the_ladder";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let gateway = Gateway::new(Profile::plain(), Attached::Usb, "");
    let agent = gateway.ready();
    let lte = gateway.lab.uplinks[1].far_index();
    let stream = streaming(&gateway.lab, 200);
    let before = modem(&agent).port;

    let begin = Instant::now();
    gateway.fault(Fault::Hang(Cure::Rebind));
    gateway.fault(Fault::Stall(Cure::Rebind));
    gateway.lab.uplinks[0].black_hole().unwrap();
    stream.wait_for_path(lte, LADDER).unwrap();
    println!(
        "hung modem, dead fiber: users' packets flow again after {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    let status = agent.wait_for("lte as the uplink, healthy", DEADLINE, lte_carries).unwrap();
    let incident =
        status.incidents.iter().find(|incident| incident.link.as_deref() == Some("fiber")).unwrap();
    assert_eq!(incident.to.as_deref(), Some("lte"), "{:?}", status.incidents);
    let after = gateway.is(&agent, Readiness::Verified).port;
    assert!(after.is_some() && after != before, "it came back under other names: {before:?} {after:?}");
    let log = agent.log();
    for said in [
        "modem lte: recovery, rung 6: off USB and back, against: ",
        "modem lte: recovery, rung 6 ended after ",
    ] {
        assert!(log.contains(said), "{said:?} is missing in the log:\n{log}");
    }
    let ended = log.lines().find(|line| line.contains("rung 6 ended after")).unwrap();
    assert!(ended.contains("it helped"), "{ended}");
    let tells = |status: &Status| {
        let fiber = status.incidents.iter().find(|incident| incident.link.as_deref() == Some("fiber"));
        fiber.is_some_and(|incident| {
            incident.meanwhile.iter().any(|told| told.text.contains("rung 6 ended after"))
        })
    };
    agent.wait_for("the incident to say that the ladder helped", DEADLINE, tells).unwrap();
    let counts = gateway.act(|modem, _| modem.counts());
    assert_eq!((counts.boots, counts.power_cuts), (1, 0), "nothing harsher was done");
}

#[test]
fn a_modem_that_lost_network_or_signal_is_suspect_and_not_believed() {
    let test = "outages::a_modem_that_lost_network_or_signal_is_suspect_and_not_believed";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let (gateway, agent) = on_lte(Gateway::new(Profile::plain(), Attached::Line, ""));
    let lost: [(Fault, Shown); 2] = [
        (Fault::Adrift(Cure::Never), |modem| {
            modem.registration.as_ref().is_some_and(|known| !known.registered)
        }),
        (Fault::Unheard(Cure::Never), |modem| modem.signal.rsrp_dbm.is_none()),
    ];
    for (fault, shown) in lost {
        let before = agent.status().unwrap();
        gateway.fault(fault);
        let known = gateway.shows(&agent, "the modem's word", shown);
        assert!(known.data, "data flows: {known:?}");
        let asked = |status: &Status| status.counters.bursts > before.counters.bursts && lte_carries(status);
        let status = agent.wait_for("a burst, and the link found healthy", DEADLINE, asked).unwrap();
        assert_eq!(status.counters.moves, before.counters.moves, "{}", agent.log());
        assert!(status.incidents.is_empty(), "{:?}", status.incidents);
        gateway.act(|modem, now| modem.mend(now));
        gateway.is(&agent, Readiness::Verified);
    }
}

#[test]
fn a_bearer_that_drops_moves_the_traffic_at_once_and_comes_back_without_a_rung() {
    let test = "outages::a_bearer_that_drops_moves_the_traffic_at_once_and_comes_back_without_a_rung";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let (gateway, agent) = on_lte(Gateway::new(Profile::plain(), Attached::Line, ""));
    gateway.act(|modem, now| modem.drop_bearer(now));
    let status = moved_to(&agent, "fiber");
    let incident = status.incidents.last().unwrap();
    assert_eq!((incident.link.as_deref(), incident.to.as_deref()), (Some("lte"), Some("fiber")));
    agent.wait_for("the way back", DEADLINE, lte_carries).unwrap();
    gateway.is(&agent, Readiness::Verified);
    let counts = gateway.act(|modem, _| modem.counts());
    assert_eq!((counts.radio_cycles, counts.resets), (0, 0), "{}", agent.log());
}

/// A link whose modem is silent, but whose data flows, is left alone; when the data stops as well, the modem is at fault.
#[test]
fn a_link_that_fails_with_its_modem_silent_has_the_modem_at_fault() {
    let test = "outages::a_link_that_fails_with_its_modem_silent_has_the_modem_at_fault";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let (gateway, agent) = on_lte(Gateway::new(Profile::plain(), Attached::Line, ""));
    gateway.fault(Fault::Hang(Cure::Reopen));
    gateway.fault(Fault::Stall(Cure::Reopen));
    let status = moved_to(&agent, "fiber");
    assert!(status.incidents.last().is_some_and(|incident| incident.link.as_deref() == Some("lte")));
    gateway.is(&agent, Readiness::Failed);
    let status = agent.status().unwrap();
    let path = link(&status, "lte").families.v4.as_ref().unwrap();
    assert_eq!((path.verdict, path.fault), (Verdict::Failed, Some(Broken::Modem)), "{path:?}");
    assert_eq!(uplink(&status), Some("fiber"));
}
