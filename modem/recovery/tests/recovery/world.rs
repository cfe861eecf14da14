//! Virtual time around the machine and the model: the driver, the disk, and what must always hold.

use crate::model::Modem;
use shunt_recovery::facts::Fact;
use shunt_recovery::{
    Action, Config, End, Entry, Event, Happening, Readiness, Recovery, Refusal, Saved, Snapshot, Stage, Task,
    TaskId, Timestamp, UnixTime,
};
use std::time::Duration;

/// More wake-ups than any second may cost.
const MOST_A_SECOND: u64 = 100;
/// 1 January 2026, when the model's time begins.
const BEGINNING: u64 = 1_767_225_600;

/// What is on its way to the machine.
#[derive(Debug)]
struct Coming {
    at: Timestamp,
    id: TaskId,
    facts: Vec<Fact>,
    end: End,
}

pub(crate) struct World {
    pub(crate) modem: Modem,
    pub(crate) recovery: Recovery,
    pub(crate) config: Config,
    pub(crate) now: Timestamp,
    /// The machine's own clock began at this time: it does not run on over a restart.
    booted: Timestamp,
    pub(crate) disk: Saved,
    /// What was on the disk before the records of PINs changed last.
    before: Saved,
    pub(crate) journal: Vec<Entry>,
    pub(crate) tasks: Vec<Task>,
    /// When each reset was begun that was not ordered.
    pub(crate) resets: Vec<Timestamp>,
    kept_at: Timestamp,
    pub(crate) saves: u64,
    coming: Option<Coming>,
    /// The agent's verdict follows the truth, looked at so often.
    pub(crate) look_every: Duration,
    verdict: Option<bool>,
    pub(crate) clock: bool,
    pub(crate) seed: u64,
    looked: Timestamp,
}

impl World {
    pub(crate) fn new(config: Config, modem: Modem, seed: u64) -> Self {
        let now = Timestamp::from_nanos(1);
        let recovery = Recovery::new(config.clone(), &Saved::default(), seed, now);
        let mut world = Self {
            modem,
            recovery,
            config,
            now,
            booted: Timestamp::ZERO,
            disk: Saved::default(),
            before: Saved::default(),
            journal: Vec::new(),
            tasks: Vec::new(),
            resets: Vec::new(),
            saves: 0,
            kept_at: now,
            coming: None,
            look_every: Duration::from_secs(1),
            verdict: None,
            clock: true,
            seed,
            looked: now,
        };
        world.begin();
        world
    }

    /// The agent ends and starts anew after `off`; with `reboot` the whole machine does, and its clock begins at nought.
    pub(crate) fn restart(&mut self, reboot: bool, off: Duration) {
        self.now = self.now + off;
        self.looked = self.now;
        if reboot {
            self.booted = self.now;
        }
        self.seed += 1;
        self.coming = None;
        self.verdict = None;
        let passed = if reboot { Duration::MAX } else { self.now.since(self.kept_at) };
        let saved = Saved { rest: self.disk.rest.saturating_sub(passed), ..self.disk.clone() };
        self.recovery = Recovery::new(self.config.clone(), &saved, self.seed, self.local());
        self.begin();
    }

    /// The last change of a record of a PIN turns out not to be on the disk after all, where there was one before it.
    pub(crate) fn lose_save(&mut self) {
        if self.before.pins.len() == self.disk.pins.len() {
            self.disk.pins.clone_from(&self.before.pins);
        }
        self.restart(true, Duration::from_secs(10));
    }

    fn begin(&mut self) {
        if self.clock {
            self.tell(Event::Clock(UnixTime(BEGINNING + self.now.as_nanos() / 1_000_000_000)));
        }
        self.drive();
    }

    fn local(&self) -> Timestamp {
        Timestamp::from_nanos(self.now.since(self.booted).as_nanos() as u64)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.recovery.handle_event(event, self.local());
        self.drive();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.recovery.snapshot()
    }

    pub(crate) fn readiness(&self) -> Readiness {
        self.snapshot().readiness
    }

    /// Lets time pass until `done` or the limit; how long it took.
    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Option<Duration> {
        let began = self.now;
        loop {
            if done(self) {
                return Some(self.now.since(began));
            }
            if self.now.since(began) >= limit {
                return None;
            }
            self.turn(began + limit);
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let (began, until) = (self.now, self.now + time);
        let mut turns = 0;
        while self.now < until {
            self.turn(until);
            turns += 1;
            assert!(turns <= MOST_A_SECOND * (self.now.since(began).as_secs() + 2), "a busy loop");
        }
    }

    pub(crate) fn verified(&mut self, limit: Duration) -> Option<Duration> {
        self.run_until(limit, |world| world.snapshot().stage == Stage::Verified && world.modem.data_flows())
    }

    /// Goes to the next moment at which something happens.
    fn turn(&mut self, until: Timestamp) {
        let timer = self.recovery.poll_timeout().expect("every wait has an end");
        let wait = timer.since(self.local());
        assert!(wait <= Duration::from_secs(24 * 3_600), "{wait:?} is no end");
        // A timer that was due already was missed: the machine would never wake for it.
        let timer = self.now + wait.max(Duration::from_millis(1));
        let look = self.looked + self.look_every;
        let coming = self.coming.as_ref().map_or(until, |coming| coming.at);
        self.now = timer.min(look).min(coming).min(until).max(self.now);
        if self.coming.as_ref().is_some_and(|coming| coming.at <= self.now) {
            let coming = self.coming.take().unwrap();
            for fact in coming.facts {
                self.tell(Event::Fact(fact));
            }
            self.tell(Event::Ended { id: coming.id, end: coming.end });
        }
        if look <= self.now {
            self.looked = self.now;
            self.look();
        }
        self.recovery.handle_timeout(self.local());
        self.drive();
    }

    /// The agent's probes.
    fn look(&mut self) {
        let flows = self.modem.data_flows();
        if self.verdict != Some(flows) {
            self.verdict = Some(flows);
            self.tell(Event::Data { flows });
        }
    }

    /// The driver.
    fn drive(&mut self) {
        while let Some(action) = self.recovery.poll_action() {
            match action {
                Action::Journal(entry) => self.take_entry(entry),
                Action::Save { id, saved } => {
                    self.saves += 1;
                    self.kept_at = self.now;
                    let end = if self.modem.faults.no_disk {
                        End::Refused(Refusal::Other)
                    } else {
                        let written = postcard::to_allocvec(&saved).unwrap();
                        let disk: Saved = postcard::from_bytes(&written).unwrap();
                        assert_eq!(disk, saved);
                        let before = std::mem::replace(&mut self.disk, disk);
                        if before.pins != self.disk.pins {
                            self.before = before;
                        }
                        End::Done
                    };
                    self.recovery.handle_event(Event::Ended { id, end }, self.local());
                }
                Action::Do { id, task, limit } => {
                    assert!(self.coming.is_none(), "{task:?} while another task is in hand");
                    self.check_disk(&task);
                    let mut answer = self.modem.carry_out(&task, self.now);
                    if answer.end.is_none() || answer.after > limit {
                        answer.facts.clear();
                        (answer.after, answer.end) = (limit, Some(End::TimedOut));
                    }
                    self.tasks.push(task);
                    let at = self.now + answer.after;
                    self.coming = answer.end.map(|end| Coming { at, id, facts: answer.facts, end });
                }
            }
        }
    }

    /// What counts is on the disk before it is done.
    fn check_disk(&self, task: &Task) {
        let kept = match task {
            Task::Reset | Task::UsbReset | Task::PowerOff => self.disk.resets.contains(&Duration::ZERO),
            Task::EnterPin(_) => {
                let card = &self.modem.cards[self.modem.slot].iccid;
                self.disk.pins.iter().any(|attempt| attempt.iccid == *card)
            }
            _ => true,
        };
        assert!(kept || self.modem.faults.no_disk, "{task:?} is not on record");
    }

    fn take_entry(&mut self, entry: Entry) {
        if let Happening::RungBegan { rung, .. } = entry.what
            && rung.is_reset()
        {
            self.resets.push(self.now);
        }
        self.journal.push(entry);
    }
}
