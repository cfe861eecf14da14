//! Puts an event loop together from a config: at start, and again when the config is read anew.

use super::canary_back::CanaryBack;
use super::event_loop::{EventLoop, Surroundings};
use super::logging::Logging;
use super::store::Store;
use super::{lease::LeaseFile, notify, settings};
use crate::api::Names;
use crate::api::wire::EventKind;
use crate::clock;
use crate::netlink::{Kernel, Notice};
use crate::probe::{Canary, Prober};
use shunt_config::Config;
use shunt_decision::{Command, Event, Failover, Family, Timestamp};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// The loop for `config`, with all that the kernel said of the links waiting in it. What the kernel holds is
/// adopted, not changed.
pub(super) fn assemble(config: Config, opened: (Kernel, Vec<Notice>), around: Surroundings) -> EventLoop {
    let (kernel, notices) = opened;
    let now = clock::now();
    let mut core = Failover::new(settings::core_config(&config), seed(), now);
    for family in Family::ALL {
        if let Some(link) = kernel.adopted(family) {
            core.handle_event(Event::Adopted { family, link }, now);
        }
    }
    let names = Names::new(&config);
    let link_names: Vec<String> = names.all().map(str::to_owned).collect();
    resume_lease(&mut core, &config, &link_names, now);
    let canary = Canary::open(&config.canary);
    let fallback = canary.fallback().map(|error| {
        format!(
            "failed to {error}; until then a new path is proved by a local probe, not by a forwarded packet"
        )
    });
    let targets: Vec<_> = config.links.iter().map(|link| link.targets.clone()).collect();
    let mut event_loop = EventLoop {
        core,
        kernel,
        prober: Prober::new(&targets),
        canary_back: CanaryBack::watch(&canary),
        canary,
        store: Store::start(&config.agent.state_dir, link_names),
        names,
        config,
        around,
        notices,
        outcomes: Vec::new(),
        window: None,
    };
    if let Some(fallback) = fallback {
        event_loop.warn(&fallback);
    }
    event_loop
}

/// Reads the config again. A bad one is refused and the old one stays in force, as it does when the new one
/// asks for what only a restart can give.
pub(super) async fn reload(mut old: EventLoop, config_path: &Path, logging: &Logging) -> EventLoop {
    notify::reloading();
    let refusal = match shunt_config::load(config_path) {
        Err(error) => Some(error.to_string()),
        Ok(mut new) => {
            // The command line may have named another socket than the file.
            old.config.agent.socket.clone_into(&mut new.agent.socket);
            match needs_restart(&old.config, &new) {
                Some(section) => Some(format!(
                    "{section} cannot change while the agent runs; `shunt stop --restore`, then start it again"
                )),
                None => return replace(old, new, logging).await,
            }
        }
    };
    if let Some(refusal) = refusal {
        old.say(
            EventKind::Reload,
            &format!("the new config is refused, the old one stays in force: {refusal}"),
        );
    }
    old
}

fn needs_restart(old: &Config, new: &Config) -> Option<&'static str> {
    if old.kernel != new.kernel {
        return Some("[kernel]");
    }
    (old.agent.state_dir != new.agent.state_dir).then_some("[agent] state_dir")
}

async fn replace(mut old: EventLoop, new: Config, logging: &Logging) -> EventLoop {
    // The one step that can fail comes first, while the old loop is still whole.
    let opened = match Kernel::open(&new, clock::now()) {
        Ok(opened) => opened,
        Err(error) => {
            old.say(EventKind::Reload, &format!("the old config stays in force: failed to {error}"));
            return old;
        }
    };
    let EventLoop { core, kernel, prober, canary, canary_back, config, names, store, mut around, .. } = old;
    let snapshot = core.snapshot();
    let context = EventLoop::context(&names, &config, around.started, &[]);
    around.record.close_core(&snapshot.incidents, snapshot.at, &context);
    store.close().await;
    drop((kernel, prober, canary, canary_back));
    if let Err(error) = logging.set_filter(&new.agent.log) {
        tracing::warn!("failed to {error}");
    }
    let mut event_loop = assemble(new, opened, around);
    event_loop.say(EventKind::Reload, "the new config is in force");
    event_loop
}

/// The operator's lease goes on where the last run left it.
fn resume_lease(core: &mut Failover, config: &Config, names: &[String], now: Timestamp) {
    match LeaseFile::in_directory(&config.agent.state_dir).running(names, now) {
        Ok(Some(force)) => core.handle_event(Event::Command(Command::Force(force)), now),
        Ok(None) => {}
        Err(error) => {
            tracing::warn!("failed to read the lease of the last run: {error}; going on without it")
        }
    }
}

/// Makes gateways that restart together probe and fail back at different moments.
fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
