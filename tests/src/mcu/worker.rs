//! The stand-in's thread: its clock, and what its processor does.

use super::line::Wire;
use super::rom::{Boot, Rom};
use super::{BOARD, Change, Condition, Order, Outputs, PinHook, Seen, TICK};
use crate::sys;
use shunt_watchdog::{Board, Instant, Saved, Watchdog};
use shunt_wire::{Capabilities, Message, ResetCause};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::time::Duration;

/// The most that is remembered of what the agent said.
const MOST_HEARD: usize = 1_000;

/// The board that can be flashed.
const FLASHED: &str = "stm32g030";

/// The MCU's own clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// What it showed ...
    pub(super) base: Duration,
    /// ... at this moment of the machine's clock, and how fast it has run since.
    pub(super) since: u64,
    pub(super) speed: u32,
}

impl Clock {
    fn now(&self) -> Duration {
        self.base + Duration::from_nanos(sys::monotonic().saturating_sub(self.since)) * self.speed
    }

    pub(super) fn instant(&self) -> Instant {
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

/// What the processor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    Firmware,
    Loader,
    Nothing,
}

pub(super) struct Worker {
    pub(super) watchdog: Watchdog,
    pub(super) runs: Runs,
    pub(super) rom: Option<Rom>,
    pub(super) wire: Wire,
    pub(super) clock: Clock,
    pub(super) inbox: mpsc::Receiver<Order>,
    pub(super) ear: UnixDatagram,
    pub(super) pins: Outputs,
    pub(super) hook: Option<PinHook>,
    pub(super) seen: Seen,
    pub(super) waiters: Vec<(Condition, mpsc::Sender<()>)>,
}

impl Worker {
    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        loop {
            self.turn();
            let due = self.watchdog.poll_timeout().filter(|_| self.runs == Runs::Firmware);
            let mut wait = due.map(|at| self.clock.until(at));
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
        match self.runs {
            Runs::Firmware => self.watch(),
            Runs::Loader => self.load(),
            Runs::Nothing => drop(self.wire.read()),
        }
        self.wire.tick();
        self.see();
        let Self { waiters, seen, .. } = self;
        waiters.retain_mut(|(condition, reply)| !(condition(seen) && reply.send(()).is_ok()));
    }

    /// A turn of the firmware.
    fn watch(&mut self) {
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
        if let Some(rom) = self.rom.as_mut().filter(|_| self.watchdog.wants_boot_loader()) {
            rom.enter();
            self.runs = Runs::Loader;
        }
    }

    /// A turn of the boot loader.
    fn load(&mut self) {
        for (byte, _) in self.wire.read() {
            let Some(rom) = &mut self.rom else { return };
            let answer = rom.receive(byte);
            let boot = rom.take_left().then(|| rom.reset());
            self.wire.send_bytes(&answer);
            if let Some(boot) = boot {
                return self.boot(boot, ResetCause::Software);
            }
        }
    }

    /// The supply comes on.
    pub(super) fn switch_on(&mut self) {
        let boot = self.rom.as_mut().map(Rom::power);
        if let Some(boot) = boot {
            self.boot(boot, ResetCause::PowerOn);
        }
    }

    fn boot(&mut self, boot: Boot, cause: ResetCause) {
        self.runs = match boot {
            Boot::Program(name, version) if name == FLASHED => {
                // A few bytes for each boot of a test.
                let software: &'static str = version.leak();
                let capabilities = BOARD.capabilities.with(Capabilities::BOOT_LOADER);
                let board = Board { name: FLASHED, software, capabilities };
                let mut kept = Saved::from_bytes(&self.watchdog.saved().to_bytes());
                if cause == ResetCause::PowerOn {
                    kept.iter_mut().for_each(Saved::lose_supply);
                }
                self.watchdog = Watchdog::new(board, kept, cause, self.clock.instant());
                self.seen.firmware = Some(software.to_owned());
                return self.runs = Runs::Firmware;
            }
            Boot::Loader => Runs::Loader,
            Boot::Program(..) | Boot::Dead => Runs::Nothing,
        };
    }

    /// Takes note of the pins, as a board would set them; without a program they are let go, which is calm.
    fn see(&mut self) {
        self.seen.now = self.clock.now();
        let runs = self.runs == Runs::Firmware;
        self.seen.stage = self.watchdog.stage().filter(|_| runs);
        if !runs {
            self.seen.firmware = None;
        }
        let calm = Outputs { alert: false, modem_power: true, shutdown_request: false, host_reset: false };
        let pins = if runs { self.watchdog.outputs().pins } else { calm };
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
                Order::Wrong(wrong) => {
                    if let Some(rom) = &mut self.rom {
                        rom.set_wrong(wrong);
                    }
                }
                Order::Power => self.switch_on(),
                Order::Trust(image) => {
                    if let Some(rom) = &mut self.rom {
                        rom.trust(&image);
                    }
                }
                Order::Rom(reply) => {
                    let _unheard = reply.send(self.rom.clone().unwrap_or_else(|| Rom::new(&[])));
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
