//! The task while the firmware of its MCU is upgraded: the port is the upgrade's, and whoever asks is told so.

use super::flash::{self, Image, Job};
use super::task::Task;
use super::trouble::Trouble;
use super::{ToTask, Wish};
use crate::api::wire::{Answer, ApiError, ErrorCode, EventKind, Response};
use crate::clock;
use tokio::sync::{mpsc, oneshot};

impl Task {
    /// Answers that an upgrade begins, if none is under way; the port is let go next.
    pub(super) fn want_flash(&mut self, image: Image, reply: oneshot::Sender<Response>) {
        self.standing.flashes = self.standing.flashes.wrapping_add(1);
        if self.standing.is_flashing() {
            self.ends.tell.send_replace(self.standing.clone());
            let why = "the MCU is being flashed already; see `shunt mcu status`";
            let _nobody_waits = reply.send(Err(ApiError::new(ErrorCode::Failed, why)));
            return;
        }
        let begun = flash::begun(&image);
        self.say(EventKind::Mcu, begun.text.clone());
        self.standing.flash = Some(begun);
        // Whoever waits for the end looks at the status: it must be there before the answer is.
        self.ends.tell.send_replace(self.standing.clone());
        self.wanted = Some(image);
        let text = "the upgrade of the MCU has begun; it goes on by itself, as `shunt mcu status` shows";
        let _nobody_waits = reply.send(Ok(Answer::done(text)));
    }

    /// Carries the upgrade out, on a port that nobody has open; `None`: the agent ended meanwhile. It is never cut short: the
    /// MCU would have half a program.
    pub(super) async fn upgrade(&mut self, image: Image) -> Option<()> {
        let lease = self.session.longer_lease();
        self.session.closed();
        self.away = Some(Trouble::Flashing);
        let _nothing_to_fail = self.carry_out(None).await;
        self.show();
        let backup = flash::backup(&self.state_dir);
        let job = Job { image, port: self.port.clone(), pins: self.pins.clone(), backup };
        let (tell, mut told) = mpsc::unbounded_channel();
        let work = flash::run(&job, move |phase, percent| {
            let _nobody_looks = tell.send((phase, percent));
        });
        tokio::pin!(work);
        let mut alone = false;
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                Some((phase, percent)) = told.recv() => {
                    self.standing.flash = Some(flash::under_way(&job.image, phase, percent));
                    self.show();
                }
                asked = self.ends.asked.recv(), if !alone => match asked {
                    Some(farewell @ ToTask::Leave(..)) => self.later.push(farewell),
                    Some(asked) => self.take(asked),
                    None => alone = true,
                },
            }
        };
        let over = flash::over(&result, &job.backup);
        self.say(EventKind::Mcu, over.text.clone());
        self.standing.flash = Some(over);
        self.away = None;
        self.show();
        // The upgrade took a short one in its place, and the firmware that was started has none.
        if let Some(left) = lease.map(|end| end.since(clock::now())).filter(|left| !left.is_zero()) {
            self.later.insert(0, ToTask::Ask(Wish::Lease(left), oneshot::channel().0));
        }
        (!alone).then_some(())
    }

    /// Takes up what was asked for before it was known who is there. After an upgrade that matters: the firmware that was
    /// started is armed as the one before it was, and in a stop nobody will feed it.
    pub(super) fn take_up(&mut self) {
        if self.knows_who_is_there() {
            std::mem::take(&mut self.later).into_iter().for_each(|asked| self.take(asked));
        }
    }

    /// Whether the MCU answered, or it is known why it does not.
    pub(super) fn knows_who_is_there(&self) -> bool {
        self.session.peer().is_some() || self.away.is_some() || self.session.trouble().is_some()
    }
}
