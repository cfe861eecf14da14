//! A day is recorded; the same core does the same again, and another config something else.

use super::simulation::{link, two_links};
use super::{MIB, SECOND, TARGETS, config, end, open, outage, recorded, recorded_with};
use shunt::recording::replay::{self, ReplayError, Report};
use shunt_decision::{Event, LinkId, TargetId};

const HOUR: u32 = 3_600;

/// Between two probes of a target. At a second the day would be the same, and take the test five times as long.
const INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

/// A day with a black hole, a brown-out, a carrier that is lost and noise on the LTE.
fn bad_day(home: &std::path::Path, size: u64) {
    let (mut simulation, _disk) = recorded(home, INTERVAL, size, 11);
    simulation.weather[1][0].loss = 0.01;
    simulation.run_for(SECOND * 5 * HOUR);
    outage(&mut simulation, 300, 2 * u64::from(HOUR));
    simulation.weather[0][0].loss = 0.4;
    simulation.run_for(SECOND * 600);
    simulation.weather[0][0].loss = 0.0;
    simulation.run_for(SECOND * 3 * HOUR);
    for up in [false, true] {
        let at = simulation.now();
        simulation.tell(Event::Carrier { link: LinkId(0), up, at });
        simulation.run_for(SECOND * 30);
    }
    simulation
        .run_for(SECOND * 24 * HOUR - (simulation.now() - SECOND).since(shunt_decision::Timestamp::ZERO));
    end(simulation);
}

fn v4(report: &Report) -> (&replay::FamilyFigures, Option<&replay::FamilyFigures>) {
    let replayed = report.replayed.as_ref().map(|replayed| &replayed.figures.families[0]);
    (&report.happened.families[0], replayed)
}

#[test]
fn a_recorded_day_replays_to_the_last_action_and_otherwise_with_another_config() {
    let home = tempfile::tempdir().unwrap();
    bad_day(home.path(), 256 * MIB);
    let recording = open(home.path());
    let report = replay::same(&recording).unwrap();
    assert_eq!(report.holes, Vec::<String>::new());
    let same = report.same.as_ref().unwrap();
    assert_eq!(same.difference, None);
    assert!(same.actions > 69_000, "{same:?}");
    assert_eq!(report.replayed, None);
    assert_eq!(report.spans.len(), 1);
    assert!((report.spans[0].length_s - 86_400.0).abs() < 10.0, "{:?}", report.spans);
    let (happened, _) = v4(&report);
    // The black hole, the carrier, and the brown-out; of that a burst may be lost as a whole before it is found out.
    assert!((3..=4).contains(&happened.failovers), "{report:#?}");
    assert_eq!((happened.moves, happened.false_failovers), (2 * happened.failovers, 0), "{report:#?}");
    assert!(happened.outage_s > 0.1 && happened.outage_s < 10.0, "{happened:?}");
    let total: f64 = happened.uplinks.iter().map(|on| on.time_s).sum();
    assert!((total - 86_400.0).abs() < 10.0, "{happened:?}");

    // The same config by its text: the estimate is near.
    let text = "[probe]\ninterval = \"5s\"\n[damping]\nhalf_life = \"900s\"";
    let report = replay::other(&recording, &config(text, &["fiber", "lte"], &TARGETS)).unwrap();
    let (happened, replayed) = v4(&report);
    let replayed = replayed.unwrap();
    assert!(replayed.moves.abs_diff(happened.moves) <= 2, "{report:#?}");
    assert!((replayed.outage_s - happened.outage_s).abs() < 5.0, "{report:#?}");

    // A failback by hand never comes.
    let text = "[probe]\ninterval = \"5s\"\n[failback]\nmode = \"manual\"";
    let report = replay::other(&recording, &config(text, &["fiber", "lte"], &TARGETS)).unwrap();
    let (happened, replayed) = v4(&report);
    let replayed = replayed.unwrap();
    assert_eq!((replayed.moves, replayed.failovers), (1, 1), "{report:#?}");
    assert!(replayed.uplinks[1].time_s > happened.uplinks[1].time_s + 3_600.0, "{report:#?}");

    // One probe in a minute sees neither the brown-out nor the black hole in time.
    let text = "[probe]\ninterval = \"1m\"\nstandby_interval = \"1m\"";
    let report = replay::other(&recording, &config(text, &["fiber", "lte"], &TARGETS[..1])).unwrap();
    let (happened, replayed) = v4(&report);
    assert_ne!(replayed.unwrap(), happened, "{report:#?}");
    assert!(report.replayed.as_ref().unwrap().probes.unwrap() < 5_000, "{report:#?}");
}

#[test]
fn without_the_second_link_there_is_no_way_out() {
    let home = tempfile::tempdir().unwrap();
    let (mut simulation, _disk) = recorded(home.path(), SECOND, 16 * MIB, 2);
    simulation.run_for(SECOND * 60);
    outage(&mut simulation, 60, 120);
    end(simulation);
    let report = replay::other(&open(home.path()), &config("", &["fiber"], &TARGETS)).unwrap();
    let (happened, replayed) = v4(&report);
    assert!(happened.outage_s < 2.0, "{report:#?}");
    let replayed = replayed.unwrap();
    assert!((replayed.outage_s - 60.0).abs() < 2.0, "{report:#?}");
    assert_eq!(replayed.moves, 0, "{report:#?}");
}

#[test]
fn what_was_not_recorded_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (mut simulation, _disk) = recorded(home.path(), SECOND, 16 * MIB, 2);
    simulation.run_for(SECOND * 10);
    end(simulation);
    let recording = open(home.path());
    let error = replay::other(&recording, &config("", &["fiber", "dsl"], &TARGETS)).unwrap_err();
    assert_eq!(
        error,
        ReplayError::UnknownLink { link: "dsl".into(), known: vec!["fiber".into(), "lte".into()] }
    );
    let error = replay::other(&recording, &config("", &["fiber"], &["192.0.2.1", "192.0.2.9"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "replay with this config: over link \"fiber\" the recording knows no target 192.0.2.9; it knows 192.0.2.1, 192.0.2.2"
    );
}

/// The figures of `agent/API.md`, in MB a day: two links of two targets each, the defaults, and these with users.
#[test]
fn the_bytes_of_a_day_are_those_of_the_documents() {
    let two = two_links(SECOND);
    let mut default = two_links(SECOND);
    default.links = vec![link("fiber", SECOND, 2, 2), link("lte", SECOND, 2, 2)];
    default.links[1].metered = true;
    for (config, users, documented) in [(&two, 0.0, 5.1), (&default, 0.0, 5.2), (&default, 1_000.0, 11.1)] {
        let home = tempfile::tempdir().unwrap();
        let (mut simulation, _disk) = recorded_with(home.path(), config, 256 * MIB, 11);
        for weather in simulation.weather.iter_mut().flatten() {
            weather.jitter = SECOND / 500;
        }
        simulation.weather[0][0].users = users;
        simulation.run_for(SECOND * HOUR / 2);
        end(simulation);
        let written = std::fs::read_dir(shunt::recording::directory(home.path())).unwrap();
        let bytes: u64 = written.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        let day = 48.0 * bytes as f64 / 1e6;
        assert!(
            (day - documented).abs() < 0.1 * documented,
            "{day:.2} MB a day, {documented} MB in the documents"
        );
    }
}

/// With a quorum of two, the loss of one target is taken for that of the link.
#[test]
fn a_failover_without_a_cause_is_called_false() {
    let home = tempfile::tempdir().unwrap();
    let mut config = two_links(SECOND);
    config.links[0].quorum = 2;
    let (mut simulation, _disk) = recorded_with(home.path(), &config, 16 * MIB, 2);
    simulation.run_for(SECOND * 120);
    simulation.weather[0][0].gone = vec![TargetId(1)];
    simulation.run_for(SECOND * 120);
    simulation.weather[0][0].gone = Vec::new();
    simulation.run_for(SECOND * 120);
    outage(&mut simulation, 30, 120);
    end(simulation);
    let report = replay::same(&open(home.path())).unwrap();
    let (happened, _) = v4(&report);
    assert_eq!((happened.failovers, happened.false_failovers), (2, 1), "{report:#?}");
    let is_false: Vec<_> = report.happened.moves.iter().map(|a_move| a_move.is_false).collect();
    assert_eq!(is_false.iter().position(|is_false| *is_false), Some(1), "{report:#?}");
}
