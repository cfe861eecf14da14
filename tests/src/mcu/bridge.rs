//! A pty for an MCU that is reached by a stream, such as the UART of an emulator: the agent opens it as it opens a serial
//! port, and the line between can be spoilt.

use super::line::{Habit, Wire};
use super::{OBEDIENCE, TICK};
use crate::error::{Doing, LabError, Result};
use crate::sys;
use shunt_wire::Message;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What ends and begins a frame.
const FENCE: u8 = 0;

/// Read at once.
const CHUNK: usize = 1_024;

enum Order {
    Habit(Habit),
    Stop,
}

/// A running bridge. Its port goes when this is dropped.
#[derive(Debug)]
pub struct Bridge {
    orders: mpsc::Sender<Order>,
    bell: UnixDatagram,
    port: PathBuf,
    heard: mpsc::Receiver<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Bridge {
    /// Starts one to `stream`, whose port is `ttyMCU` in this directory, whatever pty is behind it.
    ///
    /// # Errors
    /// When the system refuses a pty, a thread or a socket pair.
    pub fn start(directory: &Path, stream: UnixStream) -> Result<Self> {
        let port = directory.join("ttyMCU");
        let wire = Wire::plug(port.clone()).doing(|| "make the MCU's port".into())?;
        let (orders, inbox) = mpsc::channel();
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        ear.set_nonblocking(true).doing(|| "make a socket non-blocking".into())?;
        stream.set_nonblocking(true).doing(|| "make a socket non-blocking".into())?;
        let (tell, heard) = mpsc::channel();
        let worker = Worker { wire, stream, inbox, ear, tell, begun: Vec::new() };
        let thread = std::thread::Builder::new()
            .name("mcu-bridge".into())
            .spawn(move || worker.run())
            .doing(|| "start the bridge's thread".into())?;
        Ok(Self { orders, bell, port, heard, thread: Some(thread) })
    }

    /// The port that the agent opens.
    #[must_use]
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// The line is this from now on. Frames of another version are not made here: with [`Habit::NewerVersion`] the MCU is
    /// merely silent.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn set_habit(&self, habit: Habit) -> Result<()> {
        self.order(Order::Habit(habit))
    }

    /// Waits for a message of the agent's, of those that were not waited for yet. `awaited` completes "failed to see …".
    ///
    /// # Errors
    /// When it does not come within `deadline`.
    pub fn wait_for(
        &self,
        awaited: &str,
        deadline: Duration,
        wanted: impl Fn(&Message) -> bool,
    ) -> Result<Message> {
        let end = Instant::now() + deadline;
        let mut last = None;
        while let Ok(message) = self.heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if wanted(&message) {
                return Ok(message);
            }
            last = Some(message);
        }
        let instead = last.map_or_else(|| "nothing".into(), |message| format!("{message:?} as the last one"));
        Err(LabError::Late { awaited: awaited.to_owned(), waited: deadline, instead })
    }

    fn order(&self, order: Order) -> Result<()> {
        let dead = |_| LabError::Late {
            awaited: "an answer of the bridge".into(),
            waited: OBEDIENCE,
            instead: "nothing".into(),
        };
        self.orders.send(order).map_err(dead)?;
        self.bell.send(&[0]).doing(|| "wake the bridge".into()).map(drop)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _gone_already = self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _its_panic_was_printed = thread.join();
        }
    }
}

struct Worker {
    wire: Wire,
    stream: UnixStream,
    inbox: mpsc::Receiver<Order>,
    ear: UnixDatagram,
    tell: mpsc::Sender<Message>,
    /// What the MCU has said of a frame.
    begun: Vec<u8>,
}

impl Worker {
    /// Runs until it is told to stop, or the MCU's end is closed.
    fn run(mut self) {
        loop {
            let mut descriptors = vec![self.ear.as_fd(), self.stream.as_fd()];
            descriptors.extend(self.wire.descriptors());
            let wait = self.wire.is_restless().then_some(TICK);
            let Ok(ready) = sys::wait_any(&descriptors, wait) else { return };
            if ready.first() == Some(&true) && !self.obey() {
                return;
            }
            for (byte, message) in self.wire.read() {
                // What the MCU does not take in time is lost, as on a real line.
                let _lost = self.stream.write(&[byte]);
                if let Some(message) = message {
                    let _nobody_waits = self.tell.send(message);
                }
            }
            if !self.carry() {
                return;
            }
            self.wire.tick();
        }
    }

    /// Carries what the MCU says, frame by frame, so that a spoilt line spoils frames; `false`: it has ended.
    fn carry(&mut self) -> bool {
        let mut chunk = [0; CHUNK];
        loop {
            let length = match self.stream.read(&mut chunk) {
                Ok(0) => return false,
                Ok(length) => length,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            };
            for byte in chunk.iter().take(length) {
                self.begun.push(*byte);
                if *byte == FENCE {
                    let frame = std::mem::take(&mut self.begun);
                    self.wire.pass(frame);
                }
            }
        }
    }

    /// Does what it was told; `false`: to stop.
    fn obey(&mut self) -> bool {
        let mut byte = [0; 1];
        while self.ear.recv(&mut byte).is_ok() {}
        while let Ok(order) = self.inbox.try_recv() {
            match order {
                Order::Habit(habit) => self.wire.set_habit(habit),
                Order::Stop => return false,
            }
        }
        true
    }
}
