//! The host at the other end of the part's line.

use crate::talk::whole_log;
use shunt_model::{PIN_LAMP, PinChange, Stm32g030};
use shunt_wire::{
    Capabilities, Decoder, FRAME_BYTES, Frame, Hello, LogEntry, Message, Name, Outcome, Received, Role,
    Seconds, Status, Timeouts, encode,
};
use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

/// Short, so that little time need be simulated.
pub(crate) const TIMES: Timeouts = Timeouts {
    boot_grace: Seconds(6),
    feed_timeout: Seconds(3),
    alert: Seconds(2),
    cut_modem: true,
    modem_off: Seconds(2),
    modem_settle: Seconds(3),
    shutdown: Seconds(4),
    reset_hold: Seconds(1),
    backoff_shortest: Seconds(25),
    backoff_longest: Seconds(40),
    backoff_healthy: Seconds(30),
    most_resets: 0,
    longest_lease: Seconds(60),
};

/// For an answer: many times what the part takes.
const PATIENCE_MILLIS: u64 = 2_000;
const STEP: Duration = Duration::from_millis(5);

pub(crate) struct Host {
    pub(crate) part: Stm32g030,
    /// How often the lamp changed.
    pub(crate) lamp_changes: usize,
    changes: Vec<PinChange>,
    decoder: Decoder,
    received: VecDeque<Message>,
    sequence: u16,
}

/// The image, built once for all tests.
fn image() -> &'static [u8] {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let path = shunt_firmware::build(shunt_firmware::STM32G030).unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(path).unwrap()
    })
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(Stm32g030::new(image()).unwrap())
    }

    /// With a part that has something else in its flash.
    pub(crate) fn with(part: Stm32g030) -> Self {
        Self {
            part,
            lamp_changes: 0,
            changes: Vec::new(),
            decoder: Decoder::new(),
            received: VecDeque::new(),
            sequence: 0,
        }
    }

    /// With an MCU that has booted, was greeted, and guards by [`TIMES`].
    pub(crate) fn armed() -> Self {
        let mut host = Self::new();
        host.greeting();
        host.hello();
        assert_eq!(host.ask(Message::Arm(TIMES)), Outcome::Done);
        host
    }

    pub(crate) fn say(&mut self, message: Message) -> u16 {
        self.sequence += 1;
        let mut buffer = [0; FRAME_BYTES];
        let frame = Frame { sequence: self.sequence, message };
        self.part.host_sends(encode(&frame, &mut buffer).unwrap());
        self.sequence
    }

    /// Says hello, and waits for its answer: a fence for what was said before it.
    pub(crate) fn hello(&mut self) {
        self.say(Message::Hello(Hello {
            role: Role::Agent,
            software: Name::try_from("0.1.0").unwrap(),
            board: Name::new(),
            session: 7,
            capabilities: Capabilities::default(),
        }));
        self.greeting();
    }

    /// The next hello of the MCU: what it said before is passed over.
    pub(crate) fn greeting(&mut self) -> Hello {
        self.wait_for(|message| match message {
            Message::Hello(hello) => Some(hello),
            _ => None,
        })
    }

    pub(crate) fn ask(&mut self, request: Message) -> Outcome {
        let asked = self.say(request);
        self.wait_for(|message| match message {
            Message::Answer { sequence, outcome } if sequence == asked => Some(outcome),
            _ => None,
        })
    }

    pub(crate) fn status(&mut self) -> Status {
        self.hello();
        self.say(Message::StatusRequest);
        self.wait_for(|message| match message {
            Message::Status(status) => Some(status),
            _ => None,
        })
    }

    pub(crate) fn log(&mut self) -> Vec<LogEntry> {
        whole_log(|from| {
            self.say(Message::LogRequest { from });
            self.wait_for(|message| match message {
                Message::Log(log) => Some(log),
                _ => None,
            })
        })
    }

    /// Feeds every so many seconds, for so long; gives when the last feed was sent.
    pub(crate) fn feed_for(&mut self, seconds: u32, every: u32) -> u64 {
        let mut fed_at = 0;
        for _ in 0..seconds / every {
            fed_at = self.part.millis();
            self.say(Message::Feed);
            self.pass(every);
        }
        fed_at
    }

    pub(crate) fn pass(&mut self, seconds: u32) {
        self.pass_millis(u64::from(seconds) * 1000);
    }

    /// The changes of the pins since the last call; not the lamp's.
    pub(crate) fn changes(&mut self) -> Vec<PinChange> {
        self.collect();
        std::mem::take(&mut self.changes)
    }

    fn pass_millis(&mut self, millis: u64) {
        self.part.run_for(Duration::from_millis(millis));
        self.collect();
    }

    fn collect(&mut self) {
        for change in self.part.take_pin_changes() {
            if change.pin == PIN_LAMP { self.lamp_changes += 1 } else { self.changes.push(change) }
        }
        for byte in self.part.take_sent() {
            match self.decoder.receive(byte) {
                Some(Received::Frame(frame)) => self.received.push_back(frame.message),
                Some(Received::Unknown { .. }) => panic!("a frame that this side does not know"),
                None => {}
            }
        }
    }

    fn wait_for<T>(&mut self, wanted: impl Fn(Message) -> Option<T>) -> T {
        let deadline = self.part.millis() + PATIENCE_MILLIS;
        while self.part.millis() < deadline {
            while let Some(message) = self.received.pop_front() {
                if let Some(found) = wanted(message) {
                    return found;
                }
            }
            self.part.run_for(STEP);
            self.collect();
        }
        panic!("the MCU did not say it in {PATIENCE_MILLIS} ms")
    }
}
