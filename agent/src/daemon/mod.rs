//! The daemon: puts the parts together, runs the event loop, reloads, and ends without touching forwarding.

mod alarm;
mod assemble;
mod budgets;
mod canary_back;
mod device;
mod duties;
mod event_loop;
mod feed;
mod kept_config;
mod lease;
pub mod lock;
pub mod logging;
mod meanwhile;
mod modems;
pub mod notify;
mod orders;
mod record;
mod resets;
mod rights;
mod runs;
mod settings;
mod store;
mod telling;
mod warnings;
mod watchdogs;
mod window;

pub(crate) use kept_config::{Trace, trace};
pub(crate) use window::is_open_at as window_is_open;

use crate::api::wire::{Answer, ApiError, ErrorCode, EventKind};
use crate::api::{self, Access, ControlSocket, Names};
use crate::cli::Exit;
use crate::clock;
use crate::mcu::{self, Farewell};
use crate::modem::Modems;
use crate::netlink::{self, Kernel};
use crate::recording::Disk;
use rights::Place;
pub use rights::RightsError;
pub(crate) use settings::core_config;

use event_loop::{End, EventLoop, Signals, Surroundings};
use lease::LeaseFile;
use lock::Lock;
use logging::Logging;
use record::Record;
use shunt_config::Config;
use shunt_decision::Force;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use store::Store;
use tokio::sync::{broadcast, mpsc};

/// Orders that wait for the loop: one for each connection that may be open.
const ORDER_QUEUE: usize = api::MAX_CONNECTIONS;

/// Events that a follower may be behind before some are left out.
const FOLLOWER_QUEUE: usize = 256;

/// How long an agent that ends is waited for by whoever does its work after it: the service managers let it have 30 s.
const ENDING: Duration = Duration::from_secs(35);

/// Where the config comes from: the file, and what the command line puts in its place.
struct Source<'a> {
    file: &'a Path,
    socket: Option<&'a Path>,
}

impl Source<'_> {
    fn load(&self) -> Result<Config, shunt_config::LoadError> {
        let mut config = shunt_config::load(self.file)?;
        if let Some(socket) = self.socket {
            socket.clone_into(&mut config.agent.socket);
        }
        Ok(config)
    }
}

/// Runs the agent in the foreground until it is told to stop.
#[must_use]
pub fn run(config_path: &Path, socket: Option<&Path>) -> ExitCode {
    let source = Source { file: config_path, socket };
    let config = match source.load() {
        Ok(config) => config,
        Err(error) => {
            complain(&error);
            return Exit::of(&error, Exit::Usage).into();
        }
    };
    match run_with(config, &source) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format_args!("failed to {error}"));
            Exit::of(error.as_ref(), Exit::Failed).into()
        }
    }
}

/// Removes everything that Shunt owns from the kernel, and disarms the watchdog MCU, without a daemon (`shunt stop
/// --restore`). Gives the ports on which one was disarmed. An agent that is still ending is waited for.
///
/// # Errors
/// A sentence that completes "failed to …". What comes after a failure is done all the same.
pub fn restore(config: &Config) -> Result<Vec<String>, Box<dyn Error>> {
    rights::check()?;
    let place = Place { state_dir: &config.agent.state_dir, socket: None, group: None };
    let _lock = sole_agent(config, place, ENDING)?;
    let given_back = netlink::restore(config);
    let disarmed = runtime()?.block_on(mcu::disarm_all(config));
    match (given_back, disarmed) {
        (Ok(()), disarmed) => disarmed.map_err(|source| NotDisarmed { source }.into()),
        (Err(error), Ok(_)) => Err(error.into()),
        (Err(error), Err(armed)) => Err(format!("{error}; and to {armed}").into()),
    }
}

/// The kernel is given back, and an MCU still guards. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("{source}; mend that and run this again. All that Shunt owned in the kernel is gone")]
struct NotDisarmed {
    source: mcu::DisarmError,
}

fn run_with(config: Config, source: &Source<'_>) -> Result<(), Box<dyn Error>> {
    let logging = Logging::start(&config.agent.log, config.agent.log_format)?;
    rights::check()?;
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let group = api::group_id(&groups, &config.agent.group);
    let agent = &config.agent;
    let place = Place { state_dir: &agent.state_dir, socket: Some(&agent.socket), group };
    let _lock = sole_agent(&config, place, Duration::ZERO)?;
    runtime()?.block_on(supervise(config, group, source, &logging))
}

/// One thread for everything: a decision never waits for another core to wake up.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .map_err(|error| format!("start the runtime: {error}"))
}

async fn supervise(
    config: Config,
    group: Option<u32>,
    source: &Source<'_>,
    logging: &Logging,
) -> Result<(), Box<dyn Error>> {
    let socket = ControlSocket::bind(&config.agent.socket, group)?;
    let (order_sender, orders) = mpsc::channel(ORDER_QUEUE);
    let (events, _) = broadcast::channel(FOLLOWER_QUEUE);
    let listener = socket.listener().map_err(|error| format!("listen on the control socket: {error}"))?;
    let server = tokio::spawn(api::serve(listener, Access::for_group(group), order_sender, events.clone()));

    let earlier = store::kept_incidents(&config.agent.state_dir).unwrap_or_else(|error| {
        tracing::warn!("failed to read the incidents of earlier runs: {error}; starting an empty list");
        Vec::new()
    });
    if let Err(error) = clock::discipline() {
        tracing::warn!(
            "the time of day is never believed, since the agent may not ask whether it is kept (adjtimex: {error}): no month of \
             a data allowance ends, and no code by time is right; allow it that call"
        );
    }
    let started = clock::now();
    let (record, store) = (Record::new(events, earlier), Store::start(&config.agent.state_dir));
    // First: a start that fails here, and is made again each second, must not cost a step of a budget.
    let opened = Kernel::open(&config, started)?;
    kept_config::keep(source.file, &config.agent.state_dir);
    let (budgets, balances) = budgets::Budgets::start(&config, &store, started).await;
    record.keep_earlier(&store);
    let around = Surroundings {
        orders,
        signals: Signals::listen().map_err(|error| format!("listen for signals: {error}"))?,
        record,
        disk: Disk::start(&config.agent.state_dir),
        store,
        budgets,
        feed: feed::Feed::new(&config, started),
        parting: None,
        alarm: alarm::Alarm::new().map_err(|error| format!("make the timer of the event loop: {error}"))?,
        started,
    };
    let force = kept_lease(&config);
    let desk = modems::ModemDesk::new(Modems::start(&config, &config.agent.state_dir));
    let mut event_loop = assemble::assemble(config, opened, (force, &balances), (around, desk));
    event_loop.say(EventKind::Started, &format!("shunt {} started", env!("CARGO_PKG_VERSION")));
    loop {
        notify::ready(&event_loop.standing());
        let (end, finished) = event_loop.run().await;
        event_loop = match end {
            End::Reload => assemble::reload(finished, source, logging).await,
            End::Stop | End::Restored => {
                finish(finished, end).await;
                break;
            }
        };
    }
    server.await?;
    Ok(())
}

/// The last words; what is to be kept is on disk when this returns, and open connections have their answers.
async fn finish(mut event_loop: EventLoop, end: End) {
    let text = match end {
        End::Restored => "the agent stops; all that it owned in the kernel is gone",
        End::Stop | End::Reload => "the agent stops; forwarding stays as it is",
    };
    notify::stopping(text);
    event_loop.say(EventKind::Stopping, text);
    event_loop.close_budgets(clock::now());
    event_loop.core.end(clock::now());
    // First, for from here on nobody feeds.
    let farewell = if end == End::Restored { Farewell::Disarm } else { Farewell::Lease };
    let told = event_loop.around.feed.close(farewell).await;
    if let Some(reply) = event_loop.around.parting {
        let armed = |why| {
            ApiError::new(
                ErrorCode::Failed,
                format!(
                    "{text}, but {why}. It resets the gateway: mend that, and run `shunt stop --restore` again"
                ),
            )
        };
        // Whoever asked may have hung up.
        let _nobody_waits = reply.send(told.map(|()| Answer::done(text)).map_err(armed));
    }
    event_loop.desk.modems.close().await;
    event_loop.around.store.close().await;
    event_loop.around.disk.close().await;
}

/// The operator's lease goes on where the last run left it.
fn kept_lease(config: &Config) -> Option<Force> {
    let file = LeaseFile::in_directory(&config.agent.state_dir);
    file.running(&Names::new(config), clock::now()).unwrap_or_else(|error| {
        tracing::warn!("failed to read the lease of the last run: {error}; going on without it");
        None
    })
}

/// Held by the one agent that may change the kernel. It lies in the state directory, which is made if it is missing, and
/// is taken by whom this makes us: with no more rights than are needed. One that has it is given `patience` to end.
fn sole_agent(config: &Config, place: Place<'_>, patience: Duration) -> Result<Lock, Box<dyn Error>> {
    let directory = &config.agent.state_dir;
    fs::create_dir_all(directory).map_err(|source| StateDirError { directory: directory.clone(), source })?;
    rights::give_up(place)?;
    Ok(Lock::wait(&directory.join("lock"), patience)?)
}

/// The state directory cannot be made. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("make the state directory {}: {source}; run as root, or set [agent] state_dir", directory.display())]
struct StateDirError {
    directory: PathBuf,
    source: io::Error,
}

/// The log may not be there yet, or not be what the operator looks at: failures to start go to standard error.
#[allow(clippy::print_stderr)]
fn complain(message: &dyn std::fmt::Display) {
    eprintln!("shunt: {message}");
}
