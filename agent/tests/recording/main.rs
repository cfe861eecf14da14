//! Simulated days, recorded and replayed; and recordings that somebody damaged or made up.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

// The lab exports the same file.
#[allow(unreachable_pub, unused_imports, dead_code)]
#[path = "../../../tests/src/simulation/mod.rs"]
mod simulation;

mod damage;
mod days;
mod keeping;

use shunt::recording::{About, Disk, Recorded, Recording, directory};
use shunt_decision::{Action, Config, Event, Failover, Family, LinkConfig, LinkId, PathState, Timestamp};
use simulation::{Core, Simulation, two_links};
use std::path::Path;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const TARGETS: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const MIB: u64 = 1024 * 1024;

impl Core for Recorded {
    fn handle_event(&mut self, event: Event, now: Timestamp) {
        Self::handle_event(self, event, now);
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        Self::handle_timeout(self, now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        Self::poll_action(self)
    }

    fn due(&self) -> Option<Timestamp> {
        let keep = self.keep_due(Timestamp::ZERO);
        [self.poll_timeout().map(|(at, _)| at), keep].into_iter().flatten().min()
    }

    fn rest(&mut self, now: Timestamp) {
        self.keep(now);
    }
}

fn about(config: &Config, seed: u64, size: u64) -> About {
    let names =
        |link: &LinkConfig| (1..=link.targets.len()).map(|number| format!("192.0.2.{number}")).collect();
    About { config: config.clone(), seed, targets: config.links.iter().map(names).collect(), size }
}

/// Fiber and LTE, recorded in `home`; each write is on disk when the simulation goes on.
fn recorded(home: &Path, interval: Duration, size: u64, seed: u64) -> (Simulation<Recorded>, Disk) {
    recorded_with(home, &two_links(interval), size, seed)
}

fn recorded_with(home: &Path, config: &Config, size: u64, seed: u64) -> (Simulation<Recorded>, Disk) {
    let disk = Disk::start_waiting(home);
    // An agent's seed has all 64 bits.
    let seed = !seed;
    let mut simulation = Simulation::around(config, &[10, 40].map(Duration::from_millis), seed, |start| {
        Recorded::on(Failover::new(config.clone(), seed, start), about(config, seed, size), &disk, start)
    });
    for link in [LinkId(0), LinkId(1)] {
        for family in Family::ALL {
            simulation.tell(Event::Path { link, family, state: PathState::Ready });
        }
    }
    (simulation, disk)
}

/// Silence on the fiber for `seconds`, and what follows until `then` seconds after it.
fn outage(simulation: &mut Simulation<Recorded>, seconds: u64, then: u64) {
    simulation.weather[0][0].cut = Some(simulation.now());
    simulation.run_for(SECOND * u32::try_from(seconds).unwrap());
    simulation.weather[0][0].cut = None;
    simulation.run_for(SECOND * u32::try_from(then).unwrap());
}

fn end(mut simulation: Simulation<Recorded>) {
    let now = simulation.now();
    simulation.core.end(now);
}

fn open(home: &Path) -> Recording {
    shunt::recording::open(&directory(home)).unwrap()
}

/// A config file of the same two links, with further sections.
fn config(sections: &str, links: &[&str], targets: &[&str]) -> shunt_config::Config {
    let link = |name: &&str| format!("[[link]]\nname = \"{name}\"\ninterface = \"{name}0\"\n");
    let links: String = links.iter().map(link).collect();
    let text = format!("targets = {targets:?}\n{sections}\n{links}");
    shunt_config::parse(&text, Path::new("test.toml")).unwrap()
}

/// A small recording with an outage in it, as the bytes of its one file.
fn small() -> Vec<u8> {
    let home = tempfile::tempdir().unwrap();
    let (mut simulation, _disk) = recorded(home.path(), SECOND, 16 * MIB, 5);
    simulation.run_for(SECOND * 20);
    outage(&mut simulation, 10, 90);
    end(simulation);
    let mut files = std::fs::read_dir(directory(home.path())).unwrap();
    let file = std::fs::read(files.next().unwrap().unwrap().path()).unwrap();
    assert!(files.next().is_none());
    file
}
