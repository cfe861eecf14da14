//! A simulated modem and its port in the time of a paused runtime: what takes an hour there takes a moment here.

use shunt_lab::modem::{Modem, Network, Output, Profile};
use shunt_modem::at::Echo;
use shunt_modem::{Port, Session, Timing};
use shunt_sms::Timestamp;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// More than the modem is told at once.
const CHUNK: usize = 1024;

/// The modem, the far end of its port while somebody has it open, and the time.
pub(crate) struct World {
    modem: RefCell<Modem>,
    /// It has ports.
    there: Cell<bool>,
    /// Another one each time it is opened, so that nothing of an earlier one is read at a later one.
    far: RefCell<Option<Rc<Port>>>,
    /// Something was done to the modem.
    done: Notify,
    /// Its ports came.
    pub(crate) came: Notify,
    began: Instant,
}

impl World {
    /// A modem that is switched on now.
    pub(crate) fn new(profile: Profile, seed: u64) -> Self {
        let mut modem =
            Modem::new(Profile { ports: 1, ..profile }, Network::default(), seed, Timestamp::ZERO);
        modem.set_power(true, Timestamp::ZERO);
        Self {
            modem: RefCell::new(modem),
            there: Cell::new(false),
            far: RefCell::new(None),
            done: Notify::new(),
            came: Notify::new(),
            began: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.began.elapsed()
    }

    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.began + at.since(Timestamp::ZERO)
    }

    /// Does something to the modem.
    pub(crate) fn act<T>(&self, action: impl FnOnce(&mut Modem, Timestamp) -> T) -> T {
        let done = action(&mut self.modem.borrow_mut(), self.now());
        self.done.notify_one();
        done
    }

    /// Opens the modem's port; none while it has none.
    pub(crate) fn open(&self) -> Option<Session> {
        if !self.there.get() {
            return None;
        }
        let (near, far) = UnixStream::pair().unwrap();
        let port = |stream: UnixStream| Port::new(OwnedFd::from(stream).into()).unwrap();
        *self.far.borrow_mut() = Some(Rc::new(port(far)));
        self.act(|modem, now| modem.set_open(0, true, now));
        Some(Session::new(port(near), Echo::On, Timing::default()))
    }

    /// The modem's life. Ends with its future.
    pub(crate) async fn run(&self) {
        loop {
            self.carry_out().await;
            let due = self.modem.borrow().poll_timeout();
            let port = self.far.borrow().clone();
            let mut chunk = [0; CHUNK];
            let timer = async {
                match due {
                    Some(due) => sleep_until(self.instant(due)).await,
                    None => pending().await,
                }
            };
            let heard = async {
                match &port {
                    Some(port) => port.read(&mut chunk).await.unwrap_or(0),
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                read = heard => match chunk.get(..read) {
                    Some(bytes @ [_, ..]) => self.modem.borrow_mut().receive(0, bytes, self.now()),
                    _ => self.close(port.as_ref()),
                },
                () = self.done.notified() => {}
                () = timer => self.modem.borrow_mut().handle_timeout(self.now()),
            }
        }
    }

    /// The host let go of its end.
    fn close(&self, of: Option<&Rc<Port>>) {
        let mut far = self.far.borrow_mut();
        let latest = far.as_ref().zip(of).is_some_and(|(far, of)| Rc::ptr_eq(far, of));
        if latest {
            *far = None;
            self.modem.borrow_mut().set_open(0, false, self.now());
        }
    }

    async fn carry_out(&self) {
        loop {
            let Some(output) = self.modem.borrow_mut().poll_output() else { return };
            match output {
                Output::Bytes { port: 0, bytes } => {
                    let port = self.far.borrow().clone();
                    if let Some(port) = port {
                        // Whoever closed the port misses nothing.
                        let _unheard = port.write_all(&bytes).await;
                    }
                }
                Output::Ports(there) => {
                    self.there.set(there);
                    *self.far.borrow_mut() = None;
                    if there {
                        self.came.notify_one();
                    }
                }
                Output::Bytes { .. } | Output::Bearer(_) => {}
            }
        }
    }
}
