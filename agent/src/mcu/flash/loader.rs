//! The boot loader in the part's ROM, as it is spoken to over a UART: one command at a time, without the port.
//!
//! ST's AN3155. A command is its number and the number's complement; what follows has a checksum (exclusive or), and after
//! each step the loader says ACK or NACK. Before the first command one byte tells it the speed. It waits for ever for what it
//! was promised, and bytes that are lost leave both sides waiting: [`Command::Reach`] ends that.

use shunt_decision::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Its answers. Both have an odd number of ones: read without their bit of parity, they are the same.
pub(in crate::mcu) const ACK: u8 = 0x79;
pub(in crate::mcu) const NACK: u8 = 0x1f;
/// Tells the loader the speed; once it knows that, this is half of a command that there is not. It measures the first byte that
/// comes, whatever that is, so this goes before all that may reach a loader. Its bit of parity is that of a line at rest.
pub(in crate::mcu) const SPEED: u8 = 0x7f;

const GET: u8 = 0x00;
const GET_ID: u8 = 0x02;
const READ: u8 = 0x11;
const GO: u8 = 0x21;
const WRITE: u8 = 0x31;
const ERASE: u8 = 0x44;

/// What is read or written at once at the most.
pub(super) const BLOCK: usize = 256;
/// What it takes to end whatever the loader still waits for of a block: the block, its length and its checksum.
const FILL: usize = BLOCK + 2;
/// So much it may wait for after [`ERASE`], where it took two [`SPEED`]s for the number of pages, or any number up to there.
const FLOOD: usize = 2 * 0x8100;
/// That takes this long (11 bits a byte at 115,200 baud), and some more in a slow adapter.
const FLOODED: Duration = Duration::from_secs(8);

/// The loader answers a command within milliseconds, and 256 bytes take 25 ms; a host's driver may be slow.
const ANSWER: Duration = Duration::from_millis(500);
/// 32 double words at 0.1 ms each, several times over.
const WRITTEN: Duration = Duration::from_secs(1);
/// A page takes 22 ms, 40 at the most (DS12991).
const ERASURE: Duration = Duration::from_secs(1);

/// What it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Be there, and wait for a command. `patient`: whatever it was that you were promised.
    Reach { patient: bool },
    /// Tell your version and commands.
    Get,
    /// Tell which part you are.
    GetId,
    /// Give `length` bytes from `address`, up to [`BLOCK`].
    Read { address: u32, length: usize },
    /// Write these, up to [`BLOCK`] and a multiple of eight, into erased flash or RAM.
    Write { address: u32, data: Vec<u8> },
    /// Erase this page of the flash.
    Erase { page: u8 },
    /// Take stack and entry from `address`, and go there.
    Go { address: u32 },
}

/// How a command ended.
pub(super) type Ended = Result<Vec<u8>, Fault>;

/// Why a command did not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No answer, or half of one.
    Silent,
    /// The loader said no. To the command itself: it does not know it, or its flash is protected.
    Refused,
    /// The loader said no to what followed: an address that there is not, or damage on the line.
    Spoilt,
    /// What came is no answer.
    Garbled,
}

/// What is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// ACK, for so long; a NACK means this.
    Ack(Duration, Fault),
    /// So many bytes.
    Bytes(usize),
    /// A number, and one byte more than that.
    Counted,
    /// Any answer; without one the next try is made.
    Any,
    /// So much time; what comes meanwhile says nothing.
    Nothing(Duration),
}

/// A part of a command: what is sent, and what comes back.
type Step = (Vec<u8>, Wait);

/// The loader, with a command under way or none.
#[derive(Debug, Default)]
pub(super) struct Loader {
    steps: VecDeque<Step>,
    wait: Option<(Wait, Timestamp)>,
    received: VecDeque<u8>,
    given: Vec<u8>,
    outgoing: Vec<u8>,
    ended: Option<Ended>,
    /// It has answered: its speed is known, and what is sent next may be taken for the rest of a command.
    heard: bool,
    /// What is under way, or was, is an erasure.
    erases: bool,
    /// The rest of an erase command whose number was not acknowledged.
    owed: Vec<u8>,
}

impl Loader {
    /// Begins a command. What came before belongs to none.
    pub(super) fn begin(&mut self, command: &Command, now: Timestamp) {
        self.received.clear();
        self.given.clear();
        self.outgoing.clear();
        self.ended = None;
        self.steps = self.steps(command);
        self.erases = matches!(command, Command::Erase { .. });
        self.next(now);
    }

    /// Takes what came.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Timestamp) {
        self.received.extend(bytes);
        while let Some((wait, _)) = self.wait {
            let Some(progress) = self.take(wait) else { return };
            self.heard |= progress.is_ok();
            if wait == Wait::Any {
                self.steps.clear();
            }
            match progress {
                Ok(()) => self.next(now),
                Err(fault) => self.end(Err(fault)),
            }
        }
    }

    /// Gives up what is overdue.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        let Some((wait, until)) = self.wait else { return };
        if now < until {
            return;
        }
        match wait {
            Wait::Any | Wait::Nothing(_) if !self.steps.is_empty() => {
                self.received.clear();
                self.next(now);
            }
            Wait::Any | Wait::Nothing(_) | Wait::Ack(..) | Wait::Bytes(_) | Wait::Counted => {
                self.end(Err(Fault::Silent));
            }
        }
    }

    /// When that is; `None`: nothing is under way.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.wait.map(|(_, until)| until)
    }

    /// What is to be sent.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// How the command ended, once.
    pub(super) fn take_ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    /// What came, if it is enough.
    fn take(&mut self, wait: Wait) -> Option<Result<(), Fault>> {
        match wait {
            Wait::Ack(_, refused) => Some(match self.received.pop_front()? {
                ACK => Ok(()),
                NACK => Err(refused),
                _ => Err(Fault::Garbled),
            }),
            Wait::Any => loop {
                if matches!(self.received.pop_front()?, ACK | NACK) {
                    break Some(Ok(()));
                }
            },
            Wait::Nothing(_) => None,
            Wait::Bytes(count) => self.give(count),
            Wait::Counted => {
                let count = usize::from(*self.received.front()?) + 2;
                self.give(count)
            }
        }
    }

    fn give(&mut self, count: usize) -> Option<Result<(), Fault>> {
        if self.received.len() < count {
            return None;
        }
        self.given.extend(self.received.drain(..count));
        Some(Ok(()))
    }

    fn next(&mut self, now: Timestamp) {
        match self.steps.pop_front() {
            Some((bytes, wait)) => {
                self.outgoing.extend(bytes);
                let long = match wait {
                    Wait::Ack(long, _) | Wait::Nothing(long) => long,
                    Wait::Bytes(_) | Wait::Counted | Wait::Any => ANSWER,
                };
                self.wait = Some((wait, now + long));
            }
            None => {
                let given = std::mem::take(&mut self.given);
                self.end(Ok(given));
            }
        }
    }

    /// What a command is made of.
    fn steps(&mut self, command: &Command) -> VecDeque<Step> {
        let number = |number: u8| (vec![number, !number], Wait::Ack(ANSWER, Fault::Refused));
        let place = |address: u32| (checked(&address.to_be_bytes()), Wait::Ack(ANSWER, Fault::Spoilt));
        let steps = match command {
            Command::Reach { patient } => return self.tries(*patient),
            Command::Get => vec![number(GET), (Vec::new(), Wait::Counted), acknowledged()],
            Command::GetId => vec![number(GET_ID), (Vec::new(), Wait::Counted), acknowledged()],
            Command::Read { address, length } => {
                let count = less_one(*length);
                let asked = (vec![count, !count], Wait::Ack(ANSWER, Fault::Spoilt));
                vec![number(READ), place(*address), asked, (Vec::new(), Wait::Bytes(*length))]
            }
            Command::Write { address, data } => {
                let mut block = vec![less_one(data.len())];
                block.extend(data);
                vec![number(WRITE), place(*address), (checked(&block), Wait::Ack(WRITTEN, Fault::Spoilt))]
            }
            Command::Erase { page } => {
                // One page: their number less one, and the number of the page, each in two bytes.
                let pages = checked(&[0, 0, 0, *page]);
                vec![number(ERASE), (pages, Wait::Ack(ERASURE, Fault::Spoilt))]
            }
            Command::Go { address } => vec![number(GO), place(*address)],
        };
        steps.into()
    }

    /// The tries to reach it: the speed, and once more, for the first was half of a command if the speed was known; what it was
    /// promised of a block, and both again; and of an erasure. One that has answered was promised something more likely than
    /// not: an erasure is given to it as it was to be, for it is wanted, and a block is spoilt.
    fn tries(&mut self, patient: bool) -> VecDeque<Step> {
        let speed = || (vec![SPEED], Wait::Any);
        let mut tries = VecDeque::new();
        if self.heard {
            let owed = std::mem::take(&mut self.owed);
            tries.extend((!owed.is_empty()).then_some((owed, Wait::Nothing(ERASURE))));
        } else {
            tries.extend([speed(), speed()]);
        }
        tries.extend([(filling(FILL), Wait::Nothing(ANSWER)), speed(), speed()]);
        if patient {
            tries.extend([(filling(FLOOD), Wait::Nothing(FLOODED)), speed(), speed()]);
        }
        tries
    }

    fn end(&mut self, ended: Ended) {
        if self.erases && ended.is_err() {
            self.owed = self.steps.drain(..).flat_map(|(bytes, _)| bytes).collect();
        }
        self.steps.clear();
        self.wait = None;
        self.ended = Some(ended);
    }
}

/// What is no command, and spoils what it is taken for: so many bytes. The first is that of the speed, for the loader may have
/// been started anew. As the length of a block, the block and its checksum the sum is wrong, also behind one [`SPEED`] or more:
/// nothing is written. As the end of an erasure the sum is wrong, and as its pages there are none such: nothing is erased.
fn filling(length: usize) -> Vec<u8> {
    let start = [SPEED, 0xff, 0xff, 0xff, 0xfe];
    start.into_iter().chain(std::iter::repeat(0xff)).take(length).collect()
}

fn acknowledged() -> Step {
    (Vec::new(), Wait::Ack(ANSWER, Fault::Garbled))
}

/// With the checksum behind it.
fn checked(bytes: &[u8]) -> Vec<u8> {
    let sum = bytes.iter().fold(0, |sum, byte| sum ^ byte);
    bytes.iter().copied().chain([sum]).collect()
}

/// Lengths go over the line less one. Ours are from 1 to [`BLOCK`].
fn less_one(length: usize) -> u8 {
    u8::try_from(length.saturating_sub(1)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::flash::tests::rom::Rom;

    /// Looks for the loader in a part that has taken these bytes of a command; whether it is found.
    fn reach(loader: &mut Loader, rom: &mut Rom, patient: bool) -> bool {
        let mut now = Timestamp::ZERO;
        loader.begin(&Command::Reach { patient }, now);
        loop {
            let answer: Vec<u8> =
                loader.take_outgoing().into_iter().flat_map(|byte| rom.receive(byte)).collect();
            loader.receive(&answer, now);
            if let Some(ended) = loader.take_ended() {
                return ended.is_ok();
            }
            now = loader.poll_timeout().unwrap();
            loader.handle_timeout(now);
        }
    }

    fn taken(program: &[u8], bytes: &[u8]) -> Rom {
        let mut rom = Rom::new(program);
        rom.enter();
        [SPEED].iter().chain(bytes).for_each(|byte| drop(rom.receive(*byte)));
        rom
    }

    /// Whatever the loader has taken of a write, the search for it does not make it a whole one with other data.
    #[test]
    fn looking_for_the_loader_completes_no_write() {
        let data = [0x12_u8; 8];
        let sum = data.iter().fold(7, |sum, byte| sum ^ byte);
        let write: Vec<u8> = [0x31, 0xce, 8, 0, 0, 0, 8, 7].into_iter().chain(data).chain([sum]).collect();
        for (heard, count) in
            [false, true].into_iter().flat_map(|heard| (0..write.len()).map(move |count| (heard, count)))
        {
            let mut rom = taken(&[], &write[..count]);
            let mut loader = Loader { heard, ..Loader::default() };
            assert!(reach(&mut loader, &mut rom, false), "heard {heard}, {count} taken");
            assert_eq!(rom.flash()[..8], [0xff; 8], "heard {heard}, {count} taken");
            assert!(rom.wear().1.is_empty());
        }
    }

    /// Whatever it has taken of an erasure, it is found, and no other page is erased; also by one who knows nothing of that.
    #[test]
    fn looking_for_the_loader_erases_no_other_page() {
        let erase = [0x44, 0xbb, 0, 0, 0, 3, 3];
        for (heard, count) in
            [false, true].into_iter().flat_map(|heard| (0..erase.len()).map(move |count| (heard, count)))
        {
            let mut rom = taken(&[0x12; 0x8000], &erase[..count]);
            let mut loader = Loader { heard, ..Loader::default() };
            assert!(reach(&mut loader, &mut rom, true), "heard {heard}, {count} taken");
            assert!(rom.wear().1.is_empty(), "heard {heard}, {count} taken");
        }
    }

    /// Where the word that acknowledges an erasure's number is lost, the loader waits for pages: it gets the one that was meant.
    #[test]
    fn an_erasure_whose_number_was_not_acknowledged_is_finished() {
        let mut rom = taken(&[0x12; 0x8000], &[]);
        let mut loader = Loader { heard: true, ..Loader::default() };
        loader.begin(&Command::Erase { page: 3 }, Timestamp::ZERO);
        loader.take_outgoing().into_iter().for_each(|byte| drop(rom.receive(byte)));
        loader.handle_timeout(loader.poll_timeout().unwrap());
        assert_eq!(loader.take_ended(), Some(Err(Fault::Silent)));
        assert!(reach(&mut loader, &mut rom, false));
        assert_eq!(rom.wear().1, [3]);
    }
}
