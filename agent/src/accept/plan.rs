//! Which steps there are: they follow from the config, and from what the MCU says of its board.

use super::look::Look;
use super::step::{Kind, Way};
use crate::api::describe::short;
use shunt_config::{Config, FailbackMode, Power};
use std::time::Duration;

/// Somebody walks to the rack, finds the cable and pulls it, or plugs it in again.
pub(super) const HANDS: Duration = Duration::from_secs(300);

/// Of a hold-down, for the way back: the second flap within a half-life doubles it, and the third once more.
const FLAPS: u32 = 4;
/// What the way back takes beyond that: the link's trial, and its probes.
const BEYOND: Duration = Duration::from_secs(60);

/// The slowest modem boots in a minute, and registers in three; with the rung before, and the proof after it.
const MODEM_BACK: Duration = Duration::from_secs(300);
/// The same, with being switched off gently, and ten seconds without its supply.
const RAIL_BACK: Duration = Duration::from_secs(360);
/// A gateway boots in one to three minutes, and its modem takes no longer than its links.
const BOOT: Duration = Duration::from_secs(600);
/// What a reset takes beyond its times: the request, and rounding.
const RESET_BEYOND: Duration = Duration::from_secs(60);

/// One step of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its name, such as `link:fiber`.
    pub(crate) name: String,
    /// What it is about.
    pub(crate) kind: Kind,
    /// Why it cannot be done on this gateway.
    pub(crate) cannot: Option<String>,
}

/// What the config allows each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Until traffic flows again.
    pub(crate) objective: Duration,
    /// Who decides on the way back.
    pub(crate) mode: FailbackMode,
    /// Until the traffic is back on its link, once that is healthy.
    pub(crate) back: Duration,
    /// Until a modem that was reset carries data again.
    pub(crate) modem: Duration,
    /// The same of one that lost its supply.
    pub(crate) rail: Duration,
    /// Until the MCU has reset a gateway that it was asked to reset.
    pub(crate) reset: Duration,
    /// From there, or from a restart by hand, until the uplink is healthy.
    pub(crate) boot: Duration,
    /// How long the MCU does not judge after its boot or the gateway's.
    pub(crate) grace: Duration,
    /// How long the MCU waits for a feed.
    pub(crate) feed: Duration,
}

impl Limits {
    pub(crate) fn of(config: &Config) -> Self {
        let mcu = &config.watchdog.mcu;
        Self {
            objective: config.failover.recovery_time_objective,
            mode: config.failback.mode,
            back: config.failback.hold_down * FLAPS + BEYOND,
            modem: MODEM_BACK,
            rail: RAIL_BACK,
            reset: mcu.shutdown + mcu.reset_hold + RESET_BEYOND,
            boot: BOOT,
            grace: mcu.boot_grace,
            feed: mcu.feed_timeout,
        }
    }
}

/// The steps, in the order in which they are best done: first what only looks, last what restarts the gateway.
pub(crate) fn plan(config: &Config, first: &Look) -> Vec<Step> {
    let mut steps = vec![step("gateway", Kind::Gateway)];
    let mcu = config.watchdog.mcu.port.is_some();
    if mcu {
        steps.push(step("mcu", Kind::Mcu));
    }
    let alone = config.links.len() == 1;
    for link in &config.links {
        let cable = !config.modems.iter().any(|modem| modem.link == link.name);
        let kind = Kind::Link { link: link.name.clone(), interface: link.interface.clone(), cable };
        let cannot = alone.then(|| "There is no other link that could take over.".to_owned());
        steps.push(Step { cannot, ..step(&format!("link:{}", link.name), kind) });
    }
    for modem in &config.modems {
        let (name, link) = (modem.name.clone(), modem.link.clone());
        steps.push(step(&format!("modem:{name}"), Kind::Modem { modem: name.clone(), link: link.clone() }));
        if let Some(power) = &modem.power {
            let by_mcu = *power == Power::Mcu;
            let lacks = by_mcu && first.mcu.is_some() && !first.mcu_can("modem_rail");
            let cannot =
                lacks.then(|| "The MCU does not say that its board has a rail for a modem.".to_owned());
            steps.push(Step {
                cannot,
                ..step(&format!("rail:{name}"), Kind::Rail { modem: name, link, by_mcu })
            });
        }
    }
    if mcu {
        steps.push(step("lamp", Kind::Lamp));
    }
    // By hand it would pass, and nobody would have tried the MCU's reset line.
    let unknown = (mcu && !first.mcu_answers()).then(|| {
        "The MCU has not answered, so that nobody knows whether it can reset the gateway; see `shunt mcu status`."
            .to_owned()
    });
    let by_mcu = first.mcu_can("host_reset") || unknown.is_some();
    steps.push(Step { cannot: unknown, ..step("restart", Kind::Restart { by_mcu }) });
    steps
}

fn step(name: &str, kind: Kind) -> Step {
    Step { name: name.to_owned(), kind, cannot: None }
}

impl Step {
    /// Whether it only looks, so that nobody need be asked.
    pub(crate) const fn only_looks(&self) -> bool {
        matches!(self.kind, Kind::Gateway | Kind::Mcu)
    }

    /// Whether the agent can do it by order, without hands.
    pub(crate) const fn can_be_ordered(&self) -> bool {
        matches!(self.kind, Kind::Link { .. })
    }

    /// How "yes" has it done: a modem's link has no cable, so that there the agent does it.
    pub(crate) const fn way(&self) -> Option<Way> {
        match self.kind {
            Kind::Gateway | Kind::Mcu | Kind::Lamp => None,
            Kind::Link { cable: false, .. } => Some(Way::ByOrder),
            Kind::Link { .. } | Kind::Modem { .. } | Kind::Rail { .. } | Kind::Restart { .. } => {
                Some(Way::Real)
            }
        }
    }

    /// What it is, as one sentence.
    pub(crate) fn what(&self) -> String {
        match &self.kind {
            Kind::Gateway => "The agent, its links and its warnings are looked at.".into(),
            Kind::Mcu => "The watchdog MCU is looked at: it must guard the gateway.".into(),
            Kind::Link { link, interface, cable: true } => format!(
                "You pull the cable of {link} ({interface}) and plug it in again; users' traffic moves to another link and back."
            ),
            Kind::Link { link, cable: false, .. } => {
                format!("The agent moves users' traffic onto {link} by order, proves it, and moves it back.")
            }
            Kind::Modem { modem, link } => {
                format!("The modem {modem} is reset; {link} carries nothing until it is back.")
            }
            Kind::Rail { modem, link, by_mcu } => {
                let by = if *by_mcu { "the MCU's rail" } else { "its supply's line" };
                format!(
                    "The modem {modem} loses its supply by {by}, as one that hangs would (none hangs by order); {link} carries nothing until it is back."
                )
            }
            Kind::Lamp => "You look at the MCU's lamp: it must go on and off once a second.".into(),
            Kind::Restart { by_mcu: true } => {
                "The MCU asks the gateway to shut down, and resets it; all traffic stops until it has booted."
                    .into()
            }
            Kind::Restart { by_mcu: false } => {
                "You restart the gateway, best by its supply; all traffic stops until it has booted.".into()
            }
        }
    }

    /// What it is allowed, in words; nothing where nothing is timed.
    pub(crate) fn allowed(&self, limits: &Limits) -> Option<String> {
        let objective = short(limits.objective);
        let back = match limits.mode {
            FailbackMode::Auto => short(limits.back),
            // The run orders it, and waits for no more than a move.
            FailbackMode::Window(_) | FailbackMode::Manual => short(BEYOND),
        };
        match &self.kind {
            Kind::Gateway | Kind::Mcu | Kind::Lamp => None,
            Kind::Link { .. } => Some(format!(
                "{objective} until traffic flows again (recovery_time_objective), then {back} for the way back"
            )),
            Kind::Modem { .. } => Some(format!("{} until data flows again", short(limits.modem))),
            Kind::Rail { .. } => Some(format!("{} until data flows again", short(limits.rail))),
            Kind::Restart { .. } => {
                Some(format!("{} after the boot until an uplink is healthy", short(limits.boot)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::api::mcu::McuStatus;

    const LINKS: &str =
        "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\n";

    fn names(config: &str, look: &Look) -> Vec<String> {
        let steps = plan(&testing::config(config), look);
        steps
            .iter()
            .map(|step| match &step.cannot {
                Some(_) => format!("({})", step.name),
                None => step.name.clone(),
            })
            .collect()
    }

    #[test]
    fn the_steps_follow_from_the_config() {
        let bare = Look::default();
        let modem = "[[modem]]\nlink = \"lte\"\nport = \"/dev/ttyS3\"\n";
        let mcu = "[watchdog.mcu]\nport = \"/dev/ttyS1\"\n";
        let rail = "[modem.power]\nby = \"mcu\"\n";
        let one = "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n";
        let with = testing::look();
        for (config, look, expected) in [
            (one.to_owned(), &bare, "gateway (link:fiber) restart"),
            (LINKS.to_owned(), &bare, "gateway link:fiber link:lte restart"),
            (format!("{LINKS}{modem}"), &bare, "gateway link:fiber link:lte modem:lte restart"),
            (
                format!("{LINKS}{modem}{rail}{mcu}"),
                &with,
                "gateway mcu link:fiber link:lte modem:lte rail:lte lamp restart",
            ),
        ] {
            assert_eq!(names(&config, look).join(" "), expected);
        }
        // One that is there and says nothing is no reason to restart by hand.
        for silent in [None, with.mcu.clone().map(|mcu| McuStatus { identity: None, ..mcu })] {
            let look = Look { mcu: silent, ..testing::look() };
            assert!(names(&format!("{LINKS}{mcu}"), &look).contains(&"(restart)".to_owned()));
        }
        // A board without a rail says so.
        let mut poor = testing::look();
        if let Some(known) = poor.mcu.as_mut().and_then(|mcu| mcu.identity.as_mut()) {
            known.capabilities.retain(|one| one != "modem_rail");
        }
        assert!(names(&format!("{LINKS}{modem}{rail}{mcu}"), &poor).contains(&"(rail:lte)".to_owned()));
    }

    #[test]
    fn only_looking_asks_nobody_and_every_other_step_says_what_it_disturbs() {
        let config = testing::config(&format!("{LINKS}[watchdog.mcu]\nport = \"/dev/ttyS1\"\n"));
        let limits = Limits::of(&config);
        assert_eq!(limits.back, Duration::from_secs(300));
        for step in plan(&config, &testing::look()) {
            assert!(step.what().ends_with('.'), "{step:?}");
            assert_eq!(step.only_looks(), ["gateway", "mcu"].contains(&&*step.name));
            assert_eq!(step.allowed(&limits).is_some(), step.way().is_some(), "{step:?}");
        }
    }
}
