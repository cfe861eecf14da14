//! A session and the MCU's own decisions on one line, in virtual time.

use crate::mcu::book::Noted;
use crate::mcu::session::{Output, Session};
use shunt_decision::Timestamp;
use shunt_watchdog::{Board, Instant, Saved, Watchdog};
use shunt_wire::{
    Capabilities, FRAME_BYTES, Frame, Happened, Message, Outcome, ResetCause, Speech, Stage, encode,
};
use std::path::Path;
use std::time::Duration;

/// One step of the world.
pub(super) const TICK: u64 = 50;
pub(super) const SECOND: u64 = 1_000;

pub(super) fn config(keys: &str) -> shunt_config::Mcu {
    let text = format!(
        "[watchdog.mcu]\nport = \"/dev/ttyS1\"\n{keys}\n[[link]]\nname = \"a\"\ninterface = \"a0\"\n"
    );
    shunt_config::parse(&text, Path::new("test.toml")).unwrap().watchdog.mcu
}

pub(super) const BOARD: Board = Board {
    name: "bench",
    software: "0.1.0",
    capabilities: Capabilities::MODEM_RAIL.with(Capabilities::HOST_RESET).with(Capabilities::SHUTDOWN_LINE),
};

pub(super) fn bytes<M: Speech>(frame: &Frame<M>) -> Vec<u8> {
    let mut buffer = [0; FRAME_BYTES];
    encode(frame, &mut buffer).unwrap().to_vec()
}

/// What the line does to a frame that goes over it: to the MCU (`true`), or from it.
pub(super) type Line = Box<dyn FnMut(bool, Vec<u8>) -> Vec<u8>>;

pub(super) struct World {
    pub(super) session: Session,
    pub(super) mcu: Option<Watchdog>,
    /// The MCU's flash: its record when what lasts of that last changed.
    flash: Option<Saved>,
    pub(super) line: Line,
    /// Since the world began.
    pub(super) now: u64,
    pub(super) feeding: bool,
    /// The gateway runs.
    pub(super) alive: bool,
    /// How often the pins were anything but calm.
    pub(super) stirred: usize,
    pub(super) sent: usize,
    pub(super) outputs: Vec<Output>,
}

impl World {
    pub(super) fn new(keys: &str) -> Self {
        let mcu = Watchdog::new(BOARD, None, ResetCause::PowerOn, Instant::ZERO);
        Self::with(session(keys, None, 7), Some(mcu), 0)
    }

    pub(super) fn with(session: Session, mcu: Option<Watchdog>, now: u64) -> Self {
        let line: Line = Box::new(|_, bytes| bytes);
        let mut world = Self {
            session,
            mcu,
            flash: None,
            line,
            now,
            feeding: true,
            alive: true,
            stirred: 0,
            sent: 0,
            outputs: Vec::new(),
        };
        world.session.opened(world.time());
        world.pump();
        world
    }

    pub(super) fn time(&self) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(self.now)
    }

    /// The gateway starts again, with what its agent kept.
    pub(super) fn reboot_host(self, keys: &str) -> Self {
        let mut told =
            self.outputs.iter().filter_map(|it| if let Output::Told(next) = it { Some(*next) } else { None });
        Self { flash: self.flash, ..Self::with(session(keys, told.next_back(), 8), self.mcu, self.now) }
    }

    /// The MCU hangs, and its own watchdog resets it.
    pub(super) fn reboot_mcu(&mut self) {
        let kept = self.mcu.as_ref().and_then(|mcu| Saved::from_bytes(&mcu.saved().to_bytes()));
        self.mcu = Some(Watchdog::new(BOARD, kept, ResetCause::Watchdog, Instant::from_millis(self.now)));
    }

    /// The MCU's supply goes and comes: it has what was in its flash.
    pub(super) fn power_cycle_mcu(&mut self) {
        let mut kept = self.flash.clone();
        kept.iter_mut().for_each(Saved::lose_supply);
        self.mcu = Some(Watchdog::new(BOARD, kept, ResetCause::PowerOn, Instant::from_millis(self.now)));
    }

    pub(super) fn run(&mut self, seconds: u64) {
        let end = self.now + seconds * SECOND;
        while self.now < end {
            self.now += TICK;
            if !self.alive {
                self.pump();
                continue;
            }
            if self.feeding && self.now.is_multiple_of(5 * SECOND) {
                self.session.feed(self.time());
            }
            self.session.handle_timeout(self.time());
            self.pump();
        }
    }

    /// Carries all that is to be carried.
    pub(super) fn pump(&mut self) {
        let at = Instant::from_millis(self.now);
        loop {
            let mut answers = Vec::new();
            if let Some(mcu) = &mut self.mcu {
                mcu.handle_timeout(at);
                let lasting = self.flash.as_ref().map(Saved::lasting).unwrap_or_default();
                if mcu.saved().lasting() != lasting {
                    self.flash = Some(mcu.saved().clone());
                }
                answers.extend(std::iter::from_fn(|| mcu.poll_frame(at)).map(|frame| bytes(&frame)));
                let pins = mcu.outputs().pins;
                self.stirred +=
                    usize::from(pins.alert || !pins.modem_power || pins.shutdown_request || pins.host_reset);
            }
            let outputs: Vec<Output> = std::iter::from_fn(|| self.session.poll_output()).collect();
            if outputs.is_empty() && answers.is_empty() {
                return;
            }
            for output in outputs {
                let Output::Send(sent) = output else {
                    self.outputs.push(output);
                    continue;
                };
                self.sent += 1;
                for byte in (self.line)(true, sent) {
                    let answer = self.mcu.as_mut().and_then(|mcu| mcu.receive(byte, at));
                    answers.extend(answer.map(|frame| bytes(&frame)));
                }
            }
            for answer in answers.into_iter().filter(|_| self.alive) {
                let heard = (self.line)(false, answer);
                self.session.receive(&heard, self.time());
            }
        }
    }

    pub(super) fn ask(&mut self, message: Message) -> Option<Outcome> {
        self.session.ask(message, 99, self.time()).unwrap();
        self.pump();
        self.run(4);
        let answers = self.outputs.iter().filter_map(|output| match output {
            Output::Answered(99, outcome) => Some(*outcome),
            _ => None,
        });
        let answers: Vec<_> = answers.collect();
        let [answer] = answers[..] else { panic!("answered {answers:?}") };
        self.outputs.clear();
        answer
    }

    pub(super) fn noted(&self) -> Vec<Noted> {
        let noted = |output: &Output| if let Output::Noted(noted) = output { Some(*noted) } else { None };
        self.outputs.iter().filter_map(noted).collect()
    }

    pub(super) fn news(&self) -> Vec<Happened> {
        self.noted().into_iter().filter(|noted| noted.news).map(|noted| noted.what).collect()
    }

    pub(super) fn stage(&self) -> Option<Stage> {
        self.session.status().map(|(status, _)| status.stage)
    }

    pub(super) fn armed(&self) -> usize {
        self.outputs.iter().filter(|output| **output == Output::Armed).count()
    }
}

pub(super) fn session(keys: &str, told: Option<u32>, id: u32) -> Session {
    let config = config(keys);
    Session::new(
        crate::mcu::times(&config),
        crate::mcu::seconds(config.stop_lease),
        id,
        told,
        Timestamp::ZERO,
    )
}
