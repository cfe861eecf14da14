//! The way into the boot loader by the firmware itself, and the first word of the new one: a short talk in frames, without
//! the port.

use super::loader::SPEED;
use crate::mcu::own_hello;
use shunt_decision::Timestamp;
use shunt_wire::{
    BOOT_LOADER_KEY, Capabilities, Decoder, FRAME_BYTES, Frame, Hello, Message, Outcome, Received, Role,
    Seconds, VERSION, encode_as,
};
use std::time::Duration;

/// What is not answered is said again after this.
const AGAIN: Duration = Duration::from_millis(500);
/// How long the MCU is to judge nobody: it takes the request for its boot loader in a lease alone. Afterwards its boot grace
/// begins, whatever is left of it.
const LEASE: Seconds = Seconds(120);

/// What the talk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// To hear who is there.
    Greet,
    /// To have it start its boot loader.
    Enter,
}

/// How the talk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Met {
    /// Nobody answers.
    Nobody,
    /// It says who it is, and, where that was asked for, has gone into its boot loader.
    Firmware(Hello),
    /// It is there, and does not go: it has no such way, or an escalation is under way.
    Refused(Hello, Outcome),
}

/// The talk.
#[derive(Debug)]
pub(super) struct Door {
    errand: Errand,
    decoder: Decoder,
    /// That of the frames in which the MCU speaks. What is said here is the same in all of them.
    version: u8,
    /// Ours, with which nobody else has spoken.
    hello: Hello,
    peer: Option<Hello>,
    /// What is being said.
    saying: Message,
    sequence: u16,
    again: Timestamp,
    until: Timestamp,
    outgoing: Vec<u8>,
    met: Option<Met>,
}

impl Door {
    /// Knocks, until somebody answers or for so long. `id` is by chance.
    pub(super) fn new(errand: Errand, id: u32, patience: Duration, now: Timestamp) -> Self {
        let hello = own_hello(id);
        let saying = Message::Hello(hello.clone());
        let mut door = Self {
            errand,
            decoder: Decoder::new(),
            version: VERSION,
            hello,
            peer: None,
            saying,
            sequence: 0,
            again: now,
            until: now + patience,
            outgoing: Vec::new(),
            met: None,
        };
        door.handle_timeout(now);
        door
    }

    /// Takes what came.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Timestamp) {
        for byte in bytes {
            match self.decoder.receive_as(self.version, *byte) {
                Some(Received::Frame(frame)) if self.met.is_none() => self.hear(frame, now),
                Some(Received::Unknown { version, .. }) if self.peer.is_none() && version != self.version => {
                    tracing::info!(
                        "the MCU speaks version {version} of the frames, and this agent version {VERSION}"
                    );
                    self.version = version;
                    self.put(now);
                }
                Some(Received::Frame(_) | Received::Unknown { .. }) | None => {}
            }
        }
    }

    /// Says again what was not answered, and gives up.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if self.met.is_some() {
            return;
        }
        if now >= self.until {
            // One that has gone quiet after it was asked to go may well be gone: its answer was lost.
            let gone = matches!(self.saying, Message::EnterBootLoader { .. });
            let peer = self.peer.take().filter(|_| gone);
            self.met = Some(peer.map_or(Met::Nobody, Met::Firmware));
        } else if now >= self.again {
            self.put(now);
        }
    }

    /// When that is.
    pub(super) fn poll_timeout(&self) -> Timestamp {
        self.again.min(self.until)
    }

    /// What is to be sent.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// How it ended, if it did.
    pub(super) fn met(&self) -> Option<&Met> {
        self.met.as_ref()
    }

    fn hear(&mut self, frame: Frame, now: Timestamp) {
        match (frame.message, self.peer.clone()) {
            (Message::Hello(hello), None) if hello.role == Role::Mcu => {
                self.peer = Some(hello.clone());
                match self.errand {
                    Errand::Greet => self.met = Some(Met::Firmware(hello)),
                    Errand::Enter if !hello.capabilities.has(Capabilities::BOOT_LOADER) => {
                        self.met = Some(Met::Refused(hello, Outcome::NotFitted));
                    }
                    Errand::Enter => self.say(Message::Lease(LEASE), now),
                }
            }
            (Message::Answer { sequence, outcome }, Some(peer)) if sequence == self.sequence => {
                self.answered(outcome, peer, now);
            }
            _ => {}
        }
    }

    fn answered(&mut self, outcome: Outcome, peer: Hello, now: Timestamp) {
        match (&self.saying, outcome) {
            // It has booted meanwhile.
            (_, Outcome::HelloFirst) => {
                self.peer = None;
                self.say(Message::Hello(self.hello.clone()), now);
            }
            // One that guards nothing has no lease to give, and needs none.
            (Message::Lease(_), _) => self.say(Message::EnterBootLoader { key: BOOT_LOADER_KEY }, now),
            (Message::EnterBootLoader { .. }, Outcome::Done) => self.met = Some(Met::Firmware(peer)),
            (_, refused) => self.met = Some(Met::Refused(peer, refused)),
        }
    }

    fn say(&mut self, message: Message, now: Timestamp) {
        self.saying = message;
        self.sequence = self.sequence.wrapping_add(1);
        self.put(now);
    }

    /// A request that is said again keeps its sequence, so that it is carried out once.
    fn put(&mut self, now: Timestamp) {
        let frame = Frame { sequence: self.sequence, message: self.saying.clone() };
        let mut buffer = [0; FRAME_BYTES];
        if let Ok(bytes) = encode_as(self.version, &frame, &mut buffer) {
            // A boot loader may be there in its place already; to the firmware it is noise before a frame.
            self.outgoing.push(SPEED);
            self.outgoing.extend(bytes.iter());
        }
        self.again = now + AGAIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_watchdog::{Board, Instant, Watchdog};
    use shunt_wire::{Name, ResetCause, encode};

    const PATIENCE: Duration = Duration::from_secs(3);

    fn watchdog(capabilities: Capabilities, guards: bool) -> Watchdog {
        let board = Board { name: "bench", software: "0.1.0", capabilities };
        let mut watchdog = Watchdog::new(board, None, ResetCause::PowerOn, Instant::ZERO);
        if guards {
            let hello = Hello {
                role: Role::Agent,
                software: Name::default(),
                board: Name::default(),
                session: 1,
                capabilities: Capabilities::default(),
            };
            let config =
                "[watchdog.mcu]\nport = \"/dev/ttyS1\"\n[[link]]\nname = \"a\"\ninterface = \"a0\"\n";
            let config = shunt_config::parse(config, std::path::Path::new("test.toml")).unwrap();
            let times = crate::mcu::times(&config.watchdog.mcu);
            for (sequence, message) in [(0, Message::Hello(hello)), (1, Message::Arm(times))] {
                let mut buffer = [0; FRAME_BYTES];
                for byte in encode(&Frame { sequence, message }, &mut buffer).unwrap() {
                    watchdog.receive(*byte, Instant::ZERO);
                }
            }
        }
        watchdog
    }

    /// The talk with the firmware's decisions, of whose answers each so many-th is lost.
    fn talk(errand: Errand, watchdog: &mut Watchdog, lost: usize) -> Met {
        let at = |millis: u64| Timestamp::ZERO + Duration::from_millis(millis);
        let mut door = Door::new(errand, 7, PATIENCE, at(0));
        let mut answers = 0;
        for millis in (0..10_000).step_by(10) {
            for byte in door.take_outgoing() {
                let answer = watchdog.receive(byte, Instant::from_millis(millis));
                answers += usize::from(answer.is_some());
                let heard = answer.filter(|_| lost == 0 || !answers.is_multiple_of(lost));
                let mut buffer = [0; FRAME_BYTES];
                if let Some(bytes) = heard.as_ref().and_then(|frame| encode(frame, &mut buffer).ok()) {
                    door.receive(bytes, at(millis));
                }
            }
            door.handle_timeout(at(millis));
            if let Some(met) = door.met() {
                return met.clone();
            }
        }
        panic!("it does not end")
    }

    #[test]
    fn a_firmware_goes_into_its_boot_loader_in_a_lease_or_unarmed() {
        for (guards, lost) in [(false, 0), (true, 0), (true, 2), (false, 3)] {
            let mut watchdog = watchdog(Capabilities::BOOT_LOADER, guards);
            assert!(matches!(talk(Errand::Enter, &mut watchdog, lost), Met::Firmware(_)), "{guards} {lost}");
            assert!(watchdog.wants_boot_loader());
        }
    }

    /// An agent flashes a firmware of any version of the frames: here the line shifts the version, both ways.
    #[test]
    fn a_firmware_of_another_version_goes_into_its_boot_loader() {
        for shift in [1, 0xff] {
            let mut watchdog = watchdog(Capabilities::BOOT_LOADER, false);
            let other = VERSION.wrapping_add(shift);
            let at = |millis: u64| Timestamp::ZERO + Duration::from_millis(millis);
            let mut door = Door::new(Errand::Enter, 7, PATIENCE, at(0));
            let (mut theirs, mut millis) = (Decoder::new(), 0);
            while door.met().is_none() {
                let mut said = Vec::new();
                for byte in door.take_outgoing() {
                    let frame = match theirs.receive_as(other, byte) {
                        Some(Received::Frame(frame)) => frame,
                        // It says that it did not understand.
                        Some(Received::Unknown { sequence, .. }) => {
                            said.push(Frame { sequence: 0, message: Message::NotUnderstood { sequence } });
                            continue;
                        }
                        None => continue,
                    };
                    let mut buffer = [0; FRAME_BYTES];
                    let bytes = encode(&frame, &mut buffer).unwrap().to_vec();
                    let answers =
                        bytes.iter().filter_map(|byte| watchdog.receive(*byte, Instant::from_millis(millis)));
                    let mut decoder = Decoder::new();
                    for answer in answers {
                        let mut buffer = [0; FRAME_BYTES];
                        let bytes = encode(&answer, &mut buffer).unwrap().to_vec();
                        said.extend(bytes.iter().filter_map(|byte| match decoder.receive(*byte) {
                            Some(Received::Frame(frame)) => Some(frame),
                            _ => None,
                        }));
                    }
                }
                for frame in said {
                    let mut buffer = [0; FRAME_BYTES];
                    door.receive(encode_as(other, &frame, &mut buffer).unwrap(), at(millis));
                }
                millis += 10;
                door.handle_timeout(at(millis));
            }
            assert!(matches!(door.met(), Some(Met::Firmware(_))), "{:?}", door.met());
            assert!(watchdog.wants_boot_loader());
        }
    }

    #[test]
    fn one_without_that_way_is_told_and_left_alone() {
        let mut watchdog = watchdog(Capabilities::MODEM_RAIL, false);
        assert!(matches!(talk(Errand::Enter, &mut watchdog, 0), Met::Refused(_, Outcome::NotFitted)));
        assert!(!watchdog.wants_boot_loader());
        let Met::Firmware(hello) = talk(Errand::Greet, &mut watchdog, 2) else { panic!("it answers") };
        assert_eq!(hello.board.as_str(), "bench");
    }

    #[test]
    fn nobody_is_told_in_time() {
        let mut door = Door::new(Errand::Enter, 7, PATIENCE, Timestamp::ZERO);
        door.receive(&[0x1f; 40], Timestamp::ZERO);
        door.handle_timeout(Timestamp::ZERO + PATIENCE);
        assert_eq!(door.met(), Some(&Met::Nobody));
    }
}
