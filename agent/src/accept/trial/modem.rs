//! A modem is reset, or loses its supply, and must come back to data that flows.

use super::super::look::{Look, is_healthy, link};
use super::super::plan::Limits;
use super::Next;
use super::account::{Account, millis};
use crate::api::describe::short;
use crate::api::modem::{ModemStatus, Readiness};
use crate::api::types::Status;
use crate::api::wire::{EventKind, Request};
use crate::modem::{RungEnd, rung_end};
use std::time::Duration;

/// A modem that has just come up is given this to be ready for the step.
const READY: Duration = Duration::from_secs(120);
/// A reset begins at once, a supply is cut after the modem had half a minute to switch itself off.
const GOING: Duration = Duration::from_secs(90);
/// The daemon tells whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);
/// The strongest rung of the ladder, by a supply's line.
const POWER_RUNG: &str = "power";
const RESET_RUNG: &str = "reset";

#[derive(Debug)]
pub(super) struct ModemBack {
    modem: String,
    link: String,
    order: Request,
    /// The rung that the order begins.
    rung: &'static str,
    /// Its supply is the MCU's rail, of which the MCU counts the cuts.
    by_mcu: bool,
    limit: Duration,
    account: Account,
    ordered: Option<Ordered>,
    told: bool,
}

/// What was so when it was ordered.
#[derive(Debug, Clone, Copy)]
struct Ordered {
    at: Duration,
    cuts: Option<u32>,
    /// The number of the latest event.
    event: u64,
    /// What the modem counted of itself.
    signs: u64,
    gone: bool,
    /// How the rung ended, once that is told.
    end: Option<Carried>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carried {
    Out,
    /// The agent did not see its end: the modem itself must have told of it.
    Unseen,
}

impl ModemBack {
    pub(super) fn reset(modem: &str, link: &str, limits: &Limits) -> Self {
        let order = by_rung(modem, RESET_RUNG);
        Self::new(modem, link, (order, RESET_RUNG), (false, limits.modem))
    }

    pub(super) fn rail(modem: &str, link: &str, by_mcu: bool, limits: &Limits) -> Self {
        // By name: the MCU's own order goes to whichever modem hangs on its rail, which is the same.
        let order = if by_mcu { Request::McuCycleModem {} } else { by_rung(modem, POWER_RUNG) };
        Self::new(modem, link, (order, POWER_RUNG), (by_mcu, limits.rail))
    }

    fn new(
        modem: &str,
        link: &str,
        (order, rung): (Request, &'static str),
        (by_mcu, limit): (bool, Duration),
    ) -> Self {
        Self {
            modem: modem.to_owned(),
            link: link.to_owned(),
            order,
            rung,
            by_mcu,
            limit,
            account: Account::default(),
            ordered: None,
            told: false,
        }
    }

    pub(super) fn next(&mut self, look: &Look, status: &Status, at: Duration) -> Next {
        let Some(modem) = look.modem(&self.modem) else {
            return self.fail(format!("The daemon knows no modem {}.", self.modem));
        };
        let settled = modem.readiness == Readiness::Verified && modem.rung.is_none();
        let carries = link(status, &self.link).is_some_and(is_healthy);
        match self.ordered {
            None if settled && carries => {
                let event = look.events.last().map_or(0, |event| event.number);
                let (cuts, signs) = (look.rail_cuts(), signs(modem));
                self.ordered = Some(Ordered { at, cuts, event, signs, gone: false, end: None });
                Next::Do(self.order.clone())
            }
            None if at < READY => Next::Wait,
            None => self.fail(format!("The modem is not ready to begin with: {}.", modem.text)),
            Some(ordered) => self.wait(ordered, modem, look, (settled && carries, at)),
        }
    }

    fn wait(
        &mut self,
        mut ordered: Ordered,
        modem: &ModemStatus,
        look: &Look,
        (well, at): (bool, Duration),
    ) -> Next {
        let passed = at.saturating_sub(ordered.at);
        let ready_for = Duration::from_secs(modem.for_s);
        ordered.gone |=
            modem.rung.is_some() || modem.readiness != Readiness::Verified || ready_for + ROUNDING < passed;
        match (ordered.end, self.end(look, ordered.event)) {
            (Some(_), _) | (None, None) => {}
            (None, Some(RungEnd::Done)) => ordered.end = Some(Carried::Out),
            (None, Some(RungEnd::Late)) => ordered.end = Some(Carried::Unseen),
            (None, Some(RungEnd::NotDone(why))) => return self.fail(format!("It was not done: {why}.")),
        }
        self.ordered = Some(ordered);
        if ordered.gone && !self.told {
            self.told = true;
            return Next::Tell("It is gone; it is waited for its data to flow again.".into());
        }
        // What was asked of it, and what came of its data, follows from our own order; that it was done does not.
        if let Some(end) = ordered.end.filter(|_| well) {
            if end == Carried::Unseen && signs(modem) <= ordered.signs {
                return self
                    .fail("It was not done in time: no port of the modem went, and it told of no boot.");
            }
            let back = passed.saturating_sub(ready_for.min(passed));
            self.account.figure("data flows again, to the second", millis(back), Some(self.limit));
            self.judge_rail(ordered, modem, look);
            self.account.note(format!("resets of the modem within the last day: {}", modem.resets_day));
            return Next::Over(self.account.outcome());
        }
        if !ordered.gone && passed > GOING {
            let what = if self.by_mcu { "does its supply hang on the MCU's rail?" } else { "see the log." };
            return self.fail(format!("The modem never went away within {}: {what}", short(GOING)));
        }
        if passed > self.limit && well {
            return self
                .fail(format!("The agent does not tell within {} that it was done.", short(self.limit)));
        }
        if passed > self.limit {
            let why = modem.trouble.as_ref().unwrap_or(&modem.text);
            return self.fail(format!("No data flowed again within {}: {why}.", short(self.limit)));
        }
        Next::Wait
    }

    /// How the rung ended, by the agent's own events.
    fn end(&self, look: &Look, after: u64) -> Option<RungEnd> {
        let new = look.events.iter().filter(|event| event.number > after && event.kind == EventKind::Modem);
        new.filter_map(|event| rung_end(&event.text, &self.modem, self.rung)).next()
    }

    /// That the supply was cut is one thing, that it was this modem's is another: only the modem shows that.
    fn judge_rail(&mut self, ordered: Ordered, modem: &ModemStatus, look: &Look) {
        if self.rung == POWER_RUNG && signs(modem) <= ordered.signs {
            self.account.fault(
                "The modem did not lose its supply: no port of it went, and it told of no boot. Does it hang on the rail or line that was cut?",
            );
        }
        if !self.by_mcu {
            return;
        }
        match (ordered.cuts, look.rail_cuts()) {
            (Some(before), Some(now)) if now > before => {
                self.account
                    .note(format!("cuts of the rail, as the MCU counts them: {now}, before {before}"));
            }
            (Some(_), Some(_)) => self.account.fault("The MCU counts no cut of its rail."),
            (_, None) | (None, _) => self.account.fault("The MCU does not say whether it cut its rail."),
        }
    }

    fn fail(&mut self, why: impl Into<String>) -> Next {
        self.account.fault(why);
        Next::Over(self.account.outcome())
    }
}

/// What tells of a modem that started anew, whoever wanted it: its ports went, or it said that it booted.
const fn signs(modem: &ModemStatus) -> u64 {
    modem.counters.gone.saturating_add(modem.counters.boots)
}

fn by_rung(modem: &str, rung: &str) -> Request {
    Request::ModemReset { modem: Some(modem.to_owned()), rung: Some(rung.to_owned()) }
}
