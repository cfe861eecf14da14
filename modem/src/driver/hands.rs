//! What holds the modem: its ports, the dialect spoken over them, and what was learnt of both. Commands go out here, one
//! at a time, and what came of them is gathered for the machine.

use super::access_point::Standing;
use super::api::{Config, Counters, OrderError, Told};
use super::pace::Pace;
use super::supply::Supply;
use crate::dialect::{
    Addressing, Ask, Cells, Dialect, Need, Operator, Path, Query, Reading, Step, TenthsOfCelsius, Way,
};
use crate::ports::{Bus, Device, Finder, Found};
use crate::{ModemError, Pair, Reply, Session};
use shunt_at::{Class, Final, Outcome};
use shunt_recovery::facts::{CmeError, Fact, Identity, IpSettings, SimState};
use shunt_recovery::{End, Hardware, Refusal};
use std::path::PathBuf;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

/// The modem's owner. It is lent to one piece of work at a time.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) config: Config,
    pub(super) pace: Pace,
    pub(super) finder: Finder,
    pub(super) pair: Option<Pair>,
    pub(super) supply: Supply,
    pub(super) tell: Tell,
    pub(super) dialect: &'static Dialect,
    /// The way by which the bearer comes up.
    pub(super) way: &'static Way,
    /// The SIM whose context was defined since the modem's start.
    pub(super) defined: Option<usize>,
    /// The place of the SIM in use, in the config's order.
    pub(super) sim: usize,
    /// Which access point the bearer has, and what was done about it.
    pub(super) access_point: Standing,
    /// The modem translates addresses: the host's is another than the bearer's.
    pub(super) translated: bool,
    /// How often in a row some of its ports were not there.
    pub(super) incomplete: u32,
    /// Whether the modem counts bytes itself, by its first answer since it was identified. It is not asked to decide again:
    /// two counters in turn would count nothing.
    pub(super) counts: Option<bool>,
    /// Messages are set up since the modem's start.
    pub(super) letters_set_up: bool,
    /// The reference of the last message that was sent.
    pub(super) reference: u8,
    /// How often all that was learnt became void.
    pub(super) lives: u64,
    pub(super) known: Known,
    pub(super) gathered: Gathered,
    pub(super) counters: Counters,
}

/// What is shown of the modem beside what the machine knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) device: Option<Device>,
    pub(super) ports: Vec<PathBuf>,
    pub(super) trouble: Option<String>,
    pub(super) operator: Option<Operator>,
    pub(super) cells: Option<Cells>,
    pub(super) temperature: Option<TenthsOfCelsius>,
    /// See [`super::api::State::other_access_point`].
    pub(super) other_access_point: Option<String>,
    /// What the agent was told to set, while it holds.
    pub(super) ip: Option<IpSettings>,
    /// What the SIM wanted last.
    pub(super) sim: Option<SimState>,
}

/// What one piece of work brought to light.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) facts: Vec<Fact>,
    pub(super) hardware: Option<Hardware>,
    /// Lines that may be others': for the reader of reports.
    pub(super) lines: Vec<String>,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// No answer in time.
    TimedOut,
    /// No port.
    Gone,
    /// No.
    Refused(Refusal),
}

/// What the commands of one question came to.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) lines: Vec<String>,
    /// The last refusal.
    pub(super) refusal: Option<Refusal>,
}

/// Tells the agent, and never waits for it.
#[derive(Debug)]
pub(super) struct Tell {
    pub(super) sender: mpsc::Sender<Told>,
    pub(super) untold: u64,
}

impl Tell {
    /// Whoever is asked something that he never hears of sees his answer's place dropped.
    pub(super) fn tell(&mut self, told: Told) {
        if self.sender.try_send(told).is_err() {
            self.untold += 1;
        }
    }
}

impl Hands {
    pub(super) fn new(config: Config, pace: Pace, sender: mpsc::Sender<Told>) -> Self {
        let finder = Finder::new(config.sysfs.clone(), config.selector.clone(), config.probing);
        let dialect = Dialect::of(&Identity::default(), None);
        Self {
            supply: Supply::new(config.power.clone()),
            config,
            pace,
            finder,
            pair: None,
            tell: Tell { sender, untold: 0 },
            dialect,
            way: first_way(dialect),
            defined: None,
            sim: 0,
            access_point: Standing::default(),
            translated: false,
            incomplete: 0,
            counts: None,
            letters_set_up: false,
            reference: 0,
            lives: 0,
            known: Known::default(),
            gathered: Gathered::default(),
            counters: Counters::default(),
        }
    }

    /// The next unsolicited line; never, while no port is open. May be dropped at any time.
    pub(super) async fn next_urc(&mut self) -> Result<String, ModemError> {
        match &mut self.pair {
            Some(pair) => pair.next_urc().await,
            None => std::future::pending().await,
        }
    }

    /// Opens the ports that were found.
    pub(super) fn open(&mut self, found: Found) -> Result<(), ModemError> {
        self.let_go();
        let Config { baud, timing, .. } = self.config;
        let mut sessions = Vec::new();
        for port in &found.ports {
            match Session::open(&port.node, baud, found.echo, timing) {
                Ok(session) => sessions.push(session),
                Err(error) if sessions.is_empty() => return Err(error),
                Err(error) => warn!(%error, "the modem's second port is left out"),
            }
        }
        let mut sessions = sessions.into_iter();
        let Some(commands) = sessions.next() else { return Err(ModemError::Gone { source: None }) };
        self.pair = Some(Pair::new(commands, sessions.next()));
        self.known.ports = found.ports.iter().map(|port| port.node.clone()).collect();
        info!(ports = ?self.known.ports, "the modem's ports are open");
        self.known.trouble = None;
        self.known.device = Some(found.device);
        Ok(())
    }

    /// Closes the ports.
    pub(super) fn let_go(&mut self) {
        self.counters.urcs_lost = self.urcs_lost();
        self.pair = None;
        self.known.ports.clear();
        self.forget();
    }

    /// Unsolicited lines that were dropped, on the ports of now and on those before.
    pub(super) fn urcs_lost(&self) -> u64 {
        self.counters.urcs_lost.saturating_add(self.pair.as_ref().map_or(0, Pair::urcs_lost))
    }

    /// What was learnt of a modem that booted or went is void.
    pub(super) fn forget(&mut self) {
        self.defined = None;
        self.access_point.settled = false;
        self.translated = false;
        self.letters_set_up = false;
        self.lives += 1;
        self.known.operator = None;
        self.known.cells = None;
        self.known.sim = None;
    }

    /// Sends one command. Lines that may be others' are kept for the reader of reports.
    pub(super) async fn send(&mut self, ask: &Ask) -> Result<Reply, Broken> {
        let limit = self.pace.real(ask.timeout);
        let Some(pair) = &mut self.pair else { return Err(Broken::Gone) };
        self.counters.commands += 1;
        let reply = match pair.commands().command(ask.command.clone(), limit).await {
            Ok(reply) => reply,
            Err(error) => return Err(self.broken(&error)),
        };
        if ask.command.class() == Class::MultiLine("") {
            self.gathered.lines.extend(reply.lines.iter().cloned());
        }
        self.note_boot(reply.outcome);
        Ok(reply)
    }

    /// A boot that fell into a command ended it, and its banner comes but once.
    pub(super) fn note_boot(&mut self, outcome: Outcome) {
        if outcome == Outcome::Restarted {
            self.gathered.facts.push(Fact::Booted);
        }
    }

    /// What an error of the session means. Ports that are gone are let go of.
    pub(super) fn broken(&mut self, error: &ModemError) -> Broken {
        debug!(%error, "the modem");
        match error {
            ModemError::Timeout { .. } | ModemError::Unresponsive { .. } => {
                self.counters.timeouts += 1;
                Broken::TimedOut
            }
            ModemError::NoEcho => {
                // What was learnt of its echo is not so: ask anew when it is found next.
                self.finder.forget();
                self.counters.timeouts += 1;
                Broken::TimedOut
            }
            ModemError::Gone { .. } => {
                self.counters.gone += 1;
                self.let_go();
                Broken::Gone
            }
            ModemError::Open { .. } | ModemError::Refused(_) => Broken::Refused(Refusal::Other),
        }
    }

    /// Sends the commands of a question: where one fails, what the others say still counts.
    pub(super) async fn ask_all(&mut self, asks: impl Iterator<Item = Ask>) -> Result<Asked, Broken> {
        let mut asked = Asked { lines: Vec::new(), refusal: None };
        let (mut sent, mut well) = (false, false);
        for ask in asks {
            if ask.need == Need::Otherwise && well {
                continue;
            }
            let reply = self.send(&ask).await?;
            sent = true;
            well = is_ok(reply.outcome);
            if !well {
                asked.refusal = Some(refusal(reply.outcome));
            }
            asked.lines.extend(reply.lines);
        }
        if !sent {
            asked.refusal = Some(Refusal::Unsupported);
        }
        Ok(asked)
    }

    /// Asks `query`. No reading comes with why there is none.
    pub(super) async fn read(&mut self, query: Query) -> Result<Result<Reading, Refusal>, Broken> {
        let (dialect, cid) = (self.dialect, self.config.context.cid);
        let asked = self.ask_all(dialect.ask(query, cid)).await?;
        let reading = dialect.read(query, cid, &asked.lines);
        Ok(reading.ok_or(asked.refusal.unwrap_or(Refusal::Other)))
    }

    /// Carries out a step: each of its commands must be done, in one way or another.
    pub(super) async fn act(&mut self, step: Step<'_>) -> Result<(), Broken> {
        let asks = self.dialect.act(step).map_err(|error| {
            warn!(%error, "the modem");
            Broken::Refused(Refusal::Other)
        })?;
        if asks.is_empty() {
            return Err(Broken::Refused(Refusal::Unsupported));
        }
        let mut asks = asks.into_iter().peekable();
        let mut done = false;
        while let Some(ask) = asks.next() {
            if ask.need == Need::Otherwise && done {
                continue;
            }
            let reply = self.send(&ask).await?;
            done = is_ok(reply.outcome);
            let another = asks.peek().is_some_and(|next| next.need == Need::Otherwise);
            if !done && !another {
                return Err(Broken::Refused(refusal(reply.outcome)));
            }
        }
        Ok(())
    }

    /// Vendor and product on USB.
    pub(super) fn usb(&self) -> Option<(u16, u16)> {
        let device = self.known.device.as_ref().filter(|device| device.bus == Bus::Usb)?;
        device.id.map(|id| (id.vendor, id.product))
    }
}

/// The first way that leads to a network interface: what a call by PPP needs is not done here. Each dialect has one.
pub(super) fn ways(dialect: &'static Dialect) -> impl Iterator<Item = &'static Way> {
    dialect.ways().filter(|way| way.path == Path::Interface && way.addressing != Addressing::Ppp)
}

/// See [`ways`].
pub(super) fn first_way(dialect: &'static Dialect) -> &'static Way {
    ways(dialect).next().unwrap_or(crate::dialect::context_way())
}

/// Whether a command was done. A raw data channel beside the port is opened by `CONNECT`.
pub(super) fn is_ok(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Final(Final::Ok | Final::Connect))
}

/// By what it was refused. A bare `ERROR` may mean anything.
pub(super) fn refusal(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Final(Final::Cme(Some(number))) if CmeError(number) == CmeError::NOT_SUPPORTED => {
            Refusal::Unsupported
        }
        Outcome::Final(Final::Cme(Some(number))) => Refusal::Cme(CmeError(number)),
        Outcome::Final(Final::NotSupported) => Refusal::Unsupported,
        Outcome::Final(
            Final::Ok
            | Final::Connect
            | Final::Error
            | Final::Cme(None)
            | Final::Cms(_)
            | Final::NoCarrier
            | Final::NoDialtone
            | Final::Busy
            | Final::NoAnswer,
        )
        | Outcome::Incomplete
        | Outcome::Restarted
        | Outcome::Overflow => Refusal::Other,
    }
}

impl Broken {
    /// The end of a task that ran into this.
    pub(super) fn end(self) -> End {
        match self {
            Self::TimedOut => End::TimedOut,
            Self::Gone => End::PortGone,
            Self::Refused(refusal) => End::Refused(refusal),
        }
    }

    /// The same for an order's giver.
    pub(super) fn order_error(error: &ModemError) -> OrderError {
        match error {
            ModemError::Timeout { .. } | ModemError::Unresponsive { .. } | ModemError::NoEcho => {
                OrderError::TimedOut
            }
            ModemError::Gone { .. } | ModemError::Open { .. } => OrderError::Gone,
            ModemError::Refused(reason) => OrderError::Command { reason: reason.to_string() },
        }
    }
}
