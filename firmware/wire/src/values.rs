//! The values within messages, written and read by hand: see `codec.rs`.

use crate::codec::{Reader, Writer};
use crate::log::{Happened, LogEntry};
use crate::message::{Outcome, Seconds, Timeouts};
use crate::status::{Counts, HostResetCause, ResetCause, Status};

impl Timeouts {
    /// Writes it as postcard does.
    pub fn write(&self, writer: &mut Writer<'_>) {
        for time in [self.boot_grace, self.feed_timeout, self.alert] {
            writer.number(time.0);
        }
        writer.byte(self.cut_modem.into());
        for time in [
            self.modem_off,
            self.modem_settle,
            self.shutdown,
            self.reset_hold,
            self.backoff_shortest,
            self.backoff_longest,
            self.backoff_healthy,
        ] {
            writer.number(time.0);
        }
        writer.byte(self.most_resets);
        writer.number(self.longest_lease.0);
    }

    /// Reads what [`Timeouts::write`] wrote.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        // In the order of the line.
        Self {
            boot_grace: Seconds(reader.number()),
            feed_timeout: Seconds(reader.number()),
            alert: Seconds(reader.number()),
            cut_modem: reader.flag(),
            modem_off: Seconds(reader.number()),
            modem_settle: Seconds(reader.number()),
            shutdown: Seconds(reader.number()),
            reset_hold: Seconds(reader.number()),
            backoff_shortest: Seconds(reader.number()),
            backoff_longest: Seconds(reader.number()),
            backoff_healthy: Seconds(reader.number()),
            most_resets: reader.byte(),
            longest_lease: Seconds(reader.number()),
        }
    }
}

impl Status {
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.number(self.uptime.0);
        writer.byte(self.reset_cause as u8);
        writer.byte(self.stage as u8);
        writer.number(self.left.0);
        writer.byte(self.modem_power.into());
        writer.byte(self.line as u8);
        writer.option(self.supply.map(u32::from));
        writer.number(self.feeds);
        writer.number(self.damaged_frames);
        writer.option(self.last_host_reset.map(|cause| cause as u32));
        self.counts.write(writer);
        writer.number(self.log_next);
    }
}

impl Counts {
    /// Writes it as postcard does.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.number(self.host_resets);
        writer.byte(self.resets_in_a_row);
        writer.number(self.modem_cycles);
        writer.number(self.boots);
        writer.number(self.own_hangs);
    }

    /// Reads what [`Counts::write`](Self::write) wrote.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            host_resets: reader.number(),
            resets_in_a_row: reader.byte(),
            modem_cycles: reader.number(),
            boots: reader.number(),
            own_hangs: reader.number(),
        }
    }
}

impl HostResetCause {
    /// All of them, by their numbers on the line.
    pub const ALL: [Self; 2] = [Self::Silence, Self::Asked];
}

impl ResetCause {
    /// All of them, by their numbers on the line.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::PowerOn, Self::Pin, Self::Watchdog, Self::BrownOut, Self::Software];
}

impl LogEntry {
    /// Writes it as postcard does.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.number(self.at.0);
        writer.byte(self.what.number());
        match self.what {
            Happened::McuBooted(cause) => writer.byte(cause as u8),
            Happened::Leased(seconds) => writer.number(seconds.0),
            Happened::HostReset(in_a_row) => writer.byte(in_a_row),
            Happened::Armed
            | Happened::Disarmed
            | Happened::Fed
            | Happened::LeaseOver
            | Happened::Alert
            | Happened::ModemCut
            | Happened::ModemCutAsked
            | Happened::ShutdownRequested
            | Happened::ResetAsked
            | Happened::HeldBack
            | Happened::LineStuck
            | Happened::BootLoader => {}
        }
    }

    /// Reads what [`LogEntry::write`] wrote; `None` when it is no entry.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let at = Seconds(reader.number());
        let what = match reader.one_of(&Happened::ALL)? {
            Happened::McuBooted(_) => Happened::McuBooted(reader.one_of(&ResetCause::ALL)?),
            Happened::Leased(_) => Happened::Leased(Seconds(reader.number())),
            Happened::HostReset(_) => Happened::HostReset(reader.byte()),
            plain => plain,
        };
        Some(Self { at, what })
    }
}

impl Happened {
    /// All of them, by their numbers on the line; what goes along is to be filled in.
    const ALL: [Self; 15] = [
        Self::McuBooted(ResetCause::Unknown),
        Self::Armed,
        Self::Disarmed,
        Self::Fed,
        Self::Leased(Seconds(0)),
        Self::LeaseOver,
        Self::Alert,
        Self::ModemCut,
        Self::ModemCutAsked,
        Self::ShutdownRequested,
        Self::ResetAsked,
        Self::HeldBack,
        Self::HostReset(0),
        Self::LineStuck,
        Self::BootLoader,
    ];

    const fn number(self) -> u8 {
        match self {
            Self::McuBooted(_) => 0,
            Self::Armed => 1,
            Self::Disarmed => 2,
            Self::Fed => 3,
            Self::Leased(_) => 4,
            Self::LeaseOver => 5,
            Self::Alert => 6,
            Self::ModemCut => 7,
            Self::ModemCutAsked => 8,
            Self::ShutdownRequested => 9,
            Self::ResetAsked => 10,
            Self::HeldBack => 11,
            Self::HostReset(_) => 12,
            Self::LineStuck => 13,
            Self::BootLoader => 14,
        }
    }
}

impl Outcome {
    pub(crate) fn write(self, writer: &mut Writer<'_>) {
        let (number, seconds) = match self {
            Self::Done => (0, None),
            Self::Capped(seconds) => (1, Some(seconds)),
            Self::HelloFirst => (2, None),
            Self::NotFitted => (3, None),
            Self::TooSoon(seconds) => (4, Some(seconds)),
            Self::BadTimes => (5, None),
            Self::NotNow => (6, None),
            Self::WrongKey => (7, None),
        };
        writer.byte(number);
        if let Some(seconds) = seconds {
            writer.number(seconds.0);
        }
    }
}
