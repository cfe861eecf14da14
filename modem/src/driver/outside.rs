//! What takes a modem away and brings it back: its own reset, off USB, off, and its supply cut.

use super::hands::{Broken, Hands};
use super::tasks::{OTHER, UNSUPPORTED};
use crate::dialect::{Step, Told as Line};
use crate::ports::{Bus, Device, Sysfs};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// How long a modem is kept off USB: the kernel's drivers let go of it meanwhile.
const OFF_USB: Duration = Duration::from_secs(1);

/// How long after a modem said that it is off its ports are waited for to go: it may be writing still.
const FAREWELL: Duration = Duration::from_secs(15);

impl Hands {
    /// Resets the modem by command, and waits until its ports go.
    pub(super) async fn reset(&mut self) -> Result<(), Broken> {
        match self.act(Step::Reset).await {
            Ok(()) => {}
            Err(Broken::Gone) => return Ok(()),
            Err(broken) => return Err(broken),
        }
        self.listen(|_| false).await
    }

    /// Switches the modem off by command, and waits until it says so or its ports go. The standard has no such command: a
    /// modem that has none of its own is taken off the air, and says no farewell.
    pub(super) async fn power_off(&mut self) -> Result<(), Broken> {
        if self.pair.is_none() {
            return Err(OTHER);
        }
        let order = match self.act(Step::PowerOff).await {
            Ok(()) => Ok(()),
            Err(Broken::Gone) => return Ok(()),
            // Some say their farewell instead of OK.
            Err(Broken::TimedOut) if self.said_farewell() => Ok(()),
            Err(broken) => Err(broken),
        };
        match order {
            Ok(()) => self.listen(|told| matches!(told, Line::PoweredOff)).await?,
            Err(UNSUPPORTED) => self.act(Step::Minimum).await?,
            Err(broken) => return Err(broken),
        }
        let _those_of_a_line_stay = timeout(self.pace.real(FAREWELL), self.listen(|_| false)).await;
        Ok(())
    }

    /// Takes the modem off USB and brings it back, by `authorized` (Linux `Documentation/ABI/testing/sysfs-bus-usb`). One piece
    /// of work off the runtime: whoever stops waiting for it, by a limit or by the agent's end, does not keep the modem away.
    pub(super) async fn usb_reset(&mut self) -> Result<(), Broken> {
        let switch = self.usb_switch().filter(|_| self.config.usb).ok_or(UNSUPPORTED)?;
        self.let_go();
        info!(switch = %switch.display(), "the modem is taken off USB and brought back");
        let (file, time) = (switch.clone(), self.pace.real(OFF_USB));
        let (off, on) =
            spawn_blocking(move || off_and_on(&file, time)).await.map_err(|_the_runtime_ends| OTHER)?;
        off.map_err(|error| {
            warn!(switch = %switch.display(), %error, "failed to take the modem off USB; it must be there, and be the agent's user's by a rule of udev");
            // Nothing was done to it.
            UNSUPPORTED
        })?;
        on.map_err(|error| {
            warn!(switch = %switch.display(), %error, "failed to bring the modem back onto USB");
            OTHER
        })
    }

    /// Gives back what a killed predecessor left off USB, if that must be the modem. Aside, as the kernel takes its time.
    pub(super) fn bring_back(&self) {
        if !self.config.usb {
            return;
        }
        let (finder, sysfs) = (self.finder.clone(), self.config.sysfs.clone());
        let _nobody_waits = spawn_blocking(move || {
            let lost =
                finder.off_usb().inspect_err(|error| warn!(%error, "failed to look for a modem off USB"));
            for (device, sure) in lost.unwrap_or_default() {
                let switch = switch_of(&sysfs, &device);
                let shown = switch.display();
                if !sure {
                    warn!(switch = %shown, "a device off USB may be the modem; if it is, write 1 to this file");
                    continue;
                }
                match write(&switch, "1") {
                    Ok(()) => info!(switch = %shown, "the modem was left off USB, and is brought back"),
                    Err(error) => {
                        warn!(switch = %shown, %error, "failed to bring the modem back onto USB; write 1 to this file")
                    }
                }
            }
        });
    }

    /// Takes the supply away for `off`, and gives it back whatever happens.
    pub(super) async fn cut_power(&mut self, off: Duration) -> Result<(), Broken> {
        let ports = self.known.ports.clone();
        self.let_go();
        let cut = self.supply.cut(&mut self.tell).await;
        if cut.is_ok() {
            sleep(self.pace.real(off)).await;
            // Those of a modem that keeps its supply stay, and so do those of a line.
            self.counters.gone += u64::from(ports.iter().any(|port| !port.exists()));
        }
        if cut == Err(UNSUPPORTED) {
            return cut;
        }
        self.supply.give_back(&mut self.tell).await.and(cut)
    }

    /// The file that takes the modem off USB; also of one that never answered.
    pub(super) fn usb_switch(&self) -> Option<PathBuf> {
        let known = self.known.device.clone().or_else(|| self.finder.device());
        let device = known.filter(|device| device.bus == Bus::Usb)?;
        Some(switch_of(&self.config.sysfs, &device))
    }

    /// Listens until what is `wanted` is told, or the ports are gone: either is good.
    async fn listen(&mut self, wanted: impl Fn(&Line) -> bool) -> Result<(), Broken> {
        loop {
            let line = match self.next_urc().await {
                Ok(line) => line,
                Err(error) => match self.broken(&error) {
                    Broken::Gone => return Ok(()),
                    broken => return Err(broken),
                },
            };
            let told = self.dialect.urc(&line);
            if told.as_ref().is_some_and(&wanted) {
                return Ok(());
            }
            self.gathered.lines.push(line);
        }
    }

    /// Whether a line that came meanwhile says that the modem is off.
    fn said_farewell(&mut self) -> bool {
        while let Some(line) = self.pair.as_mut().and_then(crate::Pair::kept_urc) {
            if matches!(self.dialect.urc(&line), Some(Line::PoweredOff)) {
                return true;
            }
            self.gathered.lines.push(line);
        }
        false
    }
}

/// The file that takes `device` off USB.
fn switch_of(sysfs: &Sysfs, device: &Device) -> PathBuf {
    sysfs.folder(device).join("authorized")
}

/// Takes a device off USB for `time`: what came of that, and of bringing it back.
fn off_and_on(switch: &Path, time: Duration) -> (io::Result<()>, io::Result<()>) {
    let off = write(switch, "0");
    std::thread::sleep(time);
    // Whatever came of it: a modem that stays away is the worst.
    (off, write(switch, "1"))
}

/// Writes to a file of the kernel's, which takes its time where a device goes off the bus.
fn write(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}
