//! The traffic is moved by order and back: what can be shown without hands. Nothing fails, so that no detection is tested.

use super::super::look::{Look, between, carries, is_healthy, link, of, paths};
use super::super::plan::Limits;
use super::Next;
use super::account::{Account, millis};
use super::cable::{may_settle, unfit};
use super::homeward::{Homeward, Way, force};
use crate::api::describe::short;
use crate::api::types::{Family, LinkStatus, Status};
use crate::api::wire::{Event, EventKind};
use std::cmp::Reverse;
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
    /// The families whose traffic has to go there: each must be proved.
    families: Vec<Family>,
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
            families: Vec::new(),
            since: Duration::ZERO,
            proved: false,
        }
    }

    pub(super) fn parting(&self, look: &Look) -> Option<String> {
        self.homeward.as_ref()?.parting(look.status.as_ref()?)
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
        let carried = carries(status, &self.link);
        let to = if carried.is_empty() { link(status, &self.link) } else { self.other(status, &carried) };
        let to = to.map(|to| (to.name.clone(), moving(status, to)));
        let (None, Some((to, families))) = (unfit(status, &self.link), to) else {
            if may_settle(status, at) {
                return Next::Wait;
            }
            let why = unfit(status, &self.link);
            self.account.fault(why.unwrap_or_else(|| "No other link is healthy.".into()));
            return Next::Over(self.account.outcome());
        };
        self.account.note("nothing was pulled: that a failure is found was not tried");
        self.homeward = Some(Homeward::new(status.uplink.clone(), &self.limits));
        let after = look.events.last().map_or(0, |event| event.number);
        for family in carried.iter().filter(|family| !families.contains(family)) {
            self.account.note(format!("{} was not moved: {to} has no path for it", family.name()));
        }
        self.since = at;
        (self.going, self.families) = (Some((to.clone(), after)), families);
        Next::Do(force(&to))
    }

    /// A link that takes over as many as possible of these families.
    fn other<'a>(&self, status: &'a Status, carried: &[Family]) -> Option<&'a LinkStatus> {
        let taken = |link: &&LinkStatus| paths(link).filter(|(family, _)| carried.contains(family)).count();
        let fit = status.links.iter().filter(|link| link.name != self.link && is_healthy(link));
        fit.min_by_key(|link| Reverse(taken(link)))
    }

    /// Whether the move is proved, or no longer waited for. What was expected counts, and not where the traffic is now: a
    /// family whose proof fails is moved away again.
    fn judge(&mut self, events: &[&Event], status: &Status, to: &str, waiting: bool) -> bool {
        let ordered = events.iter().find(|event| event.kind == EventKind::Force);
        let of_kind = |kind: EventKind, family: Family| {
            let ours = |event: &&&Event| {
                let link = if kind == EventKind::Uplink { &event.to } else { &event.link };
                event.kind == kind && event.family == Some(family) && link.as_deref() == Some(to)
            };
            let event = events.iter().find(ours)?;
            between(&ordered?.at, &event.at)
        };
        let figures: Vec<_> = self
            .families
            .iter()
            .map(|family| {
                (*family, of_kind(EventKind::Uplink, *family), of_kind(EventKind::Verified, *family))
            })
            .collect();
        let whole = !figures.is_empty() && figures.iter().all(|(_, _, proved)| proved.is_some());
        if !whole && waiting {
            return false;
        }
        let late = short(PROVING);
        for (family, moved, proved) in figures {
            let name = family.name();
            if let Some(moved) = moved {
                self.account.figure(&format!("route on {to} ({name})"), millis(moved), None);
            }
            let is_there = of(&status.uplink, family).as_deref() == Some(to);
            match proved {
                Some(proved) => {
                    let what = format!("traffic flows over {to} ({name})");
                    self.account.figure(&what, millis(proved), Some(self.limits.objective));
                }
                None if moved.is_some() || is_there => self.account.fault(format!(
                    "No forwarded packet came back over {to} ({name}) within {late}; see the firewall's masquerading for it."
                )),
                None => self
                    .account
                    .fault(format!("The traffic could not be moved onto {to} ({name}) within {late}.")),
            }
        }
        if self.families.is_empty() {
            self.account.fault(format!("There is no traffic that could be moved onto {to}."));
        }
        true
    }
}

/// The families whose traffic is not on this link yet, and can be.
fn moving(status: &Status, to: &LinkStatus) -> Vec<Family> {
    let away = |family: &Family| of(&status.uplink, *family).as_ref() != Some(&to.name);
    paths(to).map(|(family, _)| family).filter(away).collect()
}
