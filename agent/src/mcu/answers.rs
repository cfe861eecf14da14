//! What is asked of the MCU, and what becomes of it, in words for whoever asked.

use super::task::Task;
use super::trouble::{Trouble, refusal};
use super::{Farewell, ToTask, Wish, seconds};
use crate::api::wire::{Answer as Good, ApiError, ErrorCode, Response};
use crate::clock;
use shunt_modem::driver::api::Answer;
use shunt_wire::{Message, Outcome, Seconds};
use std::time::Duration;
use tokio::sync::oneshot;

/// Who waits for an answer.
#[derive(Debug)]
pub(super) enum Waiter {
    Operator(Wish, oneshot::Sender<Response>),
    Modem(Answer<()>),
    /// The last has what failed before, where the lease is in the place of something better.
    Leave(Farewell, oneshot::Sender<Result<(), String>>, Option<String>),
}

impl Task {
    pub(super) fn take(&mut self, asked: ToTask) {
        match asked {
            ToTask::Ask(wish, reply) => {
                let message = match wish {
                    Wish::Lease(time) => Message::Lease(seconds(time)),
                    Wish::CycleModem => Message::CycleModem,
                    Wish::ResetHost => Message::ResetHost,
                };
                self.ask(message, Waiter::Operator(wish, reply));
            }
            ToTask::Flash(image, reply) => self.want_flash(*image, reply),
            ToTask::Power(false, done) => self.ask(Message::CycleModem, Waiter::Modem(done)),
            // The MCU gives the supply back by itself, after the time that it was armed with; it need only be there.
            ToTask::Power(true, done) if self.session.peer().is_some() => done.give(()),
            ToTask::Power(true, _) => {}
            ToTask::Leave(..) if !self.knows_who_is_there() => self.later.push(asked),
            // Whether that of a stop would cut it short is known by its answer.
            ToTask::Leave(Farewell::Lease, _) if self.session.is_leasing() => self.later.push(asked),
            ToTask::Leave(Farewell::Lease, reply) if self.session.longer_lease().is_some() => {
                tracing::info!("the watchdog MCU is leased for longer than a stop takes; that lease goes on");
                let _loop_gave_up = reply.send(Ok(()));
            }
            ToTask::Leave(farewell, reply) => {
                let message = match farewell {
                    Farewell::Lease => Message::Lease(self.stop_lease),
                    Farewell::Disarm => Message::Disarm,
                };
                self.ask(message, Waiter::Leave(farewell, reply, None));
            }
        }
    }

    fn ask(&mut self, message: Message, waiter: Waiter) {
        self.next_ticket += 1;
        self.waiting.insert(self.next_ticket, waiter);
        if let Err(trouble) = self.session.ask(message, self.next_ticket, clock::now())
            && let Some(waiter) = self.waiting.remove(&self.next_ticket)
        {
            let why = self.sentence(self.away.as_ref().unwrap_or(&trouble));
            self.refuse(waiter, &why);
        }
    }

    fn refuse(&self, waiter: Waiter, why: &str) {
        match waiter {
            Waiter::Operator(_, reply) => {
                let _nobody_waits = reply.send(Err(ApiError::new(ErrorCode::Failed, why)));
            }
            // Dropped, it says no.
            Waiter::Modem(_) => tracing::warn!("the modem's supply is not switched: {why}"),
            Waiter::Leave(_, reply, before) => {
                let _loop_gave_up = reply.send(Err(before.unwrap_or_else(|| why.to_owned())));
            }
        }
    }

    pub(super) fn answer(&mut self, waiter: Waiter, outcome: Option<Outcome>) {
        let Some(outcome) = outcome else {
            let why = self.sentence(&Trouble::Silent);
            return self.refuse(waiter, &why);
        };
        match (waiter, outcome) {
            (Waiter::Operator(wish, reply), Outcome::Done | Outcome::Capped(_)) => {
                let _nobody_waits = reply.send(Ok(Good::done(done(wish, outcome))));
            }
            (Waiter::Modem(done), Outcome::Done) => done.give(()),
            (Waiter::Leave(farewell, reply, before), Outcome::Done | Outcome::Capped(_)) => {
                tracing::info!("{}", goodbye(farewell, self.stop_lease));
                match farewell {
                    Farewell::Lease => {
                        let _loop_gave_up = reply.send(before.map_or(Ok(()), Err));
                    }
                    Farewell::Disarm => self.keep_disarmed(reply),
                }
            }
            // Where the guard cannot be ended for good yet, a lease is better than a silence.
            (Waiter::Leave(Farewell::Disarm, reply, _), refused) => {
                let why = Some(self.sentence(&Trouble::Disarm(refused)));
                self.ask(Message::Lease(self.stop_lease), Waiter::Leave(Farewell::Lease, reply, why));
            }
            (waiter, refused) => {
                let why = format!("the watchdog MCU refused: {}", refusal(&refused));
                self.refuse(waiter, &why);
            }
        }
    }
}

/// What was done for an operator.
fn done(wish: Wish, outcome: Outcome) -> String {
    let long = |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
    match (wish, outcome) {
        (Wish::CycleModem, _) => "the modem's supply is cut, and comes back by itself".into(),
        (Wish::ResetHost, _) => "the MCU asks the gateway to shut down, and resets it when it had its time for that ([watchdog.mcu] \
                                 shutdown); nothing calls that back"
            .into(),
        (Wish::Lease(Duration::ZERO), _) => {
            "the lease is over: the MCU judges the gateway by its feeds".into()
        }
        (Wish::Lease(_), Outcome::Capped(time)) => format!(
            "the MCU does not judge the gateway for {}, the longest lease that [watchdog.mcu] allows",
            long(Duration::from_secs(time.0.into()))
        ),
        (Wish::Lease(time), _) => format!("the MCU does not judge the gateway for {}", long(time)),
    }
}

fn goodbye(farewell: Farewell, lease: Seconds) -> String {
    match farewell {
        Farewell::Lease => format!(
            "the watchdog MCU does not judge the gateway for {} s, while the agent is stopped",
            lease.0
        ),
        Farewell::Disarm => "the watchdog MCU guards nothing from now on: it is disarmed".into(),
    }
}
