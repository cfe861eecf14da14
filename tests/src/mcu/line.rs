//! The stand-in's line: a pty, and what may be wrong with it.

use crate::random::Random;
use crate::sys::{self, OpenWatch};
use shunt_wire::{Decoder, FRAME_BYTES, Frame, Message, Received, Reply, VERSION, checksum, encode};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// Read at once.
const CHUNK: usize = 1_024;

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Bytes go through as they are.
    Sound,
    /// One frame of eight loses a bit, each way, and noise comes between them.
    Noisy,
    /// Nothing goes through, either way: an MCU without power, or a wrong pin.
    Silent,
    /// The MCU speaks the frames of the next version, and understands none of ours.
    NewerVersion,
    /// A console is on the line, and writes without end.
    Console,
    /// The MCU writes the same frame without end, as fast as the line takes it.
    Flood,
    /// The MCU's clock is wrong: it speaks and hears at 9,600 baud, the agent at 115,200.
    WrongSpeed,
}

/// How long a bit takes at each end of a line of [`Habit::WrongSpeed`], in the same unit.
const AGENTS_BIT: usize = 2;
const MCUS_BIT: usize = 24;

/// The pty with its habit.
#[derive(Debug)]
pub(super) struct Wire {
    path: PathBuf,
    pty: Option<Pty>,
    habit: Habit,
    random: Random,
    /// What of the agent's words is a message.
    decoder: Decoder,
    last: Vec<u8>,
    /// Frames that an MCU of the next version has not yet answered.
    spoken_to: usize,
}

#[derive(Debug)]
struct Pty {
    master: File,
    slave: File,
    watch: OpenWatch,
    openers: u32,
}

impl Wire {
    /// A sound line whose end is at `path`.
    pub(super) fn plug(path: PathBuf) -> io::Result<Self> {
        let pty = Some(open(&path)?);
        let (random, decoder) = (Random::new(11), Decoder::new());
        Ok(Self { path, pty, habit: Habit::Sound, random, decoder, last: Vec::new(), spoken_to: 0 })
    }

    pub(super) fn set_habit(&mut self, habit: Habit) {
        self.habit = habit;
    }

    pub(super) fn set_plugged(&mut self, plugged: bool) {
        // The old one goes first: whoever has it open reads its end.
        self.pty = None;
        let _gone_already = std::fs::remove_file(&self.path);
        if plugged {
            self.pty = open(&self.path).ok();
        }
    }

    /// Whether it does something by itself.
    pub(super) fn is_restless(&self) -> bool {
        matches!(self.habit, Habit::Console | Habit::Flood)
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pty.iter().flat_map(|pty| [pty.master.as_fd(), pty.watch.file().as_fd()])
    }

    /// The bytes that reach the MCU, each with the message that it ends.
    pub(super) fn read(&mut self) -> Vec<(u8, Option<Message>)> {
        let mut bytes = self.pty.as_mut().map(Pty::read).unwrap_or_default();
        match self.habit {
            Habit::Silent | Habit::Console => bytes.clear(),
            Habit::Noisy => self.spoil(&mut bytes),
            Habit::WrongSpeed => bytes = misread(&bytes, AGENTS_BIT, MCUS_BIT),
            Habit::Sound | Habit::Flood | Habit::NewerVersion => {}
        }
        let message = |byte: u8, decoder: &mut Decoder| match decoder.receive(byte) {
            Some(Received::Frame(frame)) => Some(frame.message),
            Some(Received::Unknown { .. }) | None => None,
        };
        let heard: Vec<_> = bytes.into_iter().map(|byte| (byte, message(byte, &mut self.decoder))).collect();
        if self.habit != Habit::NewerVersion {
            return heard;
        }
        // It understands none of it, and answers that to each frame, also to one that says the same of its own.
        self.spoken_to += heard.iter().filter(|(_, message)| message.is_some()).count();
        Vec::new()
    }

    /// What the MCU says.
    pub(super) fn send(&mut self, frame: &Frame<Reply>) {
        let mut buffer = [0; FRAME_BYTES];
        let Ok(bytes) = encode(frame, &mut buffer) else { return };
        if self.habit == Habit::NewerVersion {
            let bytes = newer(bytes);
            self.write(&bytes);
        } else {
            self.pass(bytes.to_vec());
        }
    }

    /// A frame of the MCU's, whatever is in it. There are none of the next version among these.
    pub(super) fn pass(&mut self, mut bytes: Vec<u8>) {
        match self.habit {
            Habit::Silent | Habit::Console | Habit::NewerVersion => return,
            Habit::Noisy => self.spoil(&mut bytes),
            Habit::WrongSpeed => bytes = misread(&bytes, MCUS_BIT, AGENTS_BIT),
            Habit::Sound | Habit::Flood => {}
        }
        self.last.clone_from(&bytes);
        self.write(&bytes);
    }

    /// What the line does by itself.
    pub(super) fn tick(&mut self) {
        match self.habit {
            Habit::Console => {
                let _taken = self.write(b"[  12.345678] random: crng init done\r\nlogin: ");
            }
            Habit::Flood => {
                let last = self.last.clone();
                while !last.is_empty() && self.write(&last) {}
            }
            Habit::NewerVersion => {
                for _ in 0..std::mem::take(&mut self.spoken_to) {
                    let frame = Frame { sequence: 1, message: Message::NotUnderstood { sequence: 1 } };
                    let mut buffer = [0; FRAME_BYTES];
                    if let Ok(bytes) = encode(&frame, &mut buffer) {
                        let bytes = newer(bytes);
                        self.write(&bytes);
                    }
                }
            }
            Habit::Sound | Habit::Noisy | Habit::Silent | Habit::WrongSpeed => {}
        }
    }

    /// What the boot loader says, which knows no frames.
    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        if self.habit != Habit::Silent && !bytes.is_empty() {
            self.write(bytes);
        }
    }

    /// Whether all was taken. What a host does not read in time is lost, as on a real line.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let written = self.pty.as_mut().and_then(|pty| pty.write(bytes));
        written == Some(bytes.len())
    }

    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        if self.random.number().is_multiple_of(8)
            && let Some(length @ 1..) = u64::try_from(bytes.len()).ok()
            && let Some(byte) = bytes.get_mut((self.random.number() % length) as usize)
        {
            *byte ^= 1 << (self.random.number() % 8);
        }
        if !bytes.is_empty() && self.random.number().is_multiple_of(4) {
            let noise = (0..self.random.number() % 32).map(|_| self.random.number() as u8);
            let noise: Vec<u8> = noise.collect();
            bytes.splice(0..0, noise);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

impl Pty {
    fn read(&mut self) -> Vec<u8> {
        for (_, opened) in self.watch.take() {
            self.openers = if opened { self.openers + 1 } else { self.openers.saturating_sub(1) };
            if !opened && self.openers == 0 {
                // It fails only when the pty is gone, and then nobody needs it.
                let _gone = sys::reset_pty(&self.slave);
            }
        }
        let (mut bytes, mut chunk) = (Vec::new(), [0; CHUNK]);
        while let Ok(length @ 1..) = self.master.read(&mut chunk) {
            bytes.extend(chunk.iter().take(length));
        }
        bytes
    }

    /// How much was taken. Nobody hears what is said while nobody has the port open.
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.openers == 0 {
            return None;
        }
        self.master.write(bytes).ok()
    }
}

fn open(path: &PathBuf) -> io::Result<Pty> {
    let (master, slave, pty) = sys::open_pty()?;
    let watch = OpenWatch::new()?;
    watch.add(&pty)?;
    let _none_before = std::fs::remove_file(path);
    std::os::unix::fs::symlink(pty, path)?;
    Ok(Pty { master, slave, watch, openers: 0 })
}

/// The same frame in the next version, in good order.
fn newer(frame: &[u8]) -> Vec<u8> {
    let mut block = unstuffed(frame);
    block.truncate(block.len().saturating_sub(2));
    if let Some(version) = block.first_mut() {
        *version = VERSION + 1;
    }
    block.extend(checksum(&block).to_le_bytes());
    let mut stuffed = vec![0];
    for run in block.split(|byte| *byte == 0) {
        // Blocks are shorter than the longest run.
        stuffed.push(u8::try_from(run.len() + 1).unwrap_or(u8::MAX));
        stuffed.extend(run);
    }
    stuffed.push(0);
    stuffed
}

/// What is in a frame, without the stuffing (COBS) and the zeros around.
fn unstuffed(frame: &[u8]) -> Vec<u8> {
    let inner: Vec<u8> = frame.iter().copied().filter(|byte| *byte != 0).collect();
    let (mut block, mut rest) = (Vec::new(), inner.as_slice());
    while let Some((code, tail)) = rest.split_first() {
        let (run, after) = tail.split_at(tail.len().min(usize::from(*code).saturating_sub(1)));
        block.extend(run);
        if !after.is_empty() {
            block.push(0);
        }
        rest = after;
    }
    block
}

/// What a receiver makes of bytes whose bits last `sent`, if it takes a bit to last `heard`: it looks at the middle of each
/// bit after the edge of a start bit, and gives 0 where there is no stop bit, as a tty does.
fn misread(bytes: &[u8], sent: usize, heard: usize) -> Vec<u8> {
    let framed = |byte: &u8| {
        let byte = *byte;
        std::iter::once(false).chain((0..8).map(move |bit| byte >> bit & 1 == 1)).chain([true])
    };
    let bits: Vec<bool> = bytes.iter().flat_map(framed).collect();
    // A line at rest is high.
    let level = |time: usize| bits.get(time / sent).copied().unwrap_or(true);
    let (mut time, mut read) = (0, Vec::new());
    let (mut before, end) = (true, bits.len() * sent);
    while time < end {
        if !before || level(time) {
            before = level(time);
            time += 1;
            continue;
        }
        let bit = |number: usize| level(time + number * heard + heard / 2);
        let byte = (0..8).fold(0, |byte, number| byte | u8::from(bit(number + 1)) << number);
        read.push(if bit(9) { byte } else { 0 });
        time += 9 * heard + heard / 2;
        before = level(time);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_they_are_only_at_the_speed_at_which_they_are_sent() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(misread(&bytes, AGENTS_BIT, AGENTS_BIT), bytes);
        assert_eq!(misread(&bytes, MCUS_BIT, MCUS_BIT), bytes);
        let slowly = misread(&bytes, AGENTS_BIT, MCUS_BIT);
        assert!((15..40).contains(&slowly.len()), "twelve bits are one: {slowly:?}");
        let quickly = misread(&bytes, MCUS_BIT, AGENTS_BIT);
        assert!(quickly.len() > 256 && !quickly.contains(&0x55), "of long runs alone: {quickly:?}");
    }

    #[test]
    fn the_next_version_is_a_frame_in_good_order() {
        let frame = Frame { sequence: 0x0100, message: Message::LogRequest { from: 0 } };
        let mut buffer = [0; FRAME_BYTES];
        let bytes = newer(encode(&frame, &mut buffer).unwrap());
        let mut decoder = Decoder::new();
        let received: Vec<_> = bytes.into_iter().filter_map(|byte| decoder.receive(byte)).collect();
        assert_eq!(received, [Received::Unknown { version: VERSION + 1, sequence: 0x0100 }]);
    }
}
