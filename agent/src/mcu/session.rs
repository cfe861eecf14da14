//! What agent and MCU say to each other, without the port: bytes and orders go in, frames and news come out.
//!
//! Why apart from the task: a line to an MCU is noisy, its far end may be older, newer, silent or a stranger, and answers
//! get lost. All of that is tested here in virtual time, against the MCU's own decisions.

mod hearing;
mod requests;

use super::book::{Book, Noted};
use super::flash::{ACK, NACK, SPEED};
use super::own_hello;
use super::trouble::Trouble;
use requests::{Pending, Purpose};
use shunt_decision::Timestamp;
use shunt_wire::{
    Decoder, FRAME_BYTES, Frame, Hello, Message, Outcome, Received, Seconds, Stage, Status, Timeouts, encode,
};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Between two hellos that nobody answers ...
const HELLO: Duration = Duration::from_secs(1);
/// ... of which so many are an MCU that starts, or noise ...
const HELLOS: u32 = 5;
/// ... and after which it is asked at this pace.
const HELLO_SLOWLY: Duration = Duration::from_secs(5);

/// How often the MCU is asked how it fares; it says by itself when its stage changes.
const LOOK: Duration = Duration::from_secs(30);
/// How long that answer may take: milliseconds, on a line that is in order.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// So many looks without an answer, and the MCU is gone.
const LOOKS: u32 = 3;

/// Requests that wait: each connection of the control socket and each modem has one under way at the most.
const WAITING: usize = 16;

/// Frames of another version are answered no more often: who does not understand that answer either may answer it in turn.
const STRANGER_PACE: Duration = Duration::from_secs(1);

/// So many of its words on end, and nothing else, are a boot loader's: it refuses each pair of bytes.
const LOADER: u32 = 8;

/// What the session wants, or has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// These bytes are to be sent.
    Send(Vec<u8>),
    /// It took the times: it guards from now on.
    Armed,
    /// What became of a request; `None`: nobody knows, there was no answer.
    Answered(u64, Option<Outcome>),
    /// Something that the MCU remembers.
    Noted(Noted),
    /// So many things were forgotten by the MCU before they were read.
    Forgotten(u32),
    /// So many things that it remembers are not known to this agent.
    Strange(u32),
    /// All up to the entry before this number was told; to be kept.
    Told(u32),
}

/// One conversation, over all openings of the port.
#[derive(Debug)]
pub(super) struct Session {
    times: Timeouts,
    stop_lease: Seconds,
    hello: Hello,
    decoder: Decoder,
    sequence: u16,
    peer: Option<Hello>,
    /// Its last word on itself, and when it came.
    status: Option<(Status, Timestamp)>,
    /// The lease that it granted since its last word, and when: one in the place of another changes no stage, so it says nothing.
    granted: Option<(Seconds, Timestamp)>,
    armed: bool,
    /// The guard is to end for good: nobody will feed, so nothing is to be armed again.
    ended: bool,
    /// When the times are offered again, that it would not take yet.
    arm_at: Option<Timestamp>,
    trouble: Option<Trouble>,
    /// Hellos, or looks, that were not answered.
    unanswered: u32,
    /// When the next of them is due.
    due: Timestamp,
    /// The sequence of the last hello.
    hello_sequence: u16,
    request: Option<Pending>,
    waiting: VecDeque<(Message, Purpose)>,
    fed: bool,
    /// A lease of the run before was ended, or there was none.
    lease_seen: bool,
    /// Another version is not answered before this.
    stranger_from: Option<Timestamp>,
    /// Bytes since the last whole frame.
    noise: u32,
    /// The last so many of them are a boot loader's.
    loader: u32,
    book: Book,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A session that begins at `now`: `id` is by chance, and what the MCU remembers was told before the entry `told`.
    pub(super) fn new(
        times: Timeouts,
        stop_lease: Seconds,
        id: u32,
        told: Option<u32>,
        now: Timestamp,
    ) -> Self {
        let hello = own_hello(id);
        Self {
            times,
            stop_lease,
            hello,
            decoder: Decoder::new(),
            sequence: 0,
            peer: None,
            status: None,
            granted: None,
            armed: false,
            ended: false,
            arm_at: None,
            trouble: None,
            unanswered: 0,
            due: now,
            hello_sequence: 0,
            request: None,
            waiting: VecDeque::new(),
            fed: false,
            lease_seen: false,
            stranger_from: None,
            noise: 0,
            loader: 0,
            book: Book::new(told, times.feed_timeout),
            outputs: VecDeque::new(),
        }
    }

    /// A session that only ends the guard, and arms nothing.
    pub(super) fn leaving(times: Timeouts, stop_lease: Seconds, now: Timestamp) -> Self {
        Self { ended: true, ..Self::new(times, stop_lease, chance(), None, now) }
    }

    /// The port was opened: says hello. What came of the last opening is gone.
    pub(super) fn opened(&mut self, now: Timestamp) {
        self.decoder = Decoder::new();
        self.noise = 0;
        self.loader = 0;
        self.unanswered = 0;
        self.due = now;
        self.handle_timeout(now);
    }

    /// The port is gone, and with it whoever was asked.
    pub(super) fn closed(&mut self) {
        self.lose_peer();
        self.trouble = None;
    }

    /// Takes what came.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Timestamp) {
        for byte in bytes {
            self.noise = self.noise.saturating_add(1);
            self.loader = if matches!(*byte, ACK | NACK) { self.loader.saturating_add(1) } else { 0 };
            match self.decoder.receive(*byte) {
                None => {}
                Some(Received::Frame(frame)) => {
                    self.noise = 0;
                    self.hear(frame, now);
                }
                Some(Received::Unknown { version, sequence }) => {
                    self.noise = 0;
                    self.not_known(version, sequence, now);
                }
            }
        }
        self.next_request(now);
    }

    /// Tells the MCU that the host is alive.
    pub(super) fn feed(&mut self, now: Timestamp) {
        self.send(Message::Feed);
        self.fed = true;
        self.see_lease();
        self.next_request(now);
    }

    /// Asks for something; `ticket` comes back with the answer.
    ///
    /// # Errors
    /// Nobody is there who could answer, or too much is asked at once.
    pub(super) fn ask(&mut self, message: Message, ticket: u64, now: Timestamp) -> Result<(), Trouble> {
        if self.peer.is_none() {
            return Err(self.trouble.clone().unwrap_or(Trouble::Silent));
        }
        if self.waiting.len() >= WAITING {
            return Err(Trouble::Busy);
        }
        self.ended |= message == Message::Disarm;
        // Whoever asks for a lease now wants it, whatever is not known yet of one before.
        self.lease_seen |= matches!(message, Message::Lease(_));
        self.waiting.push_back((message, Purpose::Ask(ticket)));
        self.next_request(now);
        Ok(())
    }

    /// Moves on by what is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if self.request.as_ref().is_some_and(|pending| pending.again <= now) {
            self.repeat(now);
        }
        if self.arm_at.is_some_and(|at| at <= now) {
            self.arm();
        }
        if self.due <= now {
            self.look(now);
        }
        self.next_request(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(super) fn poll_timeout(&self) -> Timestamp {
        let times = [self.request.as_ref().map(|pending| pending.again), self.arm_at];
        times.into_iter().flatten().fold(self.due, Timestamp::min)
    }

    /// The next thing that the session wants; to be called until `None`.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is wrong, if something is.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Who is there.
    pub(super) fn peer(&self) -> Option<&Hello> {
        self.peer.as_ref()
    }

    /// How it fares, and when it said so.
    pub(super) fn status(&self) -> Option<&(Status, Timestamp)> {
        self.status.as_ref()
    }

    /// When a lease ends that runs for longer than one that begins with a stop: an operator's.
    pub(super) fn longer_lease(&self) -> Option<Timestamp> {
        let leased = self.status.filter(|(status, _)| status.stage == Stage::Leased);
        let (left, at) = self.granted.or(leased.map(|(status, at)| (status.left, at)))?;
        (left > self.stop_lease).then(|| at + Duration::from_secs(left.0.into()))
    }

    /// Whether a lease is asked for, and not answered yet.
    pub(super) fn is_leasing(&self) -> bool {
        let asked = self.request.iter().map(Pending::message);
        let mut asked = asked.chain(self.waiting.iter().map(|(message, _)| message));
        asked.any(|message| matches!(message, Message::Lease(_)))
    }

    /// Says hello, or asks how the MCU fares; one that never answers is gone.
    fn look(&mut self, now: Timestamp) {
        if self.peer.is_some() && self.unanswered >= LOOKS {
            self.lose_peer();
            self.trouble = Some(Trouble::Silent);
            self.unanswered = HELLOS;
        }
        if self.peer.is_some() {
            self.send(Message::StatusRequest);
            self.due = now + LOOK_AGAIN;
        } else {
            if self.unanswered >= HELLOS {
                self.judge_silence();
            }
            self.hello_sequence = self.sequence;
            self.send(Message::Hello(self.hello.clone()));
            self.due = now + if self.unanswered < HELLOS { HELLO } else { HELLO_SLOWLY };
        }
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// What it is that nobody answers.
    fn judge_silence(&mut self) {
        // Whoever spoke another version, or our own words, says more than the silence after it.
        if !matches!(self.trouble, Some(Trouble::Version(_) | Trouble::Echo | Trouble::Words)) {
            let garbage = self.noise > 0 || self.decoder.damaged_frames() > 0;
            self.trouble = Some(match (garbage, self.loader >= LOADER) {
                (_, true) => Trouble::Loader,
                (true, false) => Trouble::Garbage,
                (false, false) => Trouble::Silent,
            });
        }
    }

    fn send(&mut self, message: Message) {
        let frame = Frame { sequence: self.sequence, message };
        self.sequence = self.sequence.wrapping_add(1);
        self.put(&frame);
    }

    fn put(&mut self, frame: &Frame) {
        let mut buffer = [0; FRAME_BYTES];
        match encode(frame, &mut buffer) {
            Ok(bytes) => {
                // Who does not answer may be a boot loader that waits for its first byte; to a firmware it is noise.
                let speed = self.peer.is_none().then_some(SPEED);
                self.outputs
                    .push_back(Output::Send(speed.into_iter().chain(bytes.iter().copied()).collect()));
            }
            // Every message of ours fits.
            Err(error) => tracing::error!("{error}"),
        }
    }
}

/// A session's name in its hello, by which the MCU tells it from the one before.
pub(super) fn chance() -> u32 {
    RandomState::new().hash_one(std::process::id()) as u32
}
