//! `shunt mcu flash`: another firmware for the watchdog MCU, over the boot loader in its ROM.
//!
//! The part is too small for two programs, so there is a time in which it has none. What is decided in that time is in
//! [`upgrade`] and [`loader`], which know neither port nor clock; [`run`] carries it out, for the daemon and for a command line
//! without one.

mod backup;
mod door;
mod image;
mod line;
mod loader;
mod outcome;
mod part;
mod pins;
mod run;
#[cfg(test)]
pub(super) mod tests;
mod upgrade;

pub(crate) use image::Image;
pub(super) use loader::{ACK, NACK, SPEED};
pub(crate) use outcome::Phase;
pub(crate) use run::{FlashError, Flashed, Job, run};

use crate::api::mcu::McuFlash;
use std::path::{Path, PathBuf};

/// The file with the program from before, in the state directory.
const BACKUP: &str = "mcu-before.bin";

/// The upgrade as it begins, for whoever asks.
pub(crate) fn begun(image: &Image) -> McuFlash {
    let text = format!("the MCU is being flashed with {}", image.identity());
    shown("running", Phase::Reaching, 0, text)
}

/// The same, somewhat further.
pub(crate) fn under_way(image: &Image, phase: Phase, percent: u8) -> McuFlash {
    McuFlash { phase: name(phase).into(), percent, ..begun(image) }
}

/// The same, when it is over. `backup` is the file with the program from before.
pub(crate) fn over(result: &Result<Flashed, FlashError>, backup: &Path) -> McuFlash {
    match result {
        Ok(Flashed { now, changed: false, .. }) => {
            let text = format!("the MCU had {now} already, every byte of it; it was started anew");
            shown("done", Phase::Starting, 100, text)
        }
        Ok(Flashed { now, before, changed: true }) => {
            let before = before.as_ref().map_or_else(
                || "before, none answered".to_owned(),
                |version| format!("before, it was {version}, which is kept in {}", backup.display()),
            );
            let text = format!("the MCU runs {now}, verified byte by byte; {before}");
            shown("done", Phase::Starting, 100, text)
        }
        Err(error) => shown("failed", Phase::Starting, 0, format!("failed to {error}")),
    }
}

/// Where the program from before is kept.
pub(crate) fn backup(state_dir: &Path) -> PathBuf {
    state_dir.join(BACKUP)
}

fn shown(state: &str, phase: Phase, percent: u8, text: String) -> McuFlash {
    McuFlash { state: state.into(), phase: name(phase).into(), percent, text }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Reaching => "reaching",
        Phase::Reading => "reading",
        Phase::Writing => "writing",
        Phase::Restoring => "restoring",
        Phase::Starting => "starting",
    }
}
