//! What the event loop has for a modem's task: questions wait in a short queue, of what is so the newest alone counts.

use crate::api::wire::{ApiError, ErrorCode, Response};
use shunt_modem::driver::api::Order;
use shunt_recovery::facts::Addresses;
use shunt_recovery::{Elsewhere, Pin};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Questions that may wait for one modem's task.
const ASKED: usize = 16;

/// The event loop's ends. Dropped, they end the task.
#[derive(Debug)]
pub(super) struct ToTask {
    asked: mpsc::Sender<Ask>,
    flows: watch::Sender<Option<bool>>,
    addresses: watch::Sender<Option<Addresses>>,
}

/// The task's ends.
#[derive(Debug)]
pub(super) struct FromLoop {
    /// What operators ask.
    pub(super) asked: mpsc::Receiver<Ask>,
    flows: watch::Receiver<Option<bool>>,
    addresses: watch::Receiver<Option<Addresses>>,
}

/// What a driver is still to be told of its link.
#[derive(Debug, Default)]
pub(super) struct Owed {
    flows: Option<bool>,
    addresses: Option<Addresses>,
    /// What other modems know of SIM cards: a driver that did not hear of it may give a PIN that a card refused elsewhere.
    pub(super) elsewhere: Option<Elsewhere>,
}

/// What leads from the event loop to one task.
pub(super) fn channels() -> (ToTask, FromLoop) {
    let (asked, questions) = mpsc::channel(ASKED);
    let (flows, flows_seen) = watch::channel(None);
    let (addresses, addresses_seen) = watch::channel(None);
    let to_task = ToTask { asked, flows, addresses };
    (to_task, FromLoop { asked: questions, flows: flows_seen, addresses: addresses_seen })
}

impl ToTask {
    /// Has an operator's question answered.
    pub(super) fn ask(&self, ask: Ask) {
        if let Err(error) = self.asked.try_send(ask) {
            let (mpsc::error::TrySendError::Full(ask) | mpsc::error::TrySendError::Closed(ask)) = error;
            ask.refuse("too much is asked of the modem at once; try again in a minute");
        }
    }

    /// Whether data flows over the link.
    pub(super) fn flows(&self, flows: bool) {
        self.flows.send_replace(Some(flows));
    }

    /// The addresses of the link's interface.
    pub(super) fn addresses(&self, addresses: Addresses) {
        self.addresses.send_replace(Some(addresses));
    }
}

impl FromLoop {
    /// All that a driver that begins is to be told.
    pub(super) fn all(&mut self) -> Owed {
        let (flows, addresses) = (*self.flows.borrow_and_update(), *self.addresses.borrow_and_update());
        Owed { flows, addresses, elsewhere: None }
    }

    /// The next question, once everything that is owed is told; `None`: the event loop wants nothing more of the task. May
    /// be dropped at any time.
    pub(super) async fn next(&mut self, owed: &mut Owed, orders: &mpsc::Sender<Order>) -> Option<Ask> {
        loop {
            tokio::select! {
                asked = self.asked.recv() => return asked,
                Ok(()) = self.flows.changed() => owed.flows = *self.flows.borrow_and_update(),
                Ok(()) = self.addresses.changed() => owed.addresses = *self.addresses.borrow_and_update(),
                Ok(place) = orders.reserve(), if owed.is_something() => {
                    if let Some(order) = owed.take() {
                        place.send(order);
                    }
                }
            }
        }
    }
}

impl Owed {
    fn is_something(&self) -> bool {
        self.flows.is_some() || self.addresses.is_some() || self.elsewhere.is_some()
    }

    fn take(&mut self) -> Option<Order> {
        let elsewhere = self.elsewhere.take().map(Order::Elsewhere);
        elsewhere
            .or_else(|| self.flows.take().map(|flows| Order::Data { flows }))
            .or_else(|| self.addresses.take().map(Order::HostIp))
    }
}

/// A question or an order of an operator.
#[derive(Debug)]
pub(crate) struct Ask {
    /// What.
    pub(crate) what: Wish,
    /// Where the answer goes.
    pub(crate) reply: oneshot::Sender<Response>,
}

/// What an operator may want of a modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Send a command.
    At { line: String, limit: Duration, at_own_risk: bool },
    /// Carry out a rung of the ladder.
    Reset { rung: Option<String> },
    /// Use the SIM in this slot.
    Sim { slot: u8 },
    /// Give the SIM in use this PIN.
    Unlock { pin: Pin },
    /// Wait no longer.
    Retry,
    /// Send a message.
    Send { to: String, text: String },
    /// The messages that came.
    Messages,
}

impl Ask {
    /// Says no.
    pub(crate) fn refuse(self, why: &str) {
        self.answer(Err(ApiError::new(ErrorCode::Failed, why)));
    }

    /// Answers. Whoever hung up does not miss it.
    pub(super) fn answer(self, response: Response) {
        let _nobody_waits = self.reply.send(response);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `next` did before it had nothing more to do.
    async fn turn(from: &mut FromLoop, owed: &mut Owed, orders: &mpsc::Sender<Order>) {
        tokio::select! {
            biased;
            asked = from.next(owed, orders) => panic!("{asked:?}"),
            () = tokio::task::yield_now() => {}
        }
    }

    #[tokio::test]
    async fn the_newest_word_comes_to_a_driver_however_busy_everybody_was() {
        let (to_task, mut from) = channels();
        let (orders, mut driver) = mpsc::channel(1);
        orders.try_send(Order::Retry).unwrap();
        let mut owed = from.all();
        owed.elsewhere = Some(Elsewhere::default());
        // Far more than any queue holds, while nobody reads.
        for turn in 0..1_000 {
            to_task.flows(turn % 2 == 0);
            to_task.addresses(Addresses::default());
        }
        turn(&mut from, &mut owed, &orders).await;
        assert!(matches!(driver.recv().await, Some(Order::Retry)));
        turn(&mut from, &mut owed, &orders).await;
        assert!(
            matches!(driver.recv().await, Some(Order::Elsewhere(_))),
            "before anything that may lead to a PIN"
        );
        turn(&mut from, &mut owed, &orders).await;
        assert!(matches!(driver.recv().await, Some(Order::Data { flows: false })), "the newest");
        turn(&mut from, &mut owed, &orders).await;
        assert!(matches!(driver.recv().await, Some(Order::HostIp(_))));
        turn(&mut from, &mut owed, &orders).await;
        assert!(driver.try_recv().is_err(), "told once");
        assert!(
            matches!(from.all().take(), Some(Order::Data { flows: false })),
            "the next driver hears it, too"
        );
        drop(to_task);
        assert!(from.next(&mut owed, &orders).await.is_none());
    }
}
