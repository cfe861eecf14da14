//! What can be wrong with a modem, and what mends it.

use std::time::Duration;

/// A fault to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No port answers; not even an echo comes.
    Hang(Cure),
    /// One port does not answer.
    PortHang(usize, Cure),
    /// The next `count` answers come so much later.
    Late {
        /// How much later.
        by: Duration,
        /// How many.
        count: u32,
    },
    /// Every answer takes so much longer.
    Sluggish(Duration, Cure),
    /// The next `count` answers end in the middle, without a final code.
    Cut {
        /// How many.
        count: u32,
    },
    /// Bytes that mean nothing stand before each of the next `count` answers.
    Garbage {
        /// How many.
        count: u32,
    },
    /// An unsolicited line stands within each of the next `count` answers, behind their first line.
    Interrupt {
        /// About what.
        about: About,
        /// How many answers.
        count: u32,
    },
    /// So many unsolicited lines, one after each `every`.
    Storm {
        /// How many lines.
        count: u32,
        /// The time between two of them.
        every: Duration,
    },
    /// The card answers that it is busy.
    CardBusy(Cure),
    /// The card is not seen.
    CardLost(Cure),
    /// The registration is lost, and none is found.
    Lost(Cure),
    /// It says that it searches, and its bearer stays: what comes before a registration is lost, or found again.
    Adrift(Cure),
    /// No signal is measured; registration and bearer stay.
    Unheard(Cure),
    /// Registered and with a bearer, but no packet passes.
    Stall(Cure),
    /// No bearer comes up.
    NoBearer(Cure),
}

/// What an unsolicited line within an answer is about. It tells the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The registration: `+CREG`.
    Network,
    /// The card: `+CPIN`.
    Card,
}

/// What ends a fault; in the order of the recovery ladder. Whatever starts the firmware anew ends the faults of all
/// rungs before it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// Time.
    After(Duration),
    /// The port was closed and opened again.
    Reopen,
    /// The bearer was taken down.
    Bearer,
    /// The modem was detached from the network (`+COPS=2`, `+CGATT=0`).
    Detach,
    /// The radio was switched off (`+CFUN=0` or `4`).
    Radio,
    /// A reset by command (`+CFUN=1,1`).
    Reset,
    /// The modem was taken from the bus and bound again.
    Rebind,
    /// The power was cut.
    PowerCut,
    /// Nothing; only [`crate::modem::Modem::mend`].
    Never,
}

/// What was done to the modem, so that some faults end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Reopen(usize),
    Bearer,
    Detach,
    Radio,
    Reset,
    Rebind,
    PowerCut,
}

impl Fault {
    pub(super) const fn cure(self) -> Cure {
        match self {
            Self::Hang(cure)
            | Self::PortHang(_, cure)
            | Self::Sluggish(_, cure)
            | Self::CardBusy(cure)
            | Self::CardLost(cure)
            | Self::Lost(cure)
            | Self::Adrift(cure)
            | Self::Unheard(cure)
            | Self::Stall(cure)
            | Self::NoBearer(cure) => cure,
            // They use themselves up.
            Self::Late { .. }
            | Self::Cut { .. }
            | Self::Garbage { .. }
            | Self::Interrupt { .. }
            | Self::Storm { .. } => Cure::Reset,
        }
    }

    /// Whether `deed` ends this fault.
    pub(super) fn ends_by(self, deed: Deed) -> bool {
        if let (Self::PortHang(port, Cure::Reopen), Deed::Reopen(opened)) = (self, deed) {
            return port == opened;
        }
        let height = match deed {
            Deed::Reopen(_) => 1,
            Deed::Bearer => 2,
            Deed::Detach => 3,
            Deed::Radio => 4,
            Deed::Reset => 5,
            Deed::Rebind => return matches!(self.cure(), Cure::Reopen | Cure::Rebind),
            Deed::PowerCut => 7,
        };
        let needed = match self.cure() {
            Cure::After(_) | Cure::Never => return false,
            // Only what is at the port itself helps it, or a fresh start.
            Cure::Reopen => return height == 1 || height >= 5,
            Cure::Bearer => 2,
            Cure::Detach => 3,
            Cure::Radio => 4,
            Cure::Reset => 5,
            Cure::Rebind => 6,
            Cure::PowerCut => 7,
        };
        height >= needed
    }
}
