//! What is written, and when: flash chips wear out, disks are full, and the ring is no longer than it may be.

use super::{Core, MIB, SECOND, about, directory, end, open, outage, recorded, two_links};
use shunt::recording::replay;
use shunt::recording::{Disk, Recorded};
use shunt_decision::{Failover, Timestamp};
use std::time::Duration;

/// The acute part of an incident, in minutes of the clock: it may begin at the end of one.
const ACUTE_MINUTES: u64 = 2;

#[test]
fn outside_incidents_it_is_written_at_most_once_a_minute_and_in_them_once_a_second() {
    let home = tempfile::tempdir().unwrap();
    // Ten times the usual rate: blocks fill well within a minute.
    let (mut simulation, disk) = recorded(home.path(), SECOND / 100, 64 * MIB, 3);
    simulation.run_for(SECOND * 60);
    let mut before = disk.health().writes;
    for minute in 0..20 {
        simulation.run_for(SECOND * 60);
        let writes = disk.health().writes;
        assert!(writes <= before + 1, "{} writes in minute {minute}", writes - before);
        before = writes;
    }
    assert!(before > 10, "{before} writes");

    simulation.weather[0][0].cut = Some(simulation.now());
    for second in 0..120 {
        simulation.run_for(SECOND);
        let writes = disk.health().writes;
        assert!(writes <= before + 1, "{} writes in second {second}", writes - before);
        before = writes;
    }
    // The incident is still open, and nothing new has happened: what there is goes out once a minute.
    let acute = before;
    for _ in 0..10 {
        simulation.run_for(SECOND * 60);
    }
    let writes = disk.health().writes - acute;
    assert!((9..=11).contains(&writes), "{writes} writes");
    end(simulation);
    assert_eq!(replay::same(&open(home.path())).unwrap().same.unwrap().difference, None);
}

#[test]
fn a_quiet_day_is_a_few_writes_and_a_bad_one_not_many_more() {
    let home = tempfile::tempdir().unwrap();
    let (mut simulation, disk) = recorded(home.path(), SECOND, 64 * MIB, 3);
    simulation.run_for(SECOND * 60);
    let begun = disk.health().writes;
    assert!(begun <= 4, "{begun} writes at the start");
    simulation.run_for(SECOND * 3_600 * 6);
    let quiet = disk.health().writes - begun;
    // A block of 64 KiB at a time.
    assert!((12..=24).contains(&quiet), "{quiet} writes in six hours");
    outage(&mut simulation, 20, 600);
    let bad = disk.health().writes - begun - quiet;
    assert!(bad <= 60 * ACUTE_MINUTES, "{bad} writes");
}

/// The outage is on disk a second after it was found, though the agent never comes to its end.
#[test]
fn what_led_to_an_incident_is_on_disk_at_once() {
    let home = tempfile::tempdir().unwrap();
    let (mut simulation, _disk) = recorded(home.path(), SECOND, 64 * MIB, 3);
    simulation.run_for(SECOND * 100);
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(SECOND * 4);
    let report = replay::same(&open(home.path())).unwrap();
    assert_eq!(report.same.unwrap().difference, None);
    let moves: Vec<_> = report.happened.moves.iter().map(|a_move| a_move.to.as_str()).collect();
    assert_eq!(moves, ["fiber", "lte"]);
    assert!(report.spans[0].length_s > 102.0, "{:?}", report.spans);
}

#[test]
fn the_ring_is_bounded_and_replays_from_its_oldest_segment() {
    let home = tempfile::tempdir().unwrap();
    let (mut simulation, disk) = recorded(home.path(), SECOND / 20, MIB, 3);
    for _ in 0..6 {
        simulation.run_for(SECOND * 900);
        outage(&mut simulation, 5, 200);
        let length: u64 = std::fs::read_dir(directory(home.path()))
            .unwrap()
            .map(|e| e.unwrap().metadata().unwrap().len())
            .sum();
        assert!(length <= MIB, "{length} bytes");
        assert_eq!(disk.health().bytes, length);
    }
    end(simulation);
    let recording = open(home.path());
    assert!(recording.segments.len() > 3, "{}", recording.segments.len());
    assert!(recording.segments[0].1.header.sequence > 0, "the first segment is still there");
    let report = replay::same(&recording).unwrap();
    assert_eq!((report.same.unwrap().difference, report.spans.len()), (None, 1));
}

#[test]
fn a_disk_that_refuses_is_told_and_what_comes_after_is_recorded() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(directory(home.path()), "in the way").unwrap();
    let (mut simulation, disk) = recorded(home.path(), SECOND, 64 * MIB, 3);
    simulation.run_for(SECOND * 20);
    let fault = disk.health().fault.unwrap();
    assert!(fault.starts_with("failed to write the recording to the state directory"), "{fault}");
    outage(&mut simulation, 20, 300);
    std::fs::remove_file(directory(home.path())).unwrap();
    outage(&mut simulation, 20, 100);
    assert_eq!(disk.health().fault, None);
    end(simulation);
    let recording = open(home.path());
    assert!(recording.segments[0].1.header.lost > 100);
    let report = replay::same(&recording).unwrap();
    assert_eq!(report.same.as_ref().unwrap().difference, None);
    assert!(report.holes[0].contains("calls were not recorded"), "{:?}", report.holes);
    assert_eq!(
        report.happened.moves.len(),
        1,
        "{:?} {:?} {:?}",
        report.happened.moves,
        report.spans,
        report.holes
    );
}

#[test]
fn a_ring_too_small_for_the_state_says_so_and_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::start_waiting(home.path());
    let config = two_links(SECOND);
    let start = Timestamp::from_nanos(1);
    let mut core =
        Recorded::on(Failover::new(config.clone(), 1, start), about(&config, 1, 2_000), &disk, start);
    let fault = core.fault().unwrap();
    assert!(fault.contains("set it to at least"), "{fault}");
    core.rest(start + Duration::from_secs(100));
    core.end(start + Duration::from_secs(200));
    assert!(!directory(home.path()).exists());
}
