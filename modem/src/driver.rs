//! The driver of one modem: carries out what [`shunt_recovery::Recovery`] wants, by sessions, dialects and ports, and
//! tells it what came of it.
//!
//! One task owns the machine and the ports. It decides nothing about the modem; the machine does. It never blocks the
//! runtime for long: what the kernel may take its time for (a device off the bus, GPIO) is done aside; reading sysfs and opening
//! a port are not, and take milliseconds.
//!
//! The ports, and all that is known of them, are the `Hands`. They are lent to one piece of work at a time, and
//! so one command is in flight at most. Work comes in this order: the machine's task, what a report asked to be looked at, the
//! operator's orders, messages. The machine hears of nothing while the hands are lent to another: else it would begin a
//! task that cannot be carried out in its time.

mod access_point;
pub mod api;
mod at_line;
mod bearer;
mod hands;
mod held;
mod jobs;
mod outside;
mod pace;
mod state;
mod supply;
mod tasks;
mod turn;

pub use at_line::{AtLineError, Harm};

use crate::dialect::Query;
use crate::sms::Post;
use api::{Config, Counters, Handle, Order, State, Told};
use hands::{Hands, Tell};
use held::Held;
use jobs::{Ended, Job};
use pace::Pace;
use shunt_recovery::facts::Iccid;
use shunt_recovery::{Hardware, Recovery, Saved, SimConfig, TaskId};
use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Orders that may wait in the channel. An agent has few, and sees when it is full.
const ORDERS: usize = 32;
/// What may wait to be read by the agent: more than the machine says in its busiest minute.
const TOLD: usize = 256;
/// The operator's commands and messages that may wait for the modem; one more is refused.
const ERRANDS: usize = 8;
/// How long the last save may take: an agent that ends is waited for by others.
const LAST_SAVE: Duration = Duration::from_secs(3);

type Work = Pin<Box<dyn Future<Output = (Box<Hands>, Ended)> + Send>>;

/// The driver of one modem; see [`Driver::run`].
pub struct Driver {
    pace: Pace,
    recovery: Recovery,
    /// At home, or lent to the work.
    hands: Option<Box<Hands>>,
    work: Option<Work>,
    /// The work is the machine's own.
    working_for_machine: bool,
    tell: Tell,
    /// The machine's task that waits for the hands.
    task: Option<Job>,
    looks: BTreeSet<Query>,
    errands: VecDeque<Job>,
    post: Post,
    /// When the details are to be asked for.
    details: shunt_recovery::Timestamp,
    /// In this life of the modem.
    looked_for_sibling: bool,
    held: Held,
    orders: mpsc::Receiver<Order>,
    answers: JoinSet<Heard>,
    state: watch::Sender<State>,
    /// What is counted even while the hands are lent.
    own: Counters,
    lives: u64,
    /// The card that told its number last: messages are stored on it.
    card: Option<Iccid>,
    had_ports: bool,
}

/// What the agent answered.
#[derive(Debug)]
enum Heard {
    Saved { id: TaskId, done: bool },
    Taken { number: u64, taken: bool },
}

impl Driver {
    /// A driver that goes on from what was `saved`, and the agent's side of it. Nothing is done before [`Driver::run`].
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(config: Config, saved: &Saved, seed: u64) -> (Self, Handle) {
        let pace = Pace::new(config.speed);
        // What can be done to a modem that never answers; the rest shows when it does.
        let power = config.power != api::Power::None;
        let hardware = Hardware { usb: config.usb, power, ..Hardware::default() };
        let mut known = shunt_recovery::Config { hardware, ..config.recovery.clone() };
        if known.sims.is_empty() {
            known.sims.push(SimConfig::default());
        }
        for (place, sim) in known.sims.iter_mut().enumerate() {
            sim.wanted = Some(config.context_of(place).fingerprint());
        }
        let recovery = Recovery::new(known, saved, seed, pace.now());
        let (order_sender, orders) = mpsc::channel(ORDERS);
        let (sender, told) = mpsc::channel(TOLD);
        let post = Post::new(config.messages);
        let hands = Hands::new(config, pace, sender.clone());
        let (state, seen) = watch::channel(state::of(&recovery, &hands, Counters::default()));
        let driver = Self {
            pace,
            recovery,
            hands: Some(Box::new(hands)),
            work: None,
            working_for_machine: false,
            tell: Tell { sender, untold: 0 },
            task: None,
            looks: BTreeSet::new(),
            errands: VecDeque::new(),
            post,
            details: shunt_recovery::Timestamp::ZERO,
            looked_for_sibling: false,
            held: Held::default(),
            orders,
            answers: JoinSet::new(),
            state,
            own: Counters::default(),
            lives: 0,
            card: None,
            had_ports: false,
        };
        (driver, Handle { orders: order_sender, state: seen, told })
    }

    /// Drives the modem until the agent drops [`Handle::orders`]. May be dropped at any time: a supply that is cut just then is
    /// given back by a line of this machine, and by whoever else switches it once he thinks that it was cut long enough. The
    /// runtime must be dropped as one that waits for its blocking work, which every runtime does by itself.
    pub async fn run(mut self) {
        if let Some(hands) = &mut self.hands {
            let Hands { supply, tell, .. } = &mut **hands;
            supply.begin(tell).await;
            hands.bring_back();
        }
        loop {
            self.turn();
            let happened = self.next().await;
            if self.take(happened).is_break() {
                return self.take_leave().await;
            }
        }
    }

    /// What is known is kept for the next start, if somebody still listens.
    async fn take_leave(&mut self) {
        let (done, kept) = api::Answer::new();
        self.tell.tell(Told::Save { saved: self.recovery.farewell(), done });
        let _kept_or_not = timeout(LAST_SAVE, kept).await;
    }

    /// Gives the hands to `job`.
    fn lend(&mut self, job: Job) {
        if let Some(hands) = self.hands.take() {
            self.working_for_machine = job.is_the_machines();
            self.work = Some(Box::pin(jobs::work(hands, job)));
        }
    }

    /// Whether the machine is not to hear of anything now.
    fn holds(&self) -> bool {
        self.work.is_some() && !self.working_for_machine
    }

    /// Tells the agent, and hears its answer when it comes.
    fn ask_agent<T: Send + 'static>(
        &mut self,
        told: Told,
        answer: tokio::sync::oneshot::Receiver<T>,
        heard: impl FnOnce(bool) -> Heard + Send + 'static,
    ) {
        self.tell.tell(told);
        self.answers.spawn(async move { heard(answer.await.is_ok()) });
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("recovery", &self.recovery)
            .field("hands", &self.hands)
            .finish_non_exhaustive()
    }
}
