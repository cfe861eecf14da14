//! Board and host in one, on the ends of one line.

use shunt_watchdog::{Board, Instant, Saved, Span, Watchdog};
use shunt_wire::{
    Capabilities, Decoder, FRAME_BYTES, Frame, Happened, Hello, Log, Message, Name, Outcome, Received, Reply,
    ResetCause, Role, Seconds, Status, Timeouts, encode,
};

pub(crate) const BOARD: Board = Board {
    name: "bench",
    software: "0.1.0",
    capabilities: Capabilities::MODEM_RAIL
        .with(Capabilities::SHUTDOWN_LINE)
        .with(Capabilities::HOST_RESET)
        .with(Capabilities::BOOT_LOADER),
};

pub(crate) const TIMES: Timeouts = Timeouts {
    boot_grace: Seconds(100),
    feed_timeout: Seconds(10),
    alert: Seconds(20),
    cut_modem: true,
    modem_off: Seconds(12),
    modem_settle: Seconds(30),
    shutdown: Seconds(40),
    reset_hold: Seconds(5),
    backoff_shortest: Seconds(600),
    backoff_longest: Seconds(1_800),
    backoff_healthy: Seconds(900),
    most_resets: 0,
    longest_lease: Seconds(3_600),
};

/// Board and host in one.
pub(crate) struct Bench {
    pub(crate) watchdog: Watchdog,
    pub(crate) now: Instant,
    pub(crate) sequence: u16,
}

impl Bench {
    pub(crate) fn boot(saved: Option<Saved>, cause: ResetCause) -> Self {
        let now = Instant::from_millis(7_000);
        Self { watchdog: Watchdog::new(BOARD, saved, cause, now), now, sequence: 0 }
    }

    pub(crate) fn armed() -> Self {
        let mut bench = Self::boot(None, ResetCause::PowerOn);
        bench.greet(1);
        assert_eq!(bench.ask(Message::Arm(TIMES)), Outcome::Done);
        bench
    }

    pub(crate) fn line(&mut self, bytes: &[u8]) -> Option<Message> {
        let mut answer = None;
        for byte in bytes {
            let frame = self.watchdog.receive(*byte, self.now);
            answer = frame.map(|frame| heard(&frame)).or(answer);
        }
        answer
    }

    pub(crate) fn send(&mut self, sequence: u16, message: Message) -> Option<Message> {
        let mut buffer = [0; FRAME_BYTES];
        let bytes = encode(&Frame { sequence, message }, &mut buffer).unwrap().to_vec();
        self.line(&bytes)
    }

    pub(crate) fn say(&mut self, message: Message) -> Option<Message> {
        self.sequence = self.sequence.wrapping_add(1);
        self.send(self.sequence, message)
    }

    pub(crate) fn greet(&mut self, session: u32) {
        let hello = Hello {
            role: Role::Agent,
            software: Name::new(),
            board: Name::new(),
            session,
            capabilities: Capabilities::default(),
        };
        assert!(matches!(self.say(Message::Hello(hello)), Some(Message::Hello(_))));
    }

    pub(crate) fn ask(&mut self, message: Message) -> Outcome {
        match self.say(message) {
            Some(Message::Answer { sequence, outcome }) if sequence == self.sequence => outcome,
            other => panic!("no answer, but {other:?}"),
        }
    }

    pub(crate) fn status(&mut self) -> Status {
        match self.say(Message::StatusRequest) {
            Some(Message::Status(status)) => status,
            other => panic!("no status, but {other:?}"),
        }
    }

    pub(crate) fn log(&mut self) -> Vec<Happened> {
        let (mut from, mut all) = (0, Vec::new());
        loop {
            let Some(Message::Log(Log { first, next, entries })) = self.say(Message::LogRequest { from })
            else {
                panic!("no log");
            };
            from = first + entries.len() as u32;
            all.extend(entries.iter().map(|entry| entry.what));
            if from >= next {
                return all;
            }
        }
    }

    /// Lets time pass as the board does: by what is due.
    pub(crate) fn pass(&mut self, seconds: u32) {
        let then = self.now + Span::from_secs(seconds);
        while let Some(due) = self.watchdog.poll_timeout().filter(|due| *due <= then) {
            self.now = due;
            self.watchdog.handle_timeout(due);
        }
        self.now = then;
        self.watchdog.handle_timeout(then);
    }

    pub(crate) fn feed_for(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.say(Message::Feed);
            self.pass(1);
        }
    }
}

/// What the host makes of a frame of the MCU.
pub(crate) fn heard(frame: &Frame<Reply>) -> Message {
    let mut buffer = [0; FRAME_BYTES];
    let mut decoder = Decoder::new();
    match encode(frame, &mut buffer).unwrap().iter().find_map(|byte| decoder.receive(*byte)) {
        Some(Received::Frame(frame)) => frame.message,
        other => panic!("{other:?}"),
    }
}

/// A frame with this content, which has no zero.
pub(crate) fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut block = content.to_vec();
    block.extend(shunt_wire::checksum(content).to_le_bytes());
    assert!(!block.contains(&0));
    let code = block.len() as u8 + 1;
    [&[0, code][..], &block, &[0]].concat()
}
