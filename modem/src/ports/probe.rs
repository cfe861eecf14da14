//! Whether a port takes commands: of a modem's ports some tell positions, some are for diagnosis.

use crate::error::ModemError;
use crate::session::{Session, Timing};
use shunt_at::{Class, Command, Echo, Final, Outcome};
use std::path::Path;
use std::time::Duration;

/// How ports are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probing {
    /// Symbols a second, where the port has a speed. USB has none.
    pub baud: u32,
    /// How a port is fenced. Short: what takes commands answers at once, and the others would cost it each time.
    pub timing: Timing,
    /// How long the answer to a question may take.
    pub answer: Duration,
}

impl Default for Probing {
    /// A silent port costs two seconds.
    fn default() -> Self {
        let timing = Timing {
            drain: Duration::ZERO,
            fence: Duration::from_secs(1),
            quiet: Duration::from_millis(200),
            fences: 2,
            prompt: Duration::ZERO,
            guard: Duration::ZERO,
        };
        Self { baud: 115_200, timing, answer: Duration::from_secs(2) }
    }
}

/// What a port that takes commands said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Whether it repeats what it is sent.
    pub echo: Echo,
    /// The model (`AT+CGMM`), line by line.
    pub model: Vec<String>,
    /// What it says its IMEI is (`AT+CGSN`), line by line; none before the modem has one at hand.
    pub imei: Vec<String>,
}

/// Asks the port at `path` for the modem's model and IMEI, and closes it again. `None` when it takes no commands.
///
/// # Errors
///
/// [`ModemError::Open`] when it cannot be opened.
pub async fn probe(path: &Path, probing: &Probing) -> Result<Option<Probed>, ModemError> {
    for echo in [Echo::On, Echo::Off] {
        let mut session = Session::open(path, probing.baud, echo, probing.timing)?;
        match session.fence().await {
            Ok(()) => {}
            Err(ModemError::NoEcho) => continue,
            Err(_silent) => return Ok(None),
        }
        let Some(model) = answer(&mut session, "AT+CGMM", probing.answer).await else { return Ok(None) };
        let imei = answer(&mut session, "AT+CGSN", probing.answer).await.unwrap_or_default();
        return Ok(Some(Probed { echo, model, imei }));
    }
    Ok(None)
}

/// The lines of a good answer.
async fn answer(session: &mut Session, text: &str, limit: Duration) -> Option<Vec<String>> {
    let command = Command::new(text, Class::MultiLine("")).ok()?;
    let reply = session.command(command, limit).await.ok()?;
    (reply.outcome == Outcome::Final(Final::Ok) && !reply.lines.is_empty()).then_some(reply.lines)
}
