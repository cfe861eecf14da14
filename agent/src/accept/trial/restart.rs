//! The gateway starts anew, by its MCU or by hand. The run itself ends with it, and goes on after the boot.

use super::super::kept::Pending;
use super::super::look::{FAMILIES, Look, between, is_healthy, latest_incident, link, of};
use super::super::plan::{HANDS, Limits};
use super::Next;
use super::account::{Account, millis};
use crate::api::describe::short;
use crate::api::types::{Family, IncidentStatus, ResetBy, Status};
use crate::api::wire::Request;
use std::time::Duration;

/// What the MCU remembers is read out within seconds of the agent's start.
const TELLING: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Restart {
    step: String,
    by_mcu: bool,
    limits: Limits,
    stage: Stage,
    since: Duration,
    /// What is waited for was told.
    told: bool,
    account: Account,
}

#[derive(Debug)]
enum Stage {
    Begin,
    /// What was so before is on the disk.
    Kept,
    /// The end of this run of the machine is waited for.
    Going,
    /// The machine has booted.
    Back(Pending),
}

impl Restart {
    pub(super) fn begin(step: &str, by_mcu: bool, limits: &Limits) -> Self {
        Self::new(step, by_mcu, limits, Stage::Begin)
    }

    /// After a boot, or on the way to it. `None`: the machine runs on, and nothing resets it any more.
    pub(super) fn resumed(pending: &Pending, look: &Look, limits: &Limits) -> Option<Self> {
        let new = |stage| Self::new(&pending.step, pending.by_mcu, limits, stage);
        if look.boot.is_some() && look.boot != pending.boot {
            return Some(new(Stage::Back(pending.clone())));
        }
        let on_its_way = pending.by_mcu && matches!(stage(look), Some("shutdown_requested" | "host_reset"));
        on_its_way.then(|| new(Stage::Going))
    }

    fn new(step: &str, by_mcu: bool, limits: &Limits, stage: Stage) -> Self {
        let (step, limits, account) = (step.to_owned(), limits.clone(), Account::default());
        Self { step, by_mcu, limits, stage, since: Duration::ZERO, told: false, account }
    }

    pub(super) fn parting(&self) -> Option<String> {
        (self.by_mcu && matches!(self.stage, Stage::Going))
            .then(|| "The MCU resets the gateway all the same; run this again after the boot.".to_owned())
    }

    pub(super) fn next(&mut self, look: &Look, at: Duration) -> Next {
        match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => self.prepare(look, at),
            Stage::Kept => {
                (self.stage, self.since) = (Stage::Going, at);
                if self.by_mcu {
                    return Next::Do(Request::McuResetHost {});
                }
                Next::Tell(
                    "Restart the gateway now, best by its supply. After the boot, run `shunt accept` again."
                        .into(),
                )
            }
            Stage::Going => self.going(at),
            Stage::Back(before) => self.back(before, look, at),
        }
    }

    fn prepare(&mut self, look: &Look, at: Duration) -> Next {
        let Some(status) = &look.status else { return self.fail("No daemon answers.") };
        if look.boot.is_none() {
            return self.fail("The kernel does not name its boots (/proc/sys/kernel/random/boot_id): no restart can be told.");
        }
        if self.by_mcu && stage(look) != Some("guarding") {
            return self.fail("The MCU does not guard the gateway, and would not reset it.");
        }
        // It resets nobody so soon after its own boot or the gateway's, and refuses until then.
        let young = self.by_mcu && mcu_runs_for(look).is_some_and(|up| up <= self.limits.grace);
        if young && at <= self.limits.grace {
            if self.told {
                return Next::Wait;
            }
            self.told = true;
            let grace = short(self.limits.grace);
            return Next::Tell(format!(
                "It is waited for the MCU, which resets nobody within {grace} of its boot."
            ));
        }
        self.stage = Stage::Kept;
        let open = status.incidents.iter().filter(|incident| incident.ended_ms.is_none());
        Next::Keep(Pending {
            step: self.step.clone(),
            boot: look.boot.clone(),
            by_mcu: self.by_mcu,
            host_resets: look.host_resets(),
            incident: latest_incident(status),
            open: open.map(|incident| incident.number).collect(),
        })
    }

    fn going(&mut self, at: Duration) -> Next {
        self.stage = Stage::Going;
        let goes = if self.by_mcu { self.limits.reset } else { HANDS };
        if at.saturating_sub(self.since) < goes {
            return Next::Wait;
        }
        let after = short(goes);
        self.fail(&if self.by_mcu {
            format!("The gateway was not reset within {after}: does the MCU's reset line reach it? See the pins in firmware/README.md.")
        } else {
            format!("The gateway was not restarted within {after}.")
        })
    }

    fn back(&mut self, before: Pending, look: &Look, at: Duration) -> Next {
        let healthy = look.status.as_ref().filter(|status| uplinks_are_healthy(status));
        let told = look.status.as_ref().and_then(|status| reset(status, &before));
        // What reset it is told within seconds of the agent's start, and its end with the first healthy uplink.
        let late = look.status.as_ref().is_some_and(|status| Duration::from_secs(status.uptime_s) > TELLING);
        let whole =
            late || told.is_some_and(|incident| incident.restored_ms.is_some() || incident.link.is_some());
        if (healthy.is_none() || (before.by_mcu && !whole)) && at < self.limits.boot {
            self.stage = Stage::Back(before);
            return Next::Wait;
        }
        match healthy {
            None => self.account.fault(format!("No uplink was healthy within {}.", short(self.limits.boot))),
            Some(status) => self.judge_boot(status, look),
        }
        if before.by_mcu {
            self.judge_cause(told, &before, look);
        }
        Next::Over(self.account.outcome())
    }

    fn judge_boot(&mut self, status: &Status, look: &Look) {
        let started = look.up.saturating_sub(Duration::from_secs(status.uptime_s));
        self.account.figure("from the kernel's start to the agent's, to the second", millis(started), None);
        // An uplink that failed since, or an agent that was restarted, counts by its return: it is never told too short.
        let path = |family: &Family| {
            let name = of(&status.uplink, *family).as_ref()?;
            of(&link(status, name)?.families, *family).as_ref()
        };
        let paths = FAMILIES.iter().filter_map(path);
        // The last of them: that is what was waited for.
        let ago = paths.filter_map(|path| between(&path.since, &status.at)).min();
        if let Some(ago) = ago {
            let after = look.up.saturating_sub(ago);
            let limit = Some(self.limits.boot);
            self.account.figure("from the kernel's start to a healthy uplink", millis(after), limit);
        }
    }

    fn judge_cause(&mut self, told: Option<&IncidentStatus>, before: &Pending, look: &Look) {
        let Some((incident, reset)) = told.and_then(|told| Some((told, told.host_reset?))) else {
            return self.account.fault("The agent does not tell that the MCU reset the gateway.");
        };
        if before.open.contains(&incident.number) {
            self.account.note(format!("the reset fell into an incident that was open: {}", incident.cause));
        } else {
            self.account.note(format!("the agent tells: {}", incident.cause));
        }
        if reset.by != ResetBy::Mcu {
            self.account.fault("It was the kernel's watchdog that reset the gateway.");
        }
        if reset.silence_s.is_some() {
            self.account.fault("It was reset because feeds had stopped, and not because it was asked for.");
        }
        // One that was over its worst before the reset tells nothing of the time after it.
        let restored = incident.restored_ms.zip(reset.after_ms).map(|(restored, after)| restored - after);
        if let Some(after_reset) = restored.filter(|after_reset| *after_reset >= 0.0) {
            self.account.figure("from the reset to a healthy uplink", after_reset, None);
        }
        match (before.host_resets, look.host_resets()) {
            (Some(before), Some(now)) if now == before.saturating_add(1) => {}
            (Some(before), Some(now)) => {
                self.account
                    .fault(format!("The MCU counts {now} resets of the gateway; before it was {before}."));
            }
            (_, None) | (None, _) => self.account.note("the MCU does not say how often it reset the gateway"),
        }
    }

    fn fail(&mut self, why: &str) -> Next {
        self.account.fault(why);
        Next::Over(self.account.outcome())
    }
}

fn mcu_runs_for(look: &Look) -> Option<Duration> {
    Some(Duration::from_secs(look.mcu.as_ref()?.state.as_ref()?.uptime_s))
}

fn stage(look: &Look) -> Option<&str> {
    Some(look.mcu.as_ref()?.state.as_ref()?.stage.as_str())
}

/// The reset that came after this. One that ended an incident has that one's number.
fn reset<'a>(status: &'a Status, before: &Pending) -> Option<&'a IncidentStatus> {
    let new = |incident: &&IncidentStatus| {
        let ended = before.open.contains(&incident.number);
        incident.host_reset.is_some() && (incident.number > before.incident || ended)
    };
    status.incidents.iter().rev().find(new)
}

fn uplinks_are_healthy(status: &Status) -> bool {
    let mut uplinks = FAMILIES.iter().filter_map(|family| of(&status.uplink, *family).as_ref()).peekable();
    uplinks.peek().is_some() && uplinks.all(|name| link(status, name).is_some_and(is_healthy))
}
