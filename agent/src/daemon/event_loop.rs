//! The one task that owns the core, the prober and the kernel's edge. See "Data flow" in `ARCHITECTURE.md`.

use super::alarm::Alarm;
use super::budgets::Budgets;
use super::canary_back::{CanaryBack, CanaryRetry};
use super::duties::Ledger;
use super::feed::Feed;
use super::lease::Lease;
use super::modems::ModemDesk;
use super::record::Record;
use super::settings;
use super::store::Store;
use super::warnings::Concern;
use super::window;
use crate::api::wire::{EventKind, Response};
use crate::api::{Names, Order};
use crate::clock;
use crate::mcu;
use crate::modem::News;
use crate::netlink::{Kernel, Notice, Traffic};
use crate::probe::{Canary, GatewayAnswer, Prober};
use crate::recording::{Disk, Recorded};
use shunt_config::FailbackMode;
use shunt_decision::{Action, Event, Happening, Outcome, PathState, ProbeId, Timestamp};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// A timer that fires this late means that the machine slept or the loop stood still (SIGSTOP, a stuck
/// disk): what the probes then in flight say is no longer about the link. Busy machines are late by less.
const STANDSTILL: Duration = Duration::from_secs(1);

/// How often the maintenance window is looked at: it opens and closes on a minute.
const WINDOW_CHECK: Duration = Duration::from_secs(20);

/// The loop never sleeps longer: nothing waits for it, but a status with a wrong clock would be found out.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// SIGTERM, SIGINT or `shunt stop`: forwarding stays as it is.
    Stop,
    /// `shunt stop --restore`: the kernel was given back.
    Restored,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals that an operator or a service manager sends.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// What outlives a reload: the control socket's orders, the signals, the record and its keeping.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) signals: Signals,
    pub(super) record: Record,
    pub(super) store: Store,
    pub(super) budgets: Budgets,
    pub(super) disk: Disk,
    pub(super) feed: Feed,
    /// Who has the agent stopped for good, and hears of it when the watchdogs know.
    pub(super) parting: Option<oneshot::Sender<Response>>,
    pub(super) alarm: Alarm,
    pub(super) started: Timestamp,
}

/// The loop and all that it owns.
pub(super) struct EventLoop {
    pub(super) core: Recorded,
    pub(super) kernel: Kernel,
    pub(super) prober: Prober,
    pub(super) canary: Canary,
    pub(super) canary_back: CanaryBack,
    pub(super) canary_retry: CanaryRetry,
    pub(super) config: shunt_config::Config,
    pub(super) names: Names,
    pub(super) around: Surroundings,
    pub(super) desk: ModemDesk,
    pub(super) notices: Vec<Notice>,
    pub(super) outcomes: Vec<(ProbeId, Outcome)>,
    pub(super) gateways: Vec<GatewayAnswer>,
    pub(super) window: Option<(Timestamp, bool)>,
    /// Why nothing is recorded, as it was told last.
    pub(super) recording_fault: Option<String>,
    /// What was taken up by when.
    pub(super) duties: Ledger,
}

enum Wake {
    Kernel,
    Timer,
    Canary,
    Store,
    Prober,
    Order(Order),
    Modem(News),
    Mcu(mcu::News),
    Ended(End),
}

impl EventLoop {
    /// Turns until told to end; gives back what outlives it.
    pub(super) async fn run(mut self) -> (End, Self) {
        self.take_notices(clock::now());
        loop {
            self.act();
            self.core.keep(clock::now());
            let wake_at = self.next_wake();
            let wake = self.wait(wake_at).await;
            let now = clock::now();
            if now.since(wake_at) > STANDSTILL {
                self.core.handle_event(Event::ClockGap, now);
                self.duties.stood_still(now);
            }
            let (mut canary_is_back, mut probe_failed) = (false, false);
            match wake {
                Wake::Kernel => self.kernel.process(now, &mut self.notices),
                Wake::Timer => {}
                Wake::Canary => canary_is_back = true,
                Wake::Store => self.see_what_is_kept(),
                Wake::Prober => probe_failed = true,
                Wake::Order(order) => {
                    if let Some(end) = self.obey(order, now) {
                        return (end, self);
                    }
                }
                Wake::Modem(news) => self.take_news(news, now),
                Wake::Mcu(news) => self.take_mcu_news(news),
                Wake::Ended(end) => return (end, self),
            }
            // The move comes first; what the kernel's edge has put off for it comes after.
            self.take_notices(now);
            self.act();
            if self.kernel.poll_timeout().is_some_and(|due| due <= now) {
                self.kernel.handle_timeout(now, &mut self.notices);
                self.take_notices(now);
                self.act();
            }
            let timers = [self.core.poll_timeout().map(|(at, _)| at), self.prober.poll_timeout()];
            if canary_is_back || probe_failed || timers.into_iter().flatten().any(|due| due <= now) {
                self.judge(canary_is_back, now);
            }
            self.keep_time(now);
        }
    }

    fn next_wake(&self) -> Timestamp {
        let core = self.core.poll_timeout().map(|(at, _)| at);
        let window = self.window.map(|(checked, _)| checked + WINDOW_CHECK);
        [
            core,
            self.core.keep_due(clock::now()),
            self.kernel.poll_timeout(),
            self.prober.poll_timeout(),
            window,
            self.around.feed.poll_timeout(),
            self.canary_retry.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or_else(|| clock::now() + LONGEST_SLEEP)
    }

    async fn wait(&mut self, until: Timestamp) -> Wake {
        if let Err(error) = self.around.alarm.set(until) {
            // The kernel refuses no such call of a sound program.
            tracing::error!("failed to set the timer of the event loop: {error}");
        }
        let Surroundings { orders, signals, alarm, store, feed, .. } = &mut self.around;
        // No order among those that are ready: a flood of one kind must not keep the operator from stopping the agent.
        tokio::select! {
            _ = self.kernel.readable() => Wake::Kernel,
            () = self.canary_back.readable() => Wake::Canary,
            () = self.prober.called() => Wake::Prober,
            _ = alarm.rings() => Wake::Timer,
            () = store.wrote() => Wake::Store,
            Some(order) = orders.recv() => Wake::Order(order),
            news = self.desk.modems.news() => Wake::Modem(news),
            news = feed.mcu.news() => Wake::Mcu(news),
            _ = signals.hang_up.recv() => Wake::Ended(End::Reload),
            _ = signals.terminate.recv() => Wake::Ended(End::Stop),
            _ = signals.interrupt.recv() => Wake::Ended(End::Stop),
        }
    }

    /// Hands what the kernel said to the core, and to the prober what it needs to reach a link.
    pub(super) fn take_notices(&mut self, now: Timestamp) {
        let mut notices = std::mem::take(&mut self.notices);
        let mut moved = false;
        for notice in notices.drain(..) {
            match notice {
                Notice::Carrier { link, up, at } => {
                    self.duties.carrier(link, up, now);
                    self.core.handle_event(Event::Carrier { link, up, at }, now);
                }
                Notice::Path { link, family, state, binding } => {
                    moved = true;
                    // Failed sockets are told to the core by the probes that cannot be sent.
                    let bound = self.prober.bind(link, family, binding, now);
                    self.note(Concern::Probes(link, family), bound);
                    self.duties.path((link, family), state == PathState::Ready, now);
                    self.core.handle_event(Event::Path { link, family, state }, now);
                }
                Notice::Ranked { family, id, at, accepted } => {
                    self.mend(Concern::Ranking(family));
                    self.core.handle_event(Event::Ranked { id, at, accepted }, now);
                }
                Notice::Resolvers { link, resolvers } => {
                    if let Some(config) = self.config.links.get(usize::from(link.0)) {
                        self.prober.resolve_by(link, &settings::resolvers(config, &resolvers));
                    }
                }
                Notice::Repaired(text) => self.say(EventKind::Repaired, &text),
                Notice::Warnings { about, sentences } => {
                    self.set_warnings(Concern::Kernel(about), sentences);
                }
            }
        }
        self.notices = notices;
        if moved {
            self.hand_over_addresses();
        }
    }

    /// First all replies that lie in the sockets, then the judgement.
    fn judge(&mut self, canary_is_back: bool, now: Timestamp) {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        self.prober.drain(now, &mut outcomes);
        // Strangers' packets to the canary's address, too, are taken out when they wake the loop.
        if canary_is_back || self.canary.is_out() {
            self.canary.drain(now, &mut outcomes);
        }
        for (id, outcome) in outcomes.drain(..) {
            self.core.handle_event(Event::Probe { id, outcome }, now);
        }
        self.outcomes = outcomes;
        self.charge_pages(now);
        self.prober.gateway_answers(now, &mut self.gateways);
        for GatewayAnswer { id, link, family, answers } in self.gateways.drain(..) {
            self.core.handle_event(Event::Gateway { id, link, family, answers }, now);
        }
        self.core.handle_timeout(now);
        self.see_what_opened();
    }

    /// Carries out what the core wants, until it wants nothing more.
    pub(super) fn act(&mut self) {
        let mut judged = false;
        while let Some(action) = self.core.poll_action() {
            let now = clock::now();
            match action {
                Action::Probe { id, link, target, expires } => {
                    let spent = self.prober.send(id, link, target, now, expires);
                    self.charge(link, spent, now);
                    self.duties.probed(link, target, now);
                }
                Action::Canary { id, link, target, expires, .. } => {
                    let stand_in = self.prober.stand_in(link, target);
                    let targets = self.config.links.get(usize::from(link.0)).map(|link| &link.targets);
                    if let Some(target) = targets.and_then(|targets| targets.get(usize::from(target.0))) {
                        self.canary.send(id, stand_in.as_ref().unwrap_or(&target.target), now, expires);
                    }
                }
                Action::SampleTraffic { link } => {
                    if let Some(Traffic { received, sent }) = self.kernel.traffic(link) {
                        let counted = Event::Traffic { link, received, sent };
                        self.core.handle_event(counted, self.core.latest());
                    }
                }
                Action::AskGateway { id, link, family, expires } => {
                    if let Some(router) = self.kernel.router(link, family) {
                        self.prober.ask_gateway((id, link), router, now, expires);
                    }
                }
                Action::Rank { id, family, order, .. } => {
                    let ranked = self.kernel.rank(id, family, &order, now);
                    let (at, accepted) = (*ranked.as_ref().unwrap_or(&now), ranked.is_ok());
                    self.core.handle_event(Event::Ranked { id, at, accepted }, now);
                    self.note(Concern::Ranking(family), ranked);
                }
                Action::CutFlows { family, link } => {
                    let cut = self.kernel.cut_flows(link, family);
                    self.note(Concern::Flows(family), cut);
                }
                Action::KeepForce(force) => {
                    let lease = force.map(|force| Lease::of(&force, &self.names, now));
                    self.around.store.keep_lease(lease);
                }
                Action::Journal(entry) => {
                    judged |= matches!(entry.what, Happening::Verdict { .. });
                    let context = Self::context(&self.names, &self.config, self.around.started, &[]);
                    let Surroundings { record, store, .. } = &mut self.around;
                    record.enter(&entry, || self.core.snapshot(), &context, store);
                }
            }
        }
        if judged {
            self.tell_modems_verdicts();
        }
    }

    /// The watchdogs, the canary's interface, how the recording goes, and the maintenance window.
    fn keep_time(&mut self, now: Timestamp) {
        self.feed(now);
        self.mend_canary(now);
        self.keep_budgets(now);
        let fault = self.core.fault().or_else(|| self.around.disk.health().fault);
        if fault != self.recording_fault {
            self.set_warnings(Concern::Recording, fault.iter().cloned().collect());
            self.recording_fault = fault;
        }
        let FailbackMode::Window(daily) = self.config.failback.mode else { return };
        if self.window.is_none_or(|(checked, _)| now.since(checked) >= WINDOW_CHECK) {
            let open = window::is_open_now(daily);
            if self.window.is_none_or(|(_, was_open)| was_open != open) {
                self.core.handle_event(Event::Window { open }, now);
            }
            self.window = Some((now, open));
        }
    }
}
