//! The agent's end of the line.

use crate::talk::whole_log;
use shunt_model::PATIENCE;
use shunt_wire::{
    Capabilities, Decoder, FRAME_BYTES, Frame, Hello, LogEntry, Message, Name, Outcome, Received, Role,
    Stage, Status,
};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

pub(crate) struct Line {
    stream: UnixStream,
    decoder: Decoder,
    received: VecDeque<Message>,
    sequence: u16,
}

/// The agent's.
pub(crate) fn hello() -> Hello {
    let name = |text| Name::try_from(text).unwrap();
    Hello {
        role: Role::Agent,
        software: name("test"),
        board: name(""),
        session: 7,
        capabilities: Capabilities::default(),
    }
}

impl Line {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, decoder: Decoder::new(), received: VecDeque::new(), sequence: 0 }
    }

    /// Sends bytes that are no frame.
    pub(crate) fn send_noise(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a request, and gives what became of it.
    pub(crate) fn ask(&mut self, request: Message) -> Outcome {
        let asked = self.send(request);
        self.wait_for(|message| match message {
            Message::Answer { sequence, outcome } if sequence == asked => Some(outcome),
            _ => None,
        })
    }

    /// Asks for the whole log.
    pub(crate) fn log(&mut self) -> Vec<LogEntry> {
        whole_log(|from| {
            self.send(Message::LogRequest { from });
            self.wait_for(|message| match message {
                Message::Log(log) => Some(log),
                _ => None,
            })
        })
    }

    /// Sends a message, and gives its sequence.
    pub(crate) fn send(&mut self, message: Message) -> u16 {
        let sequence = self.sequence;
        self.sequence += 1;
        let mut buffer = [0; FRAME_BYTES];
        let bytes = shunt_wire::encode(&Frame { sequence, message }, &mut buffer).unwrap();
        self.stream.write_all(bytes).unwrap();
        sequence
    }

    /// The first message that is `wanted`; those before it are passed over.
    pub(crate) fn wait_for<T>(&mut self, wanted: impl Fn(Message) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(message) = self.next(deadline) {
                if let Some(found) = wanted(message) {
                    return found;
                }
            }
            assert!(Instant::now() < deadline, "the MCU did not say it in {PATIENCE:?}");
        }
    }

    /// Asks for the status. A hello before it is a fence: what was told unasked lies before the answer to that.
    pub(crate) fn status(&mut self) -> Status {
        self.send(Message::Hello(hello()));
        self.wait_for(|message| matches!(message, Message::Hello(_)).then_some(()));
        self.send(Message::StatusRequest);
        self.wait_for(|message| match message {
            Message::Status(status) => Some(status),
            _ => None,
        })
    }

    /// Hears for so long nothing of an escalation.
    pub(crate) fn expect_calm(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Some(message) = self.next(deadline) {
            if let Message::Status(status) = message {
                assert!(matches!(status.stage, Stage::Grace | Stage::Guarding), "{status:?}");
            }
        }
    }

    /// The next message before the deadline.
    fn next(&mut self, deadline: Instant) -> Option<Message> {
        while self.received.is_empty() {
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut bytes = [0; 256];
            let count = match self.stream.read(&mut bytes) {
                Ok(0) => panic!("the emulator closed the line"),
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return None;
                }
                Err(error) => panic!("{error}"),
            };
            for byte in &bytes[..count] {
                match self.decoder.receive(*byte) {
                    Some(Received::Frame(frame)) => self.received.push_back(frame.message),
                    Some(Received::Unknown { .. }) => panic!("a frame that this side does not know"),
                    None => {}
                }
            }
        }
        self.received.pop_front()
    }
}
