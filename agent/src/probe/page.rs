//! Page probes: one HTTP request over a connection of its own, in a task of its own.
//!
//! Names, TLS and HTTP take many steps, each of which waits for the far end. So each probe is a task, bound to its link
//! as every probe is, and only its outcome comes back; the tasks have a thread of their own. A good outcome lies until
//! the loop looks by itself, as other replies do; what went wrong wakes it. A probe that is given up takes its task with
//! it.

mod fetch;
mod judge;
mod names;
mod reactor;
#[cfg(feature = "https")]
mod trust;

pub(super) use fetch::answered;
pub(super) use names::{Names, Place};

use super::dns_wire::Question;
use crate::clock;
use crate::netlink::Binding;
use fetch::Fetch;
use reactor::Reactor;
use shunt_config::{Host, Page as Wanted};
use shunt_decision::{Family, Outcome, Timestamp};
use std::io;
use std::net::IpAddr;
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
    /// For a host that has a name.
    question: Option<Arc<Question>>,
}

impl Page {
    /// `None` for a name that cannot be asked for.
    pub(super) fn new(wanted: &Wanted) -> Option<Self> {
        let question = match &wanted.host {
            Host::Address(_) => None,
            Host::Name { name, ipv6 } => {
                let family = if *ipv6 { Family::V6 } else { Family::V4 };
                Some(Arc::new(Question::new(name, family)?))
            }
        };
        Some(Self { wanted: wanted.clone(), question })
    }

    /// The family in which it is asked for.
    pub(super) const fn family(&self) -> Family {
        match self.wanted.host {
            Host::Address(IpAddr::V4(_)) | Host::Name { ipv6: false, .. } => Family::V4,
            Host::Address(IpAddr::V6(_)) | Host::Name { ipv6: true, .. } => Family::V6,
        }
    }

    /// The port that is connected to.
    pub(super) const fn port(&self) -> u16 {
        self.wanted.port
    }

    /// Where it is, as far as is known; a name that is not (or no longer) known is looked up.
    pub(super) fn place(
        &self,
        client: &Client,
        names: &mut Names,
        binding: Option<&Binding>,
        now: Timestamp,
    ) -> Place {
        match (&self.wanted.host, &self.question) {
            (Host::Address(address), _) => Place::Known(*address),
            (Host::Name { name, .. }, Some(question)) => {
                names.look_up(name, question, binding, (client.reactor(), now))
            }
            (Host::Name { .. }, None) => Place::Unknown,
        }
    }

    /// Where it is, without asking anybody.
    pub(super) fn known_place(&self, names: &Names) -> Option<IpAddr> {
        match &self.wanted.host {
            Host::Address(address) => Some(*address),
            Host::Name { name, .. } => names.known(name),
        }
    }
}

/// What all page probes share.
#[derive(Debug, Default)]
pub(super) struct Client {
    #[cfg(feature = "https")]
    trust: trust::Trust,
    call: Notify,
    /// Started when the first page is asked for; `None` inside where the system gives no thread.
    reactor: OnceLock<Option<Reactor>>,
}

impl Client {
    /// A client that trusts these certificates (in DER) beside the public authorities.
    #[cfg(feature = "https")]
    pub(super) fn trusting(certificates: &[Vec<u8>]) -> Self {
        Self { trust: trust::Trust::new(certificates), ..Self::default() }
    }

    /// Completes when a probe went wrong.
    pub(super) async fn called(&self) {
        self.call.notified().await;
    }

    fn reactor(&self) -> Option<&Handle> {
        let start = || Reactor::start().inspect_err(|error| tracing::error!("{NO_THREAD}: {error}")).ok();
        self.reactor.get_or_init(start).as_ref().map(Reactor::handle)
    }

    /// Begins one probe; an error means that it cannot run.
    pub(super) fn ask(
        self: &Arc<Self>,
        page: &Arc<Page>,
        place: Place,
        binding: Option<&Binding>,
        expires: Timestamp,
    ) -> io::Result<Running> {
        let reactor = self.reactor().ok_or(io::ErrorKind::OutOfMemory)?;
        let (sender, outcome) = oneshot::channel();
        let client = Arc::clone(self);
        let fetch = Fetch { page: Arc::clone(page), binding: binding.cloned() };
        let patience = expires.since(clock::now());
        let task = reactor.spawn(async move {
            let fetched = tokio::time::timeout(patience, fetch.run(place, &client)).await;
            let outcome = fetched.unwrap_or(None);
            let good = matches!(outcome, None | Some(Outcome::Reply { .. }));
            // The probe may have been given up meanwhile: then nobody wants to know.
            if sender.send(outcome).is_ok() && !good {
                client.call.notify_one();
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
