//! What another core must be told to start where this one stands. (The same core goes on from its whole state, which
//! is written and read by serde.)

use crate::failover::Failover;
use crate::{Command, Event, Family, LinkId};

impl Failover {
    /// What this core was told of the world and what still holds, as events for a core that is new. What was
    /// measured is not among it.
    #[must_use]
    pub fn facts(&self) -> Vec<Event> {
        let mut facts = Vec::new();
        for family in Family::ALL {
            let uplink = self.families.get(family).uplink;
            facts.extend(uplink.map(|link| Event::Adopted { family, link }));
        }
        facts.extend(self.lease.map(|force| Event::Command(Command::Force(force))));
        for (link, known) in (0..u8::MAX).map(LinkId).zip(&self.links) {
            facts.extend(known.carrier.map(|up| Event::Carrier { link, up, at: self.desk.now }));
            // Both paths know the same.
            let modem = known.paths().find_map(|path| path.modem);
            facts.extend(modem.map(|state| Event::Modem { link, state }));
            facts.extend(known.used_up.then_some(Event::Allowance { link, used_up: true }));
            for path in known.paths() {
                let family = path.family;
                facts.extend(path.presence.map(|state| Event::Path { link, family, state }));
            }
        }
        if self.window_open {
            facts.push(Event::Window { open: true });
        }
        facts
    }
}
