//! The cellular modems: a task for each around its driver, on a thread of their own, so that no modem, however it
//! behaves, keeps the decisions waiting. What concerns the links comes to the event loop as [`News`].

mod answers;
mod ask;
mod inbox;
mod remote;
mod setup;
mod standing;
mod task;
mod view;
mod words;

pub(crate) use ask::{Ask, Wish};
pub(crate) use remote::Errand;
pub(crate) use setup::selector;

use crate::api::modem::ModemStatus;
use crate::api::wire::{ApiError, ErrorCode};
use ask::ToTask;
use shunt_config::{Config, Modem, Power};
use shunt_decision::ModemState;
use shunt_modem::driver::api::Answer;
use shunt_recovery::facts::{Addresses, IpSettings};
use std::path::Path;
use std::thread::{self, JoinHandle};
use task::Task;
use tokio::sync::{mpsc, watch};
use view::Standing;

/// What may wait for the event loop of all modems; a modem tells a handful of things a minute.
const NEWS: usize = 64;
/// What may wait for one modem's task.
const ASKED: usize = 16;

/// Something that a modem's task has for the event loop.
#[derive(Debug)]
pub(crate) struct News {
    /// Whose: its place in the config.
    pub(crate) modem: usize,
    /// What.
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum What {
    /// How it stands with the modem, for the decisions.
    State(ModemState),
    /// Whether the data that its card may carry this month is used up.
    UsedUp(bool),
    /// A sentence for the record.
    Say(String),
    /// What is wrong with the modem now: whole sentences, none when nothing is.
    Warnings(Vec<String>),
    /// Whether data flows over its link is to be found out.
    Probe(Answer<bool>),
    /// The bearer is up: the link's interface is to be set so, and its addresses told.
    Bearer(IpSettings, Answer<Addresses>),
    /// There is no bearer any more.
    NoBearer,
    /// The board's MCU is to switch the modem's supply.
    Power(bool, Answer<()>),
    /// An order came by SMS, and was allowed.
    Errand(Errand),
}

/// The event loop's side of all modems.
#[derive(Debug)]
pub(crate) struct Modems {
    modems: Vec<Known>,
    news: mpsc::Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Known {
    config: Modem,
    interface: String,
    asked: mpsc::Sender<ToTask>,
    shown: watch::Receiver<Standing>,
}

impl Modems {
    /// Starts a task for each modem of `config`.
    pub(crate) fn start(config: &Config, state_dir: &Path) -> Self {
        let (sender, news) = mpsc::channel(NEWS);
        let (mut modems, mut tasks) = (Vec::new(), Vec::new());
        for (place, modem) in config.modems.iter().enumerate() {
            let interface = config.links.iter().find(|link| link.name == modem.link);
            let interface = interface.map(|link| link.interface.clone()).unwrap_or_default();
            let (asked, questions) = mpsc::channel(ASKED);
            let (tell, shown) = watch::channel(Standing::new(modem));
            tasks.push(Task::new(
                place,
                (modem.clone(), interface.clone()),
                state_dir,
                sender.clone(),
                questions,
                tell,
            ));
            modems.push(Known { config: modem.clone(), interface, asked, shown });
        }
        let thread =
            (!tasks.is_empty()).then(|| thread::Builder::new().name("modems".into()).spawn(|| run(tasks)));
        let thread = thread.and_then(|started| {
            started.map_err(|error| tracing::error!("failed to start the thread of the modems: {error}")).ok()
        });
        Self { modems, news, thread }
    }

    /// Whether a new config leaves all modems as they are, so that they need not be started anew.
    pub(crate) fn serve(&self, config: &Config) -> bool {
        let same = |(known, modem): (&Known, &Modem)| {
            let interface = config.links.iter().find(|link| link.name == modem.link);
            known.config == *modem && interface.is_some_and(|link| link.interface == known.interface)
        };
        self.modems.len() == config.modems.len() && self.modems.iter().zip(&config.modems).all(same)
    }

    /// What comes next; waits for ever where there are no modems.
    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// The name of the link that the modem at `place` carries.
    pub(crate) fn link(&self, place: usize) -> Option<&str> {
        self.modems.get(place).map(|known| known.config.link.as_str())
    }

    /// The name of the modem at `place`.
    pub(crate) fn name(&self, place: usize) -> &str {
        self.modems.get(place).map_or("modem", |known| known.config.name.as_str())
    }

    /// The places of the modems and the links that they carry.
    pub(crate) fn links(&self) -> impl Iterator<Item = (usize, &str)> {
        self.modems.iter().map(|known| known.config.link.as_str()).enumerate()
    }

    /// The place of the modem whose supply the board's MCU switches.
    pub(crate) fn behind_mcu(&self) -> Option<usize> {
        self.modems.iter().position(|known| known.config.power == Some(Power::Mcu))
    }

    /// All modems as they are known.
    pub(crate) fn statuses(&self) -> Vec<ModemStatus> {
        self.modems.iter().map(|known| known.shown.borrow().status()).collect()
    }

    /// The modem with this name; without a name the only one.
    ///
    /// # Errors
    /// There is no such modem, none at all, or more than one to choose from.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<usize, ApiError> {
        let names: Vec<&str> = self.modems.iter().map(|known| known.config.name.as_str()).collect();
        let unknown = |message: String| Err(ApiError::new(ErrorCode::UnknownModem, message));
        match (name, names.as_slice()) {
            (_, []) => unknown("no modem is configured; add [[modem]] to the config".into()),
            (None, [_]) => Ok(0),
            (None, several) => {
                unknown(format!("there are several modems; name one of {}", several.join(", ")))
            }
            (Some(name), _) => match names.iter().position(|known| *known == name) {
                Some(place) => Ok(place),
                None => unknown(format!("there is no modem {name:?}; the modems are {}", names.join(", "))),
            },
        }
    }

    /// Hands a request to the modem at `place`, which answers it.
    pub(crate) fn ask(&self, place: usize, ask: Ask) {
        let Some(known) = self.modems.get(place) else { return };
        if let Err(
            mpsc::error::TrySendError::Full(ToTask::Ask(ask))
            | mpsc::error::TrySendError::Closed(ToTask::Ask(ask)),
        ) = known.asked.try_send(ToTask::Ask(ask))
        {
            ask.refuse("too much is asked of the modem at once; try again in a minute");
        }
    }

    /// Tells the modem at `place` whether data flows over its link.
    pub(crate) fn data(&self, place: usize, flows: bool) {
        if let Some(known) = self.modems.get(place)
            && known.asked.try_send(ToTask::Data(flows)).is_err()
        {
            // Its task hears the next verdict.
            tracing::debug!("a modem's task is too busy to hear the link's verdict");
        }
    }

    /// Tells the modem at `place` which addresses its link's interface has now.
    pub(crate) fn addresses(&self, place: usize, addresses: Addresses) {
        if let Some(known) = self.modems.get(place)
            && known.asked.try_send(ToTask::Addresses(addresses)).is_err()
        {
            // It asks for them when it needs them.
            tracing::debug!("a modem's task is too busy to hear the link's addresses");
        }
    }

    /// Ends all tasks, and waits until what they keep is on disk.
    pub(crate) async fn close(self) {
        let Self { modems, news, thread } = self;
        drop((modems, news));
        if let Some(thread) = thread {
            let ended = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !matches!(ended, Ok(true)) {
                tracing::error!("the thread of the modems did not end well");
            }
        }
    }
}

/// The thread: one runtime for all modems.
fn run(tasks: Vec<Task>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for task in tasks {
                running.spawn(task.run());
            }
            while running.join_next().await.is_some() {}
        }),
        Err(error) => {
            tracing::error!("failed to start the runtime of the modems: {error}; no modem is driven")
        }
    }
}
