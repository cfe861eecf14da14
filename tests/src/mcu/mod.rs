//! A stand-in for the watchdog MCU: the firmware's own decisions (`shunt-watchdog`) behind a pty, with a line that can be
//! spoilt and a clock that can be hurried.
//!
//! What a board has beside it, pins and a hardware watchdog, is here a list of levels with their times. The images
//! themselves run in an emulator; a [`Bridge`] has the agent open the UART of that.

mod bridge;
mod line;
mod rom;
mod worker;

pub use bridge::Bridge;
pub use line::Habit;
pub use rom::{Boot, Rom, Wrong, program};

use crate::error::{Doing, LabError, Result};
use crate::sys;
use line::Wire;
use shunt_watchdog::{Board, Watchdog};
use shunt_wire::{Capabilities, Message, ResetCause};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use worker::{Clock, Runs, Worker};

pub use shunt_watchdog::{Outputs, Stage};

/// An order is obeyed at the thread's next turn, which is at once; this bounds a thread that died.
const OBEDIENCE: Duration = Duration::from_secs(5);
/// What the line does by itself (noise, a flood) is done this often.
const TICK: Duration = Duration::from_millis(5);

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
    /// The version of the firmware that runs; `None`: the boot loader, or nothing.
    pub firmware: Option<String>,
}

/// Called with the levels of the pins whenever they change, on the stand-in's thread.
pub type PinHook = Box<dyn FnMut(&Outputs) + Send>;

type Condition = Box<dyn FnMut(&Seen) -> bool + Send>;

enum Order {
    Habit(Habit),
    Plug(bool),
    Hurry(u32),
    Hang,
    Wrong(Wrong),
    Power,
    Trust(Vec<u8>),
    Rom(mpsc::Sender<Rom>),
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
        Self::begin(directory, hook, None)
    }

    /// The same for one with a flash and a boot loader in ROM, and this [`program`] in its flash.
    ///
    /// # Errors
    /// As above.
    pub fn start_with(directory: &Path, program: &[u8]) -> Result<Self> {
        Self::begin(directory, None, Some(Rom::new(program)))
    }

    fn begin(directory: &Path, hook: Option<PinHook>, rom: Option<Rom>) -> Result<Self> {
        let port = directory.join("ttyMCU");
        let wire = Wire::plug(port.clone()).doing(|| "make the MCU's port".into())?;
        let (orders, inbox) = mpsc::channel();
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        ear.set_nonblocking(true).doing(|| "make a socket non-blocking".into())?;
        let clock = Clock { base: Duration::ZERO, since: sys::monotonic(), speed: 1 };
        let watchdog = Watchdog::new(BOARD, None, ResetCause::PowerOn, clock.instant());
        let pins = watchdog.outputs().pins;
        let mut worker = Worker {
            watchdog,
            runs: Runs::Firmware,
            rom,
            wire,
            clock,
            inbox,
            ear,
            pins,
            hook,
            seen: Seen::default(),
            waiters: Vec::new(),
        };
        worker.switch_on();
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

    /// This is wrong with its flash, its ROM or its line from now on.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn set_wrong(&self, wrong: Wrong) -> Result<()> {
        self.order(Order::Wrong(wrong))
    }

    /// This image of a real firmware counts as a whole one: the stand-in speaks for it.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn trust(&self, image: Vec<u8>) -> Result<()> {
        self.order(Order::Trust(image))
    }

    /// Its supply goes and comes.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn power_cycle(&self) -> Result<()> {
        self.order(Order::Power)
    }

    /// Its ROM and flash as they are now; those of a part without a program, where it has none.
    ///
    /// # Errors
    /// When the thread is dead.
    pub fn rom(&self) -> Result<Rom> {
        let (reply, answer) = mpsc::channel();
        self.order(Order::Rom(reply))?;
        answer.recv_timeout(OBEDIENCE).map_err(|_| dead())
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
