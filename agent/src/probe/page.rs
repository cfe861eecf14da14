//! Page probes: one HTTP request over a connection of its own, in a task of its own.
//!
//! Names, TLS and HTTP take many steps, each of which waits for the far end. So each probe is a task, bound to its link
//! as every probe is, and only its outcome comes back; the tasks have a thread of their own. A good outcome lies until
//! the loop looks by itself, as other replies do; what went wrong wakes it. A probe that is given up takes its task with
//! it.

mod fetch;
mod judge;
mod meter;
mod reactor;
#[cfg(feature = "https")]
mod trust;

pub(super) use fetch::answered;

use super::names::{Asking, Names, Place};
use super::spent::{Bill, Spent};
use super::spot::Spot;
use crate::clock;
use crate::netlink::Binding;
use fetch::Fetch;
use reactor::Reactor;
use shunt_config::{Page as Wanted, Target};
use shunt_decision::{Outcome, Packets, Timestamp};
use std::io;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

/// Page probes of one target at once on one path. Each costs a descriptor and, over TLS, some 50 kB; a burst that is
/// longer than this finds out nothing more.
pub(super) const MAX_RUNNING: usize = 8;

/// What is logged when the probes of pages cannot run at all.
const NO_THREAD: &str =
    "failed to start the thread that asks for pages; all their probes fail until the agent is restarted";

/// A page made ready for being asked for.
#[derive(Debug)]
pub(super) struct Page {
    wanted: Wanted,
    spot: Spot,
    /// What is paid for a probe of it.
    price: Spent,
}

impl Page {
    /// `None` for a name that cannot be asked for.
    pub(super) fn new(wanted: &Wanted) -> Option<Self> {
        let target = Target::Page(wanted.clone());
        let (sent, received) = target.packets();
        let price = Spent { bytes: target.cost(), packets: Packets { sent, received } };
        Some(Self { wanted: wanted.clone(), spot: Spot::new(&wanted.host)?, price })
    }

    /// Where it is.
    pub(super) const fn spot(&self) -> &Spot {
        &self.spot
    }

    /// The port that is connected to.
    pub(super) const fn port(&self) -> u16 {
        self.wanted.port
    }
}

/// What all probes share that take many steps.
#[derive(Debug, Default)]
pub(super) struct Client {
    #[cfg(feature = "https")]
    trust: trust::Trust,
    call: Arc<Notify>,
    /// Started when the first page or name is asked for; `None` inside where the system gives no thread.
    reactor: OnceLock<Option<Reactor>>,
}

impl Client {
    /// A client that trusts these certificates (in DER) beside the public authorities.
    #[cfg(feature = "https")]
    pub(super) fn trusting(certificates: &[Vec<u8>]) -> Self {
        Self { trust: trust::Trust::new(certificates), ..Self::default() }
    }

    /// Completes when a probe went wrong, or a look-up is over that one may wait for.
    pub(super) async fn called(&self) {
        self.call.notified().await;
    }

    /// Says that there is something to be read.
    pub(super) fn call(&self) {
        self.call.notify_one();
    }

    /// Where `spot` is, looked up by the link of `binding`.
    pub(super) fn place(
        &self,
        spot: &Spot,
        names: &mut Names,
        binding: Option<&Binding>,
        now: Timestamp,
    ) -> Place {
        let reactor = if matches!(spot, Spot::Name(..)) { self.reactor() } else { None };
        spot.place(names, &Asking { reactor, call: &self.call, binding, now })
    }

    fn reactor(&self) -> Option<&Handle> {
        let start = || Reactor::start().inspect_err(|error| tracing::error!("{NO_THREAD}: {error}")).ok();
        self.reactor.get_or_init(start).as_ref().map(Reactor::handle)
    }

    /// Begins one probe; an error means that it cannot run. What it takes beyond its price goes on the bill, before its
    /// outcome can be read.
    pub(super) fn ask(
        self: &Arc<Self>,
        page: &Arc<Page>,
        place: Place,
        (binding, bill): (Option<&Binding>, &Bill),
        expires: Timestamp,
    ) -> io::Result<Running> {
        let reactor = self.reactor().ok_or(io::ErrorKind::OutOfMemory)?;
        let (sender, outcome) = oneshot::channel();
        let client = Arc::clone(self);
        let fetch = Fetch { page: Arc::clone(page), binding: binding.cloned(), bill: bill.clone() };
        let patience = expires.since(clock::now());
        let task = reactor.spawn(async move {
            let fetched = tokio::time::timeout(patience, fetch.run(place, &client)).await;
            let outcome = fetched.unwrap_or(None);
            let good = matches!(outcome, None | Some(Outcome::Reply { .. }));
            // The probe may have been given up meanwhile: then nobody wants to know.
            if sender.send(outcome).is_ok() && !good {
                client.call();
            }
        });
        Ok(Running { outcome, task: task.abort_handle() })
    }
}

/// A probe whose task runs.
pub(super) struct Running {
    outcome: oneshot::Receiver<Option<Outcome>>,
    task: AbortHandle,
}

impl Running {
    /// What became of it; `None` inside for what says nothing of the target.
    pub(super) fn poll(&mut self) -> Poll<Option<Outcome>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Poll::Ready(outcome),
            Err(oneshot::error::TryRecvError::Empty) => Poll::Pending,
            Err(oneshot::error::TryRecvError::Closed) => Poll::Ready(None),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
