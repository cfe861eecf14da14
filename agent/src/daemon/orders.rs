//! Orders from the control socket, carried out between two turns of the loop.

use super::event_loop::{End, EventLoop};
use crate::api::wire::{Answer, ApiError, ErrorCode, Request, Response};
use crate::api::{self, Order};
use shunt_decision::{Command, Event, Family, Force, Timestamp};
use std::num::NonZeroU64;
use std::time::Duration;

impl EventLoop {
    /// Answers `order`; an end means that the loop is to stop.
    pub(super) fn obey(&mut self, order: Order, now: Timestamp) -> Option<End> {
        let mut end = None;
        let response = match order.request {
            Request::Status {} => Ok(self.status()),
            Request::Force { link, for_s, strict } => self.force(&link, for_s, strict, now),
            Request::Release {} => {
                self.core.handle_event(Event::Command(Command::Release), now);
                Ok(Answer::done("the choice of the uplink is the agent's again"))
            }
            Request::Events { .. } => Ok(Answer::Events(self.around.record.history())),
            Request::Stop { restore: false } => {
                end = Some(End::Stop);
                Ok(Answer::done("the agent stops; forwarding stays as it is"))
            }
            Request::Stop { restore: true } => match self.kernel.restore() {
                Ok(()) => {
                    end = Some(End::Restored);
                    Ok(Answer::done("the agent stops; all that it owned in the kernel is gone"))
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
        status.incidents = self.around.record.incidents(&snapshot.incidents, snapshot.at, &context);
        Answer::Status(Box::new(status))
    }

    fn force(&mut self, name: &str, for_s: Option<NonZeroU64>, strict: bool, now: Timestamp) -> Response {
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
