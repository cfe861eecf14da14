//! The order in which a part is flashed over its boot loader, without the port: so that whatever goes wrong, and wherever it
//! ends, the part has a whole program or starts its boot loader by itself.
//!
//! Nothing is touched before the part was told to be the right one, and its program was read out twice and kept. Then the first
//! page is erased before any other, and its first double word written last of all, when everything else was read back: as
//! long as that is erased, a part whose supply comes on starts its boot loader (AN2606, "empty check"). Pages that are as they
//! should be are left alone; where there is no program all are written, unread. What cannot be written is given up for
//! the program that was there.

mod mending;

use super::image::Image;
use super::loader::{BLOCK, Command, Fault, Loader};
use super::outcome::{End, Failure, Phase};
use super::part::{DOUBLE_WORD, ERASED, FLASH, FREE_RAM, PAGE, PRODUCT, PROGRAM, Product, RESTART};
use shunt_decision::Timestamp;
use std::collections::{BTreeSet, VecDeque};

/// What the upgrade wants, or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// The program that is in the part is to be kept; to be answered by [`Upgrade::kept`].
    Keep(Image),
    /// How far it is.
    At(Phase, u8),
    /// It is over.
    Ended(End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Get,
    GetId,
    /// The first double word is read, for the first time or once more.
    Look {
        again: bool,
    },
    /// A block is read, for the first time or once more.
    Read {
        at: usize,
        again: bool,
    },
    Keep,
    Erase(usize),
    /// A block of the first page is read, which was erased: it must be so before another page is.
    Blank(usize),
    Write(usize),
    Verify(usize),
    Head,
    VerifyHead,
    Program,
    Go,
    Ended,
}

/// One upgrade.
#[derive(Debug)]
pub(super) struct Upgrade {
    loader: Loader,
    image: Image,
    /// The program to go back to: that in the part, or one that was kept when there was one.
    before: Option<Image>,
    /// The part was running a program when it was sent into its loader.
    ran: bool,
    /// Nothing is read before it is erased.
    unread: bool,
    going_back: Option<Fault>,
    stage: Stage,
    /// The loader is looked for so many times now, and then the stage is tried again.
    searching: u32,
    /// What was read out.
    seen: Vec<u8>,
    /// Pages to be written, page 0 last, and how many there were.
    todo: VecDeque<usize>,
    pages: usize,
    /// What may have been changed.
    touched: BTreeSet<usize>,
    /// The first page is erased, so that others may be.
    armed: bool,
    /// What was read is not what was written; it is read again before that counts.
    doubted: bool,
    mends: u32,
    mends_in_all: u32,
    verdict: End,
    outputs: VecDeque<Output>,
}

impl Upgrade {
    /// Brings `image` into the part on the line. `kept` is the program of an earlier upgrade, to go back to if the part
    /// has none; `ran`: its firmware has just answered.
    pub(super) fn new(image: Image, kept: Option<Image>, ran: bool, now: Timestamp) -> Self {
        let mut upgrade = Self {
            loader: Loader::default(),
            image,
            before: kept,
            ran,
            unread: false,
            going_back: None,
            stage: Stage::Get,
            searching: 0,
            seen: Vec::with_capacity(PROGRAM),
            todo: VecDeque::new(),
            pages: 0,
            touched: BTreeSet::new(),
            armed: false,
            doubted: false,
            mends: 0,
            mends_in_all: 0,
            verdict: End::Done(false),
            outputs: VecDeque::new(),
        };
        upgrade.tell(Phase::Reaching, 0);
        upgrade.search(now);
        upgrade
    }

    /// The same for a part whose first double word stops its loader when it is read: all is erased, and nothing read before.
    pub(super) fn unread(image: Image, kept: Option<Image>, now: Timestamp) -> Self {
        Self { unread: true, ..Self::new(image, kept, false, now) }
    }

    /// Takes what came.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Timestamp) {
        self.loader.receive(bytes, now);
        self.go_on(now);
    }

    /// Gives up what is overdue.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        self.loader.handle_timeout(now);
        self.go_on(now);
    }

    /// When that is.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.loader.poll_timeout()
    }

    /// What is to be sent.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        self.loader.take_outgoing()
    }

    /// What it wants or tells; to be called until `None`.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the program was kept, as it was asked for.
    pub(super) fn kept(&mut self, kept: bool, now: Timestamp) {
        if self.stage == Stage::Keep {
            if kept { self.begin_writing(now) } else { self.leave_alone(Failure::Keep, now) }
        }
    }

    /// Takes up how the loader's command ended.
    fn go_on(&mut self, now: Timestamp) {
        let Some(ended) = self.loader.take_ended() else { return };
        if self.searching > 0 {
            return self.searched(ended.is_ok(), now);
        }
        match ended {
            Ok(given) => self.succeed(&given, now),
            Err(fault) => self.fail(fault, now),
        }
    }

    /// The stage's command is given, or its question asked.
    fn enter(&mut self, stage: Stage, now: Timestamp) {
        self.stage = stage;
        if let Some(command) = self.command(stage) {
            self.loader.begin(&command, now);
        }
    }

    fn command(&self, stage: Stage) -> Option<Command> {
        let address = |at: usize| FLASH + u32::try_from(at).unwrap_or(u32::MAX);
        let read = |at, length| Some(Command::Read { address: address(at), length });
        let target = self.target();
        match stage {
            Stage::Get => Some(Command::Get),
            Stage::GetId => Some(Command::GetId),
            Stage::Look { .. } => read(0, DOUBLE_WORD),
            Stage::Read { at, .. } => read(at, BLOCK),
            Stage::Erase(page) => Some(Command::Erase { page: u8::try_from(page).unwrap_or(u8::MAX) }),
            Stage::Write(at) => {
                let data = target.slice(at, length(at)).to_vec();
                Some(Command::Write { address: address(at), data })
            }
            Stage::Blank(at) => read(at, BLOCK),
            Stage::Verify(at) => read(at, length(at)),
            Stage::Head => {
                let data = target.slice(0, DOUBLE_WORD).to_vec();
                Some(Command::Write { address: FLASH, data })
            }
            Stage::VerifyHead => read(0, DOUBLE_WORD),
            Stage::Program => Some(Command::Write { address: FREE_RAM, data: RESTART.to_vec() }),
            Stage::Go => Some(Command::Go { address: FREE_RAM }),
            Stage::Keep | Stage::Ended => None,
        }
    }

    /// What is being written.
    fn target(&self) -> &Image {
        let before = self.before.as_ref().filter(|_| self.going_back.is_some());
        before.unwrap_or(&self.image)
    }

    fn succeed(&mut self, given: &[u8], now: Timestamp) {
        match self.stage {
            Stage::Get => self.enter(Stage::GetId, now),
            Stage::GetId => match given {
                [_, high, low] => match Product(u16::from_be_bytes([*high, *low])) {
                    PRODUCT if self.unread => self.begin_writing(now),
                    PRODUCT => self.enter(Stage::Look { again: false }, now),
                    other => self.end(Failure::Product(other)),
                },
                _ => self.fail(Fault::Garbled, now),
            },
            Stage::Look { again } => self.look(again, given, now),
            Stage::Read { at, again } => self.read(at, again, given, now),
            Stage::Erase(_) if !self.armed => self.enter(Stage::Blank(0), now),
            Stage::Blank(at) => self.blank(at, given, now),
            Stage::Erase(page) => self.write_on(begin(page), now),
            Stage::Write(at) => self.write_on(at + length(at), now),
            Stage::Verify(at) => self.verify(at, given, now),
            Stage::Head => self.enter(Stage::VerifyHead, now),
            Stage::VerifyHead if given == self.target().slice(0, DOUBLE_WORD) => self.written(now),
            Stage::VerifyHead => self.mismatch(0, now),
            Stage::Program => self.enter(Stage::Go, now),
            Stage::Go => self.finish(self.verdict),
            Stage::Keep | Stage::Ended => {}
        }
    }

    /// The first double word says whether there is a program. Where there is none nothing is read: what a loss of the supply left
    /// of a write may fail its check (ECC) and stop the loader, until it is erased.
    fn look(&mut self, again: bool, given: &[u8], now: Timestamp) {
        match (given.iter().all(|byte| *byte == ERASED), again) {
            (true, true) => self.begin_writing(now),
            (true, false) => self.enter(Stage::Look { again: true }, now),
            (false, _) => self.enter(Stage::Read { at: 0, again: false }, now),
        }
    }

    /// A block was read. Nothing on the line protects it, so it counts when it came twice the same.
    fn read(&mut self, at: usize, again: bool, given: &[u8], now: Timestamp) {
        if !again {
            self.seen.truncate(at);
            self.seen.extend(given);
            return self.enter(Stage::Read { at, again: true }, now);
        }
        if self.seen.get(at..) != Some(given) {
            return self.fail(Fault::Garbled, now);
        }
        let at = at + BLOCK;
        self.tell(Phase::Reading, percent(at, PROGRAM));
        if at < PROGRAM {
            return self.enter(Stage::Read { at, again: false }, now);
        }
        match Image::read_out(&self.seen) {
            // It is there already: what was kept from before is still worth more.
            Ok(before) if before == self.image => self.begin_writing(now),
            Ok(before) => {
                self.before = Some(before.clone());
                self.stage = Stage::Keep;
                self.outputs.push_back(Output::Keep(before));
            }
            // An empty part, or what an upgrade left that was cut short.
            Err(_) => self.begin_writing(now),
        }
    }

    /// The pages that differ are written; the first page among them, for it says whether there is a program.
    fn begin_writing(&mut self, now: Timestamp) {
        let mut pages: BTreeSet<usize> = self.target().differs_in(&self.seen).into_iter().collect();
        pages.extend(&self.touched);
        if pages.is_empty() {
            return self.enter(Stage::Program, now);
        }
        pages.insert(0);
        self.verdict = End::Done(true);
        self.pages = pages.len();
        self.todo = pages.into_iter().rev().collect();
        self.armed = false;
        self.mends = 0;
        self.tell(self.writing(), 0);
        self.erase(0, now);
    }

    fn next_page(&mut self, now: Timestamp) {
        self.mends = 0;
        self.doubted = false;
        self.tell(self.writing(), percent(self.pages - self.todo.len(), self.pages));
        match self.todo.front() {
            // It was erased before all others.
            Some(0) => self.write_on(begin(0), now),
            Some(page) => self.erase(*page, now),
            None => self.enter(Stage::Head, now),
        }
    }

    fn erase(&mut self, page: usize, now: Timestamp) {
        self.touched.insert(page);
        self.doubted = false;
        self.enter(Stage::Erase(page), now);
    }

    /// What was said to be erased was read: on that hangs that the part starts its boot loader.
    fn blank(&mut self, at: usize, given: &[u8], now: Timestamp) {
        if given.iter().any(|byte| *byte != ERASED) {
            return self.not_blank(at, given, now);
        }
        self.doubted = false;
        if at + BLOCK < PAGE {
            return self.enter(Stage::Blank(at + BLOCK), now);
        }
        self.armed = true;
        self.next_page(now);
    }

    /// Goes on writing the page at its place `at`; what is to be erased is so already.
    fn write_on(&mut self, mut at: usize, now: Timestamp) {
        let Some(page) = self.todo.front().copied() else { return };
        let end = (page + 1) * PAGE;
        while at < end && self.target().slice(at, length(at)).iter().all(|byte| *byte == ERASED) {
            at += length(at);
        }
        self.enter(if at < end { Stage::Write(at) } else { Stage::Verify(begin(page)) }, now);
    }

    fn verify(&mut self, at: usize, given: &[u8], now: Timestamp) {
        if given != self.target().slice(at, length(at)) {
            return self.mismatch(at / PAGE, now);
        }
        self.doubted = false;
        let next = at + length(at);
        if !next.is_multiple_of(PAGE) {
            return self.enter(Stage::Verify(next), now);
        }
        self.todo.pop_front();
        self.next_page(now);
    }

    fn written(&mut self, now: Timestamp) {
        self.mends = 0;
        self.tell(Phase::Starting, 0);
        self.enter(Stage::Program, now);
    }

    fn writing(&self) -> Phase {
        if self.going_back.is_some() { Phase::Restoring } else { Phase::Writing }
    }

    fn end(&mut self, failure: Failure) {
        self.finish(End::Failed(failure));
    }

    fn finish(&mut self, end: End) {
        self.stage = Stage::Ended;
        self.searching = 0;
        self.outputs.push_back(Output::Ended(end));
    }

    fn tell(&mut self, phase: Phase, percent: u8) {
        self.outputs.push_back(Output::At(phase, percent));
    }
}

/// Where writing a page begins: the first one behind its head, which comes last of all.
const fn begin(page: usize) -> usize {
    if page == 0 { DOUBLE_WORD } else { page * PAGE }
}

/// How much is written or read at a place: to the end of its block.
const fn length(at: usize) -> usize {
    BLOCK - at % BLOCK
}

fn percent(part: usize, whole: usize) -> u8 {
    u8::try_from(part * 100 / whole.max(1)).unwrap_or(100)
}
