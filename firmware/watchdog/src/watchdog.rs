//! The watchdog as the board sees it: bytes and time in, frames and levels out.

mod requests;

use crate::allowance::Allowance;
use crate::escalation::{Escalation, Event, Record};
use crate::led::Led;
use crate::line::LineWatch;
use crate::saved::Saved;
use crate::settings::Settings;
use crate::stage::{Outputs, Stage};
use crate::time::{Instant, Span};
use shunt_wire::{
    Answered, Capabilities, Decoder, Frame, Happened, HostResetCause, LOG_SETTLED, Line, LogEntry, Received,
    Reply, Request, ResetCause, Seconds, Status, VERSION,
};

/// So many changes of the times, or of whether they count, at once ...
const CHANGES: u8 = 8;
/// ... and one more after each such time: each is a write to flash.
const CHANGE_RETURNS: Span = Span::from_secs(3600);

/// A new block of the log's numbers is written to flash so long after the boot: a supply that bounces wears nothing out.
/// Who cuts it again before that has the numbers of this while used anew; the agent has not read them yet ...
const SETTLED: Span = Span::from_secs(LOG_SETTLED.0);
/// ... and no more often than this: a flood of entries wears nothing out either.
const SETTLE_PACE: Span = Span::from_secs(3600);

/// Frames of another version are answered no more often: the other end may not understand that answer either, and
/// answer it in turn, for ever.
const STRANGER_PACE: Span = Span::from_secs(1);

/// What the watchdog runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// Its name, at the most 32 bytes.
    pub name: &'static str,
    /// The version of the firmware, at the most 32 bytes.
    pub software: &'static str,
    /// What it has.
    pub capabilities: Capabilities,
}

/// What the pins and the lamp have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// The pins.
    pub pins: Outputs,
    /// The lamp.
    pub led: Led,
}

/// The watchdog.
#[derive(Debug, Clone)]
pub struct Watchdog {
    board: Board,
    cause: ResetCause,
    booted: Instant,
    /// None: not armed.
    escalation: Option<Escalation>,
    saved: Saved,
    decoder: Decoder,
    answered: Answered,
    line: LineWatch,
    changes: Allowance,
    /// When the block of the log's numbers is looked at.
    settle_at: Instant,
    /// Of this boot.
    session: u32,
    /// Another version is not answered before this.
    stranger_from: Instant,
    feeds: u32,
    supply: Option<u16>,
    sequence: u16,
    hello_due: bool,
    status_due: bool,
    boot_loader: bool,
}

impl Watchdog {
    /// A watchdog that boots at `now` for `cause`, with what was kept of earlier: the board takes it from RAM that
    /// is not cleared, or else from flash, by [`Saved::lose_supply`]. Armed before, it guards at once, beginning with the boot grace.
    #[must_use]
    #[inline(never)] // Its copies are on the MCU's stack while it runs, and not for ever.
    pub fn new(board: Board, saved: Option<Saved>, cause: ResetCause, now: Instant) -> Self {
        let mut watchdog = Self::at_rest(board, saved, cause, now);
        watchdog.start(now);
        watchdog
    }

    /// Takes one byte of the line. What comes back is to be sent.
    #[inline(never)] // As above.
    pub fn receive(&mut self, byte: u8, now: Instant) -> Option<Frame<Reply>> {
        match self.decoder.receive_request(byte) {
            None => {
                self.line_error(now);
                None
            }
            Some(Received::Frame(frame)) => {
                self.line.frame();
                let message = self.handle(frame, now)?;
                Some(self.frame(message))
            }
            Some(Received::Unknown { version, sequence }) => {
                self.line.frame();
                if version != VERSION {
                    if now < self.stranger_from {
                        return None;
                    }
                    self.stranger_from = now + STRANGER_PACE;
                }
                Some(self.frame(Reply::NotUnderstood { sequence }))
            }
        }
    }

    /// Takes an error of the line's receiver: framing, noise, a break, or that the line is held low (each
    /// second while it is). What was lost by an overrun is seen by the frame's CRC.
    pub fn line_error(&mut self, now: Instant) {
        if self.line.noise(now) {
            self.note(Happened::LineStuck, now);
        }
    }

    /// Takes a whole frame, and gives the answer if it has one.
    pub fn handle(&mut self, frame: Frame<Request>, now: Instant) -> Option<Reply> {
        self.handle_timeout(now);
        let sequence = frame.sequence;
        self.answered.pass(sequence);
        match frame.message {
            Request::Hello { session } => {
                self.answered.hello(session);
                self.hello_due = false;
                Some(self.hello())
            }
            Request::Feed => {
                self.feeds = self.feeds.saturating_add(1);
                self.say(Event::Feed, now);
                None
            }
            Request::StatusRequest => {
                self.status_due = false;
                Some(Reply::Status(self.status(now)))
            }
            Request::LogRequest { from } => Some(Reply::Log(self.saved.log_from(from))),
            request @ (Request::Lease(_)
            | Request::Arm(_)
            | Request::Disarm
            | Request::CycleModem
            | Request::ResetHost
            | Request::EnterBootLoader { .. }) => {
                // Taken out, since carrying out needs all of the rest.
                let mut answered = core::mem::take(&mut self.answered);
                let outcome = answered.answer(sequence, || self.carry_out(&request, now));
                self.answered = answered;
                Some(Reply::Answer { sequence, outcome })
            }
            Request::NotForUs => None,
        }
    }

    /// Moves on by what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        // No deadline of `poll_timeout`: the next turn does as well.
        if now >= self.settle_at {
            self.settle_at = now + SETTLE_PACE;
            self.saved.settle();
        }
        self.step(now, |escalation| escalation.handle_timeout(now));
    }

    /// When [`Watchdog::handle_timeout`] is to be called; `None` while nothing is guarded.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.escalation.as_ref().map(Escalation::poll_timeout)
    }

    /// What is to be sent unasked, one frame after the other until `None`: a hello after the boot, and the status
    /// when the stage has changed.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame<Reply>> {
        let message = if core::mem::take(&mut self.hello_due) {
            self.hello()
        } else if core::mem::take(&mut self.status_due) {
            Reply::Status(self.status(now))
        } else {
            return None;
        };
        Some(self.frame(message))
    }

    /// The levels that the outputs must have now.
    #[must_use]
    pub fn outputs(&self) -> Levels {
        let calm = Outputs { alert: false, modem_power: true, shutdown_request: false, host_reset: false };
        let pins = self.escalation.as_ref().map_or(calm, Escalation::outputs);
        let idle = !matches!(self.stage(), Some(Stage::Grace { .. } | Stage::Guarding { .. }));
        let led = match (self.line.stuck(), pins.alert) {
            (true, _) => Led::LineStuck,
            (false, true) => Led::Alert,
            (false, false) if idle => Led::Idle,
            (false, false) => Led::Guarding,
        };
        Levels { pins, led }
    }

    /// What the board keeps over its own resets: in RAM that is not cleared whenever its [mark](Saved::mark) changed, in flash when it
    /// [lasts](Saved::lasting) and changed, and before a host's reset and a modem's cut reach their pins.
    #[must_use]
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// Takes the supply's voltage in millivolts, for the status.
    pub fn set_supply(&mut self, millivolts: u16) {
        self.supply = Some(millivolts);
    }

    /// Whether the boot loader was asked for: the board starts it when the answer is sent.
    #[must_use]
    pub fn wants_boot_loader(&self) -> bool {
        self.boot_loader
    }

    /// Where the escalation stands; `None` while nothing is guarded.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.escalation.as_ref().map(Escalation::stage)
    }

    #[inline(never)] // As above.
    fn at_rest(board: Board, saved: Option<Saved>, cause: ResetCause, now: Instant) -> Self {
        Self {
            board,
            cause,
            booted: now,
            escalation: None,
            saved: saved.unwrap_or_default(),
            decoder: Decoder::new(),
            answered: Answered::new(),
            line: LineWatch::default(),
            changes: Allowance::new(CHANGES, CHANGE_RETURNS, 0, now),
            settle_at: now + SETTLED,
            session: 0,
            stranger_from: now,
            feeds: 0,
            supply: None,
            sequence: 0,
            hello_due: true,
            status_due: false,
            boot_loader: false,
        }
    }

    /// Counts the boot, and guards if it did before.
    #[inline(never)] // As above.
    fn start(&mut self, now: Instant) {
        // A hang of its own ends no lease: it begins anew, once. Of what came after it nothing is known.
        let before = self.saved.last();
        let counts = &mut self.saved.counts;
        counts.boots = counts.boots.saturating_add(1);
        if self.cause == ResetCause::Watchdog {
            counts.own_hangs = counts.own_hangs.saturating_add(1);
        }
        self.note(Happened::McuBooted(self.cause), now);
        // The number of that entry, and one: boots are not counted where the supply was lost.
        self.session = self.saved.log_next;
        let settings = self.saved.armed.and_then(|timeouts| Settings::from_wire(&timeouts).ok());
        self.escalation = settings.and_then(|settings| self.guard(settings, now));
        if let (Some(Happened::Leased(time)), ResetCause::Watchdog) = (before, self.cause) {
            self.say(Event::Lease(Span::from_secs(time.0)), now);
        }
    }

    fn guard(&self, settings: Settings, now: Instant) -> Option<Escalation> {
        let counts = self.saved.counts;
        let record = Record {
            host_resets: counts.host_resets,
            in_a_row: counts.resets_in_a_row,
            modem_cycles: counts.modem_cycles,
            modem_spent: self.saved.modem_spent,
        };
        Escalation::new(settings, record, now).ok()
    }

    fn say(&mut self, event: Event, now: Instant) {
        self.step(now, |escalation| escalation.handle_event(event, now));
    }

    /// Lets the escalation move, and notes where to.
    fn step(&mut self, now: Instant, deed: impl FnOnce(&mut Escalation)) {
        let Some(escalation) = &mut self.escalation else { return };
        let (before, power) = (escalation.stage(), escalation.outputs().modem_power);
        deed(escalation);
        let (after, power_now) = (escalation.stage(), escalation.outputs().modem_power);
        self.keep();
        if core::mem::discriminant(&before) != core::mem::discriminant(&after) {
            self.moved(before, after, now);
        }
        self.status_due |= power != power_now;
    }

    fn moved(&mut self, before: Stage, after: Stage, now: Instant) {
        self.status_due = true;
        let what = match (before, after) {
            (_, Stage::Guarding { .. }) => Happened::Fed,
            (Stage::Leased { .. }, Stage::Grace { .. }) => Happened::LeaseOver,
            (_, Stage::Alert { .. }) => Happened::Alert,
            (_, Stage::ModemOff { .. }) => Happened::ModemCut,
            (_, Stage::ShutdownRequested { asked: false, .. }) => Happened::ShutdownRequested,
            (_, Stage::ShutdownRequested { asked: true, .. }) => Happened::ResetAsked,
            (_, Stage::BackingOff { .. }) => Happened::HeldBack,
            (_, Stage::HostReset { .. }) => {
                let asked = matches!(before, Stage::ShutdownRequested { asked: true, .. });
                let cause = if asked { HostResetCause::Asked } else { HostResetCause::Silence };
                self.saved.last_host_reset = Some(cause);
                Happened::HostReset(self.saved.counts.resets_in_a_row)
            }
            // The lease is noted where it is granted; the others follow from what is noted.
            (_, Stage::Grace { .. } | Stage::Leased { .. } | Stage::ModemSettling { .. }) => return,
        };
        self.note(what, now);
    }

    /// Takes over what the escalation counts.
    fn keep(&mut self) {
        if let Some(escalation) = &self.escalation {
            let record = escalation.record();
            self.saved.counts.host_resets = record.host_resets;
            self.saved.counts.resets_in_a_row = record.in_a_row;
            self.saved.counts.modem_cycles = record.modem_cycles;
            self.saved.modem_spent = record.modem_spent;
        }
    }

    fn note(&mut self, what: Happened, now: Instant) {
        self.saved.note(LogEntry { at: self.uptime(now), what });
    }

    fn uptime(&self, now: Instant) -> Seconds {
        Seconds(Instant::from_millis(now.as_millis().saturating_sub(self.booted.as_millis())).as_secs())
    }

    fn frame(&mut self, message: Reply) -> Frame<Reply> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Frame { sequence, message }
    }

    fn hello(&self) -> Reply {
        Reply::Hello {
            software: self.board.software,
            board: self.board.name,
            session: self.session,
            capabilities: self.board.capabilities,
        }
    }

    fn status(&self, now: Instant) -> Status {
        let stage = self.stage();
        Status {
            uptime: self.uptime(now),
            reset_cause: self.cause,
            stage: stage.map_or(shunt_wire::Stage::Unarmed, Stage::to_wire),
            left: Seconds(stage.map_or(0, |stage| stage.until().since(now).as_secs_up())),
            modem_power: self.outputs().pins.modem_power,
            line: if self.line.stuck() { Line::Stuck } else { Line::Good },
            supply: self.supply,
            feeds: self.feeds,
            damaged_frames: self.decoder.damaged_frames(),
            last_host_reset: self.saved.last_host_reset,
            counts: self.saved.counts,
            log_next: self.saved.log_next,
        }
    }
}
