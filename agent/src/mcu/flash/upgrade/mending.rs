//! What is done when something goes wrong: looked again, written again, given up for the program from before.

use super::{Stage, Upgrade};
use crate::mcu::flash::image::Image;
use crate::mcu::flash::loader::{Command, Fault};
use crate::mcu::flash::outcome::{End, Failure};
use crate::mcu::flash::part::PAGE;
use shunt_decision::Timestamp;

/// So often a page is written anew, or a block of it looked at again, before what is written is given up: noise hits one
/// attempt, and worn flash each.
const MENDS: u32 = 5;
/// So often in all, for a line on which nothing stays whole.
const MENDS_IN_ALL: u32 = 40;
/// So many refusals to read are the loader's, and none of them the line's.
const REFUSALS: u32 = 2;
/// Faults before anything is touched.
const DOUBTS: u32 = 10;
/// A loader that was there is looked for so often, 2.5 s each, and the last time 11 s: a plug that is put back.
const SEARCHES: u32 = 4;

impl Upgrade {
    /// A command did not do: the loader is looked for, and then it is tried again, if need be from the page's erasure.
    pub(super) fn fail(&mut self, fault: Fault, now: Timestamp) {
        match self.stage {
            // It is what the loader says of protected flash, and of a number that the line spoilt.
            Stage::Look { .. } | Stage::Read { at: 0, .. }
                if fault == Fault::Refused && self.mends >= REFUSALS =>
            {
                self.leave_alone(Failure::Protected, now);
            }
            // The first attempt was not carried out; after another one, whose answer was lost, nobody would know.
            Stage::Erase(_)
                if fault == Fault::Refused && !self.armed && self.mends == 0 && self.going_back.is_none() =>
            {
                self.touched.clear();
                self.leave_alone(Failure::Protected, now);
            }
            Stage::Get | Stage::GetId | Stage::Look { .. } | Stage::Read { .. } => {
                self.mends += 1;
                if self.mends > DOUBTS {
                    return self.leave_alone(Failure::Line(fault), now);
                }
                if let Stage::Read { at, .. } = self.stage {
                    self.stage = Stage::Read { at, again: false };
                }
                self.search(now);
            }
            Stage::Erase(_)
            | Stage::Blank(_)
            | Stage::Write(_)
            | Stage::Verify(_)
            | Stage::Head
            | Stage::VerifyHead => {
                if !self.may_mend() {
                    return self.give_up(fault, now);
                }
                match self.stage {
                    // Nobody knows how much of it was written, and nothing can be written twice.
                    Stage::Write(at) => self.stage = Stage::Erase(at / PAGE),
                    Stage::Head => {
                        self.todo.push_front(0);
                        self.stage = Stage::Erase(0);
                    }
                    _ => {}
                }
                self.search(now);
            }
            Stage::Program | Stage::Go => {
                self.mends += 1;
                if self.mends > MENDS {
                    let End::Failed(failure) = self.verdict else { return self.end(Failure::NotStarted) };
                    return self.end(failure);
                }
                self.stage = Stage::Program;
                self.search(now);
            }
            Stage::Keep | Stage::Ended => {}
        }
    }

    /// The image cannot be written: back to the program from before, where there is one.
    pub(super) fn give_up(&mut self, fault: Fault, now: Timestamp) {
        if self.going_back.is_some() || self.before.is_none() {
            return self.end(Failure::Broken(fault));
        }
        self.going_back = Some(fault);
        self.mends_in_all = 0;
        self.begin_writing(now);
        self.verdict = End::Failed(Failure::RolledBack(fault));
        // The line may be what was wrong.
        self.search(now);
    }

    /// Nothing was changed: the part's program goes on, if it has one.
    pub(super) fn leave_alone(&mut self, failure: Failure, now: Timestamp) {
        self.verdict = End::Failed(failure);
        self.mends = 0;
        if self.ran || Image::read_out(&self.seen).is_ok() {
            self.stage = Stage::Program;
            self.search(now);
        } else {
            self.end(failure);
        }
    }

    /// What was read back is not what was written: the line may have spoilt it, so it is read once more.
    pub(super) fn mismatch(&mut self, page: usize, now: Timestamp) {
        let again = std::mem::replace(&mut self.doubted, true);
        if !self.may_mend() {
            self.give_up(Fault::Garbled, now);
        } else if again {
            self.rewrite(page, now);
        } else {
            self.enter(self.stage, now);
        }
    }

    /// The first page was to be erased, and is not. As long as it is what it was, the part has its program.
    pub(super) fn not_blank(&mut self, at: usize, given: &[u8], now: Timestamp) {
        let again = std::mem::replace(&mut self.doubted, true);
        let unchanged = self.seen.get(at..at + given.len()) == Some(given);
        match (self.may_mend(), again) {
            (true, false) => self.enter(self.stage, now),
            (true, true) => self.erase(0, now),
            (false, _) if unchanged && self.touched.len() == 1 => {
                self.touched.clear();
                self.leave_alone(Failure::Protected, now);
            }
            (false, _) => self.give_up(Fault::Garbled, now),
        }
    }

    pub(super) fn rewrite(&mut self, page: usize, now: Timestamp) {
        // The first page was taken off the list when it was verified, before its head was written.
        if self.todo.front() != Some(&page) && self.armed {
            self.todo.push_front(page);
        }
        self.erase(page, now);
    }

    pub(super) fn may_mend(&mut self) -> bool {
        self.mends += 1;
        self.mends_in_all += 1;
        self.mends <= MENDS && self.mends_in_all <= MENDS_IN_ALL
    }

    pub(super) fn searched(&mut self, found: bool, now: Timestamp) {
        let most = if self.touched.is_empty() { SEARCHES / 2 } else { SEARCHES };
        if found {
            self.searching = 0;
            self.enter(self.stage, now);
        } else if self.searching < most {
            self.searching += 1;
            self.reach(most, now);
        } else {
            self.end(match (self.stage, self.verdict) {
                (Stage::Program | Stage::Go, End::Failed(failure)) => failure,
                (Stage::Program | Stage::Go, End::Done(_)) => Failure::NotStarted,
                // A program that ran is none that was left half written: it is the line that is gone.
                (Stage::Look { .. }, _) if !self.ran => Failure::Torn,
                _ if self.touched.is_empty() => Failure::NoLoader,
                _ => Failure::Lost,
            });
        }
    }

    pub(super) fn search(&mut self, now: Timestamp) {
        self.searching = 1;
        self.reach(SEARCHES, now);
    }

    /// The last of so many searches has all the patience.
    fn reach(&mut self, most: u32, now: Timestamp) {
        self.loader.begin(&Command::Reach { patient: self.searching == most }, now);
    }
}
