//! What an operator wants of a modem, turned into orders of its driver, and the answers into the contract's.

use super::ask::{Ask, Wish};
use super::inbox::Inbox;
use super::words::RUNGS;
use crate::api::modem::AtAnswer;
use crate::api::wire::{Answer as Good, ApiError, ErrorCode, Response};
use shunt_config::Modem;
use shunt_modem::at::{Final, Outcome};
use shunt_modem::driver::AtLineError;
use shunt_modem::driver::api::{AT_LONGEST, Answer, AtLine, AtReply, Order};
use shunt_recovery::facts::Slot;
use shunt_recovery::{Pin, Rung};
use shunt_sms::Address;
use tokio::sync::mpsc;

/// What is said to a PIN that is tried.
const UNLOCKING: &str = "the SIM is given this PIN once; `shunt modem sim` tells what came of it. The agent forgets it when it \
                         ends: write it into pin_file, too";

/// Answers, or has it answered when the driver has.
pub(super) fn answer(
    ask: Ask,
    modem: &Modem,
    inbox: &Inbox,
    orders: &mpsc::Sender<Order>,
    may_unlock: impl FnOnce(&Pin) -> Result<(), String>,
) {
    match ask.what.clone() {
        Wish::Messages => messages(inbox, ask),
        Wish::At { line, limit, at_own_risk } => match at_line(&line, at_own_risk) {
            Ok(line) => {
                let (answer, came) = Answer::new();
                let order = Order::At { line, limit: limit.min(AT_LONGEST), answer };
                give(ask, order, orders, async move {
                    came.await
                        .map_or_else(|_| Err(gone()), |reply| reply.map(at).map_err(|error| failed(&error)))
                });
            }
            Err(error) => ask.answer(Err(ApiError::new(ErrorCode::BadRequest, error.to_string()))),
        },
        Wish::Send { to, text } => match Address::recipient(&to) {
            Ok(to) => {
                let (answer, sent) = Answer::new();
                let whom = to.to_string();
                give(ask, Order::Send { to, text, answer }, orders, async move {
                    match sent.await {
                        Ok(Ok(parts)) if parts.len() == 1 => {
                            Ok(Good::done(format!("the message to {whom} is sent")))
                        }
                        Ok(Ok(parts)) => {
                            Ok(Good::done(format!("the message to {whom} is sent in {} parts", parts.len())))
                        }
                        Ok(Err(error)) => Err(failed(&error)),
                        Err(_) => Err(gone()),
                    }
                });
            }
            Err(error) => ask.answer(Err(ApiError::new(ErrorCode::BadRequest, error.to_string()))),
        },
        Wish::Reset { rung } => match self::rung(rung.as_deref()) {
            Ok(rung) => told(
                ask,
                Order::Run(rung),
                orders,
                "it is ordered; `shunt events --follow` tells how it goes",
            ),
            Err(error) => ask.answer(Err(error)),
        },
        Wish::Sim { slot } if modem.sims.iter().any(|sim| sim.slot == Some(slot)) => {
            let text = format!("the SIM in slot {slot} is ordered; it takes up to four minutes");
            told(ask, Order::SwitchSim(Slot(slot)), orders, &text);
        }
        Wish::Sim { slot } => {
            let message =
                format!("the config has no SIM in slot {slot}; add [[modem.sim]] with slot = {slot}");
            ask.answer(Err(ApiError::new(ErrorCode::BadRequest, message)));
        }
        Wish::Unlock { pin } => match may_unlock(&pin) {
            Ok(()) => told(ask, Order::Unlock(pin), orders, UNLOCKING),
            Err(why) => ask.refuse(&why),
        },
        Wish::Retry => told(ask, Order::Retry, orders, "whatever was given up is tried again now"),
    }
}

/// The messages that came.
pub(super) fn messages(inbox: &Inbox, ask: Ask) {
    ask.answer(Ok(Good::Messages(inbox.all())));
}

fn at_line(line: &str, at_own_risk: bool) -> Result<AtLine, AtLineError> {
    if at_own_risk { AtLine::at_own_risk(line) } else { line.parse() }
}

fn rung(name: Option<&str>) -> Result<Rung, ApiError> {
    let Some(name) = name else { return Ok(Rung::Reset) };
    RUNGS.iter().find(|(known, _)| *known == name).map(|(_, rung)| *rung).ok_or_else(|| {
        let known: Vec<&str> = RUNGS.iter().map(|(name, _)| *name).collect();
        let message = format!("there is no rung {name:?}; the rungs are {}", known.join(", "));
        ApiError::new(ErrorCode::BadRequest, message)
    })
}

/// An order that is taken and not waited for.
fn told(ask: Ask, order: Order, orders: &mpsc::Sender<Order>, text: &str) {
    let done = Good::done(text);
    give(ask, order, orders, async move { Ok(done) });
}

/// Gives the order, and the answer once it is there.
fn give(
    ask: Ask,
    order: Order,
    orders: &mpsc::Sender<Order>,
    answer: impl Future<Output = Response> + Send + 'static,
) {
    match orders.try_send(order) {
        Ok(()) => {
            tokio::spawn(async move { ask.answer(answer.await) });
        }
        Err(_) => ask.refuse("too many orders wait for the modem; try again in a minute"),
    }
}

fn at(reply: AtReply) -> Good {
    let result = match reply.outcome {
        Outcome::Final(Final::Ok) | Outcome::Incomplete => "OK".to_owned(),
        Outcome::Final(Final::Error) => "ERROR".to_owned(),
        Outcome::Final(Final::Cme(Some(number))) => format!("+CME ERROR: {number}"),
        Outcome::Final(Final::Cms(Some(number))) => format!("+CMS ERROR: {number}"),
        other => format!("{other:?}"),
    };
    let ok = matches!(reply.outcome, Outcome::Final(Final::Ok) | Outcome::Incomplete);
    Good::At(AtAnswer { ok, result, lines: reply.lines })
}

fn failed(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Failed, error.to_string())
}

fn gone() -> ApiError {
    ApiError::new(ErrorCode::Failed, "failed to ask the modem: its driver was started anew; try again")
}
