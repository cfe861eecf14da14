//! The task of one modem: reads what its driver tells, keeps what is to be kept, and answers what is asked.

use super::ask::{Ask, FromLoop, Wish};
use super::inbox::{self, Inbox};
use super::kept::Kept;
use super::remote::{Consequence, Errand, RemoteControl, RemoteError};
use super::setup::{self, SetupError};
use super::shared::{Shared, Unread, elsewhere};
use super::standing::Seen;
use super::thread::{Ended, Ends};
use super::view::Standing;
use super::{ModemId, News, What, answers, unlock, words};
use crate::{clock, state_file};
use shunt_config::Modem;
use shunt_decision::ModemState;
use shunt_modem::driver::Driver;
use shunt_modem::driver::api::{Answer, Config, Handle, Order, Received, State, Told};
use shunt_recovery::facts::Usage;
use shunt_recovery::{Pin, Saved, UnixTime};
use shunt_sms::Address;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// A file that could not be read is read again after this: a file system may be late, an operator is at work.
const SETUP_RETRY: Duration = Duration::from_secs(30);

/// How often the clock is told, and the bytes that the interface counted.
const MINUTE: Duration = Duration::from_secs(60);

/// A driver lets go of its ports within this; what it is at then ends with its thread.
const GOODBYE: Duration = Duration::from_secs(5);

/// The task of one modem.
#[derive(Debug)]
pub(super) struct Task {
    id: ModemId,
    modem: Modem,
    interface: String,
    shared: Shared,
    news: mpsc::Sender<News>,
    from_loop: FromLoop,
    shown: watch::Sender<Standing>,
    inbox: Inbox,
    saved: Saved,
    told: Option<ModemState>,
    used_up: bool,
    warned: Vec<String>,
}

/// Why a driver ended.
enum End {
    /// The agent ends, or has another config.
    Closed,
    /// By itself, which is a defect.
    Broken,
    /// It was never begun: why, and the mend.
    NotBegun(String),
}

/// What a driver needs, read from the files.
struct Ready {
    config: Config,
    remote: RemoteControl,
}

/// Why a modem cannot be driven. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
enum ReadyError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(
        "read {0}; without it a PIN might be given twice, and a used code be good again: make it readable, or remove it"
    )]
    State(#[from] Unread),
}

impl Task {
    /// Waits until those `before` have let go of their ports and files, then makes the task. `None`: the agent ends.
    pub(super) async fn begin(
        (modem, interface): (Modem, String),
        (state_dir, shared): (PathBuf, Shared),
        ends: Ends,
        before: Vec<Ended>,
    ) -> Option<Self> {
        let Ends { id, news, mut from_loop, shown } = ends;
        for ended in before {
            ended.wait_and_refuse(&mut from_loop.asked, &shown).await?;
        }
        shown.send_modify(|shown| shown.problem = None);
        Some(Self {
            id,
            interface,
            // Not earlier: who was before may have had a message to keep.
            inbox: Inbox::open(&state_dir, &modem.name),
            modem,
            shared,
            news,
            from_loop,
            shown,
            saved: Saved::default(),
            told: None,
            used_up: false,
            warned: Vec::new(),
        })
    }

    /// Drives the modem until the agent drops its end.
    pub(super) async fn run(mut self) {
        loop {
            let end = match self.make_ready() {
                Ok(ready) => {
                    self.shown.send_modify(|shown| shown.problem = None);
                    self.drive(ready).await
                }
                Err(error) => End::NotBegun(format!("failed to {error}")),
            };
            let problem = match end {
                End::Closed => return,
                End::Broken => "its driver ended by itself, which is a defect; it is begun anew".to_owned(),
                End::NotBegun(problem) => problem,
            };
            self.shown.send_modify(|shown| shown.problem = Some(problem));
            self.warn().await;
            if self.wait_and_refuse().await.is_none() {
                return;
            }
        }
    }

    fn make_ready(&mut self) -> Result<Ready, ReadyError> {
        let name = &self.modem.name;
        self.shared.read()?;
        let file = self.shared.state_file(name);
        let kept: Option<Kept> = state_file::load(&file).map_err(|source| Unread { file, source })?;
        self.saved = kept.unwrap_or_default().resume();
        let remote = RemoteControl::open(self.modem.remote.as_ref(), &self.shared, name)?;
        Ok(Ready { config: setup::driver(&self.modem)?, remote })
    }

    /// Until it is time to look again; `None`: the agent ends.
    async fn wait_and_refuse(&mut self) -> Option<()> {
        let again = Instant::now() + SETUP_RETRY;
        loop {
            let asked = tokio::select! {
                asked = self.from_loop.asked.recv() => asked?,
                () = sleep_until(again) => return Some(()),
            };
            if asked.what == Wish::Messages {
                answers::messages(&self.inbox, asked);
            } else {
                let problem = self.shown.borrow().problem.clone().unwrap_or_default();
                asked.refuse(&format!("the modem is not driven: {problem}"));
            }
        }
    }

    /// One driver.
    async fn drive(&mut self, ready: Ready) -> End {
        let Ready { mut config, mut remote } = ready;
        let mut known = self.shared.follow();
        config.recovery.elsewhere = elsewhere(&known.borrow_and_update(), &self.modem.name);
        let seed = RandomState::new().hash_one(&self.modem.name);
        let (driver, mut handle) = Driver::new(config, &self.saved, seed);
        let running = tokio::spawn(driver.run());
        let mut minute = interval(MINUTE);
        minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Seen::default();
        let mut owed = self.from_loop.all();
        loop {
            tokio::select! {
                told = handle.told.recv() => match told {
                    Some(told) => self.hear(told, &handle, &mut remote).await,
                    None => return End::Broken,
                },
                Ok(()) = handle.state.changed() => {
                    let state = handle.state.borrow_and_update().clone();
                    self.see(state, &mut seen).await;
                }
                Ok(()) = known.changed() => {
                    owed.elsewhere = Some(elsewhere(&known.borrow_and_update(), &self.modem.name));
                }
                asked = self.from_loop.next(&mut owed, &handle.orders) => match asked {
                    Some(ask) => self.answer(ask, &handle),
                    None => {
                        self.take_leave(handle, running).await;
                        return End::Closed;
                    }
                },
                _ = minute.tick() => self.tell_time_and_bytes(&handle).await,
            }
        }
    }

    fn answer(&self, ask: Ask, handle: &Handle) {
        answers::answer(ask, &self.modem, &self.inbox, &handle.orders, |pin| self.may_unlock(pin));
    }

    /// Whether the SIM may be given this PIN of an operator's, as far as is known; why not.
    fn may_unlock(&self, pin: &Pin) -> Result<(), String> {
        let elsewhere = elsewhere(&self.shared.follow().borrow(), &self.modem.name);
        let attempts = self.saved.pins.iter().chain(&elsewhere.pins);
        let shown = self.shown.borrow();
        unlock::may(shown.state().map(|state| &state.machine), pin, attempts)
    }

    /// What is known now, for the status, the decisions and the warnings.
    async fn see(&mut self, state: State, seen: &mut Seen) {
        let now = seen.judge(&state);
        let used_up = state.machine.allowance.map(|allowance| allowance.used_up);
        self.shown.send_modify(|shown| shown.heard(state));
        if self.told != Some(now) {
            self.told = Some(now);
            self.tell(What::State(now)).await;
        }
        // While no card is known, nothing is known of what it may carry.
        if let Some(used_up) = used_up.filter(|used_up| *used_up != self.used_up) {
            self.used_up = used_up;
            self.tell(What::UsedUp(used_up)).await;
        }
        self.warn().await;
    }

    async fn warn(&mut self) {
        let trouble: Vec<String> = self.shown.borrow().trouble().into_iter().collect();
        if trouble != self.warned {
            self.warned.clone_from(&trouble);
            self.tell(What::Warnings(trouble)).await;
        }
    }

    /// What the driver tells, or asks.
    async fn hear(&mut self, told: Told, handle: &Handle, remote: &mut RemoteControl) {
        match told {
            Told::Journal(entry) => self.tell(What::Say(words::happening(&entry.what))).await,
            Told::Save { saved, done } => self.keep_saved(saved, done).await,
            Told::Bearer { settings, done } => self.tell(What::Bearer(settings, done)).await,
            Told::NoBearer => self.tell(What::NoBearer).await,
            Told::Probe { flows } => self.tell(What::Probe(flows)).await,
            Told::Power { on, done } => self.tell(What::Power(on, done)).await,
            Told::Message { received, taken } => self.receive(received, taken, handle, remote).await,
        }
    }

    async fn keep_saved(&mut self, saved: Saved, done: Answer<()>) {
        // The others know of it before it is on the disk: what is about to be done counts.
        self.shared.tell(&self.modem.name, &saved);
        self.saved = saved.clone();
        let file = self.shared.state_file(&self.modem.name);
        keep(move || state_file::save(&file, &Kept::now(saved)), done).await;
    }

    /// Has a driver end, keeps its last word, and waits until it has let go of its ports.
    async fn take_leave(&mut self, handle: Handle, running: JoinHandle<()>) {
        let Handle { orders, mut told, state: _ } = handle;
        drop(orders);
        let last = async {
            while let Some(told) = told.recv().await {
                // Whatever else it asks, nobody is there any more who could do it: dropped, it hears no.
                if let Told::Save { saved, done } = told {
                    self.keep_saved(saved, done).await;
                }
            }
            let _ended_well_or_not = running.await;
        };
        if timeout(GOODBYE, last).await.is_err() {
            tracing::warn!("a modem's driver did not end in time");
        }
    }

    /// A message: an order by SMS, or one for the operator to read.
    async fn receive(
        &mut self,
        received: Received,
        taken: Answer<()>,
        handle: &Handle,
        remote: &mut RemoteControl,
    ) {
        if let Received::Message(message) = &received
            && let Some(led_to) = remote.take(message, unix_time()).await
        {
            taken.give(());
            for consequence in led_to {
                self.follow(consequence, handle).await;
            }
            return;
        }
        let message = inbox::message(&received);
        let from = if message.from.is_empty() { "an unknown sender" } else { &message.from };
        self.tell(What::Say(format!("got a message from {from}; see `shunt modem sms list`"))).await;
        self.inbox.take(message);
        let inbox = self.inbox.clone();
        keep(move || inbox.save(), taken).await;
    }

    async fn follow(&mut self, consequence: Consequence, handle: &Handle) {
        match consequence {
            Consequence::Say(text) => self.tell(What::Say(text)).await,
            Consequence::Answer(to, text) => send(handle.orders.clone(), to, text),
            Consequence::Perform(order, to) => {
                let (reply, answer) = oneshot::channel();
                self.tell(What::Errand(Errand { order, reply })).await;
                let orders = handle.orders.clone();
                tokio::spawn(async move {
                    if let Ok(text) = answer.await {
                        send(orders, to, text);
                    }
                });
            }
        }
    }

    async fn tell_time_and_bytes(&self, handle: &Handle) {
        if let Some(time) = unix_time() {
            order(handle, Order::Clock(time));
        }
        let folder = Path::new("/sys/class/net").join(&self.interface).join("statistics");
        let count = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok();
        if let (Some(received), Some(sent)) = (count("rx_bytes"), count("tx_bytes")) {
            order(handle, Order::Usage(Usage { received, sent }));
        }
    }

    async fn tell(&self, what: What) {
        // The loop that would hear it may have ended first.
        let _nobody_hears = self.news.send(News { modem: self.id, what }).await;
    }
}

/// Gives an order that nobody waits for.
fn order(handle: &Handle, order: Order) {
    if handle.orders.try_send(order).is_err() {
        tracing::debug!("a modem's driver is too busy to be told");
    }
}

/// Does it where it holds up nobody, and says so once it is done; a failure is said by silence.
async fn keep(write: impl FnOnce() -> std::io::Result<()> + Send + 'static, done: Answer<()>) {
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => done.give(()),
        Ok(Err(error)) => tracing::warn!("failed to keep what a modem needs: {error}"),
        Err(error) => tracing::warn!("failed to keep what a modem needs: {error}"),
    }
}

/// Sends a message, and logs what became of it.
fn send(orders: mpsc::Sender<Order>, to: Address, text: String) {
    tokio::spawn(async move {
        let (answer, sent) = Answer::new();
        let whom = to.to_string();
        let given = orders.send(Order::Send { to, text, answer }).await;
        match (given, sent.await) {
            (Ok(()), Ok(Ok(_))) => {}
            (Ok(()), Ok(Err(error))) => tracing::warn!("the answer by SMS to {whom}: {error}"),
            (Err(_), _) | (_, Err(_)) => tracing::warn!("the answer by SMS to {whom} was not sent"),
        }
    });
}

/// The time of day, where it is certain.
fn unix_time() -> Option<UnixTime> {
    clock::certain_unix().map(UnixTime)
}
