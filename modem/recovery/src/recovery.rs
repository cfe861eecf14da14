//! The machine itself: takes events and time in, and says what is to be done next.

use crate::allowance::Meter;
use crate::climb::{Looks, patience};
use crate::desk::Desk;
use crate::facts::{Iccid, Slot};
use crate::known::Known;
use crate::ladder::Ladder;
use crate::pin::Attempt;
use crate::repair::{Open, Run};
use crate::resets::Resets;
use crate::rng::{mix, share};
use crate::slots::{SlotState, restore};
use crate::stage::{Sign, Stage, Step, next};
use crate::{
    Action, Block, Config, End, Event, Fault, Order, PinAttempt, Readiness, Reason, RungResult, Saved,
    Timestamp, UnixTime,
};
use core::time::Duration;
use std::collections::VecDeque;

/// More steps than one moment may need; each but the last leads to another stage or rung.
const MAX_STEPS: usize = 32;
/// Orders that may wait for the end of a task: there are but so many different ones, and a modem has few slots.
const MAX_ORDERS: usize = 16;
/// After this long, what costs nothing may be used again at once.
const STEADY: Duration = Duration::from_secs(60);
/// What a search may take longer by chance, so that a region's modems do not all begin anew at once.
const SEARCH_PLAY: Duration = Duration::from_secs(120);
/// After this long the back-off is cleared.
const HEALTHY: Duration = Duration::from_secs(600);

/// The machine of one modem.
///
/// The driver hands over each fact and each end of a task as it comes, calls
/// [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) says so, and after each call
/// fetches actions until there are none. One task is in hand at a time.
#[derive(Debug)]
pub struct Recovery {
    pub(crate) config: Config,
    pub(crate) seed: u64,
    pub(crate) desk: Desk,
    pub(crate) stage: Stage,
    pub(crate) entered: Timestamp,
    /// The stage has time until then; none that has all the time in the world.
    pub(crate) patience: Option<Timestamp>,
    /// When the next task of the stage is due.
    pub(crate) poll_at: Timestamp,
    /// What the stage does, it did; from then on it only looks.
    pub(crate) deed_done: bool,
    /// The bearer was refused in this stage; it is asked for again while the ladder rests.
    pub(crate) refused: Option<Looks>,
    /// The place in the round of questions.
    pub(crate) round: u8,
    /// The last question was not answered.
    pub(crate) silent: bool,
    /// Data flowed before it was to be verified again.
    pub(crate) lost: bool,
    pub(crate) known: Known,
    pub(crate) booted: Timestamp,
    /// Data flows, by the agent's verdict or our own probe.
    pub(crate) flows: bool,
    /// The host was not yet set for the bearer that is up.
    pub(crate) fresh_bearer: bool,
    /// The bearer was read since it was last to be brought up.
    pub(crate) bearer_read: bool,
    pub(crate) ladder: Ladder,
    /// A fault that is to be acted upon as soon as no task is in hand.
    pub(crate) doubt: Option<Fault>,
    /// The fault that stands.
    pub(crate) fault: Option<Fault>,
    pub(crate) run: Option<Run>,
    pub(crate) open: Option<Open>,
    pub(crate) pins: Vec<PinAttempt>,
    /// The attempt that is to be put on record and made, or of which is not yet known what came of it.
    pub(crate) attempt: Option<Attempt>,
    pub(crate) slots: Vec<SlotState>,
    /// When that was saved which is from before this start, and when this start was.
    pub(crate) before: Option<(UnixTime, Timestamp)>,
    /// What stands against SIMs as it was saved last.
    pub(crate) kept: Vec<Block>,
    pub(crate) current: usize,
    pub(crate) return_at: Option<Timestamp>,
    pub(crate) meter: Meter,
    pub(crate) used_up: Option<Iccid>,
    /// What the operator wants, in his order.
    orders: VecDeque<Order>,
    steadied: bool,
    healed: bool,
    pub(crate) readiness: Readiness,
    pub(crate) reason: Reason,
    pub(crate) since: Timestamp,
}

impl Recovery {
    /// A machine that knows nothing of its modem but what was saved. The same config, seed and events give the
    /// same actions.
    #[must_use]
    pub fn new(config: Config, saved: &Saved, seed: u64, now: Timestamp) -> Self {
        let mut recovery = Self {
            seed,
            desk: Desk::new(now),
            stage: Stage::Absent,
            entered: now,
            patience: None,
            poll_at: now,
            deed_done: false,
            refused: None,
            round: 0,
            silent: false,
            lost: false,
            known: Known::default(),
            booted: now,
            flows: false,
            fresh_bearer: true,
            bearer_read: false,
            ladder: Ladder::new(Resets::new(&saved.resets, now), (saved.rounds, saved.rest), seed, now),
            doubt: None,
            fault: None,
            run: None,
            open: None,
            pins: saved.pins.clone(),
            attempt: None,
            slots: restore(&config, saved, now),
            before: saved.at.map(|at| (at, now)),
            kept: saved.blocks.clone(),
            current: 0,
            return_at: None,
            meter: Meter::new(saved, now),
            used_up: None,
            orders: VecDeque::new(),
            steadied: false,
            healed: false,
            readiness: Readiness::NoModem,
            reason: Reason::Started,
            since: now,
            config,
        };
        recovery.enter(Stage::Absent);
        recovery.settle();
        recovery
    }

    /// Takes in one fact, end, verdict or order.
    pub fn handle_event(&mut self, event: Event, now: Timestamp) {
        self.advance(now);
        match event {
            Event::Fact(fact) => self.take_fact(fact),
            Event::Ended { id, end } => {
                // An end that comes after its time was taken for one already.
                if let Some(flight) = self.desk.flight.take_if(|flight| flight.id == id) {
                    self.take_end(flight, end);
                }
            }
            Event::Data { flows } => self.take_data(flows),
            Event::Clock(unix) => {
                self.meter.take_clock(unix, self.desk.now);
                self.age(unix);
                self.judge_allowance();
            }
            Event::Hardware(hardware) => self.config.hardware = hardware,
            Event::Pin(pin) => {
                self.set_pin(pin);
                self.take_order(Order::Retry);
            }
            Event::Elsewhere(elsewhere) => {
                self.config.elsewhere = elsewhere;
                self.judge_allowance();
            }
            Event::Order(order) => self.take_order(order),
        }
        self.settle();
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        let due = self.desk.now;
        if let Some(flight) = self.desk.flight.take_if(|flight| flight.deadline <= due) {
            self.take_end(flight, End::TimedOut);
        }
        self.settle();
    }

    /// The next thing to be done; call until `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.desk.poll()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next: there always is such a time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let work = match &self.desk.flight {
            Some(flight) => Some(flight.deadline),
            None => match self.stage {
                Stage::Repairing => Some(self.desk.now),
                Stage::Blocked => self.blocked_until(),
                Stage::Absent
                | Stage::Identifying
                | Stage::Sim
                | Stage::Unlocking
                | Stage::Radio
                | Stage::Searching
                | Stage::Attaching
                | Stage::Connecting
                | Stage::Addressing
                | Stage::Verifying
                | Stage::Verified => {
                    [Some(self.poll_at), self.patience, self.return_at].into_iter().flatten().min()
                }
            },
        };
        let healthy = (self.stage == Stage::Verified).then_some(self.entered);
        let steady = healthy.filter(|_| !self.steadied).map(|since| since + STEADY);
        let healed = healthy.filter(|_| !self.healed).map(|since| since + HEALTHY);
        [work, steady, healed, self.meter.save_due()].into_iter().flatten().min()
    }

    /// Acts on one sign, by the table.
    pub(crate) fn sign(&mut self, sign: Sign) {
        match next(self.stage, sign) {
            Step::Stay => {}
            Step::Go(stage) => {
                // A mere restart of the modem is no reason to hope.
                if self.stage == Stage::Blocked && !matches!(sign, Sign::Booted | Sign::PortsGone) {
                    self.unblock();
                }
                self.fault = None;
                self.enter(stage);
            }
            Step::Fault => {
                self.doubt = if sign == Sign::Silent { Some(Fault::Silent) } else { self.fault_here() };
            }
            // Whoever finds a cause says which: see `bar_by`.
            Step::Bar => {}
        }
    }

    /// Goes to a stage, whatever the table says.
    pub(crate) fn enter(&mut self, stage: Stage) {
        let now = self.desk.now;
        self.stage = stage;
        self.entered = now;
        self.poll_at = now;
        self.deed_done = false;
        self.refused = None;
        self.round = 0;
        self.silent = false;
        self.lost = false;
        self.doubt = None;
        // After a rung its budget is what counts, and that has no play.
        let play = if self.open.is_some() { Duration::ZERO } else { SEARCH_PLAY };
        let spread = share(mix(self.seed, now.as_nanos()), play);
        self.patience = patience(stage, spread).map(|time| now + time);
        match stage {
            Stage::Sim => self.withdraw_attempt(),
            Stage::Radio => self.known.radio = None,
            Stage::Attaching => self.known.attached = None,
            // What was known of it holds until it was read: what carries data is not to be taken away for a question.
            Stage::Connecting => self.bearer_read = false,
            Stage::Addressing => self.known.ip = None,
            Stage::Verified => {
                self.fault = None;
                self.steadied = false;
                self.healed = false;
                self.unblock();
                self.keep_blocks();
                self.close(RungResult::Helped);
            }
            Stage::Absent
            | Stage::Identifying
            | Stage::Unlocking
            | Stage::Searching
            | Stage::Verifying
            | Stage::Blocked
            | Stage::Repairing => {}
        }
    }

    /// Everything that is to be kept over a restart.
    pub(crate) fn saved(&mut self) -> Saved {
        self.kept = self.blocks();
        let mut saved = Saved {
            pins: self.pins.clone(),
            blocks: self.kept.clone(),
            resets: self.ladder.resets.ages(self.desk.now),
            rounds: self.ladder.rounds,
            rest: self.ladder.rest(self.desk.now),
            ..Saved::default()
        };
        self.meter.save(&mut saved, self.desk.now);
        saved
    }

    pub(crate) fn save(&mut self) {
        let saved = self.saved();
        self.desk.save(saved);
    }

    /// The slot in use, as far as slots are told apart.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let told = self.known.sim.as_ref().and_then(|sim| sim.slot);
        told.or_else(|| self.config.sims.get(self.current).and_then(|sim| sim.slot))
    }

    /// Does what there is to do until a task is in hand or only time can help.
    fn settle(&mut self) {
        for _ in 0..MAX_STEPS {
            if self.desk.flight.is_some() || !self.step() {
                break;
            }
        }
        self.tend();
        self.announce();
    }

    /// One step; `false`: there is nothing to do now.
    fn step(&mut self) -> bool {
        let now = self.desk.now;
        if self.stage == Stage::Repairing {
            self.next_rung_step();
            return true;
        }
        // Taken away before it shows what came of a PIN, a card would never be given that again.
        let unlocking = self.awaits_card();
        if !unlocking && let Some(order) = self.orders.pop_front() {
            self.obey(order);
            return true;
        }
        if let Some(fault) = self.doubt.take() {
            self.repair(fault);
            return true;
        }
        if self.stage == Stage::Blocked {
            return self.leave_block();
        }
        if self.patience.is_some_and(|until| until <= now) {
            self.overdue();
            return true;
        }
        (!unlocking && self.go_back_to_preferred()) || self.ask()
    }

    /// One that waits already is not carried out twice.
    fn take_order(&mut self, order: Order) {
        if self.orders.len() < MAX_ORDERS && !self.orders.contains(&order) {
            self.orders.push_back(order);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Run(rung) => self.run_by_order(rung),
            Order::Select(slot) => self.select_by_order(slot),
            Order::Retry => {
                let rested = self.ladder.resting(self.desk.now).is_some();
                self.ladder.end_rest();
                if rested {
                    self.save();
                }
                self.slots.iter_mut().for_each(|slot| *slot = SlotState::default());
                if self.stage == Stage::Blocked {
                    self.enter(if self.known.ports { Stage::Sim } else { Stage::Absent });
                } else {
                    self.doubt = self.fault;
                }
            }
        }
    }

    /// What time brings about by itself.
    fn tend(&mut self) {
        let now = self.desk.now;
        if self.stage == Stage::Verified {
            let well = now.since(self.entered);
            if well >= STEADY && !self.steadied {
                self.steadied = true;
                // Another wait may begin, and this one must not come back with the next start.
                if self.ladder.steadied() {
                    self.save();
                }
            }
            if well >= HEALTHY && !self.healed {
                self.healed = true;
                if self.ladder.healed() {
                    self.save();
                }
            }
        }
        if self.meter.save_due().is_some_and(|due| due <= now) {
            self.save();
        }
    }

    /// Time does not run backwards here, whatever the caller's clock does.
    fn advance(&mut self, now: Timestamp) {
        self.desk.now = self.desk.now.max(now);
    }
}
