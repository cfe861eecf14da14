//! What the host asks for, and what becomes of it.

use super::Watchdog;
use crate::escalation::{Event, NoCut};
use crate::settings::Settings;
use crate::stage::Stage;
use crate::time::{Instant, Span};
use shunt_wire::{BOOT_LOADER_KEY, Capabilities, Happened, Outcome, Request, Seconds, Timeouts};

impl Watchdog {
    pub(super) fn carry_out(&mut self, request: &Request, now: Instant) -> Outcome {
        match request {
            Request::Lease(seconds) => self.lease(*seconds, now),
            Request::Arm(timeouts) => self.arm(timeouts, now),
            Request::Disarm => self.disarm(now),
            Request::CycleModem => self.cycle_modem(now),
            Request::ResetHost => self.reset_host(now),
            Request::EnterBootLoader { key } => self.enter_boot_loader(*key, now),
            // None of them is carried out.
            Request::Hello { .. }
            | Request::Feed
            | Request::StatusRequest
            | Request::LogRequest { .. }
            | Request::NotForUs => Outcome::NotNow,
        }
    }

    fn lease(&mut self, wanted: Seconds, now: Instant) -> Outcome {
        let Some(timeouts) = self.saved.armed.filter(|_| self.escalation.is_some()) else {
            return Outcome::NotNow;
        };
        let granted = wanted.min(timeouts.longest_lease);
        self.say(Event::Lease(Span::from_secs(granted.0)), now);
        let leased = matches!(self.stage(), Some(Stage::Leased { .. }));
        if granted.0 == 0 {
            return Outcome::Done;
        }
        if !leased {
            return Outcome::NotNow;
        }
        // A lease that is renewed all the time is one entry.
        if !matches!(self.saved.last(), Some(Happened::Leased(_))) {
            self.note(Happened::Leased(granted), now);
        }
        if granted < wanted { Outcome::Capped(granted) } else { Outcome::Done }
    }

    fn arm(&mut self, timeouts: &Timeouts, now: Instant) -> Outcome {
        if self.saved.armed == Some(*timeouts) && self.escalation.is_some() {
            return Outcome::Done;
        }
        let Ok(settings) = Settings::from_wire(timeouts) else { return Outcome::BadTimes };
        if settings.modem_rail.escalate && !self.board.capabilities.has(Capabilities::MODEM_RAIL) {
            return Outcome::NotFitted;
        }
        if let Err(wait) = self.changes.spend(now) {
            return Outcome::TooSoon(Seconds(wait.as_secs_up()));
        }
        match &mut self.escalation {
            Some(escalation) => {
                if escalation.set_settings(settings).is_err() {
                    return Outcome::BadTimes;
                }
            }
            None => self.escalation = self.guard(settings, now),
        }
        self.saved.armed = Some(*timeouts);
        self.note(Happened::Armed, now);
        self.status_due = true;
        Outcome::Done
    }

    fn disarm(&mut self, now: Instant) -> Outcome {
        let Some(escalation) = &self.escalation else { return Outcome::Done };
        // Least times off are kept.
        let off = !escalation.outputs().modem_power || escalation.outputs().host_reset;
        if off {
            return Outcome::NotNow;
        }
        if let Err(wait) = self.changes.spend(now) {
            return Outcome::TooSoon(Seconds(wait.as_secs_up()));
        }
        self.escalation = None;
        self.saved.armed = None;
        self.note(Happened::Disarmed, now);
        self.status_due = true;
        Outcome::Done
    }

    fn cycle_modem(&mut self, now: Instant) -> Outcome {
        if !self.board.capabilities.has(Capabilities::MODEM_RAIL) {
            return Outcome::NotFitted;
        }
        let Some(escalation) = &mut self.escalation else { return Outcome::NotNow };
        match escalation.cycle_modem(now) {
            Ok(()) => {
                self.keep();
                self.note(Happened::ModemCutAsked, now);
                self.status_due = true;
                Outcome::Done
            }
            Err(NoCut::NotNow) => Outcome::NotNow,
            Err(NoCut::TooSoon(wait)) => Outcome::TooSoon(Seconds(wait.as_secs_up())),
        }
    }

    fn reset_host(&mut self, now: Instant) -> Outcome {
        if !self.board.capabilities.has(Capabilities::HOST_RESET) {
            return Outcome::NotFitted;
        }
        let Some(escalation) = &self.escalation else { return Outcome::NotNow };
        let wait = escalation.reset_wait(now);
        if wait > Span::ZERO {
            return Outcome::TooSoon(Seconds(wait.as_secs_up()));
        }
        self.say(Event::Reset, now);
        match self.stage() {
            Some(Stage::ShutdownRequested { asked: true, .. }) => Outcome::Done,
            Some(_) | None => Outcome::NotNow,
        }
    }

    fn enter_boot_loader(&mut self, key: u32, now: Instant) -> Outcome {
        if !self.board.capabilities.has(Capabilities::BOOT_LOADER) {
            return Outcome::NotFitted;
        }
        if key != BOOT_LOADER_KEY {
            return Outcome::WrongKey;
        }
        // It guards nothing: the host must have asked not to be judged, and know how long.
        let unjudged = matches!(self.stage(), None | Some(Stage::Leased { .. }));
        if !unjudged || !self.outputs().pins.modem_power {
            return Outcome::NotNow;
        }
        self.boot_loader = true;
        self.note(Happened::BootLoader, now);
        Outcome::Done
    }
}
