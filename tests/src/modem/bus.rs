//! What the host's bus does to the modem: taken away and taken back, it goes on, and has lost its ports meanwhile.

use super::core::{Due, Modem};
use super::fault::Deed;
use super::state::Power;
use shunt_decision::Timestamp;

impl Modem {
    /// The modem is taken from the bus and bound again: its ports go and come, and it goes on.
    pub fn rebind(&mut self, now: Timestamp) {
        self.at(now, |modem| {
            if matches!(modem.power, Power::Booting | Power::On) {
                modem.mend_by(Deed::Rebind);
                modem.close_ports();
                modem.after(modem.profile.timing.enumerate, Due::Rebound);
            }
        });
    }

    /// The host takes the modem from the bus, or back onto it.
    pub fn set_authorized(&mut self, on: bool, now: Timestamp) {
        self.at(now, |modem| modem.shut_out = !on);
        if on {
            self.rebind(now);
        } else {
            self.at(now, Self::close_ports);
        }
    }

    /// Whether the host has it on the bus.
    #[must_use]
    pub const fn is_authorized(&self) -> bool {
        !self.shut_out
    }
}
