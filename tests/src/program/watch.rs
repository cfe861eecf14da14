//! The board's watchdog in the demo: a stand-in for the MCU, fed by the agent.

use super::screen::Screen;
use crate::error::{Doing, LabError, Result};
use crate::mcu::{Stage, StandIn};
use std::time::Duration;
use tempfile::TempDir;

/// The stand-in, and the config's section that names it.
pub(super) struct Watch {
    mcu: StandIn,
    pub(super) section: String,
    _home: TempDir,
}

impl Watch {
    pub(super) fn start() -> Result<Self> {
        let home = tempfile::Builder::new().prefix("shunt-mcu-").tempdir();
        let home = home.doing(|| "make a directory for the MCU".into())?;
        let mcu = StandIn::start(home.path(), None)?;
        let section = format!("[watchdog.mcu]\nport = {:?}\n", mcu.port());
        Ok(Self { mcu, section, _home: home })
    }

    /// The agent fed it all the time: a move is no silence.
    pub(super) fn look(&self, screen: &Screen) -> Result<()> {
        let seen = self.mcu.seen()?;
        let (feeds, moved) = (seen.feeds, seen.changes.len());
        screen.act(&format!(
            "looks at the watchdog MCU: {feeds} feeds came, and {moved} pins moved; without feeds it would reset the gateway"
        ));
        if feeds > 0 && moved == 0 && matches!(seen.stage, Some(Stage::Guarding { .. })) {
            return Ok(());
        }
        let (awaited, instead) = ("an MCU that is fed and calm".into(), format!("{seen:?}"));
        Err(LabError::Late { awaited, waited: Duration::ZERO, instead })
    }
}
