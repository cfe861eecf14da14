//! The watchdogs: the service manager's, the kernel's and the one on the board. All are fed by the turning of the loop
//! itself, and only while its duties are taken up, so that a wedged loop ends the feeds by itself.

use super::device::Device;
use super::duties::{Ledger, Planned, Reason};
use super::notify;
use crate::mcu::{Farewell, Mcu, UPGRADE};
use shunt_config::Config;
use shunt_decision::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// A cause of the machine's boot is news to an agent that starts this soon after it.
const AFTER_BOOT: Duration = Duration::from_secs(600);

/// A feed that is due again and again.
#[derive(Debug)]
struct Pulse {
    every: Duration,
    due: Timestamp,
}

impl Pulse {
    /// Whether it is due; then it is due again a while later.
    fn beats(&mut self, now: Timestamp) -> bool {
        let due = self.due <= now;
        if due {
            self.due = now + self.every;
        }
        due
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
}

impl Feed {
    /// The watchdogs of `config`, and that of the service manager at the pace that it asks for. All are first fed at once.
    pub(super) fn new(config: &Config, now: Timestamp) -> Self {
        let mcu = Mcu::start(&config.watchdog.mcu, &config.agent.state_dir);
        let pulse = |every| Pulse { every, due: now };
        Self {
            manager: notify::watchdog_interval().map(pulse),
            device: device(config, now),
            settings: settings(config),
            board: mcu.pace().map(pulse),
            mcu,
        }
    }

    /// Takes over another config: what it leaves as it is goes on being fed. Tells whether the MCU is another one now.
    pub(super) async fn replace(&mut self, config: &Config, now: Timestamp) -> bool {
        if self.settings != settings(config) {
            if let Some(device) = self.device.take() {
                device.close();
            }
            (self.device, self.settings) = (device(config, now), settings(config));
        }
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
        self.mcu = Mcu::start(&config.watchdog.mcu, &config.agent.state_dir);
        self.board = self.mcu.pace().map(|every| Pulse { every, due: now });
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
        if self.manager.as_mut().is_some_and(|pulse| pulse.beats(now)) && may {
            notify::watchdog();
        }
        if self.board.as_mut().is_some_and(|pulse| pulse.beats(now)) && may {
            self.mcu.feed(now);
        }
        if let Some(device) = &mut self.device {
            device.turn(may, now);
        }
    }

    /// What is wrong with the kernel's watchdog.
    pub(super) fn device_fault(&self) -> Option<String> {
        self.device.as_ref().and_then(Device::fault)
    }

    /// Why the machine was reset before this start, as the kernel's watchdog tells it; told once.
    pub(super) fn take_reset(&mut self, now: Timestamp) -> Option<String> {
        let cause = self.device.as_mut()?.take_boot_cause()?;
        let fresh = now < Timestamp::ZERO + AFTER_BOOT;
        fresh.then(|| format!("the gateway was reset by the kernel's watchdog before it booted: {cause}"))
    }

    /// Takes leave of all.
    ///
    /// # Errors
    /// The MCU was not told: a sentence with the reason.
    pub(super) async fn close(self, farewell: Farewell) -> Result<(), String> {
        if self.mcu.is_flashing() {
            notify::more_time(UPGRADE);
        }
        let told = self.mcu.close(farewell).await;
        if let Some(device) = self.device {
            device.close();
        }
        told
    }
}

fn settings(config: &Config) -> (Option<PathBuf>, Duration) {
    (config.watchdog.device.clone(), config.watchdog.device_timeout)
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
        turn(&mut feed, false, at(0));
        assert_eq!((feed.mcu.fed(), feed.device_fault()), (None, None), "not even opened");
        // A quarter of 8 s.
        assert_eq!(feed.poll_timeout(), Some(at(2_000)));
        turn(&mut feed, true, at(2_000));
        assert_eq!(feed.mcu.fed(), Some(at(2_000)));
        turn(&mut feed, false, at(4_000));
        turn(&mut feed, true, at(5_999));
        assert_eq!(feed.mcu.fed(), Some(at(2_000)), "4 s was left out, and 6 s is not yet");
        turn(&mut feed, true, at(30_000));
        assert!(feed.device_fault().is_some_and(|fault| fault.contains("load its driver")));
        assert!(feed.close(Farewell::Lease).await.is_err(), "nobody is on that port");
    }
}
