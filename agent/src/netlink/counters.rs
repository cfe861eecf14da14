//! What went through an interface. While users' packets flow it is asked 25 times a second, so it is asked by the
//! smallest message that the kernel has for it.

use super::Kernel;
use super::model::Traffic;
use super::rtnl::{self, RTM_GETSTATS};
use rtnetlink::packet_route::stats::{StatsFilterMask, StatsMessage};
use shunt_decision::LinkId;

/// How the kernel is asked for counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CounterQuery {
    /// For nothing else, by this request.
    Alone(u16),
    /// With everything else that there is to say of the interface: kernels before 4.7 know no other way.
    WithInterface,
}

impl Default for CounterQuery {
    fn default() -> Self {
        Self::Alone(RTM_GETSTATS)
    }
}

impl Kernel {
    /// Packets received and sent by the link's interface since it exists; `None`: it does not, or the kernel does not
    /// say.
    pub fn traffic(&mut self, link: LinkId) -> Option<Traffic> {
        let index = self.world.interfaces.get(usize::from(link.0))?.as_ref()?.index;
        if let CounterQuery::Alone(kind) = self.counters {
            let mut query = StatsMessage::default();
            query.header.ifindex = index;
            query.header.filter_mask = StatsFilterMask::Link64;
            let mut counted = None;
            let asked = self.tables.request.query(kind, &query, |payload| counted = rtnl::traffic(payload));
            match asked {
                Ok(()) if counted.is_some() => return counted,
                Err(refusal) if refusal.code == libc::ENODEV => return None,
                // What it cannot answer once it never can.
                Ok(()) => self.counters = CounterQuery::WithInterface,
                Err(refusal) if refusal.code == libc::EOPNOTSUPP => {
                    self.counters = CounterQuery::WithInterface;
                }
                // Out of memory, say: the other way may do, this time.
                Err(_) => {}
            }
        }
        self.ask_interface(index, true)?.traffic
    }

    /// Has counters asked for by another request, so that a test can choose one that the kernel refuses.
    #[doc(hidden)]
    pub const fn ask_counters_by(&mut self, kind: u16) {
        self.counters = CounterQuery::Alone(kind);
    }

    /// Whether counters are asked for alone.
    #[doc(hidden)]
    #[must_use]
    pub const fn asks_counters_alone(&self) -> bool {
        matches!(self.counters, CounterQuery::Alone(_))
    }
}
