//! The requests to the MCU: one under way at a time, each repeated with its own sequence until it is answered.

use super::{HELLO_SLOWLY, Output, Session};
use crate::mcu::trouble::Trouble;
use shunt_decision::Timestamp;
use shunt_wire::{Frame, Message, Outcome, Seconds};
use std::time::Duration;

/// A request without an answer is sent again, with the same sequence, after this ...
const AGAIN: Duration = Duration::from_millis(300);
/// ... and so often at the most: within the two seconds that a modem's recovery waits for its supply.
const TIMES: u32 = 6;

/// Who waits for the answer of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Arm,
    EndLease,
    Ask(u64),
}

/// The one request under way.
#[derive(Debug)]
pub(super) struct Pending {
    frame: Frame,
    purpose: Purpose,
    pub(super) again: Timestamp,
    left: u32,
}

impl Pending {
    pub(super) const fn message(&self) -> &Message {
        &self.frame.message
    }

    /// The lease that the MCU grants by this answer.
    const fn grants(&self, outcome: Option<Outcome>) -> Option<Seconds> {
        match (self.message(), outcome) {
            (Message::Lease(time), Some(Outcome::Done)) => Some(*time),
            (Message::Lease(_), Some(Outcome::Capped(time))) => Some(time),
            _ => None,
        }
    }
}

impl Session {
    pub(super) fn arm(&mut self) {
        self.armed = false;
        self.arm_at = None;
        if self.ended {
            return;
        }
        let waits = self.waiting.iter().any(|(_, purpose)| *purpose == Purpose::Arm);
        let asked = self.request.as_ref().is_some_and(|pending| pending.purpose == Purpose::Arm);
        if !waits && !asked {
            self.waiting.push_front((Message::Arm(self.times), Purpose::Arm));
        }
    }

    pub(super) fn next_request(&mut self, now: Timestamp) {
        if self.request.is_some() || self.peer.is_none() {
            return;
        }
        let Some((message, purpose)) = self.waiting.pop_front() else { return };
        let frame = Frame { sequence: self.sequence, message: message.clone() };
        self.send(message);
        self.request = Some(Pending { frame, purpose, again: now + AGAIN, left: TIMES });
    }

    /// Sends the request once more, or gives it up.
    pub(super) fn repeat(&mut self, now: Timestamp) {
        let Some(pending) = &mut self.request else { return };
        if pending.left > 1 {
            pending.left -= 1;
            pending.again = now + AGAIN;
            let frame = pending.frame.clone();
            self.put(&frame);
            return;
        }
        let sequence = pending.frame.sequence;
        self.answered(sequence, None, now);
        // Whether anybody is there is asked at once.
        self.due = now;
    }

    pub(super) fn answered(&mut self, sequence: u16, outcome: Option<Outcome>, now: Timestamp) {
        let Some(pending) = self.request.take_if(|pending| pending.frame.sequence == sequence) else {
            return;
        };
        if outcome == Some(Outcome::HelloFirst) && pending.left > 1 {
            // It booted meanwhile: after a hello the request is taken, as one that was never made.
            self.send(Message::Hello(self.hello.clone()));
            self.request = Some(Pending { again: now + AGAIN, left: pending.left - 1, ..pending });
            return;
        }
        if let Some(lease) = pending.grants(outcome) {
            self.granted = Some((lease, now));
        }
        match pending.purpose {
            Purpose::Ask(ticket) => self.outputs.push_back(Output::Answered(ticket, outcome)),
            Purpose::EndLease => {}
            Purpose::Arm => self.judge_arming(outcome, now),
        }
        self.next_request(now);
    }

    fn judge_arming(&mut self, outcome: Option<Outcome>, now: Timestamp) {
        self.armed = outcome == Some(Outcome::Done);
        self.trouble = match outcome {
            Some(Outcome::Done) => {
                self.outputs.push_back(Output::Armed);
                None
            }
            Some(Outcome::TooSoon(wait)) => {
                self.arm_at = Some(now + Duration::from_secs(wait.0.into()));
                Some(Trouble::ArmLater(Duration::from_secs(wait.0.into())))
            }
            Some(refused) => Some(Trouble::Arm(refused)),
            // Whether it is there at all is looked at, and it is armed when it answers.
            None => {
                self.arm_at = Some(now + HELLO_SLOWLY);
                Some(Trouble::Silent)
            }
        };
    }

    pub(super) fn not_understood(&mut self, sequence: u16, now: Timestamp) {
        if self.peer.is_none() {
            if sequence == self.hello_sequence {
                self.trouble = Some(Trouble::Words);
            }
            return;
        }
        self.answered(sequence, None, now);
    }

    pub(super) fn lose_peer(&mut self) {
        self.peer = None;
        self.status = None;
        self.granted = None;
        self.armed = false;
        self.arm_at = None;
        let asked = self.request.take().map(|pending| pending.purpose);
        for purpose in asked.into_iter().chain(self.waiting.drain(..).map(|(_, purpose)| purpose)) {
            if let Purpose::Ask(ticket) = purpose {
                self.outputs.push_back(Output::Answered(ticket, None));
            }
        }
    }
}
