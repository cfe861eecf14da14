//! The cellular modems: a task for each around its driver, each on a thread of its own, so that no modem, however it
//! behaves, keeps the decisions or another modem waiting. What concerns the links comes to the event loop as [`News`].

mod answers;
mod ask;
mod inbox;
mod kept;
mod remote;
mod secrets;
mod setup;
mod shared;
mod standing;
mod task;
#[cfg(test)]
mod tests;
mod thread;
mod unlock;
mod view;
mod words;

pub(crate) use ask::{Ask, Wish};
pub(crate) use remote::Errand;
pub(crate) use setup::selector;
pub(crate) use words::{RungEnd, rung_end};

use crate::api::modem::ModemStatus;
use crate::api::wire::{ApiError, ErrorCode};
use ask::ToTask;
use secrets::Print;
use shared::Shared;
use shunt_config::{Config, Modem, Power};
use shunt_decision::ModemState;
use shunt_modem::driver::api::Answer;
use shunt_recovery::facts::{Addresses, IpSettings};
use std::path::Path;
use std::time::Duration;
use thread::{Ended, Ends};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use view::Standing;

/// What may wait for the event loop of all modems; a modem tells a handful of things a minute.
const NEWS: usize = 64;

/// What modems keep is on the disk within this when the agent ends: a driver's goodbye (5 s) and a slow disk. One that hangs
/// must not keep the agent from ending.
const GOODBYE: Duration = Duration::from_secs(10);

/// A modem as long as it is driven by one config: one that is started anew is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModemId(u64);

/// Something that a modem's task has for the event loop.
#[derive(Debug)]
pub(crate) struct News {
    /// Whose.
    pub(crate) modem: ModemId,
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
    /// Those that a reload ended, while they let go of their ports.
    ending: Vec<Former>,
    news: mpsc::Receiver<News>,
    /// For those that a reload starts.
    teller: mpsc::Sender<News>,
    /// How many were started.
    started: u64,
    secrets: secrets::Keys,
    shared: Shared,
}

/// What a reload did to the modems.
#[derive(Debug, Default)]
pub(crate) struct Reloaded {
    /// Those that are driven no more.
    pub(crate) ended: Vec<ModemId>,
    /// The names of those that were there before and were started anew.
    pub(crate) anew: Vec<String>,
}

#[derive(Debug)]
struct Known {
    id: ModemId,
    config: Modem,
    interface: String,
    /// What its files held when it was started.
    print: Print,
    to_task: ToTask,
    shown: watch::Receiver<Standing>,
    ended: Ended,
}

#[derive(Debug)]
struct Former {
    config: Modem,
    ended: Ended,
}

impl Modems {
    /// Starts a task for each modem of `config`.
    pub(crate) fn start(config: &Config, state_dir: &Path) -> Self {
        let (teller, news) = mpsc::channel(NEWS);
        let secrets = secrets::Keys::default();
        let shared = Shared::new(state_dir);
        let (modems, ending) = (Vec::new(), Vec::new());
        let mut modems = Self { modems, ending, news, teller, started: 0, secrets, shared };
        modems.reload(config, state_dir);
        modems
    }

    /// Ends the modems that a new config has no more, or has otherwise, and starts those that are new in it. The others stay
    /// as they are. What the files of secrets hold is part of a modem's config. Waits for nothing: a new modem waits by itself
    /// for the one whose port, link or files it has from now on.
    pub(crate) fn reload(&mut self, config: &Config, state_dir: &Path) -> Reloaded {
        let mut reloaded = Reloaded::default();
        let mut wanted: Vec<(Modem, String, Print, Option<Known>)> = Vec::new();
        for modem in &config.modems {
            let interface = config.links.iter().find(|link| link.name == modem.link);
            let interface = interface.map(|link| link.interface.clone()).unwrap_or_default();
            let print = self.secrets.print(modem);
            let same = |known: &Known| {
                known.config == *modem && known.interface == interface && known.print == print
            };
            let known = self.modems.iter().position(same).map(|place| self.modems.remove(place));
            wanted.push((modem.clone(), interface, print, known));
        }
        self.ending.retain(|former| !former.ended.is_over());
        for Known { id, config, ended, .. } in self.modems.drain(..) {
            reloaded.ended.push(id);
            if wanted.iter().any(|(modem, ..)| modem.name == config.name) {
                reloaded.anew.push(config.name.clone());
            }
            self.ending.push(Former { config, ended });
        }
        for (modem, interface, print, known) in wanted {
            let known = known.unwrap_or_else(|| self.begin(modem, interface, print, state_dir));
            self.modems.push(known);
        }
        reloaded
    }

    fn begin(&mut self, config: Modem, interface: String, print: Print, state_dir: &Path) -> Known {
        self.started += 1;
        let id = ModemId(self.started);
        let (to_task, from_loop) = ask::channels();
        let (shown, seen) = watch::channel(Standing::new(&config));
        let in_the_way = self.ending.iter().filter(|former| former.is_in_the_way_of(&config));
        let before = in_the_way.map(|former| former.ended.clone()).collect();
        let ends = Ends { id, news: self.teller.clone(), from_loop, shown };
        let state = (state_dir.to_owned(), self.shared.clone());
        let ended = thread::start((config.clone(), interface.clone()), state, ends, before);
        Known { id, config, interface, print, to_task, shown: seen, ended }
    }

    /// What comes next; waits for ever where there are no modems.
    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    fn known(&self, id: ModemId) -> Option<&Known> {
        self.modems.iter().find(|known| known.id == id)
    }

    /// The name of the link that the modem carries; `None`: it is driven no more.
    pub(crate) fn link(&self, id: ModemId) -> Option<&str> {
        self.known(id).map(|known| known.config.link.as_str())
    }

    /// The name of the modem; `None`: it is driven no more.
    pub(crate) fn name(&self, id: ModemId) -> Option<&str> {
        self.known(id).map(|known| known.config.name.as_str())
    }

    /// The modems and the links that they carry.
    pub(crate) fn links(&self) -> impl Iterator<Item = (ModemId, &str)> {
        self.modems.iter().map(|known| (known.id, known.config.link.as_str()))
    }

    /// The modem whose supply the board's MCU switches.
    pub(crate) fn behind_mcu(&self) -> Option<ModemId> {
        self.modems.iter().find(|known| known.config.power == Some(Power::Mcu)).map(|known| known.id)
    }

    /// All modems as they are known.
    pub(crate) fn statuses(&self) -> Vec<ModemStatus> {
        self.modems.iter().map(|known| known.shown.borrow().status()).collect()
    }

    /// The modem with this name; without a name the only one.
    ///
    /// # Errors
    /// There is no such modem, none at all, or more than one to choose from.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<ModemId, ApiError> {
        let names =
            || self.modems.iter().map(|known| known.config.name.as_str()).collect::<Vec<_>>().join(", ");
        let unknown = |message: String| Err(ApiError::new(ErrorCode::UnknownModem, message));
        match (name, self.modems.as_slice()) {
            (_, []) => unknown("no modem is configured; add [[modem]] to the config".into()),
            (None, [only]) => Ok(only.id),
            (None, _) => unknown(format!("there are several modems; name one of {}", names())),
            (Some(name), all) => match all.iter().find(|known| known.config.name == name) {
                Some(known) => Ok(known.id),
                None => unknown(format!("there is no modem {name:?}; the modems are {}", names())),
            },
        }
    }

    /// Hands a request to the modem, which answers it.
    pub(crate) fn ask(&self, id: ModemId, ask: Ask) {
        if let Some(known) = self.known(id) {
            known.to_task.ask(ask);
        }
    }

    /// Tells the modem whether data flows over its link. The newest word comes to it, however busy it is.
    pub(crate) fn data(&self, id: ModemId, flows: bool) {
        if let Some(known) = self.known(id) {
            known.to_task.flows(flows);
        }
    }

    /// Tells the modem which addresses its link's interface has now.
    pub(crate) fn addresses(&self, id: ModemId, addresses: Addresses) {
        if let Some(known) = self.known(id) {
            known.to_task.addresses(addresses);
        }
    }

    /// Ends all modems, and waits a while until what they keep is on disk.
    pub(crate) async fn close(self) {
        let Self { modems, ending, news, .. } = self;
        drop(news);
        let ended: Vec<Ended> = modems
            .into_iter()
            .map(|known| known.ended)
            .chain(ending.into_iter().map(|former| former.ended))
            .collect();
        let all = async {
            for ended in ended {
                ended.wait().await;
            }
        };
        if timeout(GOODBYE, all).await.is_err() {
            tracing::error!("a modem did not let go in time; what it was to keep may be lost");
        }
    }
}

impl Former {
    /// Whether they have files, a port or a link in common.
    fn is_in_the_way_of(&self, next: &Modem) -> bool {
        let Self { config: former, .. } = self;
        former.name == next.name || former.find == next.find || former.link == next.link
    }
}
