//! The watchdogs: the service manager's, the kernel's and the one on the board. All are fed by the turning of the loop
//! itself, and only while its duties are taken up, so that a wedged loop ends the feeds by itself.

use super::device::Device;
use super::duties::{Ledger, Planned, Reason};
use super::notify;
use super::runs::{Runs, this_boot};
use crate::mcu::{Farewell, Mcu, UPGRADE};
use shunt_config::Config;
use shunt_decision::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// A cause of the machine's boot is news to an agent that starts this soon after it.
const AFTER_BOOT: Duration = Duration::from_secs(600);

/// So much of the time that a watchdog waits the loop has to have turned before the first feed of a run, so that an agent
/// that dies soon after each of its starts is missed. With the quarter since the last feed of the run before, and a second
/// until the start, there is some of that time left.
const TRIALS_PER_TIMEOUT: u32 = 3;
/// It need not be longer: what a start brings has happened by then, each duty too.
const LONGEST_TRIAL: Duration = Duration::from_secs(10);
/// Of the kernel's watchdog what it waits is only known when it was open once, and some drivers wait much shorter than asked.
const LONGEST_DEVICE_TRIAL: Duration = Duration::from_secs(4);
/// Where the runs before died soon, one after the other, this one has to last for so long: longer than these lived, and, with
/// the default times, not so long that one that lives is asked to shut down ...
const PROBATION: Duration = Duration::from_secs(45);
/// ... nor longer than this part of the boot grace, in which the machine boots, too.
const PROBATIONS_PER_GRACE: u32 = 3;

/// A feed that is due again and again.
#[derive(Debug)]
struct Pulse {
    every: Duration,
    /// How long the loop has to have turned before the first.
    trial: Duration,
    due: Timestamp,
}

impl Pulse {
    /// Whether it is due in a loop that began to turn at `begun`; then it is due again a while later.
    fn beats(&mut self, begun: Timestamp, now: Timestamp) -> bool {
        if self.due > now {
            return false;
        }
        let proved = begun + self.trial;
        self.due = if now < proved { proved } else { now + self.every };
        now >= proved
    }
}

/// All watchdogs.
#[derive(Debug)]
pub(super) struct Feed {
    manager: Option<Pulse>,
    device: Option<Device>,
    /// The device of the config, and how long it waits.
    settings: (Option<PathBuf>, Duration),
    board: Option<Pulse>,
    pub(super) mcu: Mcu,
    /// When the loop had turned once.
    begun: Option<Timestamp>,
    /// `None`: there is no watchdog that asks for it.
    runs: Option<Runs>,
}

impl Feed {
    /// The watchdogs of `config`, and that of the service manager at the pace that it asks for. The manager is fed with the
    /// first turn: an agent that dies it starts again anyway. The others are fed after a trial.
    pub(super) fn new(config: &Config, now: Timestamp) -> Self {
        let mcu = Mcu::start(config);
        let runs = runs(config, now);
        Self {
            manager: notify::watchdog_interval().map(|every| Pulse {
                every,
                trial: Duration::ZERO,
                due: now,
            }),
            device: device(config, now),
            settings: settings(config),
            board: board(&mcu, config, is_dying(runs.as_ref()), now),
            mcu,
            begun: None,
            runs,
        }
    }

    /// Takes over another config: what it leaves as it is goes on being fed. Tells whether the MCU is another one now.
    pub(super) async fn replace(&mut self, config: &Config, now: Timestamp) -> bool {
        self.runs = self.runs.take().or_else(|| runs(config, now));
        if self.settings != settings(config) {
            if let Some(device) = self.device.take() {
                device.close();
            }
            (self.device, self.settings) = (device(config, now), settings(config));
        }
        self.mcu.spare_modems(config);
        if self.mcu.serves(&config.watchdog.mcu) {
            return false;
        }
        if self.mcu.is_flashing() {
            tracing::warn!(
                "the new [watchdog.mcu] waits: the MCU is being flashed; reload again when that is over"
            );
            return false;
        }
        // The port must be free before it is opened again; an MCU that is configured no more is not to wait for feeds.
        let gone = !self.mcu.is_on(&config.watchdog.mcu);
        let before = std::mem::replace(&mut self.mcu, Mcu::none(&config.watchdog.mcu));
        // What could not be disarmed is kept, tried again, and told.
        let _told = before.close(if gone { Farewell::Disarm } else { Farewell::Lease }).await;
        self.mcu = Mcu::start(config);
        self.board = board(&self.mcu, config, is_dying(self.runs.as_ref()), now);
        true
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let pulses = [&self.manager, &self.board].into_iter().flatten().map(|pulse| pulse.due);
        pulses.chain(self.device.as_ref().map(Device::due)).min()
    }

    /// Whether a feed is due, so that the duties are to be judged.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.poll_timeout().is_some_and(|due| due <= now)
    }

    /// Feeds those that are due, if the duties are taken up.
    ///
    /// # Errors
    /// Why none is fed.
    pub(super) fn turn(
        &mut self,
        duties: &mut Ledger,
        planned: Planned,
        now: Timestamp,
    ) -> Result<(), Reason> {
        let verdict = duties.judge(planned, now);
        self.feed(verdict.is_ok(), now);
        verdict
    }

    fn feed(&mut self, may: bool, now: Timestamp) {
        let begun = *self.begun.get_or_insert(now);
        if let Some(runs) = &mut self.runs {
            runs.go_on(now);
        }
        if self.manager.as_mut().is_some_and(|pulse| pulse.beats(begun, now)) && may {
            notify::watchdog();
        }
        if self.board.as_mut().is_some_and(|pulse| pulse.beats(begun, now)) && may {
            self.mcu.feed(now);
        }
        if let Some(device) = &mut self.device {
            let proved = begun + device_trial(self.runs.as_ref(), self.settings.1);
            if now < proved {
                device.wait_until(proved);
            } else {
                device.turn(may, now);
                if let (Some(runs), Some(seconds)) = (&mut self.runs, device.take_waits()) {
                    runs.set_device_waits(seconds);
                }
            }
        }
    }

    /// What is wrong with the kernel's watchdog.
    pub(super) fn device_fault(&self) -> Option<String> {
        self.device.as_ref().and_then(Device::fault)
    }

    /// Why the machine was reset before this start, as the kernel's watchdog tells it; told once, to the first run of a boot.
    pub(super) fn take_reset(&mut self, now: Timestamp) -> Option<String> {
        let cause = self.device.as_mut()?.take_boot_cause()?;
        let fresh = now < Timestamp::ZERO + AFTER_BOOT && self.runs.as_mut()?.tells_of_boot(&this_boot());
        fresh.then(|| format!("the gateway was reset by the kernel's watchdog before it booted: {cause}"))
    }

    /// Takes leave of all.
    ///
    /// # Errors
    /// The MCU was not told: a sentence with the reason.
    pub(super) async fn close(mut self, farewell: Farewell) -> Result<(), String> {
        if self.mcu.is_flashing() {
            notify::more_time(UPGRADE);
        }
        // First, for from here on nobody feeds it, and the MCU may be waited for longer than it waits.
        if let Some(device) = self.device {
            device.close();
        }
        if let Some(runs) = &mut self.runs {
            runs.stop();
        }
        let told = self.mcu.close(farewell).await;
        if let Some(runs) = &mut self.runs {
            runs.written().await;
        }
        told
    }
}

fn settings(config: &Config) -> (Option<PathBuf>, Duration) {
    (config.watchdog.device.clone(), config.watchdog.device_timeout)
}

fn runs(config: &Config, now: Timestamp) -> Option<Runs> {
    let watched = config.watchdog.device.is_some() || config.watchdog.mcu.port.is_some();
    watched.then(|| Runs::begin(&config.agent.state_dir, now))
}

fn is_dying(runs: Option<&Runs>) -> bool {
    runs.is_some_and(Runs::is_dying)
}

fn board(mcu: &Mcu, config: &Config, dying: bool, now: Timestamp) -> Option<Pulse> {
    let times = &config.watchdog.mcu;
    let probation = PROBATION.min(times.boot_grace / PROBATIONS_PER_GRACE);
    let trial = if dying { probation } else { trial(times.feed_timeout) };
    mcu.pace().map(|every| Pulse { every, trial, due: now })
}

/// How long the loop has to have turned before the first feed of what waits so long for one.
fn trial(wait: Duration) -> Duration {
    (wait / TRIALS_PER_TIMEOUT).min(LONGEST_TRIAL)
}

/// The same for the kernel's watchdog, which was asked to wait for `asked`, and may wait for less.
fn device_trial(runs: Option<&Runs>, asked: Duration) -> Duration {
    let waits = runs.and_then(Runs::device_waits).unwrap_or(asked);
    if is_dying(runs) { PROBATION } else { trial(waits).min(LONGEST_DEVICE_TRIAL) }
}

fn device(config: &Config, now: Timestamp) -> Option<Device> {
    config.watchdog.device.as_ref().map(|path| Device::new(path, config.watchdog.device_timeout, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[tokio::test]
    async fn no_watchdog_is_fed_while_a_duty_is_overdue_and_each_at_its_own_pace_else() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "[agent]\nstate_dir = {0:?}\n[watchdog]\ndevice = \"{1}/watchdog\"\n\
             [watchdog.mcu]\nport = \"{1}/ttyS9\"\nfeed_timeout = \"8s\"\n\
             [[link]]\nname = \"a\"\ninterface = \"a0\"\n",
            directory.path(),
            directory.path().display(),
        );
        let config = shunt_config::parse(&text, Path::new("test.toml")).unwrap();
        let at = |millis| Timestamp::ZERO + Duration::from_secs(1_000) + Duration::from_millis(millis);
        let mut duties = Ledger::new(&config);
        let mut turn = |feed: &mut Feed, may: bool, now: Timestamp| {
            let routes = Some(if may { now } else { Timestamp::ZERO });
            let verdict = feed.turn(&mut duties, Planned { routes, ..Planned::default() }, now);
            assert_eq!(verdict.is_ok(), may);
        };
        let mut feed = Feed::new(&config, at(0));
        assert!(feed.is_due(at(0)));
        // The loop turns for the first time, and has to for a third of 8 s before the MCU, for 4 s before the device.
        turn(&mut feed, true, at(0));
        assert_eq!(feed.poll_timeout(), Some(at(0) + Duration::from_secs(8) / 3));
        turn(&mut feed, true, at(2_660));
        assert_eq!((feed.mcu.fed(), feed.device_fault()), (None, None), "not even opened");
        turn(&mut feed, false, at(3_000));
        assert_eq!(feed.mcu.fed(), None);
        turn(&mut feed, true, at(5_000));
        assert_eq!(feed.mcu.fed(), Some(at(5_000)));
        // A quarter of 8 s.
        turn(&mut feed, false, at(7_000));
        turn(&mut feed, true, at(8_999));
        assert_eq!(feed.mcu.fed(), Some(at(5_000)), "7 s was left out, and 9 s is not yet");
        turn(&mut feed, true, at(9_000));
        assert_eq!(feed.mcu.fed(), Some(at(9_000)));
        turn(&mut feed, true, at(40_000));
        assert!(feed.device_fault().is_some_and(|fault| fault.contains("load its driver")));
        assert!(feed.close(Farewell::Lease).await.is_err(), "nobody is on that port");
    }

    /// As the service manager starts it, for ever.
    #[tokio::test]
    async fn an_agent_that_dies_again_and_again_is_fed_for_no_more_until_it_lasts() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "[agent]\nstate_dir = {0:?}\n[watchdog.mcu]\nport = \"{1}/ttyS9\"\nboot_grace = \"3m\"\n\
             [[link]]\nname = \"a\"\ninterface = \"a0\"\n",
            directory.path(),
            directory.path().display(),
        );
        let config = shunt_config::parse(&text, Path::new("test.toml")).unwrap();
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        // How long it turns before its first feed; killed after so long.
        let run = async |seconds: u64| {
            let (mut feed, mut duties) = (Feed::new(&config, at(0)), Ledger::new(&config));
            let mut fed = None;
            for second in 0..=seconds {
                feed.turn(
                    &mut duties,
                    Planned { routes: Some(at(second)), ..Planned::default() },
                    at(second),
                )
                .unwrap();
                fed = fed.or(feed.mcu.fed());
            }
            feed.runs.as_mut().unwrap().written().await;
            fed
        };
        for _ in 0..5 {
            assert_eq!(run(28).await, Some(at(10)));
        }
        for _ in 0..3 {
            assert_eq!(run(44).await, None, "it is missed");
        }
        assert_eq!(run(599).await, Some(at(45)));
        assert_eq!(run(600).await, Some(at(45)), "this one lasts");
        assert_eq!(run(28).await, Some(at(10)));
    }

    /// Drivers wait shorter than asked, which is known from the run before.
    #[tokio::test]
    async fn the_trial_for_the_kernels_watchdog_leaves_time_whatever_that_really_waits() {
        let directory = tempfile::tempdir().unwrap();
        let mut runs = Runs::begin(directory.path(), Timestamp::ZERO);
        assert_eq!(device_trial(Some(&runs), Duration::from_secs(60)), LONGEST_DEVICE_TRIAL);
        for seconds in 3..=600 {
            runs.set_device_waits(seconds);
            let wait = Duration::from_secs(seconds.into());
            let gone = wait / 4 + Duration::from_secs(1) + device_trial(Some(&runs), Duration::from_secs(60));
            assert!(gone < wait || wait / 4 > Duration::from_secs(10), "{seconds} s: {gone:?}");
        }
        runs.written().await;
    }

    /// By all times that the config allows: a quarter until the crash, the second until the next start, and the trial.
    #[test]
    fn the_trial_leaves_time_for_a_start_after_a_crash() {
        for seconds in 5..=600 {
            let wait = Duration::from_secs(seconds);
            let pace = (wait / 4).min(Duration::from_secs(5));
            let left = wait.saturating_sub(pace + Duration::from_secs(1) + trial(wait));
            assert!(left > Duration::from_secs(1), "{seconds} s: {left:?}");
        }
    }
}
