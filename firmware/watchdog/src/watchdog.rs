//! The state machine.

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
}

/// What must survive a reset of the MCU itself, so that its own hang makes no boot loop of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// How often the host has been reset, ever.
    pub host_resets: u32,
    /// How often since it was last healthy for long: the exponent of the back-off.
    pub in_a_row: u8,
}

/// The watchdog.
#[derive(Debug, Clone)]
pub struct Watchdog {
    settings: Settings,
    stage: Stage,
    record: Record,
    /// Before this the host is not reset.
    next_reset: Instant,
    /// Nor before this, even if feeds came and ceased since: a host may feed early and boot on.
    grace_until: Instant,
    /// Since when feeds have come without a gap.
    healthy_since: Option<Instant>,
}

/// What moves the machine on: an event, or the end of the stage.
#[derive(Debug, Clone, Copy)]
enum Input {
    Feed,
    Lease(Span),
    LeaseEnd,
    TimeUp,
}

impl Watchdog {
    /// A watchdog that starts at `now`, in the boot grace, with the `record` of earlier. If the host was reset
    /// before and has not been healthy since, that is taken to have been just now: the MCU cannot know.
    ///
    /// # Errors
    ///
    /// When the settings make no sense.
    pub fn new(settings: Settings, record: Record, now: Instant) -> Result<Self, SettingsError> {
        settings.check()?;
        let next_reset = if record.in_a_row == 0 { now } else { now + distance(&settings, record.in_a_row) };
        let grace_until = now + settings.boot_grace;
        let stage = Stage::Grace { until: grace_until };
        Ok(Self { settings, stage, record, next_reset, grace_until, healthy_since: None })
    }

    /// Takes what the host said at `now`.
    pub fn handle_event(&mut self, event: Event, now: Instant) {
        // What is overdue comes first: an event does not undo what should have happened before it.
        self.handle_timeout(now);
        let input = match event {
            Event::Feed => Input::Feed,
            Event::Lease(Span::ZERO) => Input::LeaseEnd,
            Event::Lease(span) => Input::Lease(span.min(self.settings.longest_lease)),
        };
        self.step(input, now);
    }

    /// Moves on if the stage's time is up at `now`, by one stage: a late call gives each stage its whole time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.stage.until() {
            self.step(Input::TimeUp, now);
        }
    }

    /// When [`Watchdog::handle_timeout`] is to be called: there always is such a time.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.stage.until()
    }

    /// The levels that the outputs must have now.
    #[must_use]
    pub fn outputs(&self) -> Outputs {
        self.stage.outputs()
    }

    /// Where the escalation stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What the board keeps over its own resets, whenever it changes.
    #[must_use]
    pub fn record(&self) -> Record {
        self.record
    }

    /// The one place where the stage changes.
    fn step(&mut self, input: Input, now: Instant) {
        let set = self.settings;
        self.stage = match (self.stage, input) {
            (
                Stage::Grace { .. }
                | Stage::Guarding { .. }
                | Stage::Alert { .. }
                | Stage::ModemSettling { .. }
                | Stage::ShutdownRequested { .. }
                | Stage::BackingOff { .. },
                Input::Feed,
            )
            | (Stage::Leased { .. }, Input::LeaseEnd) => self.guard(now),
            // A lease is not ended by feeds: the agent asks for it, and feeds until it stops.
            (stage @ Stage::Leased { .. }, Input::Feed) => stage,
            (
                Stage::Grace { .. }
                | Stage::Guarding { .. }
                | Stage::Leased { .. }
                | Stage::Alert { .. }
                | Stage::ModemSettling { .. }
                | Stage::ShutdownRequested { .. }
                | Stage::BackingOff { .. },
                Input::Lease(span),
            ) => {
                self.healthy_since = None;
                Stage::Leased { until: now + span }
            }
            // No lease to end: it is a sign of life like a feed, but no claim that the duties turn over.
            (
                stage @ (Stage::Grace { .. }
                | Stage::Guarding { .. }
                | Stage::Alert { .. }
                | Stage::ModemSettling { .. }
                | Stage::ShutdownRequested { .. }
                | Stage::BackingOff { .. }),
                Input::LeaseEnd,
            ) => stage,
            // The least time off is kept. Then the host is guarded, since it was heard; it asks again for a lease.
            (Stage::ModemOff { until, .. }, Input::Feed | Input::Lease(_)) => {
                Stage::ModemOff { until, fed: true }
            }
            (stage @ Stage::ModemOff { .. }, Input::LeaseEnd) => stage,
            // A host in reset says nothing: this is noise.
            (stage @ Stage::HostReset { .. }, Input::Feed | Input::Lease(_) | Input::LeaseEnd) => stage,
            (Stage::Grace { .. } | Stage::Guarding { .. }, Input::TimeUp) => {
                self.healthy_since = None;
                Stage::Alert { until: now + set.alert }
            }
            // After a lease the host may be booting.
            (Stage::Leased { .. }, Input::TimeUp) => self.grant_grace(now),
            (Stage::Alert { .. }, Input::TimeUp) => match set.modem_rail {
                Some(rail) => Stage::ModemOff { until: now + rail.off, fed: false },
                None => Stage::ShutdownRequested { until: now + set.shutdown },
            },
            (Stage::ModemOff { fed: true, .. }, Input::TimeUp) => self.guard(now),
            (Stage::ModemOff { fed: false, .. }, Input::TimeUp) => {
                let settle = set.modem_rail.map_or(set.alert, |rail| rail.settle);
                Stage::ModemSettling { until: now + settle }
            }
            (Stage::ModemSettling { .. }, Input::TimeUp) => {
                Stage::ShutdownRequested { until: now + set.shutdown }
            }
            (Stage::ShutdownRequested { .. }, Input::TimeUp) if now < self.earliest_reset() => {
                Stage::BackingOff { until: self.earliest_reset() }
            }
            (Stage::ShutdownRequested { .. } | Stage::BackingOff { .. }, Input::TimeUp) => {
                self.reset_host(now)
            }
            (Stage::HostReset { .. }, Input::TimeUp) => self.grant_grace(now),
        };
    }

    fn grant_grace(&mut self, now: Instant) -> Stage {
        self.grace_until = now + self.settings.boot_grace;
        Stage::Grace { until: self.grace_until }
    }

    fn earliest_reset(&self) -> Instant {
        self.next_reset.max(self.grace_until)
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
