//! What the event loop has for a modem's task.

use crate::api::wire::{ApiError, ErrorCode, Response};
use shunt_recovery::facts::Addresses;
use std::time::Duration;
use tokio::sync::oneshot;

/// Something for a modem's task.
#[derive(Debug)]
pub(crate) enum ToTask {
    /// Asked by an operator.
    Ask(Ask),
    /// Whether data flows over the link.
    Data(bool),
    /// The addresses of the link's interface changed.
    Addresses(Addresses),
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
    At { line: String, limit: Duration },
    /// Carry out a rung of the ladder.
    Reset { rung: Option<String> },
    /// Use the SIM in this slot.
    Sim { slot: u8 },
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
