//! Orders from the control socket, carried out between two turns of the loop.

use super::event_loop::{End, EventLoop};
use crate::api::wire::Done;
use crate::api::wire::{Answer, ApiError, ErrorCode, Request, Response};
use crate::api::{self, Order};
use shunt_decision::{Command, Event, Family, Force, Timestamp};
use std::num::NonZeroU64;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the answer to `force` waits for the disk: long for a flash chip, and well within the client's patience.
const DISK_PATIENCE: Duration = Duration::from_secs(2);

impl EventLoop {
    /// Answers `order`; an end means that the loop is to stop.
    pub(super) fn obey(&mut self, order: Order, now: Timestamp) -> Option<End> {
        let mut end = None;
        let response = match order.request {
            Request::Status {} => Ok(self.status()),
            Request::Force { link, for_s, strict } => {
                let response = self.force(&link, for_s, strict, now);
                self.act();
                tokio::spawn(answer_when_kept(response, self.around.store.lease_kept(), order.reply));
                return None;
            }
            Request::Release {} => self.release(now),
            Request::Modem {} => Ok(Answer::Modems(self.desk.modems.statuses())),
            request @ (Request::ModemAt { .. }
            | Request::ModemReset { .. }
            | Request::ModemSim { .. }
            | Request::ModemPin { .. }
            | Request::ModemRetry { .. }
            | Request::ModemSmsSend { .. }
            | Request::ModemSmsList { .. }) => {
                self.ask_modem(request, order.reply);
                return None;
            }
            request @ (Request::Mcu {}
            | Request::McuLog {}
            | Request::McuLease { .. }
            | Request::McuFlash { .. }
            | Request::McuResetHost {}
            | Request::McuCycleModem {}) => {
                self.ask_mcu(&request, order.reply);
                return None;
            }
            Request::Events { .. } => Ok(Answer::Events(self.around.record.history())),
            Request::Stop { restore: false } => {
                end = Some(End::Stop);
                Ok(Answer::done("the agent stops; forwarding stays as it is"))
            }
            Request::Stop { restore: true } => match self.kernel.restore() {
                Ok(()) => {
                    self.around.parting = Some(order.reply);
                    return Some(End::Restored);
                }
                Err(error) => Err(ApiError::new(ErrorCode::Failed, format!("failed to {error}"))),
            },
        };
        // The client may have hung up meanwhile: what it asked for is done all the same.
        let _ = order.reply.send(response);
        end
    }

    fn status(&self) -> Answer {
        let warnings = self.around.record.warnings().sentences();
        let context = Self::context(&self.names, &self.config, self.around.started, &warnings);
        let snapshot = self.core.snapshot();
        let mut status = api::status(&snapshot, &context);
        status.canary = api::canary(&self.canary, &snapshot);
        status.counters.probes_dropped = self.prober.dropped() + self.canary.dropped();
        for modem in self.desk.modems.statuses() {
            if let Some(link) = status.links.iter_mut().find(|link| link.name == modem.link) {
                link.modem = Some(modem.text);
            }
        }
        status.incidents = self.around.record.incidents(&snapshot.incidents, snapshot.at, &context);
        Answer::Status(Box::new(status))
    }

    /// Gives the choice back to the agent.
    pub(super) fn release(&mut self, now: Timestamp) -> Response {
        self.core.handle_event(Event::Command(Command::Release), now);
        Ok(Answer::done("the choice of the uplink is the agent's again"))
    }

    pub(super) fn force(
        &mut self,
        name: &str,
        for_s: Option<NonZeroU64>,
        strict: bool,
        now: Timestamp,
    ) -> Response {
        let Some(link) = self.names.find(name) else {
            return Err(ApiError::unknown_link(name, self.names.all()));
        };
        let length = for_s.map(|seconds| Duration::from_secs(seconds.get()));
        let until = length.map(|length| now + length);
        self.core.handle_event(Event::Command(Command::Force(Force { link, until, strict })), now);
        let lease = length.map_or_else(
            || "until it is released".to_owned(),
            |length| format!("for {}", humantime::format_duration(length)),
        );
        let uplink = self.core.snapshot().uplink;
        if Family::ALL.iter().any(|family| *uplink.get(*family) == Some(link)) {
            return Ok(Answer::done(format!("{name} is the uplink {lease}")));
        }
        Ok(Answer::done(format!(
            "{name} is forced {lease}, but cannot be used yet; see `shunt status` for why"
        )))
    }
}

/// The operator is told if the lease is not on disk: a restart would end it without a word.
async fn answer_when_kept(
    response: Response,
    kept: impl Future<Output = Option<String>>,
    reply: oneshot::Sender<Response>,
) {
    let response = match response {
        Ok(Answer::Done(Done { text })) => {
            Ok(Answer::done(match tokio::time::timeout(DISK_PATIENCE, kept).await {
                Ok(None) => text,
                Ok(Some(failure)) => format!("{text}. {failure}"),
                Err(_) => format!(
                    "{text}. The state directory answers slowly: whether the lease will survive a restart of the \
                     agent is not known yet; see the warnings of `shunt status`."
                ),
            }))
        }
        other => other,
    };
    // As above: the client may have hung up.
    let _ = reply.send(response);
}
