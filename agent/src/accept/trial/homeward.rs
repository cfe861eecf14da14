//! The way back: whatever a step moved goes to where it was, and no lease of the run's stays.

use super::super::look::{FAMILIES, of};
use super::super::plan::Limits;
use super::{LEASE, Next};
use crate::api::describe::short;
use crate::api::types::{Families, Family, Status};
use crate::api::wire::Request;
use shunt_config::FailbackMode;
use std::num::NonZeroU64;
use std::time::Duration;

/// What a way back by order may take: it is a move, and its proof.
const BY_ORDER: Duration = Duration::from_secs(60);

/// How often a lease is asked to end: what the agent took up and did not do three times, it does no fourth time.
const RELEASES: u32 = 3;

#[derive(Debug)]
pub(super) struct Homeward {
    /// The uplinks from before.
    home: Families<Option<String>>,
    mode: FailbackMode,
    limit: Duration,
    /// It was asked to go back: the config has nobody else to do it.
    ordered: bool,
    /// How often a lease was asked to end.
    releases: u32,
    since: Option<Duration>,
}

/// How it goes.
pub(super) enum Way {
    /// Something is to be done, or waited for.
    Next(Next),
    /// All is as before.
    Home,
    /// It did not come back in time, and why.
    Late(String),
}

impl Homeward {
    pub(super) const fn new(home: Families<Option<String>>, limits: &Limits) -> Self {
        Self { home, mode: limits.mode, limit: limits.back, ordered: false, releases: 0, since: None }
    }

    /// Whether the traffic goes back by order, because the config leaves that to people.
    pub(super) const fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// What somebody has to do where the run ends before the way back, and the config leaves that to people.
    pub(super) fn parting(&self, status: &Status) -> Option<String> {
        // Whoever forces the uplink means it.
        if self.mode == FailbackMode::Auto || status.forced.is_some() || self.is_home(status) {
            return None;
        }
        let away = FAMILIES.into_iter().find(|family| !self.is_home_in(status, *family))?;
        let home = of(&self.home, away).as_ref()?;
        let now = of(&status.uplink, away).as_deref().unwrap_or("no link");
        Some(format!(
            "Users' traffic is on {now}, and the config does not take it back at once: once {home} is healthy, have it back by `shunt force {home}`, and then `shunt release`."
        ))
    }

    fn is_home(&self, status: &Status) -> bool {
        FAMILIES.into_iter().all(|family| self.is_home_in(status, family))
    }

    fn is_home_in(&self, status: &Status, family: Family) -> bool {
        let home = of(&self.home, family);
        home.is_none() || home == of(&status.uplink, family)
    }

    pub(super) fn next(&mut self, status: &Status, at: Duration) -> Way {
        let since = *self.since.get_or_insert(at);
        let passed = at.saturating_sub(since);
        let is_home = self.is_home(status);
        if is_home && status.forced.is_none() {
            return Way::Home;
        }
        // Of what was moved by order the agent decides again first.
        if status.forced.is_some() && (is_home || !self.ordered) {
            self.releases += 1;
            return if self.releases > RELEASES {
                Way::Late(
                    "The lease of this run does not end: end it by `shunt release`, and see the agent's log."
                        .into(),
                )
            } else {
                Way::Next(Next::Do(Request::Release {}))
            };
        }
        if self.mode != FailbackMode::Auto && !self.ordered {
            self.ordered = true;
            let home = self.home.v4.as_ref().or(self.home.v6.as_ref());
            if let Some(link) = home {
                return Way::Next(Next::Do(force(link)));
            }
        }
        let limit = if self.ordered { BY_ORDER } else { self.limit };
        if passed < limit {
            return Way::Next(Next::Wait);
        }
        let why = FAMILIES.into_iter().find(|family| !self.is_home_in(status, *family));
        let why = why.map_or("", |family| of(&status.uplink_reason, family).as_str());
        Way::Late(format!("The traffic was not back after {}: {why}.", short(limit)))
    }
}

/// A lease that ends by itself, whatever becomes of this run.
pub(super) fn force(link: &str) -> Request {
    Request::Force { link: link.to_owned(), for_s: NonZeroU64::new(LEASE.as_secs()), strict: false }
}
