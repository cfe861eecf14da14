//! The AT ports of one modem: one for commands, and a sibling to hear from and to poke when the first is silent.

use crate::error::ModemError;
use crate::session::Session;
use tracing::warn;

/// One port for commands, and maybe a sibling of the same modem.
#[derive(Debug)]
pub struct Pair {
    commands: Session,
    sibling: Option<Session>,
}

impl Pair {
    /// `commands` takes the commands; `sibling` is another AT port of the same modem, if it has one.
    #[must_use]
    pub fn new(commands: Session, sibling: Option<Session>) -> Self {
        Self { commands, sibling }
    }

    /// The port for commands.
    pub fn commands(&mut self) -> &mut Session {
        &mut self.commands
    }

    /// The sibling, if there is one and it is not gone.
    pub fn sibling(&mut self) -> Option<&mut Session> {
        self.sibling.as_mut()
    }

    /// Takes another AT port of the same modem as the sibling.
    pub fn adopt(&mut self, sibling: Session) {
        self.sibling = Some(sibling);
    }

    /// The next unsolicited line of either port. Many modems tell each on all ports, so that it comes twice. May be
    /// dropped at any time. A sibling whose port is gone is let go of, and told by [`Pair::sibling`].
    ///
    /// # Errors
    ///
    /// When the port for commands is gone.
    pub async fn next_urc(&mut self) -> Result<String, ModemError> {
        let Self { commands, sibling } = self;
        if let Some(other) = sibling {
            tokio::select! {
                urc = commands.next_urc() => return urc,
                urc = other.next_urc() => match urc {
                    Ok(urc) => return Ok(urc),
                    Err(error) => warn!(%error, "the modem's second port is given up"),
                },
            }
            *sibling = None;
        }
        commands.next_urc().await
    }

    /// Unsolicited lines that were dropped because nobody took them in time.
    #[must_use]
    pub fn urcs_lost(&self) -> u64 {
        let sibling = self.sibling.as_ref().map_or(0, Session::urcs_lost);
        self.commands.urcs_lost().saturating_add(sibling)
    }

    /// The next unsolicited line that either port has kept, without waiting for one.
    pub fn kept_urc(&mut self) -> Option<String> {
        let sibling = &mut self.sibling;
        self.commands.kept_urc().or_else(|| sibling.as_mut().and_then(Session::kept_urc))
    }

    /// Asks whether the modem answers on the sibling: whether it hangs, or only its port for commands does. `None` without
    /// a sibling.
    ///
    /// # Errors
    ///
    /// When the sibling's port is gone, or the modem does not answer there either.
    pub async fn poke(&mut self) -> Option<Result<(), ModemError>> {
        Some(self.sibling.as_mut()?.fence().await)
    }

    /// Lets the ports change places, so that commands go over the sibling. Whether there was one.
    pub fn swap(&mut self) -> bool {
        match &mut self.sibling {
            None => false,
            Some(sibling) => {
                std::mem::swap(&mut self.commands, sibling);
                true
            }
        }
    }
}
