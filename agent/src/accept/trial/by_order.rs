//! The traffic is moved by order and back: what can be shown without hands. Nothing fails, so that no detection is tested.

use super::super::look::{FAMILIES, Look, carries, is_healthy, of};
use super::super::plan::Limits;
use super::Next;
use super::account::{Account, millis};
use super::cable::unfit;
use super::homeward::{Homeward, Way, force};
use crate::api::describe::short;
use crate::api::types::{Family, Status};
use crate::api::wire::{Event, EventKind};
use std::time::Duration;

/// A move by order takes milliseconds, and its proof a round trip; a second try comes after 10 s.
const PROVING: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct ByOrder {
    link: String,
    limits: Limits,
    account: Account,
    homeward: Option<Homeward>,
    /// Where the traffic goes, and from which event on that is told.
    going: Option<(String, u64)>,
    since: Duration,
    proved: bool,
}

impl ByOrder {
    pub(super) fn new(link: &str, limits: &Limits) -> Self {
        Self {
            link: link.to_owned(),
            limits: limits.clone(),
            account: Account::default(),
            homeward: None,
            going: None,
            since: Duration::ZERO,
            proved: false,
        }
    }

    pub(super) fn next(&mut self, look: &Look, status: &Status, at: Duration) -> Next {
        let Some((to, after)) = self.going.clone() else { return self.begin(look, status, at) };
        if !self.proved {
            let events: Vec<&Event> = look.events.iter().filter(|event| event.number > after).collect();
            let waiting = at.saturating_sub(self.since) < PROVING;
            if !self.judge(&events, status, &to, waiting) {
                return Next::Wait;
            }
            self.proved = true;
        }
        let Some(homeward) = &mut self.homeward else { return Next::Over(self.account.outcome()) };
        match homeward.next(status, at) {
            Way::Next(next) => return next,
            Way::Late(why) => self.account.fault(why),
            Way::Home if homeward.is_ordered() => {
                self.account
                    .note("the config leaves the way back to people or to a window: it was made by order");
            }
            Way::Home => {}
        }
        Next::Over(self.account.outcome())
    }

    /// A link that carries the traffic is left for another, and any other takes it.
    fn begin(&mut self, look: &Look, status: &Status, at: Duration) -> Next {
        let other = || status.links.iter().find(|link| link.name != self.link && is_healthy(link));
        let to = match carries(status, &self.link).is_empty() {
            true => Some(self.link.clone()),
            false => other().map(|link| link.name.clone()),
        };
        let (None, Some(to)) = (unfit(status, &self.link), to) else {
            let why = unfit(status, &self.link);
            self.account.fault(why.unwrap_or_else(|| "No other link is healthy.".into()));
            return Next::Over(self.account.outcome());
        };
        self.account.note("nothing was pulled: that a failure is found was not tried");
        self.homeward = Some(Homeward::new(status.uplink.clone(), &self.limits));
        let after = look.events.last().map_or(0, |event| event.number);
        self.since = at;
        self.going = Some((to.clone(), after));
        Next::Do(force(&to))
    }

    /// Whether the move is proved, or no longer waited for.
    fn judge(&mut self, events: &[&Event], status: &Status, to: &str, waiting: bool) -> bool {
        let moved: Vec<Family> = FAMILIES
            .into_iter()
            .filter(|family| of(&status.uplink, *family).as_deref() == Some(to))
            .collect();
        let ordered = events.iter().find(|event| event.kind == EventKind::Force);
        let of_kind = |kind: EventKind, family: Family| {
            let ours = |event: &&&Event| {
                let link = if kind == EventKind::Uplink { &event.to } else { &event.link };
                event.kind == kind && event.family == Some(family) && link.as_deref() == Some(to)
            };
            let event = events.iter().find(ours)?;
            super::super::look::between(&ordered?.at, &event.at)
        };
        let figures: Vec<_> = moved
            .iter()
            .map(|family| {
                (*family, of_kind(EventKind::Uplink, *family), of_kind(EventKind::Verified, *family))
            })
            .collect();
        let whole = !figures.is_empty() && figures.iter().all(|(_, _, proved)| proved.is_some());
        if !whole && waiting {
            return false;
        }
        for (family, moved, proved) in figures {
            let name = family.name();
            if let Some(moved) = moved {
                self.account.figure(&format!("route on {to} ({name})"), millis(moved), None);
            }
            match proved {
                Some(proved) => {
                    let what = format!("traffic flows over {to} ({name})");
                    self.account.figure(&what, millis(proved), Some(self.limits.objective));
                }
                None => self.account.fault(format!(
                    "No forwarded packet came back over {to} ({name}) within {}; see the firewall's masquerading for it.",
                    short(PROVING)
                )),
            }
        }
        if moved.is_empty() {
            self.account
                .fault(format!("The traffic could not be moved onto {to} within {}.", short(PROVING)));
        }
        true
    }
}
