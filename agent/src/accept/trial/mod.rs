//! A trial carries one step through: one look after the other goes in, what is to be done next comes out.

mod account;
mod by_order;
mod cable;
mod homeward;
mod mcu;
mod modem;
mod restart;
mod standing;

use super::kept::Pending;
use super::look::Look;
use super::plan::{Limits, Step};
use super::step::{Kind, Outcome, Verdict, Way};
use crate::api::describe::short;
use crate::api::types::Forced;
use crate::api::wire::Request;
use account::Account;
use by_order::ByOrder;
use cable::Cable;
use mcu::McuStands;
use modem::ModemBack;
use restart::Restart;
use standing::Standing;
use std::time::Duration;

/// A daemon that is restarted is back within seconds; one that is away for longer is gone.
const AWAY: Duration = Duration::from_secs(30);
/// What an answer may be older than the look that ends with it: the client waits no longer for one.
const LOOKING: Duration = Duration::from_secs(5);

/// How long a lease of the run lasts: it outlives each step, and ends by itself where the run itself was killed.
pub(crate) const LEASE: Duration = Duration::from_secs(900);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// Look again in a moment.
    Wait,
    /// Somebody is told something: what to do with the hands, or what is waited for.
    Tell(String),
    /// This is put on the disk first: the next thing may be the end of this run of the machine.
    Keep(Pending),
    /// The daemon is asked for something.
    Do(Request),
    /// The step is over.
    Over(Outcome),
}

/// One step under way.
#[derive(Debug)]
pub(crate) struct Trial {
    part: Part,
    daemon: Daemon,
    refused: Option<String>,
}

#[derive(Debug)]
enum Part {
    Standing(Standing),
    Mcu(McuStands),
    Cable(Cable),
    ByOrder(ByOrder),
    Modem(Box<ModemBack>),
    Lamp,
    Restart(Restart),
}

impl Trial {
    /// Begins with a step in this way.
    pub(crate) fn begin(step: &Step, way: Option<Way>, limits: &Limits) -> Self {
        let part = match &step.kind {
            Kind::Gateway => Part::Standing(Standing::default()),
            Kind::Mcu => Part::Mcu(McuStands::new(limits)),
            Kind::Link { link, .. } if way == Some(Way::ByOrder) => Part::ByOrder(ByOrder::new(link, limits)),
            Kind::Link { link, interface, .. } => Part::Cable(Cable::new(link, interface, limits)),
            Kind::Modem { modem, link } => Part::Modem(Box::new(ModemBack::reset(modem, link, limits))),
            Kind::Rail { modem, link, by_mcu } => {
                Part::Modem(Box::new(ModemBack::rail(modem, link, *by_mcu, limits)))
            }
            Kind::Lamp => Part::Lamp,
            Kind::Restart { by_mcu } => Part::Restart(Restart::begin(&step.name, *by_mcu, limits)),
        };
        Self { part, daemon: Daemon::default(), refused: None }
    }

    /// Goes on with a restart that was waited for. `None`: the machine is still the one from before, so that nothing is
    /// known of a restart.
    pub(crate) fn resumed(pending: &Pending, look: &Look, limits: &Limits) -> Option<Self> {
        let part = Part::Restart(Restart::resumed(pending, look, limits)?);
        Some(Self { part, daemon: Daemon::default(), refused: None })
    }

    /// Takes in a look, `at` after the beginning.
    pub(crate) fn next(&mut self, look: &Look, at: Duration) -> Next {
        if let Some(why) = self.refused.take() {
            return Next::Over(failed(format!("The daemon refused: {why}.")));
        }
        if let Part::Restart(restart) = &mut self.part {
            return restart.next(look, at);
        }
        if let Some(why) = self.daemon.see(look, at) {
            return Next::Over(failed(why));
        }
        let Some(status) = &look.status else { return Next::Wait };
        // Whoever forces the uplink in the midst means it: the step gives way, and leaves that as it is.
        let moves = matches!(self.part, Part::Cable(_) | Part::ByOrder(_));
        if let Some(forced) = status.forced.as_ref().filter(|_| moves && !look.own_lease) {
            return Next::Over(failed(by_operator(forced)));
        }
        match &mut self.part {
            Part::Standing(standing) => standing.next(status, at),
            Part::Mcu(mcu) => mcu.next(look, at),
            Part::Cable(cable) => cable.next(status, at),
            Part::ByOrder(moved) => moved.next(look, status, at),
            Part::Modem(modem) => modem.next(look, status, at),
            Part::Lamp => Next::Over(Account::default().outcome()),
            Part::Restart(restart) => restart.next(look, at),
        }
    }

    /// What was asked for last is not done.
    pub(crate) fn refused(&mut self, why: &str) {
        self.refused = Some(why.trim_end_matches('.').to_owned());
    }

    /// What somebody has to put right by hand when the step ends here, and this is seen then.
    pub(crate) fn parting(&self, look: &Look) -> Option<String> {
        match &self.part {
            Part::Cable(cable) => cable.parting(look),
            Part::ByOrder(moved) => moved.parting(look),
            Part::Standing(_) | Part::Mcu(_) | Part::Modem(_) | Part::Lamp => None,
            Part::Restart(restart) => restart.parting(),
        }
    }
}

fn by_operator(forced: &Forced) -> String {
    format!("The uplink is forced to {} by an operator; end that by `shunt release`.", forced.link)
}

fn failed(why: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Failed, why: vec![why.into()], figures: Vec::new(), notes: Vec::new() }
}

/// Whether the daemon is the same through the whole step: another one measured only a part of it.
#[derive(Debug, Default)]
struct Daemon {
    uptime_s: Option<u64>,
    away: Option<Duration>,
}

impl Daemon {
    fn see(&mut self, look: &Look, at: Duration) -> Option<String> {
        let Some(status) = &look.status else {
            let since = *self.away.get_or_insert(at);
            return (at.saturating_sub(since) >= AWAY)
                .then(|| format!("No daemon has answered for {}; see its log.", short(AWAY)));
        };
        // One that is back and older than before may still be another, where both are young.
        let away = self.away.take().map_or(Duration::ZERO, |since| at.saturating_sub(since));
        let away = away.saturating_sub(LOOKING).as_secs();
        let before = self.uptime_s.replace(status.uptime_s);
        before.is_some_and(|before| status.uptime_s < before.saturating_add(away)).then(|| {
            "The daemon was restarted in the midst of the step, so that what it measured is not whole; see its log."
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests;
