//! The way back: whatever a step moved goes to where it was, and no lease of the run's stays.

use super::super::look::{FAMILIES, of};
use super::super::plan::Limits;
use super::{LEASE, Next};
use crate::api::describe::short;
use crate::api::types::{Families, Status};
use crate::api::wire::Request;
use shunt_config::FailbackMode;
use std::num::NonZeroU64;
use std::time::Duration;

/// What a way back by order may take: it is a move, and its proof.
const BY_ORDER: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Homeward {
    /// The uplinks from before.
    home: Families<Option<String>>,
    mode: FailbackMode,
    limit: Duration,
    /// It was asked to go back: the config has nobody else to do it.
    ordered: bool,
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
        Self { home, mode: limits.mode, limit: limits.back, ordered: false, since: None }
    }

    /// Whether the traffic goes back by order, because the config leaves that to people.
    pub(super) const fn is_ordered(&self) -> bool {
        self.ordered
    }

    pub(super) fn next(&mut self, status: &Status, at: Duration) -> Way {
        let since = *self.since.get_or_insert(at);
        let passed = at.saturating_sub(since);
        let is_home = |family| {
            let home = of(&self.home, family);
            home.is_none() || home == of(&status.uplink, family)
        };
        let is_home = FAMILIES.into_iter().all(is_home);
        match (is_home, status.forced.is_some()) {
            (true, false) => return Way::Home,
            (true, true) => return Way::Next(Next::Do(Request::Release {})),
            // Of what was moved by order the agent decides again first.
            (false, true) if !self.ordered => return Way::Next(Next::Do(Request::Release {})),
            (false, _) => {}
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
        let why = FAMILIES.into_iter().find(|family| of(&self.home, *family) != of(&status.uplink, *family));
        let why = why.map_or("", |family| of(&status.uplink_reason, family).as_str());
        Way::Late(format!("The traffic was not back after {}: {why}.", short(limit)))
    }
}

/// A lease that ends by itself, whatever becomes of this run.
pub(super) fn force(link: &str) -> Request {
    Request::Force { link: link.to_owned(), for_s: NonZeroU64::new(LEASE.as_secs()), strict: false }
}
