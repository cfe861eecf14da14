//! Cuts flows beside the event loop: to forget 100,000 entries takes the kernel some 90 ms, in which the loop must hear
//! of the next carrier loss.
//!
//! The loop is not held, by construction: [`Cutter::ask`] only puts a list of addresses into a queue and may start a
//! thread. The thread has a netlink socket of its own, and requests to the connection tracking wait for no lock that a
//! route request takes. It ends with its one request; there is never more than one, so nothing is cut twice at once.
//! (A reload forgets a thread that still runs: what its successor cuts meanwhile is cut once by whoever comes first.)

use super::error::KernelError;
use super::notice::Notice;
use super::warnings::Subject;
use shunt_decision::{Family, LinkId};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use tokio::sync::{Notify, mpsc};

/// Deletes every tracked flow whose replies come to an address. It may take long.
pub type Cut = fn(IpAddr) -> Result<(), KernelError>;

/// What is to be cut.
#[derive(Debug)]
struct Request {
    link: LinkId,
    family: Family,
    addresses: Vec<IpAddr>,
}

/// The queue before the thread, and what comes back from it.
#[derive(Debug)]
pub(super) struct Cutter {
    cut: Cut,
    /// At most one for each link and family.
    waiting: VecDeque<Request>,
    busy: bool,
    /// Room for the one request that is under way.
    ended: (mpsc::Sender<Vec<KernelError>>, mpsc::Receiver<Vec<KernelError>>),
    wake: Arc<Notify>,
}

impl Cutter {
    pub(super) fn new(cut: Cut) -> Self {
        let (waiting, wake) = (VecDeque::new(), Arc::new(Notify::new()));
        Self { cut, waiting, busy: false, ended: mpsc::channel(1), wake }
    }

    /// Has the flows to `addresses` cut as soon as those asked for before are. A request of the same link and family
    /// that still waits is replaced; one that is under way is followed by this one, since flows may have come anew.
    pub(super) fn ask(
        &mut self,
        link: LinkId,
        family: Family,
        addresses: Vec<IpAddr>,
    ) -> Result<(), KernelError> {
        let same = |request: &&mut Request| (request.link, request.family) == (link, family);
        match self.waiting.iter_mut().find(same) {
            Some(request) => request.addresses = addresses,
            None => self.waiting.push_back(Request { link, family, addresses }),
        }
        self.start().map_err(|source| KernelError::Thread { source })
    }

    /// Completes when a request has come to its end.
    pub(super) async fn ended(&self) {
        self.wake.notified().await;
    }

    /// Tells what of the request that ended failed, if anything, and begins what waits.
    pub(super) fn collect(&mut self, notices: &mut Vec<Notice>) {
        let Ok(mut failures) = self.ended.1.try_recv() else { return };
        self.busy = false;
        failures.extend(self.start().err().map(|source| KernelError::Thread { source }));
        let sentences = failures.iter().map(|error| format!("Failed to {error}.")).collect();
        notices.push(Notice::Warnings { about: Subject::Flows, sentences });
    }

    /// Starts the thread for the request that waits longest; without a thread, the request is given up.
    fn start(&mut self) -> io::Result<()> {
        if self.busy {
            return Ok(());
        }
        let Some(request) = self.waiting.pop_front() else { return Ok(()) };
        let (cut, ended, wake) = (self.cut, self.ended.0.clone(), Arc::clone(&self.wake));
        let work = move || {
            let failures = request.addresses.into_iter().filter_map(|address| cut(address).err()).collect();
            // Nobody listens any more after a reload.
            let _ = ended.try_send(failures);
            wake.notify_one();
        };
        thread::Builder::new().name("shunt-cut".into()).spawn(work)?;
        self.busy = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    const DEADLINE: Duration = Duration::from_secs(20);

    /// A cut that tells its address and is over when it is told so.
    struct Gate {
        begun: Sender<IpAddr>,
        over: Receiver<()>,
    }

    static GATE: Mutex<Option<Gate>> = Mutex::new(None);

    fn gated(address: IpAddr) -> Result<(), KernelError> {
        let gate = GATE.lock().unwrap();
        let Gate { begun, over } = gate.as_ref().unwrap();
        begun.send(address).unwrap();
        over.recv_timeout(DEADLINE).unwrap();
        Err(KernelError::UnknownLink(LinkId(address.to_string().len() as u8)))
    }

    /// Waits for the end of the request that is under way.
    fn ended(cutter: &mut Cutter) -> Vec<Notice> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut notices = Vec::new();
        while notices.is_empty() {
            runtime.block_on(async { tokio::time::timeout(DEADLINE, cutter.ended()).await.unwrap() });
            cutter.collect(&mut notices);
        }
        notices
    }

    #[test]
    fn one_at_a_time_and_the_latest_of_each_link() {
        let ((begun, began), (end, over)) = (channel(), channel());
        *GATE.lock().unwrap() = Some(Gate { begun, over });
        let mut cutter = Cutter::new(gated);
        let [first, second, third] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|ip| ip.parse().unwrap());
        let other = "2001:db8::1".parse().unwrap();
        let (fiber, lte) = (LinkId(0), LinkId(1));
        cutter.ask(fiber, Family::V4, vec![first]).unwrap();
        assert_eq!(began.recv_timeout(DEADLINE).unwrap(), first);
        // While the first is cut: the second is replaced by the third, and keeps its place before another link's.
        cutter.ask(fiber, Family::V4, vec![second]).unwrap();
        cutter.ask(lte, Family::V6, vec![other]).unwrap();
        cutter.ask(fiber, Family::V4, vec![third]).unwrap();
        assert_eq!(cutter.waiting.len(), 2);
        let mut notices = Vec::new();
        cutter.collect(&mut notices);
        assert_eq!((notices.len(), began.try_recv().ok()), (0, None), "the first is not over");
        for next in [Some(third), Some(other), None] {
            end.send(()).unwrap();
            let told = ended(&mut cutter);
            assert!(
                matches!(&told[..], [Notice::Warnings { sentences, .. }] if sentences[0].contains("find link")),
                "{told:?}"
            );
            assert_eq!(next, next.map(|_| began.recv_timeout(DEADLINE).unwrap()));
        }
        assert!(!cutter.busy && began.try_recv().is_err());
    }
}
