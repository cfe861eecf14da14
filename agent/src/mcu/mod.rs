//! The watchdog MCU on the board: a task around its session, on a thread of its own, so that a line that floods or hangs
//! keeps no decision waiting.
//!
//! The thread never feeds by itself. It hands on what the event loop feeds, turn by turn, so that a loop that stands still
//! ends the feeds, whatever else still runs.

mod answers;
mod book;
mod disarm;
pub(crate) mod flash;
mod kept;
mod pace;
mod port;
mod session;
mod task;
#[cfg(test)]
mod tests;
mod trouble;
mod upgrading;
mod view;
mod words;

pub(crate) use disarm::{DisarmError, disarm_all};
pub(crate) use port::is_same;

use crate::api::mcu::{McuLogEntry, McuStatus};
use crate::api::wire::{ApiError, ErrorCode, EventKind, Response};
use disarm::{Leftovers, leftovers, modem_lines};
use flash::Image;
use shunt_config::{Config, McuPort};
use shunt_decision::Timestamp;
use shunt_modem::driver::api::Answer;
use shunt_wire::{Capabilities, Hello, Name, Role, Seconds, Timeouts};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use task::Task;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use view::Standing;

/// What may wait for the event loop: an MCU tells its whole record, of a dozen entries, and little more.
const NEWS: usize = 64;
/// What may wait for the task.
const ASKED: usize = 16;

/// So many feeds fit into the time that the MCU waits for one ...
const FEEDS_PER_TIMEOUT: u32 = 4;
/// ... and they are no further apart than this, so that a gateway that hangs after a feed is not much longer unguarded.
const LONGEST_PACE: Duration = Duration::from_secs(5);

/// How long a stop waits for the MCU's answer: its request is repeated for 1.8 s.
const FAREWELL: Duration = Duration::from_secs(3);
/// How long it waits for an upgrade of the firmware, of which the MCU would have half. That takes 15 s; on the worst line on
/// which it gets to an end at all, up to five minutes, and the same again for the way back by the pins.
pub(crate) const UPGRADE: Duration = Duration::from_secs(660);

/// Something that the task has for the event loop.
#[derive(Debug)]
pub(crate) enum News {
    /// A sentence for the record.
    Say(EventKind, String),
    /// The MCU reset the gateway, so long ago.
    HostReset {
        /// How long ago.
        age: Duration,
        /// How long feeds had been missing; `None`: it was asked for.
        silence: Option<Duration>,
        /// After so much of that it raised the alert.
        alarm: Duration,
    },
    /// What is wrong with the MCU now: whole sentences, none when nothing is.
    Warnings(Vec<String>),
    /// Which MCUs of earlier configs still guard the gateway, and why: whole sentences.
    Leftovers(Vec<String>),
}

/// What an operator may want of the MCU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Do not judge the gateway for so long; zero ends that.
    Lease(Duration),
    /// Cut the modem's supply for a moment.
    CycleModem,
    /// Ask the gateway to shut down, and reset it then.
    ResetHost,
}

/// How the agent leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It comes back: a lease, so that its silence means nothing for a while.
    Lease,
    /// It does not come back: the MCU guards nothing from now on.
    Disarm,
}

/// Something for the task.
#[derive(Debug)]
pub(crate) enum ToTask {
    /// An operator asks.
    Ask(Wish, oneshot::Sender<Response>),
    /// An operator wants another firmware in the MCU.
    Flash(Box<Image>, oneshot::Sender<Response>),
    /// A modem's recovery switches its supply.
    Power(bool, Answer<()>),
    /// The agent leaves.
    Leave(Farewell, oneshot::Sender<Result<(), String>>),
}

/// The event loop's side of the MCU, or of none.
#[derive(Debug)]
pub(crate) struct Mcu {
    config: shunt_config::Mcu,
    asked: mpsc::Sender<ToTask>,
    fed: watch::Sender<Option<Timestamp>>,
    shown: watch::Receiver<Standing>,
    news: mpsc::Receiver<News>,
    /// Why MCUs of earlier configs are armed still.
    left: watch::Receiver<Vec<String>>,
    /// The lines of modems, which nobody else opens.
    modems: watch::Sender<Vec<McuPort>>,
    /// So many times the task was told to flash the MCU.
    flashes: u32,
    thread: Option<JoinHandle<()>>,
}

impl Mcu {
    /// None at all.
    pub(crate) fn none(config: &shunt_config::Mcu) -> Self {
        Self::new(&shunt_config::Mcu { port: None, ..config.clone() }).0
    }

    /// Starts the task of the MCU in `config`, if there is one. What earlier configs armed on other ports is disarmed beside it.
    pub(crate) fn start(config: &Config) -> Self {
        let (mut mcu, ends) = Self::new(&config.watchdog.mcu);
        let old = leftovers(config);
        if config.watchdog.mcu.port.is_none() && old.is_empty() {
            return mcu;
        }
        mcu.spare_modems(config);
        let (leftovers, left) = Leftovers::new(config, old, mcu.modems.subscribe(), ends.news.clone());
        mcu.left = left;
        let port = config.watchdog.mcu.port.as_ref();
        mcu.thread = match port.map(|port| (port, &config.watchdog.mcu, &config.agent.state_dir)) {
            Some((port, mcu, state_dir)) => {
                let task = Task::new(mcu, port, state_dir, ends);
                spawn(async move { beside(task.run(), leftovers.run()).await })
            }
            None => spawn(async move { beside(gone(ends.asked), leftovers.run()).await }),
        };
        mcu
    }

    fn new(config: &shunt_config::Mcu) -> (Self, task::Ends) {
        let (sender, news) = mpsc::channel(NEWS);
        let (asked, questions) = mpsc::channel(ASKED);
        let (fed, feeds) = watch::channel(None);
        let (tell, shown) = watch::channel(Standing::default());
        let (_nothing_is, left) = watch::channel(Vec::new());
        let mcu = Self {
            config: config.clone(),
            asked,
            fed,
            shown,
            news,
            left,
            modems: watch::Sender::default(),
            flashes: 0,
            thread: None,
        };
        (mcu, task::Ends { news: sender, asked: questions, feeds, tell })
    }

    /// Whether a new config leaves it as it is.
    pub(crate) fn serves(&self, config: &shunt_config::Mcu) -> bool {
        self.config == *config
    }

    /// Takes over where a new config has its modems: what an earlier config armed there is let alone.
    pub(crate) fn spare_modems(&self, config: &Config) {
        self.modems.send_replace(modem_lines(config));
    }

    /// Whether a new config has it on the same port.
    pub(crate) fn is_on(&self, config: &shunt_config::Mcu) -> bool {
        self.config.port == config.port
    }

    /// How often it is to be fed; `None`: there is none.
    pub(crate) fn pace(&self) -> Option<Duration> {
        self.config.port.as_ref().map(|_| pace(&self.config))
    }

    /// Feeds it. A port that is away, or takes nothing, loses the feed.
    pub(crate) fn feed(&self, now: Timestamp) {
        self.fed.send_replace(Some(now));
    }

    /// When it was fed the last time.
    #[cfg(test)]
    pub(crate) fn fed(&self) -> Option<Timestamp> {
        *self.fed.borrow()
    }

    /// What comes next; waits for ever where there is no MCU.
    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// How it stands.
    ///
    /// # Errors
    /// There is none in the config.
    pub(crate) fn status(&self) -> Result<McuStatus, ApiError> {
        self.there().map(|()| self.shown.borrow().status())
    }

    /// What it remembers.
    ///
    /// # Errors
    /// There is none in the config.
    pub(crate) fn log(&self) -> Result<Vec<McuLogEntry>, ApiError> {
        self.there().map(|()| self.shown.borrow().log())
    }

    /// Hands a request on, which the task answers.
    pub(crate) fn ask(&self, wish: Wish, reply: oneshot::Sender<Response>) {
        let _refused_is_answered = self.hand_on(|reply| ToTask::Ask(wish, reply), reply);
    }

    /// Has another firmware brought into it. The answer is that it has begun; the rest is in the status and the events.
    pub(crate) fn flash(&mut self, image: Image, reply: oneshot::Sender<Response>) {
        let taken = self.hand_on(|reply| ToTask::Flash(Box::new(image), reply), reply);
        self.flashes = self.flashes.wrapping_add(taken.into());
    }

    /// Whether that goes on, or the task was told and has not taken it up yet.
    pub(crate) fn is_flashing(&self) -> bool {
        let shown = self.shown.borrow();
        shown.is_flashing() || (shown.flashes != self.flashes && !self.asked.is_closed())
    }

    /// Whether it was handed on.
    fn hand_on(
        &self,
        asked: impl FnOnce(oneshot::Sender<Response>) -> ToTask,
        reply: oneshot::Sender<Response>,
    ) -> bool {
        let refused = match (self.there(), self.asked.try_reserve()) {
            (Err(error), _) => error,
            (Ok(()), Ok(place)) => {
                place.send(asked(reply));
                return true;
            }
            (Ok(()), Err(_)) => {
                let why = "too much is asked of the watchdog MCU at once; try again in a minute";
                ApiError::new(ErrorCode::Failed, why)
            }
        };
        // Whoever hung up does not miss it.
        let _nobody_waits = reply.send(Err(refused));
        false
    }

    /// Switches the modem's supply. Dropped, the answer is no.
    pub(crate) fn power(&self, on: bool, done: Answer<()>) {
        if self.asked.try_send(ToTask::Power(on, done)).is_err() {
            tracing::warn!("the watchdog MCU is too busy to switch the modem's supply");
        }
    }

    /// Takes leave, and waits until the port is free for others.
    ///
    /// # Errors
    /// A sentence: the MCU was not told, and why.
    pub(crate) async fn close(self, farewell: Farewell) -> Result<(), String> {
        let flashing = self.is_flashing();
        let Self { config, asked, fed, news, left, shown: _, thread, modems: _, flashes: _ } = self;
        let told = match config.port {
            None => None,
            Some(_) => leave(&asked, farewell, flashing).await.err(),
        };
        let armed = Some(left.borrow().join("; and to ")).filter(|why| !why.is_empty());
        let armed = armed.map(|why| format!("the agent failed to {why}"));
        let why: Vec<String> = told.into_iter().chain(armed).collect();
        let told = if why.is_empty() { Ok(()) } else { Err(why.join("; and ")) };
        if let Err(why) = &told {
            tracing::warn!("a watchdog MCU was not told that the agent stops: {why}");
        }
        drop((asked, fed, news));
        let Some(thread) = thread else { return told };
        let ended = tokio::task::spawn_blocking(move || thread.join().is_ok());
        if !matches!(timeout(FAREWELL, ended).await, Ok(Ok(true))) {
            tracing::error!("the thread of the watchdog MCU did not end well");
        }
        told
    }

    fn there(&self) -> Result<(), ApiError> {
        match self.config.port {
            Some(_) => Ok(()),
            None => Err(ApiError::new(
                ErrorCode::NoMcu,
                "no watchdog MCU is configured; add [watchdog.mcu] with its port to the config",
            )),
        }
    }
}

/// Takes leave of the MCU's task. An upgrade that is under way, or was asked for just before, ends first.
async fn leave(asked: &mpsc::Sender<ToTask>, farewell: Farewell, flashing: bool) -> Result<(), String> {
    let (reply, answered) = oneshot::channel();
    let patience = if flashing { UPGRADE } else { FAREWELL };
    match asked.try_send(ToTask::Leave(farewell, reply)) {
        Ok(()) => match timeout(patience, answered).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) | Err(_) => Err("the watchdog MCU did not say whether it heard".into()),
        },
        Err(TrySendError::Full(_)) => Err("the thread of the watchdog MCU is too busy to tell it".into()),
        Err(TrySendError::Closed(_)) => {
            Err("the thread of the watchdog MCU has ended, which is a defect: please report it".into())
        }
    }
}

/// The time between two feeds.
fn pace(config: &shunt_config::Mcu) -> Duration {
    (config.feed_timeout / FEEDS_PER_TIMEOUT).min(LONGEST_PACE)
}

/// The times as they go over the line.
fn times(config: &shunt_config::Mcu) -> Timeouts {
    Timeouts {
        boot_grace: seconds(config.boot_grace),
        feed_timeout: seconds(config.feed_timeout),
        alert: seconds(config.alert),
        cut_modem: config.cut_modem,
        modem_off: seconds(config.modem_off),
        modem_settle: seconds(config.modem_settle),
        shutdown: seconds(config.shutdown),
        reset_hold: seconds(config.reset_hold),
        backoff_shortest: seconds(config.backoff_shortest),
        backoff_longest: seconds(config.backoff_longest),
        backoff_healthy: seconds(config.backoff_healthy),
        most_resets: config.most_resets,
        longest_lease: seconds(config.longest_lease),
    }
}

fn seconds(duration: Duration) -> Seconds {
    Seconds(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
}

/// What the config calls the port.
fn name(port: &McuPort) -> String {
    match port {
        McuPort::Path(path) => path.display().to_string(),
        McuPort::Usb { vendor, product } => format!("USB {vendor:04x}:{product:04x}"),
    }
}

/// Starts the thread with what it has to do.
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
    let started = thread::Builder::new().name("mcu".into()).spawn(|| run(work));
    started.map_err(|error| tracing::error!("failed to start the thread of the MCU: {error}")).ok()
}

/// Does the one beside the other, until the first is over.
async fn beside(first: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = first => {}
        () = async {
            other.await;
            std::future::pending().await
        } => {}
    }
}

/// Until the agent drops its end; nobody asks where no MCU is configured.
async fn gone(mut asked: mpsc::Receiver<ToTask>) {
    while asked.recv().await.is_some() {}
}

/// The thread: a runtime for the one task.
fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(work);
            // A disk that is stuck keeps nobody waiting.
            runtime.shutdown_background();
        }
        Err(error) => tracing::error!("failed to start the runtime of the MCU: {error}; it is not fed"),
    }
}

/// What the agent says of itself to an MCU; `session` is by chance.
fn own_hello(session: u32) -> Hello {
    Hello {
        role: Role::Agent,
        software: Name::try_from(env!("CARGO_PKG_VERSION")).unwrap_or_default(),
        board: Name::default(),
        session,
        capabilities: Capabilities::default(),
    }
}
