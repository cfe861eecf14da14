//! The modem of the program's LTE uplink: simulated, on a pty, and what can be done to it.

use crate::error::{Doing, Result};
use crate::modem::{Cure, Endpoint, Fault, Profile, Simulator};
use crate::sys;
use crate::topology::{Addressing, Lab};
use std::time::Duration;
use tempfile::TempDir;

/// A registration that is lost comes back after this: long enough to be seen, short enough to be waited for.
const LOST: Duration = Duration::from_secs(20);

/// A modem in a hurry boots within a tenth of a second; a busy machine may need this.
const BOOT: Duration = Duration::from_secs(10);

/// A running modem, and the directory in which its port is.
#[derive(Debug)]
pub(super) struct Mobile {
    modem: Simulator,
    /// What the agent's config has for it.
    pub(super) section: String,
    _home: TempDir,
}

/// What can be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// It answers no more; a port that is opened anew helps.
    Hang,
    /// It looks well and carries nothing; a new bearer helps.
    Stall,
    /// The network takes its bearer away.
    Drop,
    /// Its network is gone for a while.
    Lost,
    /// Whatever is wrong with it ends.
    Mend,
}

impl Mobile {
    /// Whether a modem can be simulated here.
    pub(super) fn is_possible() -> bool {
        sys::open_pty().is_ok()
    }

    /// Puts a modem on the uplink `link`, which carries nothing from now on but its bearer.
    pub(super) fn on(lab: &Lab, link: &str) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("shunt-lab-modem-").tempdir();
        let home = home.doing(|| "make a directory for the modem's port".into())?;
        let port = home.path().join("modem");
        let section = format!("[[modem]]\nlink = \"{link}\"\nport = \"{}\"\n", port.display());
        let modem = lab.modem(link, Profile::plain(), vec![Endpoint::Line(port)], Addressing::Agent)?;
        // It was switched on long before the agent is started.
        modem.wait_for_ports(BOOT)?;
        Ok(Self { modem, section, _home: home })
    }

    /// Does it.
    pub(super) fn strike(&self, blow: Blow) -> Result<()> {
        self.modem.act(move |modem, now| match blow {
            Blow::Hang => modem.fault(Fault::Hang(Cure::Reopen), now),
            Blow::Stall => modem.fault(Fault::Stall(Cure::Bearer), now),
            Blow::Drop => modem.drop_bearer(now),
            Blow::Lost => modem.fault(Fault::Lost(Cure::After(LOST)), now),
            Blow::Mend => modem.mend(now),
        })
    }
}
