//! The loop's side of the watchdogs: they are fed from its turn, and what the MCU tells goes into the record.

use super::duties::Planned;
use super::event_loop::EventLoop;
use super::resets::Reset;
use super::warnings::Concern;
use crate::api::hex::unhex;
use crate::api::types::ResetBy;
use crate::api::wire::{Answer, ApiError, ErrorCode, EventKind, Request, Response};
use crate::clock;
use crate::mcu::flash::Image;
use crate::mcu::{News, Wish};
use crate::modem::{Ask, Wish as ModemWish};
use shunt_decision::Timestamp;
use std::time::Duration;
use tokio::sync::oneshot;

/// The rung of a modem's recovery that cuts its supply.
const POWER_RUNG: &str = "power";

/// The MCU tells whole seconds, and its clock drifts.
const ROUNDING: Duration = Duration::from_secs(5);

impl EventLoop {
    /// Feeds the watchdogs that are due. Called once in each turn, after all that was due in it was taken up, and by nobody
    /// else: that is what a feed says.
    pub(super) fn feed(&mut self, now: Timestamp) {
        if !self.around.feed.is_due(now) {
            return;
        }
        let planned = Planned {
            decisions: self.core.poll_timeout().map(|(at, _)| at),
            answers: self.prober.poll_timeout(),
            routes: self.kernel.poll_timeout(),
        };
        let verdict = self.around.feed.turn(&mut self.duties, planned, now);
        let withheld = verdict.err().map(|reason| {
            format!("no watchdog is fed: {reason}; the agent, or the machine, is restarted if that lasts")
        });
        self.set_warnings(Concern::Duties, withheld.into_iter().collect());
        let fault = self.around.feed.device_fault();
        self.set_warnings(Concern::Device, fault.into_iter().collect());
        if let Some(reset) = self.around.feed.take_reset(now) {
            self.say(EventKind::Reset, &reset);
            let age = now.since(Timestamp::ZERO);
            let alarm = Duration::ZERO;
            self.take_reset(Reset { by: ResetBy::Kernel, told: now, age, silence: None, alarm });
        }
    }

    /// Takes in what the MCU's task has for the loop.
    pub(super) fn take_mcu_news(&mut self, news: News) {
        match news {
            News::Say(kind, text) => self.say(kind, &text),
            News::HostReset { age, silence, alarm } => {
                let told = clock::now();
                self.take_reset(Reset { by: ResetBy::Mcu, told, age, silence, alarm });
            }
            News::Warnings(sentences) => self.set_warnings(Concern::Mcu, sentences),
            News::Leftovers(sentences) => self.set_warnings(Concern::McuLeftovers, sentences),
        }
    }

    /// Takes a reset of the gateway into the incidents.
    fn take_reset(&mut self, reset: Reset) {
        if reset.age + ROUNDING < reset.told.since(self.around.started) {
            self.say(EventKind::Warning, "the MCU pulled the gateway's reset, and the gateway runs on: its reset line does not reach it; see the pins in firmware/README.md");
        }
        if reset.age < reset.told.since(self.around.started) {
            return;
        }
        let context = Self::context(&self.names, &self.config, self.around.started, &[]);
        let snapshot = self.core.snapshot();
        self.around.record.take_reset(reset, &snapshot, &context, &self.around.store);
    }

    /// Answers what is asked of the MCU, or has it answered.
    pub(super) fn ask_mcu(&mut self, request: &Request, reply: oneshot::Sender<Response>) {
        let mcu = &mut self.around.feed.mcu;
        let response = match request {
            Request::McuLog {} => mcu.log().map(Answer::McuLog),
            Request::McuLease { for_s } => return mcu.ask(Wish::Lease(Duration::from_secs(*for_s)), reply),
            Request::McuResetHost {} => return mcu.ask(Wish::ResetHost, reply),
            Request::McuFlash { image } => match unhex(image).map(|bytes| Image::parse(&bytes)) {
                Some(Ok(image)) => return mcu.flash(image, reply),
                Some(Err(error)) => {
                    Err(ApiError::new(ErrorCode::BadRequest, format!("failed to use the image: {error}")))
                }
                None => Err(ApiError::new(ErrorCode::BadRequest, "the image is not in hexadecimal digits")),
            },
            Request::McuCycleModem {} => match self.desk.modems.behind_mcu() {
                // Its recovery switches it off gently before, and knows that it goes.
                Some(modem) => {
                    let what = ModemWish::Reset { rung: Some(POWER_RUNG.to_owned()) };
                    return self.desk.modems.ask(modem, Ask { what, reply });
                }
                None => return mcu.ask(Wish::CycleModem, reply),
            },
            _ => mcu.status().map(|status| Answer::Mcu(Box::new(status))),
        };
        // The client may have hung up meanwhile.
        let _nobody_waits = reply.send(response);
    }
}
