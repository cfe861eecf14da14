//! The task of the MCU: opens the port, carries bytes between it and the session, answers what is asked, and keeps what
//! was told.

use super::answers::Waiter;
use super::book::Noted;
use super::flash::Image;
use super::kept::Kept;
use super::pace::Pace;
use super::port::{self, Budget};
use super::session::{Output, Session, chance};
use super::trouble::Trouble;
use super::view::Standing;
use super::{News, ToTask, name, pace, seconds, times, words};
use crate::api::mcu::McuLogEntry;
use crate::api::wire::EventKind;
use crate::clock;
use shunt_config::{McuPins, McuPort};
use shunt_decision::Timestamp;
use shunt_modem::Port;
use shunt_wire::{Happened, Seconds};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

/// A port that is not there is looked for after this, then after twice as long each time ...
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// ... up to this: half of what the MCU waits for a feed by default.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// A port that takes no byte for so long is opened anew.
const WRITING: Duration = Duration::from_secs(1);

/// Read at once: several of the longest frames.
const CHUNK: usize = 512;

/// A time of day before this (2025-01-01) is that of a machine that has not learned it yet.
const PLAUSIBLE: Duration = Duration::from_secs(1_735_689_600);

/// The task's ends of its channels.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) news: mpsc::Sender<News>,
    pub(super) asked: mpsc::Receiver<ToTask>,
    pub(super) feeds: watch::Receiver<Option<Timestamp>>,
    pub(super) tell: watch::Sender<Standing>,
}

/// The task.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) port: McuPort,
    pub(super) pins: Option<McuPins>,
    pub(super) state_dir: PathBuf,
    /// It is on the disk that an MCU is armed on this port.
    armed_kept: bool,
    pub(super) ends: Ends,
    pub(super) session: Session,
    pub(super) standing: Standing,
    /// The firmware that is to be flashed next.
    pub(super) wanted: Option<Image>,
    /// Farewells, and a lease, that wait for an upgrade's end or for the MCU's first answer.
    pub(super) later: Vec<ToTask>,
    pace: Duration,
    feed_timeout: Duration,
    pub(super) stop_lease: Seconds,
    /// How the port is, while it cannot be had.
    pub(super) away: Option<Trouble>,
    flooded: bool,
    events: Pace,
    warned: Vec<String>,
    pub(super) waiting: BTreeMap<u64, Waiter>,
    pub(super) next_ticket: u64,
}

/// Why the talk over a port ended.
enum End {
    /// The agent ends, or has another config.
    Closed,
    /// The port went, or takes nothing. Completes "failed to …".
    Gone(String),
    /// It is needed for an upgrade of the firmware.
    Flash,
}

impl Task {
    pub(super) fn new(config: &shunt_config::Mcu, port: &McuPort, state_dir: &Path, ends: Ends) -> Self {
        let kept = Kept::load(state_dir);
        let stop_lease = seconds(config.stop_lease);
        Self {
            port: port.clone(),
            pins: config.pins.clone(),
            wanted: None,
            later: Vec::new(),
            state_dir: state_dir.to_owned(),
            session: Session::new(times(config), stop_lease, chance(), kept.told, clock::now()),
            armed_kept: kept.armed().contains(port),
            ends,
            standing: Standing { port: name(port), ..Standing::default() },
            pace: pace(config),
            feed_timeout: config.feed_timeout,
            stop_lease,
            away: None,
            flooded: false,
            events: Pace::new(clock::now()),
            warned: Vec::new(),
            waiting: BTreeMap::new(),
            next_ticket: 0,
        }
    }

    /// Talks to the MCU until the agent drops its end.
    pub(super) async fn run(mut self) {
        let mut wait = SHORTEST_WAIT;
        loop {
            if let Some(image) = self.wanted.take() {
                if self.upgrade(image).await.is_none() {
                    return;
                }
                wait = SHORTEST_WAIT;
            }
            let failure = match port::open(&self.port) {
                Err(failure) => failure,
                Ok((port, path)) => {
                    self.away = None;
                    self.standing.port = path.display().to_string();
                    match self.talk(&port).await {
                        End::Closed => return,
                        End::Flash => continue,
                        End::Gone(failure) => failure,
                    }
                }
            };
            if self.standing.peer.is_some() {
                wait = SHORTEST_WAIT;
            }
            self.session.closed();
            self.away = Some(Trouble::Port(failure));
            self.take_up();
            // Nobody is there to send to; those who wait are answered.
            let _nothing_to_fail = self.carry_out(None).await;
            self.show();
            if self.wait_and_refuse(wait).await.is_none() {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Until it is time to look again; `None`: the agent ends.
    async fn wait_and_refuse(&mut self, wait: Duration) -> Option<()> {
        let again = sleep(wait);
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = &mut again => return Some(()),
                asked = self.ends.asked.recv() => self.take(asked?),
            }
            if self.wanted.is_some() {
                return Some(());
            }
        }
    }

    async fn talk(&mut self, port: &Port) -> End {
        let mut chunk = [0; CHUNK];
        let mut budget = Budget::new(clock::now());
        self.session.opened(clock::now());
        // A feed of just now is as good for the MCU as for the port that it came too early for.
        let fresh = self.ends.feeds.borrow_and_update().is_some_and(|at| clock::now().since(at) < self.pace);
        if fresh {
            self.feed();
        }
        loop {
            self.take_up();
            if let Err(failure) = self.carry_out(Some(port)).await {
                return End::Gone(failure);
            }
            let now = clock::now();
            self.flooded = budget.is_flooded(now);
            self.show();
            let rests_until = budget.rests_until(now);
            let due =
                rests_until.map_or(self.session.poll_timeout(), |rest| rest.min(self.session.poll_timeout()));
            tokio::select! {
                read = port.read(&mut chunk), if rests_until.is_none() => match read {
                    Ok(0) => return End::Gone(format!("read {}: it was unplugged", self.standing.port)),
                    Ok(length) => {
                        let now = clock::now();
                        budget.take(length, now);
                        self.session.receive(chunk.get(..length).unwrap_or_default(), now);
                    }
                    Err(error) => return End::Gone(format!("read {}: {error}", self.standing.port)),
                },
                fed = self.ends.feeds.changed() => match fed {
                    Ok(()) => self.feed(),
                    Err(_) => return End::Closed,
                },
                asked = self.ends.asked.recv() => match asked {
                    Some(asked) => self.take(asked),
                    None => return End::Closed,
                },
                () = sleep(due.since(now)) => {}
            }
            if self.wanted.is_some() {
                return End::Flash;
            }
            self.session.handle_timeout(clock::now());
        }
    }

    fn feed(&mut self) {
        let now = clock::now();
        self.session.feed(now);
        self.standing.fed = Some(now);
    }

    /// Does what the session wants; without a port nothing is sent.
    pub(super) async fn carry_out(&mut self, port: Option<&Port>) -> Result<(), String> {
        let mut bytes = Vec::new();
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(frame) => bytes.extend(frame),
                Output::Armed => {
                    self.tell_arming();
                    if !std::mem::replace(&mut self.armed_kept, true) {
                        let port = self.port.clone();
                        self.keep(None, move |kept| kept.arm(&port));
                    }
                }
                Output::Answered(ticket, outcome) => {
                    if let Some(waiter) = self.waiting.remove(&ticket) {
                        self.answer(waiter, outcome);
                    }
                }
                Output::Noted(noted) => {
                    let (kind, text) = words::event(&noted, wall());
                    self.standing.note(McuLogEntry {
                        number: noted.number,
                        at: noted.age.and_then(|age| Some(words::rfc3339(wall()?.checked_sub(age)?))),
                        uptime_s: noted.at.0.into(),
                        what: words::happened(noted.what).to_owned(),
                        text: words::text(&noted),
                    });
                    if noted.news && words::is_told(&noted) {
                        self.say(kind, text);
                    }
                    self.tell_reset(&noted);
                }
                Output::Forgotten(count) => {
                    let text = format!("the MCU forgot {count} entries of its record before they were read");
                    self.say(EventKind::Mcu, text);
                }
                Output::Strange(count) => {
                    let text = format!(
                        "the MCU remembers {count} things that this agent does not know: its firmware is newer; install the release that it is of"
                    );
                    self.say(EventKind::Mcu, text);
                }
                Output::Told(next) => {
                    self.keep(None, move |kept| kept.told.replace(next) != Some(next));
                }
            }
        }
        match port {
            Some(port) if !bytes.is_empty() => match timeout(WRITING, port.write_all(&bytes)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(format!("write to {}: {error}", self.standing.port)),
                Err(_) => Err(format!("write to {}: it takes no bytes", self.standing.port)),
            },
            Some(_) | None => Ok(()),
        }
    }

    /// A reset whose time is not known is told in words alone.
    fn tell_reset(&self, noted: &Noted) {
        if let (true, Happened::HostReset(_), Some(age)) = (noted.news, noted.what, noted.age) {
            let news = News::HostReset { age, silence: noted.silence, alarm: self.feed_timeout };
            if !self.tell(news) {
                tracing::warn!(
                    "the reset of the gateway by its MCU is not among the incidents: the agent is too busy"
                );
            }
        }
    }

    fn tell_arming(&mut self) {
        let Some(peer) = self.session.peer() else { return };
        let text = format!(
            "the watchdog MCU on {} guards the gateway (board {}, firmware {})",
            self.standing.port,
            clean(peer.board.as_str()),
            clean(peer.software.as_str())
        );
        self.say(EventKind::Mcu, text);
    }

    /// Shows how it stands, and warns of what is wrong.
    pub(super) fn show(&mut self) {
        let trouble = self.away.as_ref().or(self.session.trouble()).map(|trouble| self.sentence(trouble));
        let flood = self.flooded.then(|| {
            format!(
                "the watchdog MCU on {} floods its line: what is too much is read later or lost; is its firmware in order?",
                self.standing.port
            )
        });
        self.standing.peer = self.session.peer().cloned();
        self.standing.state = self.session.status().copied();
        self.standing.trouble = trouble.clone().or(flood.clone());
        self.ends.tell.send_replace(self.standing.clone());
        let warnings: Vec<String> = trouble.into_iter().chain(flood).collect();
        // What the loop could not take is told with the next turn.
        if warnings != self.warned && self.tell(News::Warnings(warnings.clone())) {
            self.warned = warnings;
        }
    }

    pub(super) fn sentence(&self, trouble: &Trouble) -> String {
        format!("the watchdog MCU on {} {trouble}", self.standing.port)
    }

    /// Whether the loop took it: it may have ended, and one that stands still is not waited for.
    fn tell(&self, news: News) -> bool {
        self.ends.news.try_send(news).is_ok()
    }

    pub(super) fn say(&mut self, kind: EventKind, text: String) {
        if kind == EventKind::Mcu {
            match self.events.tell(clock::now()) {
                Some(0) => {}
                Some(more) => {
                    let text =
                        format!("the MCU did {more} more things that are not told, since they were too many");
                    self.put(EventKind::Mcu, text);
                }
                None => return tracing::debug!("{text}"),
            }
        }
        self.put(kind, text);
    }

    fn put(&self, kind: EventKind, text: String) {
        if !self.tell(News::Say(kind, text.clone())) {
            tracing::warn!("{text}");
        }
    }

    /// The MCU is disarmed: whoever waits hears of it when that is on the disk.
    pub(super) fn keep_disarmed(&mut self, reply: oneshot::Sender<Result<(), String>>) {
        self.armed_kept = false;
        let port = self.port.clone();
        self.keep(Some(reply), move |kept| kept.disarm(&port));
    }

    /// Changes what is kept on the disk, where it holds up nobody but `reply`: a thread does that, one change after another.
    fn keep(
        &self,
        reply: Option<oneshot::Sender<Result<(), String>>>,
        change: impl FnOnce(&mut Kept) -> bool + Send + 'static,
    ) {
        let state_dir = self.state_dir.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = Kept::update(&state_dir, change) {
                tracing::warn!("failed to keep what is known of the watchdog MCU: {error}");
            }
            let _loop_gave_up = reply.map(|reply| reply.send(Ok(())));
        });
    }
}

/// The time of day, where it can be right.
fn wall() -> Option<SystemTime> {
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).is_ok_and(|since| since >= PLAUSIBLE).then_some(now)
}

/// A name from the other side of a line, for a log and a terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect()
}
