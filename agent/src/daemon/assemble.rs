//! Puts an event loop together from a config: at start, and again when the config is read anew.

use super::budgets::{self, Balances};
use super::canary_back::{CanaryBack, CanaryRetry};
use super::duties::Ledger;
use super::event_loop::{EventLoop, Surroundings};
use super::logging::Logging;
use super::modems::ModemDesk;
use super::warnings::Concern;
use super::{Source, kept_config, notify, settings};
use crate::api::Names;
use crate::api::wire::EventKind;
use crate::clock;
use crate::modem::Reloaded;
use crate::netlink::{Kernel, Notice};
use crate::probe::{Canary, Prober};
use crate::recording::{About, Recorded};
use shunt_config::{Config, Link};
use shunt_decision::{Command, Event, Failover, Family, Force, ModemState};
use std::hash::{BuildHasher, RandomState};

/// The loop for `config`, with all that the kernel said of the links waiting in it. What the kernel holds is
/// adopted, not changed. The operator's lease `force` goes on, and so does what is left of the probe budgets.
pub(super) fn assemble(
    config: Config,
    opened: (Kernel, Vec<Notice>),
    (force, balances): (Option<Force>, &Balances),
    (around, desk): (Surroundings, ModemDesk),
) -> EventLoop {
    let (kernel, notices) = opened;
    let now = clock::now();
    let (core_config, seed) = (settings::core_config(&config), seed());
    let mut core = Failover::new(core_config.clone(), seed, now);
    budgets::hand_over(balances, &mut core);
    let mut core = if config.recording.enabled {
        let written = |link: &shunt_config::Link| link.targets.iter().map(ToString::to_string).collect();
        let targets = config.links.iter().map(written).collect();
        let about = About { config: core_config, seed, targets, size: config.recording.size };
        Recorded::on(core, about, &around.disk, now)
    } else {
        Recorded::off(core, now)
    };
    for family in Family::ALL {
        if let Some(link) = kernel.adopted(family) {
            core.handle_event(Event::Adopted { family, link }, now);
        }
    }
    let names = Names::new(&config);
    let mut duties = Ledger::new(&config);
    for word in desk.last_words(&names) {
        if let Event::Modem { link, state } = word {
            duties.bearer(link, state != ModemState::NoBearer, now);
        }
        core.handle_event(word, now);
    }
    if let Some(force) = force {
        core.handle_event(Event::Command(Command::Force(force)), now);
    }
    let canary = Canary::open(&config.canary);
    let asked = |link: &Link| link.targets.iter().map(|weighted| weighted.target.clone()).collect();
    let resolvers: Vec<_> = config.links.iter().map(|link| link.resolvers.clone()).collect();
    let targets: Vec<Vec<_>> = config.links.iter().map(asked).collect();
    let mut event_loop = EventLoop {
        core,
        kernel,
        prober: Prober::new(&targets).resolving_by(&resolvers),
        canary_back: CanaryBack::watch(&canary),
        canary_retry: CanaryRetry::default(),
        canary,
        names,
        config,
        around,
        desk,
        notices,
        outcomes: Vec::new(),
        gateways: Vec::new(),
        window: None,
        recording_fault: None,
        duties,
    };
    event_loop.see_how_canaries_go(now);
    event_loop
}

/// Reads the config again. A bad one is refused and the old one stays in force, as it does when the new one
/// asks for what only a restart can give.
pub(super) async fn reload(mut old: EventLoop, source: &Source<'_>, logging: &Logging) -> EventLoop {
    notify::reloading();
    let refusal = match source.load() {
        Err(error) => error.to_string(),
        Ok(new) => match needs_restart(&old.config, &new) {
            Some((key, mend)) => format!("{key} cannot change while the agent runs; {mend}"),
            None => return replace(old, new, source, logging).await,
        },
    };
    old.say(EventKind::Reload, &format!("the new config is refused, the old one stays in force: {refusal}"));
    old
}

/// What only a restart can change, and how.
fn needs_restart(old: &Config, new: &Config) -> Option<(&'static str, &'static str)> {
    const RESTORE: &str = "`shunt stop --restore`, then start it again";
    const RESTART: &str = "restart it";
    let (was, is) = (&old.agent, &new.agent);
    let changes = [
        (old.kernel != new.kernel, "[kernel]", RESTORE),
        (was.state_dir != is.state_dir, "[agent] state_dir", RESTORE),
        (was.socket != is.socket, "[agent] socket", RESTART),
        (was.group != is.group, "[agent] group", RESTART),
        (was.log_format != is.log_format, "[agent] log_format", RESTART),
    ];
    changes.into_iter().find(|(changed, ..)| *changed).map(|(_, key, mend)| (key, mend))
}

async fn replace(mut old: EventLoop, new: Config, source: &Source<'_>, logging: &Logging) -> EventLoop {
    old.kernel.finish_bearers();
    // The one step that can fail comes first, while the old loop is still whole.
    let opened = match Kernel::open(&new, clock::now()) {
        Ok(opened) => opened,
        Err(error) => {
            old.say(EventKind::Reload, &format!("the old config stays in force: failed to {error}"));
            return old;
        }
    };
    old.charge_pages(clock::now());
    let EventLoop {
        mut core, kernel, prober, canary, canary_back, config, names, mut around, mut desk, ..
    } = old;
    core.end(clock::now());
    let balances = around.budgets.go_on(&new, |name| core.balance(names.find(name)?));
    let snapshot = core.snapshot();
    let context = EventLoop::context(&names, &config, around.started, &[]);
    around.record.close_core(&snapshot, &context, &around.store);
    drop((kernel, prober, canary, canary_back));
    let force = snapshot.forced.and_then(|force| carried_over(force, &names, &new));
    let given_up =
        snapshot.forced.filter(|_| force.is_none()).map(|force| names.link(force.link).into_owned());
    if let Err(error) = logging.set_filter(&new.agent.log) {
        tracing::warn!("failed to {error}");
    }
    // Nothing is waited for: until the new loop turns, no link is watched.
    let Reloaded { ended, anew } = desk.reload(&new, &new.agent.state_dir);
    for modem in ended {
        around.record.warn(Concern::Modem(modem), Vec::new(), &context);
    }
    if around.feed.replace(&new, clock::now()).await {
        around.record.warn(Concern::Mcu, Vec::new(), &context);
        around.record.warn(Concern::McuLeftovers, Vec::new(), &context);
    }
    let mut event_loop = assemble(new, opened, (force, &balances), (around, desk));
    kept_config::keep(source.file, &event_loop.config.agent.state_dir);
    event_loop.say(EventKind::Reload, "the new config is in force");
    for name in anew {
        let text = format!("modem {name}: it is started anew: its config changed, or a file of its secrets");
        event_loop.say(EventKind::Modem, &text);
    }
    if let Some(link) = given_up {
        event_loop.around.store.keep_lease(None);
        event_loop.say(
            EventKind::Force,
            &format!("the operator's lease on {link} ended: the link is configured no more"),
        );
    }
    event_loop
}

/// The lease under the new config's numbers; `None` where its link is gone.
fn carried_over(force: Force, names: &Names, new: &Config) -> Option<Force> {
    let link = Names::new(new).find(&names.link(force.link))?;
    Some(Force { link, ..force })
}

/// Makes gateways that restart together probe and fail back at different moments.
fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_decision::LinkId;
    use std::path::Path;

    fn config(sections: &str, links: &[&str]) -> Config {
        let link = |name: &&str| format!("[[link]]\nname = \"{name}\"\ninterface = \"{name}0\"\n");
        let links: String = links.iter().map(link).collect();
        let text = format!("targets = [\"192.0.2.1\"]\n{sections}\n{links}");
        shunt_config::parse(&text, Path::new("test.toml")).unwrap()
    }

    #[test]
    fn what_a_reload_cannot_change_is_named() {
        let old = config("", &["fiber", "lte"]);
        for (sections, key) in [
            ("[kernel]\nprotocol = 156", Some("[kernel]")),
            ("[agent]\nstate_dir = \"/elsewhere\"", Some("[agent] state_dir")),
            ("[agent]\nsocket = \"/run/other.sock\"", Some("[agent] socket")),
            ("[agent]\ngroup = \"wheel\"", Some("[agent] group")),
            ("[agent]\nlog_format = \"json\"", Some("[agent] log_format")),
            ("[agent]\nlog = \"debug\"", None),
            ("[probe]\ninterval = \"2s\"", None),
        ] {
            let refused = needs_restart(&old, &config(sections, &["lte"])).map(|(key, _)| key);
            assert_eq!(refused, key, "{sections}");
        }
    }

    #[test]
    fn a_lease_goes_over_to_the_links_new_number() {
        let names = Names::new(&config("", &["fiber", "lte"]));
        let force = Force { link: LinkId(1), until: None, strict: true };
        let over = |links: &[&str]| carried_over(force, &names, &config("", links));
        assert_eq!(over(&["lte", "fiber"]), Some(Force { link: LinkId(0), ..force }));
        assert_eq!(over(&["fiber", "dsl"]), None);
    }
}
