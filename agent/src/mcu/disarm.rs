//! Ends the guard of an MCU that no agent will feed any more: a short talk of its own, for `shunt stop --restore` without an
//! agent, and for a start with a config that has the MCU no more.

use super::kept::Kept;
use super::session::{Output, Session};
use super::trouble::Trouble;
use super::{News, name, port, seconds, times};
use crate::api::wire::EventKind;
use crate::clock;
use shunt_config::{Config, Find, McuPort};
use shunt_modem::Port;
use shunt_wire::{Message, Outcome};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long an MCU is waited for: six hellos, so that one that boots, or noise, is no failure. After five it is known
/// what is wrong.
const PATIENCE: Duration = Duration::from_secs(6);

/// An MCU that could not be disarmed is tried again after this, as a port that is not there is, then after twice as long each
/// time ...
const AGAIN: Duration = Duration::from_secs(15);
/// ... up to this: the line may have become another's, who can have it for most of that time. It is less than half of the
/// grace that an MCU gives which comes back.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Read at once: several of the longest frames.
const CHUNK: usize = 512;

/// An MCU goes on guarding a gateway whose agent is gone. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
#[error(
    "disarm the watchdog MCU on {port}: it {why}; until it is disarmed it resets a gateway that does not feed it"
)]
pub(crate) struct DisarmError {
    port: String,
    why: String,
}

/// Disarms the MCU of the config, and those that were armed by earlier configs. Tells which.
///
/// # Errors
/// The first that could not be; the others are disarmed all the same.
pub(crate) async fn disarm_all(config: &Config) -> Result<Vec<String>, DisarmError> {
    let state_dir = &config.agent.state_dir;
    let mut ports: Vec<McuPort> = config.watchdog.mcu.port.iter().cloned().collect();
    ports.extend(leftovers(config));
    let (mut disarmed, mut failure) = (Vec::new(), None);
    for port in ports {
        match disarm(&config.watchdog.mcu, &port).await {
            Ok(()) => {
                disarmed.push(name(&port));
                forget(&port, state_dir);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(disarmed), Err)
}

/// Where earlier configs armed an MCU that `config` has no more. One whose line is another's now is gone from there, and is
/// forgotten: the MCU of the config by another name, or a modem, which nobody may talk to but its driver.
pub(super) fn leftovers(config: &Config) -> Vec<McuPort> {
    let state_dir = &config.agent.state_dir;
    let modems = modem_lines(config);
    let armed = Kept::load(state_dir).armed().into_iter();
    let (gone, left) = armed.filter(|armed| config.watchdog.mcu.port.as_ref() != Some(armed)).partition(
        |armed: &McuPort| {
            config.watchdog.mcu.port.iter().chain(&modems).any(|port| port::is_same(port, armed))
        },
    );
    for port in Vec::into_iter(gone) {
        let _warned = is_modems(&port, &modems);
        forget(&port, state_dir);
    }
    left
}

/// The lines of the modems that are named by them.
pub(super) fn modem_lines(config: &Config) -> Vec<McuPort> {
    config.modems.iter().filter_map(|modem| line_of(&modem.find)).collect()
}

/// Whether it is a modem's line now, which is told.
fn is_modems(port: &McuPort, modems: &[McuPort]) -> bool {
    let is_modems = modems.iter().any(|modem| port::is_same(modem, port));
    if is_modems {
        tracing::warn!(
            "a watchdog MCU was armed on {}, which is a modem's line now; it is not disarmed there. If it still guards this \
             gateway, give it a line of its own and name that in [watchdog.mcu]",
            name(port)
        );
    }
    is_modems
}

/// The line of a modem that is named by it.
fn line_of(modem: &Find) -> Option<McuPort> {
    match modem {
        Find::Port(path) => Some(McuPort::Path(path.clone())),
        Find::Usb { vendor, product } => Some(McuPort::Usb { vendor: *vendor, product: *product }),
        Find::Path(_) | Find::Imei(_) => None,
    }
}

/// Disarms the MCU on this port.
///
/// # Errors
/// It cannot be reached, or refuses.
pub(super) async fn disarm(config: &shunt_config::Mcu, port: &McuPort) -> Result<(), DisarmError> {
    let failed = |why: String| DisarmError { port: name(port), why };
    let (open, _) = port::open(port).map_err(|failure| failed(Trouble::Port(failure).to_string()))?;
    let mut session = Session::leaving(times(config), seconds(config.stop_lease), clock::now());
    match timeout(PATIENCE, talk(&open, &mut session)).await {
        Ok(Ok(Some(Outcome::Done))) => Ok(()),
        Ok(Ok(Some(refused))) => Err(failed(Trouble::Disarm(refused).to_string())),
        Ok(Err(failure)) => Err(failed(Trouble::Port(failure).to_string())),
        Ok(Ok(None)) | Err(_) => Err(failed(session.trouble().unwrap_or(&Trouble::Silent).to_string())),
    }
}

/// Says hello, asks, and gives the answer.
async fn talk(port: &Port, session: &mut Session) -> Result<Option<Outcome>, String> {
    let mut chunk = [0; CHUNK];
    let mut asked = false;
    session.opened(clock::now());
    loop {
        let now = clock::now();
        if !asked && session.peer().is_some() {
            asked = session.ask(Message::Disarm, 0, now).is_ok();
        }
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    port.write_all(&bytes).await.map_err(|error| format!("write to it: {error}"))?;
                }
                Output::Answered(_, outcome) => return Ok(outcome),
                // Its record is told by the next agent that feeds it.
                Output::Armed
                | Output::Noted(_)
                | Output::Forgotten(_)
                | Output::Strange(_)
                | Output::Told(_) => {}
            }
        }
        let due = Instant::now() + session.poll_timeout().since(now);
        match timeout_at(due, port.read(&mut chunk)).await {
            Ok(Ok(0)) => return Err("read from it: it was unplugged".into()),
            Ok(Ok(length)) => session.receive(chunk.get(..length).unwrap_or_default(), clock::now()),
            Ok(Err(error)) => return Err(format!("read from it: {error}")),
            Err(_) => {}
        }
        session.handle_timeout(clock::now());
    }
}

/// Disarms what earlier configs armed, and is configured no more; again and again until it is done.
pub(super) struct Leftovers {
    config: shunt_config::Mcu,
    ports: Vec<McuPort>,
    /// The modems' lines, as the last reload has them.
    modems: watch::Receiver<Vec<McuPort>>,
    state_dir: PathBuf,
    news: mpsc::Sender<News>,
    left: watch::Sender<Vec<String>>,
    warned: Vec<String>,
}

impl Leftovers {
    /// Those of `ports`, and why each of them still guards: none is left when that is empty.
    pub(super) fn new(
        config: &Config,
        ports: Vec<McuPort>,
        modems: watch::Receiver<Vec<McuPort>>,
        news: mpsc::Sender<News>,
    ) -> (Self, watch::Receiver<Vec<String>>) {
        let not_yet = |port| DisarmError { port: name(port), why: "was not reached yet".into() }.to_string();
        let (left, still) = watch::channel(ports.iter().map(not_yet).collect());
        let (state_dir, config) = (config.agent.state_dir.clone(), config.watchdog.mcu.clone());
        (Self { config, ports, modems, state_dir, news, left, warned: Vec::new() }, still)
    }

    /// Until all are disarmed.
    pub(super) async fn run(mut self) {
        let mut wait = AGAIN;
        while !self.ports.is_empty() {
            let mut why = Vec::new();
            for port in std::mem::take(&mut self.ports) {
                let is_ours = self.config.port.as_ref().is_some_and(|ours| port::is_same(ours, &port));
                if is_ours || is_modems(&port, &self.modems.borrow()) {
                    // Known by now to be the one of the config, or the line of a modem.
                    self.forget(port).await;
                    continue;
                }
                match disarm(&self.config, &port).await {
                    Ok(()) => self.disarmed(port).await,
                    Err(error) => {
                        why.push(error.to_string());
                        self.ports.push(port);
                    }
                }
            }
            self.left.send_replace(why.clone());
            let warning = |why| {
                format!(
                    "a watchdog MCU is armed that the config has no more: failed to {why}; it is tried again and again"
                )
            };
            let warnings: Vec<String> = why.into_iter().map(warning).collect();
            if warnings != self.warned && self.tell(News::Leftovers(warnings.clone())) {
                self.warned = warnings;
            }
            if !self.ports.is_empty() {
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }

    async fn disarmed(&self, port: McuPort) {
        let text = format!(
            "the watchdog MCU on {} is configured no more, and is disarmed: it guards nothing",
            name(&port)
        );
        if !self.tell(News::Say(EventKind::Mcu, text.clone())) {
            tracing::warn!("{text}");
        }
        self.forget(port).await;
    }

    async fn forget(&self, port: McuPort) {
        let state_dir = self.state_dir.clone();
        // Its panic would be ours.
        let _done = tokio::task::spawn_blocking(move || forget(&port, &state_dir)).await;
    }

    fn tell(&self, news: News) -> bool {
        self.news.try_send(news).is_ok()
    }
}

/// No MCU is armed there any more.
fn forget(port: &McuPort, state_dir: &Path) {
    if let Err(error) = Kept::update(state_dir, |kept| kept.disarm(port)) {
        tracing::warn!("failed to keep that the watchdog MCU on {} is disarmed: {error}", name(port));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::{Farewell, Mcu};

    fn config(state_dir: &Path, keys: &str) -> Config {
        let text =
            format!("[agent]\nstate_dir = {state_dir:?}\n[[link]]\nname = \"a\"\ninterface = \"a0\"\n{keys}");
        shunt_config::parse(&text, Path::new("test.toml")).unwrap()
    }

    #[test]
    fn what_was_armed_is_left_unless_its_line_is_the_configs_mcu_or_a_modems() {
        let directory = tempfile::tempdir().unwrap();
        let line = |name: &str| directory.path().join(name);
        std::fs::write(line("ttyS7"), "").unwrap();
        std::os::unix::fs::symlink(line("ttyS7"), line("alias")).unwrap();
        let armed = ["ttyS1", "ttyS5", "ttyS7"].map(|name| McuPort::Path(line(name)));
        for port in &armed {
            Kept::update(directory.path(), |kept| kept.arm(port)).unwrap();
        }
        let here = directory.path().display();
        let keys = format!(
            "[[modem]]\nlink = \"a\"\nport = \"{here}/ttyS5\"\n[watchdog.mcu]\nport = \"{here}/alias\"\n"
        );
        assert_eq!(leftovers(&config(directory.path(), &keys)), armed[..1]);
        assert_eq!(Kept::load(directory.path()).armed(), armed[..1], "the others are forgotten");
    }

    /// A reload begins no new talks where [watchdog.mcu] stays as it is.
    #[tokio::test]
    async fn the_line_that_a_reload_gives_to_a_modem_is_let_alone() {
        let directory = tempfile::tempdir().unwrap();
        let line = directory.path().join("ttyS5");
        std::fs::write(&line, "").unwrap();
        let port = McuPort::Path(line.clone());
        Kept::update(directory.path(), |kept| kept.arm(&port)).unwrap();
        let before = config(directory.path(), "");
        let (mcu, ends) = Mcu::new(&before.watchdog.mcu);
        let (leftovers, left) = Leftovers::new(&before, vec![port], mcu.modems.subscribe(), ends.news);
        let after =
            config(directory.path(), &format!("[[modem]]\nlink = \"a\"\nport = \"{}\"\n", line.display()));
        assert!(mcu.serves(&after.watchdog.mcu));
        mcu.spare_modems(&after);
        assert!(timeout(PATIENCE, leftovers.run()).await.is_ok(), "none is left to be tried again");
        assert_eq!((left.borrow().len(), Kept::load(directory.path()).armed()), (0, vec![]));
    }

    #[tokio::test]
    async fn an_agent_that_leaves_says_so_of_each_mcu_that_it_leaves_armed() {
        let directory = tempfile::tempdir().unwrap();
        let nobody = McuPort::Path(directory.path().join("ttyS9"));
        let config = config(directory.path(), "");
        assert_eq!(Mcu::start(&config).close(Farewell::Disarm).await, Ok(()), "none was ever armed");
        Kept::update(directory.path(), |kept| kept.arm(&nobody)).unwrap();
        for farewell in [Farewell::Disarm, Farewell::Lease] {
            let why = Mcu::start(&config).close(farewell).await.unwrap_err();
            assert!(why.contains("failed to disarm the watchdog MCU on") && why.contains("ttyS9"), "{why}");
        }
        // A thread that died took no leave of anybody.
        let port = McuPort::Path(directory.path().join("ttyS8"));
        let (mcu, ends) = Mcu::new(&shunt_config::Mcu { port: Some(port), ..config.watchdog.mcu });
        drop(ends);
        let why = mcu.close(Farewell::Disarm).await.unwrap_err();
        assert!(why.contains("has ended, which is a defect"), "{why}");
    }
}
