//! What the session makes of what it hears.

use super::{LOOK, Output, Purpose, STRANGER_PACE, Session};
use crate::mcu::book;
use crate::mcu::trouble::Trouble;
use shunt_decision::Timestamp;
use shunt_wire::{Frame, Hello, LOG_SETTLED, Message, ResetCause, Role, Seconds, Stage, Status, VERSION};
use std::time::Duration;

impl Session {
    pub(super) fn hear(&mut self, frame: Frame, now: Timestamp) {
        match frame.message {
            Message::Hello(hello) if hello.role == Role::Mcu => self.meet(hello, now),
            Message::Hello(_) | Message::Feed | Message::StatusRequest => self.echoed(),
            Message::Status(status) => self.see(status, now),
            Message::Log(log) => {
                self.book.read(&log, self.status.map(|(status, at)| (status.uptime, at)), now);
                self.outputs.extend(self.book.take().map(|told| match told {
                    book::Told::Noted(noted) => Output::Noted(noted),
                    book::Told::Forgotten(count) => Output::Forgotten(count),
                    book::Told::Strange(count) => Output::Strange(count),
                    book::Told::Upto(next) => Output::Told(next),
                }));
                self.read_on();
            }
            Message::Answer { sequence, outcome } => self.answered(sequence, Some(outcome), now),
            Message::NotUnderstood { sequence } => self.not_understood(sequence, now),
            // What only an agent says.
            Message::Lease(_)
            | Message::Arm(_)
            | Message::Disarm
            | Message::CycleModem
            | Message::ResetHost
            | Message::LogRequest { .. }
            | Message::EnterBootLoader { .. } => self.echoed(),
        }
    }

    /// A frame in good order that says nothing here.
    pub(super) fn not_known(&mut self, version: u8, sequence: u16, now: Timestamp) {
        if version != VERSION {
            if self.peer.is_none() {
                self.trouble = Some(Trouble::Version(version));
            }
            if self.stranger_from.is_some_and(|from| now < from) {
                return;
            }
            self.stranger_from = Some(now + STRANGER_PACE);
        }
        self.send(Message::NotUnderstood { sequence });
    }

    fn echoed(&mut self) {
        if self.peer.is_none() {
            self.trouble = Some(Trouble::Echo);
        }
    }

    /// The MCU says who it is: after our hello, or since it booted.
    fn meet(&mut self, hello: Hello, now: Timestamp) {
        let known = self.peer.as_ref().is_some_and(|peer| peer.session == hello.session);
        self.peer = Some(hello);
        if known {
            return;
        }
        self.trouble = None;
        self.unanswered = 0;
        // It may have lost what it was told, and has not heard our hello if it booted by itself.
        self.send(Message::Hello(self.hello.clone()));
        self.arm();
        self.due = now;
        self.look(now);
    }

    fn see(&mut self, status: Status, now: Timestamp) {
        if self.peer.is_none() {
            // From before it was met: its hello tells who it is.
            return;
        }
        self.unanswered = 0;
        self.due = now + LOOK;
        self.status = Some((status, now));
        self.granted = None;
        self.book.has(status.log_next);
        if let Some(wait) = unsettled(&status) {
            self.due = self.due.min(now + wait);
        } else {
            self.read_on();
        }
        self.see_lease();
        if status.stage == Stage::Unarmed && self.armed {
            self.arm();
        }
    }

    fn read_on(&mut self) {
        if let Some(from) = self.book.wants() {
            self.send(Message::LogRequest { from });
        }
    }

    /// Ends the lease that the run before took when it was stopped, once there are feeds in its place. A longer one is
    /// the operator's, and goes on.
    pub(super) fn see_lease(&mut self) {
        let Some((status, _)) = self.status.filter(|_| self.fed && !self.lease_seen) else { return };
        self.lease_seen = true;
        if status.stage == Stage::Leased && status.left <= self.stop_lease {
            self.waiting.push_back((Message::Lease(Seconds(0)), Purpose::EndLease));
        }
    }
}

/// How long the numbers of its log may still be given again, if its supply may have been lost; `None`: they are its own.
fn unsettled(status: &Status) -> Option<Duration> {
    match status.reset_cause {
        ResetCause::Watchdog | ResetCause::Software => None,
        ResetCause::Unknown | ResetCause::PowerOn | ResetCause::Pin | ResetCause::BrownOut => {
            let left = LOG_SETTLED.0.saturating_sub(status.uptime.0);
            (left > 0).then(|| Duration::from_secs(left.into()))
        }
    }
}
