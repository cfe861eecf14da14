//! The state machine: what silence leads to.

use crate::allowance::Allowance;
use crate::settings::{Settings, SettingsError};
use crate::stage::{Outputs, Stage};
use crate::time::{Instant, Span};

/// What the host says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is alive.
    Feed,
    /// It asks not to be judged for so long; zero ends a lease.
    Lease(Span),
    /// It asks for its own reset.
    Reset,
}

/// Why the modem's supply is not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCut {
    /// It is off, or the host is not well: what is under way comes first.
    NotNow,
    /// So long must be waited.
    TooSoon(Span),
}

/// The modem's supply is cut so often at once, by silence and by request together ...
const MODEM_CUTS: u8 = 6;
/// ... and once more after each such time: more harms a modem, and its network locks it out.
const MODEM_CUT_RETURNS: Span = Span::from_secs(3600);

/// What must survive a reset of the MCU itself, so that its own hang makes no boot loop of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// How often the host has been reset, ever.
    pub host_resets: u32,
    /// How often since it was last healthy for long: the exponent of the back-off.
    pub in_a_row: u8,
    /// How often the modem's supply was cut, ever.
    pub modem_cycles: u32,
    /// How many of the modem's cuts are spent at present.
    pub modem_spent: u8,
}

/// The escalation of a guarded host.
#[derive(Debug, Clone)]
pub struct Escalation {
    settings: Settings,
    stage: Stage,
    record: Record,
    /// Before this the host is not reset.
    next_reset: Instant,
    /// Nor before this, even if feeds came and ceased since: a host may feed early and boot on.
    grace_until: Instant,
    /// No lease before this: the host was asked to shut down not long ago, and one that obeys asks for a lease on its way
    /// out.
    lease_from: Instant,
    /// Since when feeds have come without a gap.
    healthy_since: Option<Instant>,
    /// The modem's supply is cut by request until then.
    modem_back: Option<Instant>,
    /// It is not cut before this: it was cut not long ago.
    modem_free: Instant,
    modem_cuts: Allowance,
}

/// What moves the machine on: an event, or the end of the stage.
#[derive(Debug, Clone, Copy)]
enum Input {
    Feed,
    Lease(Span),
    LeaseEnd,
    Reset,
    TimeUp,
}

impl Escalation {
    /// An escalation that starts at `now`, in the boot grace, with the `record` of earlier. If the host was reset
    /// before and has not been healthy since, that is taken to have been just now: the MCU cannot know.
    ///
    /// # Errors
    ///
    /// When the settings make no sense.
    pub fn new(settings: Settings, record: Record, now: Instant) -> Result<Self, SettingsError> {
        settings.check()?;
        let next_reset = if record.in_a_row == 0 { now } else { now + distance(&settings, record.in_a_row) };
        let grace_until = now + settings.boot_grace;
        Ok(Self {
            settings,
            stage: Stage::Grace { until: grace_until },
            record,
            next_reset,
            grace_until,
            lease_from: now,
            healthy_since: None,
            modem_back: None,
            // As if it had come on just now: so it has, when all power did.
            modem_free: if record.modem_spent == 0 { now } else { now + settings.modem_rail.settle },
            modem_cuts: Allowance::new(MODEM_CUTS, MODEM_CUT_RETURNS, record.modem_spent, now),
        })
    }

    /// Takes what the host said at `now`.
    pub fn handle_event(&mut self, event: Event, now: Instant) {
        // What is overdue comes first: an event does not undo what should have happened before it.
        self.handle_timeout(now);
        let input = match event {
            Event::Feed => Input::Feed,
            Event::Lease(Span::ZERO) => Input::LeaseEnd,
            Event::Lease(span) => Input::Lease(span.min(self.settings.longest_lease)),
            Event::Reset => Input::Reset,
        };
        self.step(input, now);
    }

    /// Moves on if the stage's time is up at `now`, by one stage: a late call gives each stage its whole time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.modem_back.is_some_and(|back| now >= back) {
            self.modem_back = None;
            self.modem_free = now + self.settings.modem_rail.settle;
        }
        if now >= self.stage.until() {
            self.step(Input::TimeUp, now);
        }
    }

    /// When [`Escalation::handle_timeout`] is to be called: there always is such a time.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.modem_back.map_or(self.stage.until(), |back| back.min(self.stage.until()))
    }

    /// The levels that the outputs must have now.
    #[must_use]
    pub fn outputs(&self) -> Outputs {
        let outputs = self.stage.outputs();
        Outputs { modem_power: outputs.modem_power && self.modem_back.is_none(), ..outputs }
    }

    /// Takes other times. What is under way ends as it was to end.
    ///
    /// # Errors
    ///
    /// When they make no sense.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), SettingsError> {
        settings.check()?;
        self.settings = settings;
        Ok(())
    }

    /// Cuts the modem's supply at the host's request.
    ///
    /// # Errors
    ///
    /// When it must not be cut now.
    pub fn cycle_modem(&mut self, now: Instant) -> Result<(), NoCut> {
        self.handle_timeout(now);
        let calm = matches!(self.stage, Stage::Grace { .. } | Stage::Guarding { .. } | Stage::Leased { .. });
        if !calm || self.modem_back.is_some() {
            return Err(NoCut::NotNow);
        }
        self.spend_cut(now).map_err(NoCut::TooSoon)?;
        self.modem_back = Some(now + self.settings.modem_rail.off);
        Ok(())
    }

    /// How long the host's reset must still wait.
    #[must_use]
    pub fn reset_wait(&self, now: Instant) -> Span {
        self.earliest_reset().since(now)
    }

    /// Where the escalation stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What the board keeps over its own resets, whenever it changes.
    #[must_use]
    pub fn record(&self) -> Record {
        Record { modem_spent: self.modem_cuts.spent(), ..self.record }
    }

    /// The one place where the stage changes.
    fn step(&mut self, input: Input, now: Instant) {
        let set = self.settings;
        if matches!(self.stage, Stage::ShutdownRequested { .. }) {
            self.lease_from = now + set.shutdown;
        }
        self.stage = match (self.stage, input) {
            // The least times are kept. A host in reset says nothing: this is noise.
            (
                stage @ Stage::HostReset { .. },
                Input::Feed | Input::Lease(_) | Input::LeaseEnd | Input::Reset,
            )
            // What the host asked for comes, whatever it says then.
            | (
                stage @ Stage::ShutdownRequested { asked: true, .. },
                Input::Feed | Input::Lease(_) | Input::LeaseEnd | Input::Reset,
            )
            // A lease is not ended by feeds: the agent asks for it, and feeds until it stops.
            | (stage @ Stage::Leased { .. }, Input::Feed)
            // No lease to end: it is no claim that the duties turn over.
            | (
                stage @ (Stage::Grace { .. }
                | Stage::Guarding { .. }
                | Stage::Alert { .. }
                | Stage::ModemOff { .. }
                | Stage::ModemSettling { .. }
                | Stage::ShutdownRequested { asked: false, .. }
                | Stage::BackingOff { .. }),
                Input::LeaseEnd,
            )
            // The modem must come back first, or the reset is under way.
            | (
                stage @ (Stage::ModemOff { .. }
                | Stage::ShutdownRequested { asked: false, .. }
                | Stage::BackingOff { .. }),
                Input::Reset,
            )
            // A host that obeys and shuts down asks for the lease of every stop. It would be off for all of that.
            | (stage @ (Stage::ShutdownRequested { asked: false, .. } | Stage::BackingOff { .. }), Input::Lease(_)) => {
                stage
            }
            (
                Stage::Grace { .. }
                | Stage::Guarding { .. }
                | Stage::Alert { .. }
                | Stage::ModemSettling { .. }
                | Stage::ShutdownRequested { asked: false, .. }
                | Stage::BackingOff { .. },
                Input::Feed,
            )
            | (Stage::Leased { .. }, Input::LeaseEnd)
            | (Stage::ModemOff { fed: true, .. }, Input::TimeUp) => self.guard(now),
            (
                Stage::Grace { .. }
                | Stage::Guarding { .. }
                | Stage::Leased { .. }
                | Stage::Alert { .. }
                | Stage::ModemSettling { .. },
                Input::Lease(span),
            ) => self.lease(span, now),
            // The least time off is kept. Then the host is guarded, since it was heard; it asks again for a lease.
            (Stage::ModemOff { until, .. }, Input::Feed | Input::Lease(_)) => {
                Stage::ModemOff { until, fed: true }
            }
            (
                stage @ (Stage::Grace { .. }
                | Stage::Guarding { .. }
                | Stage::Leased { .. }
                | Stage::Alert { .. }
                | Stage::ModemSettling { .. }),
                Input::Reset,
            ) => {
                if now < self.earliest_reset() {
                    stage
                } else {
                    Stage::ShutdownRequested { until: now + set.shutdown, asked: true }
                }
            }
            (Stage::Grace { .. } | Stage::Guarding { .. }, Input::TimeUp) => {
                self.healthy_since = None;
                Stage::Alert { until: now + set.alert }
            }
            // After a lease, or a reset, the host may be booting.
            (Stage::Leased { .. } | Stage::HostReset { .. }, Input::TimeUp) => self.grant_grace(now),
            (Stage::Alert { .. }, Input::TimeUp) => self.after_alert(now),
            (Stage::ModemOff { fed: false, .. }, Input::TimeUp) => {
                Stage::ModemSettling { until: now + set.modem_rail.settle }
            }
            (Stage::ModemSettling { .. }, Input::TimeUp) => {
                Stage::ShutdownRequested { until: now + set.shutdown, asked: false }
            }
            (Stage::ShutdownRequested { asked, .. }, Input::TimeUp) => self.reset_when_due(asked, now),
            (Stage::BackingOff { .. }, Input::TimeUp) => self.reset_when_due(false, now),
        };
    }

    fn lease(&mut self, span: Span, now: Instant) -> Stage {
        if now < self.lease_from {
            return self.stage;
        }
        self.healthy_since = None;
        Stage::Leased { until: now + span }
    }

    fn after_alert(&mut self, now: Instant) -> Stage {
        let set = self.settings;
        let shutdown = Stage::ShutdownRequested { until: now + set.shutdown, asked: false };
        if !set.modem_rail.escalate {
            return shutdown;
        }
        if let Some(back) = self.modem_back {
            // It is off by request: that cut serves.
            return Stage::ModemSettling { until: back + set.modem_rail.settle };
        }
        if self.spend_cut(now).is_err() {
            return shutdown;
        }
        let until = now + set.modem_rail.off;
        self.modem_free = until + set.modem_rail.settle;
        Stage::ModemOff { until, fed: false }
    }

    /// Takes one cut of the modem's supply, or tells how long none is left.
    fn spend_cut(&mut self, now: Instant) -> Result<(), Span> {
        if now < self.modem_free {
            return Err(self.modem_free.since(now));
        }
        self.modem_cuts.spend(now)?;
        self.record.modem_cycles = self.record.modem_cycles.saturating_add(1);
        Ok(())
    }

    fn reset_when_due(&mut self, asked: bool, now: Instant) -> Stage {
        let most = self.settings.most_resets;
        if !asked && most != 0 && self.record.in_a_row >= most {
            Stage::BackingOff { until: now + self.settings.backoff.longest }
        } else if now < self.earliest_reset() {
            Stage::BackingOff { until: self.earliest_reset() }
        } else {
            self.reset_host(now)
        }
    }

    fn grant_grace(&mut self, now: Instant) -> Stage {
        self.grace_until = now + self.settings.boot_grace;
        Stage::Grace { until: self.grace_until }
    }

    fn earliest_reset(&self) -> Instant {
        let due = self.next_reset.max(self.grace_until);
        // Two supplies are never off at once.
        self.modem_back.map_or(due, |back| back.max(due))
    }

    fn guard(&mut self, now: Instant) -> Stage {
        let since = *self.healthy_since.get_or_insert(now);
        if now >= since + self.settings.backoff.healthy {
            self.record.in_a_row = 0;
            self.next_reset = self.next_reset.min(now);
        }
        Stage::Guarding { until: now + self.settings.feed_timeout }
    }

    fn reset_host(&mut self, now: Instant) -> Stage {
        self.record.host_resets = self.record.host_resets.saturating_add(1);
        self.record.in_a_row = self.record.in_a_row.saturating_add(1);
        self.next_reset = now + distance(&self.settings, self.record.in_a_row);
        // It boots: what it was asked for is over.
        self.lease_from = now;
        Stage::HostReset { until: now + self.settings.reset_hold }
    }
}

/// The distance to the next reset after `in_a_row` of them.
fn distance(settings: &Settings, in_a_row: u8) -> Span {
    let mut distance = settings.backoff.shortest;
    for _ in 1..in_a_row {
        if distance >= settings.backoff.longest {
            break;
        }
        distance = distance.doubled();
    }
    distance.min(settings.backoff.longest)
}
