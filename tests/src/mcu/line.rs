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
}

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
    /// Something was said to an MCU of the next version.
    spoken_to: bool,
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
        Ok(Self { path, pty, habit: Habit::Sound, random, decoder, last: Vec::new(), spoken_to: false })
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
        // It understands none of it, and does not answer that it was not understood.
        let answered = |message: &Message| !matches!(message, Message::NotUnderstood { .. });
        self.spoken_to |= heard.iter().any(|(_, message)| message.as_ref().is_some_and(answered));
        Vec::new()
    }

    /// What the MCU says.
    pub(super) fn send(&mut self, frame: &Frame<Reply>) {
        let mut buffer = [0; FRAME_BYTES];
        let Ok(bytes) = encode(frame, &mut buffer) else { return };
        let mut bytes = bytes.to_vec();
        match self.habit {
            Habit::Silent | Habit::Console => return,
            Habit::NewerVersion => bytes = newer(&bytes),
            Habit::Noisy => self.spoil(&mut bytes),
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
            Habit::NewerVersion if std::mem::take(&mut self.spoken_to) => {
                let frame = Frame { sequence: 1, message: Message::StatusRequest };
                let mut buffer = [0; FRAME_BYTES];
                if let Ok(bytes) = encode(&frame, &mut buffer) {
                    let bytes = newer(bytes);
                    self.write(&bytes);
                }
            }
            Habit::Sound | Habit::Noisy | Habit::Silent | Habit::NewerVersion => {}
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

#[cfg(test)]
mod tests {
    use super::*;

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
