//! A stand-in for the watchdog MCU: the firmware's own decisions (`shunt-watchdog`) behind a pty, with a line that can be
//! spoilt and a clock that can be hurried.
//!
//! What a board has beside it, pins and a hardware watchdog, is here a list of levels with their times. The images
//! themselves run in an emulator; a [`Bridge`] has the agent open the UART of that.

mod bridge;
mod line;

pub use bridge::Bridge;
pub use line::Habit;

use crate::error::{Doing, LabError, Result};
use crate::sys;
use line::Wire;
use shunt_watchdog::{Board, Instant, Saved, Watchdog};
use shunt_wire::{Capabilities, Message, ResetCause};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use shunt_watchdog::{Outputs, Stage};

/// An order is obeyed at the thread's next turn, which is at once; this bounds a thread that died.
const OBEDIENCE: Duration = Duration::from_secs(5);
/// What the line does by itself (noise, a flood) is done this often.
const TICK: Duration = Duration::from_millis(5);

/// The most that is remembered of what the agent said.
const MOST_HEARD: usize = 1_000;

const BOARD: Board = Board {
    name: "stand-in",
    software: env!("CARGO_PKG_VERSION"),
    capabilities: Capabilities::MODEM_RAIL
        .with(Capabilities::SHUTDOWN_LINE)
        .with(Capabilities::HOST_RESET)
        .with(Capabilities::LASTING_MEMORY),
};

/// The levels of the pins that changed last, and when, by the MCU's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Since the stand-in was started.
    pub at: Duration,
    /// The levels from then on.
    pub pins: Outputs,
}

/// What was seen of the MCU and of the agent on its line.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Feeds that came.
    pub feeds: u64,
    /// What else the agent said, the newest last.
    pub heard: Vec<Message>,
    /// Where the escalation stands; `None`: nothing is guarded.
    pub stage: Option<Stage>,
    /// What the pins did.
    pub changes: Vec<Change>,
    /// The time, by the MCU's clock.
    pub now: Duration,
}

/// Called with the levels of the pins whenever they change, on the stand-in's thread.
pub type PinHook = Box<dyn FnMut(&Outputs) + Send>;

type Condition = Box<dyn FnMut(&Seen) -> bool + Send>;

enum Order {
    Habit(Habit),
    Plug(bool),
    Hurry(u32),
    Hang,
    Look(mpsc::Sender<Seen>),
    Wait(Condition, mpsc::Sender<()>),
    Stop,
}

/// A running stand-in. Its port goes when this is dropped.
#[derive(Debug)]
pub struct StandIn {
    orders: mpsc::Sender<Order>,
    bell: UnixDatagram,
    port: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Starts one that was never armed, whose port is `ttyMCU` in this directory, whatever pty is behind it.
    ///
    /// # Errors
    /// When the system refuses a pty, a thread or a socket pair.
    pub fn start(directory: &Path, hook: Option<PinHook>) -> Result<Self> {
        let port = directory.join("ttyMCU");
        let wire = Wire::plug(port.clone()).doing(|| "make the MCU's port".into())?;
        let (orders, inbox) = mpsc::channel();
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        ear.set_nonblocking(true).doing(|| "make a socket non-blocking".into())?;
        let clock = Clock { base: Duration::ZERO, since: sys::monotonic(), speed: 1 };
        let watchdog = Watchdog::new(BOARD, None, ResetCause::PowerOn, clock.instant());
        let pins = watchdog.outputs().pins;
        let worker = Worker {
            watchdog,
            wire,
            clock,
            inbox,
            ear,
            pins,
            hook,
            seen: Seen::default(),
            waiters: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("mcu-stand-in".into())
            .spawn(move || worker.run())
            .doing(|| "start the MCU's thread".into())?;
        Ok(Self { orders, bell, port, thread: Some(thread) })
    }

    /// The port that the agent opens.
    #[must_use]
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// The line is this from now on.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn set_habit(&self, habit: Habit) -> Result<()> {
        self.order(Order::Habit(habit))
    }

    /// Takes the port away, or gives it back as another pty. The MCU runs on.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn plug(&self, plugged: bool) -> Result<()> {
        self.order(Order::Plug(plugged))
    }

    /// The MCU's time runs so many times as fast as the wall's from now on.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn hurry(&self, speed: u32) -> Result<()> {
        self.order(Order::Hurry(speed))
    }

    /// The firmware hangs, and its own watchdog resets it.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn hang(&self) -> Result<()> {
        self.order(Order::Hang)
    }

    /// What was seen so far.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn seen(&self) -> Result<Seen> {
        let (reply, answer) = mpsc::channel();
        self.order(Order::Look(reply))?;
        answer.recv_timeout(OBEDIENCE).map_err(|_| dead())
    }

    /// Waits until what was seen is as wanted, and tells it. `awaited` completes "failed to see …".
    ///
    /// # Errors
    /// When it does not come about within `deadline`, of the wall's clock.
    pub fn wait_for(
        &self,
        awaited: &str,
        deadline: Duration,
        condition: impl FnMut(&Seen) -> bool + Send + 'static,
    ) -> Result<Seen> {
        let (reply, answer) = mpsc::channel();
        self.order(Order::Wait(Box::new(condition), reply))?;
        match answer.recv_timeout(deadline) {
            Ok(()) => self.seen(),
            Err(_) => Err(LabError::Late {
                awaited: awaited.to_owned(),
                waited: deadline,
                instead: self.seen().map_or_else(|error| error.to_string(), |seen| format!("{seen:?}")),
            }),
        }
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).map_err(|_| dead())?;
        self.bell.send(&[0]).doing(|| "wake the MCU".into()).map(drop)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _gone_already = self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _its_panic_was_printed = thread.join();
        }
    }
}

fn dead() -> LabError {
    LabError::Late { awaited: "an answer of the MCU".into(), waited: OBEDIENCE, instead: "nothing".into() }
}

/// The MCU's own clock.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// What it showed ...
    base: Duration,
    /// ... at this moment of the machine's clock, and how fast it has run since.
    since: u64,
    speed: u32,
}

impl Clock {
    fn now(&self) -> Duration {
        self.base + Duration::from_nanos(sys::monotonic().saturating_sub(self.since)) * self.speed
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX))
    }

    fn set_speed(&mut self, speed: u32) {
        *self = Self { base: self.now(), since: sys::monotonic(), speed: speed.max(1) };
    }

    /// How long the wall's clock takes until this one shows `at`.
    fn until(&self, at: Instant) -> Duration {
        Duration::from_millis(at.since(self.instant()).as_millis().into()) / self.speed
    }
}

struct Worker {
    watchdog: Watchdog,
    wire: Wire,
    clock: Clock,
    inbox: mpsc::Receiver<Order>,
    ear: UnixDatagram,
    pins: Outputs,
    hook: Option<PinHook>,
    seen: Seen,
    waiters: Vec<(Condition, mpsc::Sender<()>)>,
}

impl Worker {
    /// Runs until it is told to stop.
    fn run(mut self) {
        loop {
            self.turn();
            let mut wait = self.watchdog.poll_timeout().map(|at| self.clock.until(at));
            if self.wire.is_restless() {
                wait = Some(wait.unwrap_or(TICK).min(TICK));
            }
            let mut descriptors = vec![self.ear.as_fd()];
            descriptors.extend(self.wire.descriptors());
            // A millisecond more, so that what is due has come by then.
            let wait = wait.map(|wait| wait + Duration::from_millis(1));
            let Ok(ready) = sys::wait_any(&descriptors, wait) else { return };
            if ready.first() == Some(&true) && !self.obey() {
                return;
            }
        }
    }

    fn turn(&mut self) {
        let now = self.clock.instant();
        self.watchdog.handle_timeout(now);
        self.see();
        for (byte, message) in self.wire.read() {
            match message {
                Some(Message::Feed) => self.seen.feeds += 1,
                Some(message) if self.seen.heard.len() < MOST_HEARD => self.seen.heard.push(message),
                Some(_) | None => {}
            }
            if let Some(answer) = self.watchdog.receive(byte, now) {
                self.wire.send(&answer);
            }
        }
        while let Some(frame) = self.watchdog.poll_frame(now) {
            self.wire.send(&frame);
        }
        self.wire.tick();
        self.see();
        let Self { waiters, seen, .. } = self;
        waiters.retain_mut(|(condition, reply)| !(condition(seen) && reply.send(()).is_ok()));
    }

    /// Takes note of the pins, as a board would set them.
    fn see(&mut self) {
        self.seen.now = self.clock.now();
        self.seen.stage = self.watchdog.stage();
        let pins = self.watchdog.outputs().pins;
        if pins != self.pins {
            self.pins = pins;
            self.seen.changes.push(Change { at: self.seen.now, pins });
            if let Some(hook) = &mut self.hook {
                hook(&pins);
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
                // What cannot be made is not there; whoever waits for it is told by its deadline.
                Order::Plug(plugged) => self.wire.set_plugged(plugged),
                Order::Hurry(speed) => self.clock.set_speed(speed),
                Order::Hang => {
                    let kept = Saved::from_bytes(&self.watchdog.saved().to_bytes());
                    self.watchdog = Watchdog::new(BOARD, kept, ResetCause::Watchdog, self.clock.instant());
                }
                Order::Look(reply) => {
                    let _unheard = reply.send(self.seen.clone());
                }
                Order::Wait(condition, reply) => self.waiters.push((condition, reply)),
                Order::Stop => return false,
            }
        }
        true
    }
}
