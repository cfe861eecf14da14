//! Impairments without `sch_netem`: a thread that carries frames between two interfaces and delays, loses or swallows
//! them on the way. It needs no kernel module, and its delays keep to 0.2 ms.

mod carrier;
mod policy;

pub use policy::{Direction, Filter, Policy};

use crate::error::{Doing, LabError, Result};
use carrier::{Carrier, Order};
use shunt_decision::Timestamp;
use std::fs::File;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// An order is obeyed at the relay's next turn, which is at once; this bounds a relay that died.
const OBEDIENCE: Duration = Duration::from_secs(5);

/// What a relay did so far, both directions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Frames that were passed on.
    pub passed: u64,
    /// Frames that the policy dropped.
    pub dropped: u64,
    /// Frames that the bounded queue or a full interface refused; more than zero makes a measurement worthless.
    pub refused: u64,
}

/// A running relay. It ends when this is dropped.
#[derive(Debug)]
pub struct Relay {
    orders: mpsc::Sender<Order>,
    bell: UnixDatagram,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts to carry frames between two packet sockets or TAPs: `up` is what is read from `gateway`.
    pub(crate) fn start(name: &str, gateway: File, isp: File, policy: Policy, seed: u64) -> Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        ear.set_nonblocking(true).doing(|| "make a socket non-blocking".into())?;
        let carrier = Carrier::new([gateway, isp], ear, inbox, policy, seed);
        let thread = std::thread::Builder::new()
            .name(format!("relay {name}"))
            .spawn(move || carrier.run())
            .doing(|| format!("start the relay {name}"))?;
        Ok(Self { orders, bell, thread: Some(thread) })
    }

    /// From now on this policy holds. Frames that are under way are judged by the new filter; tells when it began.
    ///
    /// # Errors
    /// When the relay is dead.
    pub fn set(&self, policy: Policy) -> Result<Timestamp> {
        self.ask(|reply| Order::Set(policy, reply))
    }

    /// Plays a trace: each policy begins at its time after now. A later [`Relay::set`] ends it.
    ///
    /// # Errors
    /// When the relay is dead.
    pub fn play(&self, trace: Vec<(Duration, Policy)>) -> Result<Timestamp> {
        self.ask(|reply| Order::Play(trace, reply))
    }

    /// The policy that holds now.
    ///
    /// # Errors
    /// When the relay is dead.
    pub fn policy(&self) -> Result<Policy> {
        self.ask(Order::Policy)
    }

    /// What it did so far.
    ///
    /// # Errors
    /// When the relay is dead.
    pub fn counts(&self) -> Result<Counts> {
        self.ask(Order::Counts)
    }

    /// A gate on this line that others can hold.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub(crate) fn gate(&self) -> Result<Gate> {
        let bell = self.bell.try_clone().doing(|| "duplicate a socket".into())?;
        Ok(Gate { orders: self.orders.clone(), bell })
    }

    fn ask<T>(&self, order: impl FnOnce(mpsc::Sender<T>) -> Order) -> Result<T> {
        let (reply, answer) = mpsc::channel();
        let dead = || LabError::Late {
            awaited: "an answer of the relay".into(),
            waited: OBEDIENCE,
            instead: "nothing".into(),
        };
        self.orders.send(order(reply)).map_err(|_| dead())?;
        self.bell.send(&[0]).doing(|| "wake the relay".into())?;
        answer.recv_timeout(OBEDIENCE).map_err(|_| dead())
    }
}

/// Closed, nothing passes the line, whatever its policy says.
#[derive(Debug)]
pub(crate) struct Gate {
    orders: mpsc::Sender<Order>,
    bell: UnixDatagram,
}

impl Gate {
    /// Opens or closes it. A relay that is gone is closed for good.
    pub(crate) fn set_open(&self, open: bool) {
        let _gone_already = self.orders.send(Order::Open(open));
        let _gone_already = self.bell.send(&[0]);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _gone_already = self.orders.send(Order::Stop);
        let _gone_already = self.bell.send(&[0]);
        if let Some(thread) = self.thread.take() {
            let _its_panic_was_printed = thread.join();
        }
    }
}
