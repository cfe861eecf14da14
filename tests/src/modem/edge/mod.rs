//! The modem on real ports: a thread that has the clock, the ptys and the sockets.

mod ports;
mod tree;

use super::core::{Modem, Output};
use super::network::Network;
use super::profile::Profile;
use super::state::Bearer;
use crate::error::{Doing, LabError, Result};
use crate::sys;
use ports::Ports;
use shunt_decision::Timestamp;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// An order is obeyed at the thread's next turn, which is at once; this bounds a thread that died.
const OBEDIENCE: Duration = Duration::from_secs(5);

/// What a port is for the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A pty. This directory, which is the modem's own, gets `dev/ttyUSB<n>` that leads to it, with another n each time
    /// the ports come, and `sys`, where the modem is found as in the kernel's tree, and can be taken from the bus and back.
    Pty(PathBuf),
    /// A pty to which this path leads whenever the ports are there, as a serial line of the machine's own.
    Line(PathBuf),
    /// A unix socket at this path, on which one connection is taken at a time.
    Socket(PathBuf),
}

/// Called with each new state of the bearer, on the modem's thread. Its first error is told by whatever fails later.
pub type BearerHook = Box<dyn FnMut(&Bearer) -> Result<()> + Send>;

/// Tells what came of an action, once all that it led to is done.
type Answer = Box<dyn FnOnce()>;
type Action = Box<dyn FnOnce(&mut Modem, Timestamp) -> Answer + Send>;
type Condition = Box<dyn FnMut(&Modem, &[PathBuf]) -> bool + Send>;

enum Order {
    Act(Action),
    Ports(mpsc::Sender<Vec<PathBuf>>),
    Describe(mpsc::Sender<String>),
    Wait(Condition, mpsc::Sender<()>),
    Stop,
}

/// A running modem. Its ports go when this is dropped.
#[derive(Debug)]
pub struct Simulator {
    orders: mpsc::Sender<Order>,
    bell: UnixDatagram,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a modem with an endpoint for each port, and gives it power. `seed` is that of all its chance.
    ///
    /// # Errors
    /// When the system refuses a thread or a socket pair.
    pub fn start(
        profile: Profile,
        network: Network,
        endpoints: Vec<Endpoint>,
        hook: Option<BearerHook>,
        seed: u64,
    ) -> Result<Self> {
        let now = shunt::clock::now();
        let usb = profile.usb;
        let mut modem = Modem::new(Profile { ports: endpoints.len(), ..profile }, network, seed, now);
        modem.set_power(true, now);
        let (orders, inbox) = mpsc::channel();
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        ear.set_nonblocking(true).doing(|| "make a socket non-blocking".into())?;
        let ports = Ports::new(endpoints, usb).doing(|| "make the modem's ports".into())?;
        let worker = Worker { modem, ports, inbox, ear, waiters: Vec::new(), hook, failure: None };
        let thread = std::thread::Builder::new()
            .name("modem".into())
            .spawn(move || worker.run())
            .doing(|| "start the modem's thread".into())?;
        Ok(Self { orders, bell, thread: Some(thread) })
    }

    /// Does something with the modem, and tells what came of it once its bytes are written and its bearer is what it is.
    ///
    /// # Errors
    /// When the modem's thread is dead.
    pub fn act<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Modem, Timestamp) -> T + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = mpsc::channel();
        self.order(Order::Act(Box::new(move |modem, now| {
            let done = action(modem, now);
            // Whoever no longer waits for the answer does not miss it.
            Box::new(move || drop(reply.send(done)))
        })))?;
        answer.recv_timeout(OBEDIENCE).map_err(|_| dead())
    }

    /// The ports that are there now, in their order.
    ///
    /// # Errors
    /// When the modem's thread is dead.
    pub fn ports(&self) -> Result<Vec<PathBuf>> {
        let (reply, answer) = mpsc::channel();
        self.order(Order::Ports(reply))?;
        answer.recv_timeout(OBEDIENCE).map_err(|_| dead())
    }

    /// Waits until the modem, or its ports, are as wanted. `awaited` completes "failed to see …".
    ///
    /// # Errors
    /// When it does not come about within `deadline`.
    pub fn wait_for(
        &self,
        awaited: &str,
        deadline: Duration,
        condition: impl FnMut(&Modem, &[PathBuf]) -> bool + Send + 'static,
    ) -> Result<()> {
        let (reply, answer) = mpsc::channel();
        self.order(Order::Wait(Box::new(condition), reply))?;
        answer.recv_timeout(deadline).map_err(|_| LabError::Late {
            awaited: awaited.to_owned(),
            waited: deadline,
            instead: self.describe().unwrap_or_else(|error| error.to_string()),
        })
    }

    /// Waits until the ports are there and the modem answers, and tells the ports.
    ///
    /// # Errors
    /// When they do not come within `deadline`.
    pub fn wait_for_ports(&self, deadline: Duration) -> Result<Vec<PathBuf>> {
        let ready = |modem: &Modem, ports: &[PathBuf]| modem.power() == super::Power::On && !ports.is_empty();
        self.wait_for("the modem's ports", deadline, ready)?;
        self.ports()
    }

    fn describe(&self) -> Result<String> {
        let (reply, answer) = mpsc::channel();
        self.order(Order::Describe(reply))?;
        answer.recv_timeout(OBEDIENCE).map_err(|_| dead())
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).map_err(|_| dead())?;
        self.bell.send(&[0]).doing(|| "wake the modem".into()).map(drop)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _gone_already = self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _its_panic_was_printed = thread.join();
        }
    }
}

fn dead() -> LabError {
    LabError::Late { awaited: "an answer of the modem".into(), waited: OBEDIENCE, instead: "nothing".into() }
}

fn describe(modem: &Modem) -> String {
    format!(
        "power {:?}, card {:?}, registered {}, bearer {:?}, faults {:?}, {:?}, last unknown command {:?}",
        modem.power(),
        modem.card_state(),
        modem.registered(),
        modem.bearer(),
        modem.faults(),
        modem.counts(),
        modem.last_unknown(),
    )
}

struct Worker {
    modem: Modem,
    ports: Ports,
    inbox: mpsc::Receiver<Order>,
    ear: UnixDatagram,
    waiters: Vec<(Condition, mpsc::Sender<()>)>,
    hook: Option<BearerHook>,
    failure: Option<LabError>,
}

impl Worker {
    /// Runs until it is told to stop.
    fn run(mut self) {
        loop {
            let now = shunt::clock::now();
            if self.modem.poll_timeout().is_some_and(|time| time <= now) {
                self.modem.handle_timeout(now);
            }
            self.carry_out();
            let Self { waiters, modem, ports, .. } = &mut self;
            waiters.retain_mut(|(condition, reply)| {
                !(condition(modem, ports.paths()) && reply.send(()).is_ok())
            });
            let wait = self.modem.poll_timeout().map(|time| time.since(shunt::clock::now()));
            let mut descriptors = vec![self.ear.as_fd()];
            descriptors.extend(self.ports.descriptors());
            let Ok(ready) = sys::wait_any(&descriptors, wait) else { return };
            if ready.first() == Some(&true) && !self.obey() {
                return;
            }
            let Self { modem, ports, .. } = &mut self;
            ports.take(modem);
        }
    }

    /// Does what it was told; `false`: to stop.
    fn obey(&mut self) -> bool {
        let mut byte = [0; 1];
        while self.ear.recv(&mut byte).is_ok() {}
        while let Ok(order) = self.inbox.try_recv() {
            match order {
                Order::Act(action) => {
                    let answer = action(&mut self.modem, shunt::clock::now());
                    self.carry_out();
                    answer();
                }
                Order::Ports(reply) => {
                    let _unheard = reply.send(self.ports.paths().to_vec());
                }
                Order::Describe(reply) => {
                    let failure = self.failure.as_ref().map(|error| format!("failed to {error}; "));
                    let _unheard = reply.send(failure.unwrap_or_default() + &describe(&self.modem));
                }
                Order::Wait(condition, reply) => self.waiters.push((condition, reply)),
                Order::Stop => return false,
            }
        }
        true
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.modem.poll_output() {
            match output {
                Output::Bytes { port, bytes } => self.ports.write(port, &bytes),
                // What cannot be opened is not there; whoever waits for it is told by its deadline.
                Output::Ports(true) => self.ports.come(),
                Output::Ports(false) => self.ports.go(!self.modem.is_authorized()),
                Output::Bearer(bearer) => {
                    let done = self.hook.as_mut().map_or(Ok(()), |hook| hook(&bearer));
                    self.failure = self.failure.take().or(done.err());
                }
            }
        }
    }
}
