//! Where the escalation stands, and what the pins are there.

use crate::time::Instant;

/// A stage of the escalation. Each ends at its `until`, if no event ends it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The host is given time to boot.
    Grace {
        /// When its silence begins to count.
        until: Instant,
    },
    /// Feeds come.
    Guarding {
        /// When the next feed is overdue.
        until: Instant,
    },
    /// The host asked not to be judged.
    Leased {
        /// When the lease ends.
        until: Instant,
    },
    /// Feeds are missing.
    Alert {
        /// When the next step comes.
        until: Instant,
    },
    /// The modem's supply is cut, for its whole least time whatever happens.
    ModemOff {
        /// When it comes back.
        until: Instant,
        /// The host has been heard meanwhile.
        fed: bool,
    },
    /// The modem's supply is back.
    ModemSettling {
        /// When the next step comes.
        until: Instant,
    },
    /// The host was asked to shut down.
    ShutdownRequested {
        /// When it has had its time.
        until: Instant,
        /// Its agent asked for the reset: feeds do not lead back.
        asked: bool,
    },
    /// The host's reset is due, and held back since the last one was not long ago.
    BackingOff {
        /// When the reset comes.
        until: Instant,
    },
    /// The host is held in reset, for its whole least time whatever happens.
    HostReset {
        /// When it is let go.
        until: Instant,
    },
}

impl Stage {
    /// When it ends by itself: every stage does.
    #[must_use]
    pub const fn until(&self) -> Instant {
        match self {
            Self::Grace { until }
            | Self::Guarding { until }
            | Self::Leased { until }
            | Self::Alert { until }
            | Self::ModemOff { until, .. }
            | Self::ModemSettling { until }
            | Self::ShutdownRequested { until, .. }
            | Self::BackingOff { until }
            | Self::HostReset { until } => *until,
        }
    }

    /// As it is called on the line.
    #[must_use]
    pub(crate) const fn to_wire(self) -> shunt_wire::Stage {
        match self {
            Self::Grace { .. } => shunt_wire::Stage::Grace,
            Self::Guarding { .. } => shunt_wire::Stage::Guarding,
            Self::Leased { .. } => shunt_wire::Stage::Leased,
            Self::Alert { .. } => shunt_wire::Stage::Alert,
            Self::ModemOff { .. } => shunt_wire::Stage::ModemOff,
            Self::ModemSettling { .. } => shunt_wire::Stage::ModemSettling,
            Self::ShutdownRequested { .. } => shunt_wire::Stage::ShutdownRequested,
            Self::BackingOff { .. } => shunt_wire::Stage::BackingOff,
            Self::HostReset { .. } => shunt_wire::Stage::HostReset,
        }
    }

    /// What the pins are in this stage.
    #[must_use]
    pub const fn outputs(&self) -> Outputs {
        let calm = Outputs { alert: false, modem_power: true, shutdown_request: false, host_reset: false };
        match self {
            Self::Grace { .. } | Self::Guarding { .. } | Self::Leased { .. } => calm,
            // A host that boots late must not find the line still asking it to shut down.
            Self::Alert { .. } | Self::ModemSettling { .. } | Self::BackingOff { .. } => {
                Outputs { alert: true, ..calm }
            }
            Self::ModemOff { .. } => Outputs { alert: true, modem_power: false, ..calm },
            Self::ShutdownRequested { .. } => Outputs { alert: true, shutdown_request: true, ..calm },
            Self::HostReset { .. } => Outputs { alert: true, host_reset: true, ..calm },
        }
    }
}

/// The levels of the outputs; true means active, whatever that is in volts on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outputs {
    /// The alert lamp or line.
    pub alert: bool,
    /// The modem's supply.
    pub modem_power: bool,
    /// The line that asks the host to shut down.
    pub shutdown_request: bool,
    /// The host's reset.
    pub host_reset: bool,
}
