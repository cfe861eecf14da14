//! The upgrade on a port: bytes carried between it and those who know what they mean, the lines of BOOT0 and NRST, and the
//! file with the old program.

use super::backup;
use super::door::{Door, Errand, Met};
use super::image::{Identity, Image};
use super::outcome::{End, Failure, Phase};
use super::part::BOARD;
use super::pins::Pins;
use super::upgrade::{Output, Upgrade};
use crate::clock;
use crate::mcu::port;
use crate::mcu::trouble::refusal;
use shunt_config::{McuPins, McuPort};
use shunt_modem::Port;
use shunt_wire::{Hello, Outcome};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// Read, or written, at once: a block and what is around it.
const CHUNK: usize = 512;
/// A port that takes no byte for so long is gone.
const WRITING: Duration = Duration::from_secs(2);
/// The firmware answers a hello within milliseconds, and may have just booted.
const GREETING: Duration = Duration::from_secs(3);
/// The new one has its clock, its record and its line up within a second; a slow host's adapter may need some more.
const STARTING: Duration = Duration::from_secs(10);
/// From the reset to a boot loader that listens: milliseconds (AN2606), and the firmware's last answer goes before.
const SETTLING: Duration = Duration::from_millis(200);

/// A program that was written and did not start is kept under this name, beside the old one.
const FAILED: &str = "mcu-failed.bin";

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Job {
    /// The new program.
    pub(crate) image: Image,
    /// Where the MCU is.
    pub(crate) port: McuPort,
    /// The lines to its pins.
    pub(crate) pins: Option<McuPins>,
    /// The file for the old program.
    pub(crate) backup: PathBuf,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flashed {
    /// The firmware that runs now.
    pub(crate) now: Identity,
    /// What ran before; `None`: nothing that answered.
    pub(crate) before: Option<String>,
    /// It was not there before.
    pub(crate) changed: bool,
}

/// Why it was not. Completes "failed to …", with the mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlashError {
    /// The port.
    #[error("{0}")]
    Port(String),
    /// The lines.
    #[error("{0}")]
    Pins(String),
    /// It is another board.
    #[error(
        "flash the MCU: it says that its board is {0}, and the image is for {BOARD}; nothing was changed"
    )]
    Board(String),
    /// It does not go into its boot loader.
    #[error("have the MCU start its boot loader: {0}; nothing was changed")]
    Door(String),
    /// The upgrade itself.
    #[error("{failure}{mend}")]
    Upgrade {
        /// Where it ended.
        failure: String,
        /// What to do.
        mend: String,
    },
}

/// Flashes the MCU, from its running firmware to the first word of the new one. `tell` is told how far it is.
///
/// # Errors
/// It is not what it was to be; the message says what the MCU has now, and what to do.
pub(crate) async fn run(job: &Job, mut tell: impl FnMut(Phase, u8)) -> Result<Flashed, FlashError> {
    tell(Phase::Reaching, 0);
    let (port, path) = port::open(&job.port).map_err(FlashError::Port)?;
    let pins = match job.pins.clone() {
        Some(lines) => Some(Arc::new(blocking(move || Pins::take(&lines)).await.map_err(FlashError::Pins)?)),
        None => None,
    };
    let line = Line { port, name: path.display().to_string(), pins };
    let before = line.enter().await?;
    let ran = before.is_some();
    let file = job.backup.clone();
    let kept = spawn_blocking(move || backup::load(&file)).await.unwrap_or(None);
    let end = line.upgrade(job, kept, ran, &mut tell).await?;
    tell(Phase::Starting, 50);
    let patience = if let End::Done(_) = end { STARTING } else { GREETING };
    let runs = match end {
        // There is no whole program: a reset without BOOT0 could start what is there, and would be its end.
        End::Failed(Failure::Lost | Failure::Broken(_)) => None,
        End::Done(_) | End::Failed(_) => line.greet_anew(patience).await?,
    };
    let now = job.image.identity().clone();
    match (end, runs) {
        (End::Done(changed), Some(hello)) if hello.software.as_str() == now.version => {
            Ok(Flashed { now, before: before.map(|hello| clean(hello.software.as_str())), changed })
        }
        (End::Done(_), runs) => Err(line.no_start(job, runs.as_ref(), &mut tell).await),
        (End::Failed(failure), runs) => Err(FlashError::Upgrade {
            failure: failure.to_string(),
            mend: mend(failure, runs.is_some(), job.pins.is_some()),
        }),
    }
}

/// The line to the MCU.
struct Line {
    port: Port,
    name: String,
    pins: Option<Arc<Pins>>,
}

impl Line {
    /// Brings the MCU into its boot loader, and gives who answered before.
    async fn enter(&self) -> Result<Option<Hello>, FlashError> {
        let before = match self.talk(Errand::Greet, GREETING).await? {
            Met::Firmware(hello) if hello.board.as_str() == BOARD => Some(hello),
            Met::Firmware(other) => return Err(FlashError::Board(clean(other.board.as_str()))),
            Met::Nobody | Met::Refused(..) => None,
        };
        let met = if before.is_some() { self.talk(Errand::Enter, GREETING).await? } else { Met::Nobody };
        match (met, &self.pins) {
            (Met::Firmware(_), _) => {}
            (Met::Refused(_, Outcome::NotFitted) | Met::Nobody, Some(_)) => self.restart(true).await?,
            (Met::Refused(_, Outcome::NotFitted), None) => {
                let why = "its firmware has no way into it; wire its BOOT0 and NRST, or set BOOT0 high and reset it by hand";
                return Err(FlashError::Door(why.into()));
            }
            (Met::Refused(_, outcome), _) => return Err(FlashError::Door(refusal(&outcome))),
            // It may be in its boot loader already: empty, by hand, or from an upgrade that was cut short.
            (Met::Nobody, None) => {}
        }
        sleep(SETTLING).await;
        Ok(before)
    }

    /// Programs the part.
    async fn upgrade(
        &self,
        job: &Job,
        kept: Option<Image>,
        ran: bool,
        tell: &mut impl FnMut(Phase, u8),
    ) -> Result<End, FlashError> {
        self.set_parity(true)?;
        let mut upgrade = Upgrade::new(job.image.clone(), kept, ran, clock::now());
        let end = loop {
            let end = self.take_outputs(&mut upgrade, job, tell).await;
            if let Some(end) = end {
                break end;
            }
            // A port that takes nothing answers nothing: the boot loader counts as silent, and that is told.
            let _silence = self.write(&upgrade.take_outgoing()).await;
            let Some(due) = upgrade.poll_timeout() else { continue };
            let mut chunk = [0; CHUNK];
            tokio::select! {
                read = self.read(&mut chunk) => {
                    upgrade.receive(chunk.get(..read).unwrap_or_default(), clock::now());
                }
                () = sleep(due.since(clock::now())) => upgrade.handle_timeout(clock::now()),
            }
        };
        self.set_parity(false)?;
        Ok(end)
    }

    async fn take_outputs(
        &self,
        upgrade: &mut Upgrade,
        job: &Job,
        tell: &mut impl FnMut(Phase, u8),
    ) -> Option<End> {
        while let Some(output) = upgrade.poll_output() {
            match output {
                Output::At(phase, percent) => tell(phase, percent),
                Output::Keep(image) => {
                    let path = job.backup.clone();
                    let kept = blocking(move || {
                        backup::keep(&path, &image).map_err(|error| format!("{}: {error}", path.display()))
                    });
                    let kept = kept.await.inspect_err(|error| tracing::error!("failed to write {error}"));
                    upgrade.kept(kept.is_ok(), clock::now());
                }
                Output::Ended(end) => return Some(end),
            }
        }
        None
    }

    /// Who runs now.
    async fn greet_anew(&self, patience: Duration) -> Result<Option<Hello>, FlashError> {
        let hello = |met| if let Met::Firmware(hello) = met { Some(hello) } else { None };
        if let Some(hello) = hello(self.talk(Errand::Greet, patience).await?) {
            return Ok(Some(hello));
        }
        if self.pins.is_none() {
            return Ok(None);
        }
        self.restart(false).await?;
        Ok(hello(self.talk(Errand::Greet, STARTING).await?))
    }

    /// The new program is written as it should be, and does not answer as it should.
    async fn no_start(
        &self,
        job: &Job,
        runs: Option<&Hello>,
        tell: &mut impl FnMut(Phase, u8),
    ) -> FlashError {
        let failure = match runs {
            Some(hello) => format!(
                "start {}: it is written and verified, and firmware {} answers",
                job.image.identity(),
                clean(hello.software.as_str())
            ),
            None => {
                format!("start {}: it is written and verified, and does not answer", job.image.identity())
            }
        };
        let file = job.backup.clone();
        let old = spawn_blocking(move || backup::load(&file)).await.unwrap_or(None);
        let back = match old {
            Some(image) if self.pins.is_some() && image != job.image => {
                // The file keeps what it has: it is all that is left, if this fails too.
                let backup = job.backup.with_file_name(FAILED);
                let job = Job { image, backup, port: job.port.clone(), pins: job.pins.clone() };
                Some(self.go_back(&job, tell).await.unwrap_or(false))
            }
            Some(_) | None => None,
        };
        let file = job.backup.display();
        let mend = match back {
            Some(true) => "; the program from before is back and answers".into(),
            Some(false) => {
                format!("; the program from before could not be brought back; flash {file} by hand")
            }
            None => format!(
                "; take its supply away for a moment; if it stays silent, set BOOT0 high, reset it, and flash {file}"
            ),
        };
        FlashError::Upgrade { failure, mend }
    }

    /// Brings the old program back by the pins, and tells whether it answers.
    async fn go_back(&self, job: &Job, tell: &mut impl FnMut(Phase, u8)) -> Result<bool, FlashError> {
        self.restart(true).await?;
        sleep(SETTLING).await;
        self.upgrade(job, None, false, &mut |_, percent| tell(Phase::Restoring, percent)).await?;
        self.greet_anew(STARTING).await.map(|runs| runs.is_some())
    }

    async fn talk(&self, errand: Errand, patience: Duration) -> Result<Met, FlashError> {
        let id = RandomState::new().hash_one(std::process::id()) as u32;
        let mut door = Door::new(errand, id, patience, clock::now());
        loop {
            self.write(&door.take_outgoing()).await.map_err(FlashError::Port)?;
            if let Some(met) = door.met() {
                return Ok(met.clone());
            }
            let due = door.poll_timeout();
            let mut chunk = [0; CHUNK];
            tokio::select! {
                read = self.read(&mut chunk) => {
                    door.receive(chunk.get(..read).unwrap_or_default(), clock::now());
                }
                () = sleep(due.since(clock::now())) => {}
            }
            door.handle_timeout(clock::now());
        }
    }

    async fn restart(&self, into_loader: bool) -> Result<(), FlashError> {
        let Some(pins) = self.pins.clone() else { return Ok(()) };
        blocking(move || pins.restart(into_loader)).await.map_err(FlashError::Pins)
    }

    fn set_parity(&self, even: bool) -> Result<(), FlashError> {
        let failed = |error| FlashError::Port(format!("set the parity of {}: {error}", self.name));
        self.port.set_even_parity(even).map_err(failed)
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), String> {
        for chunk in bytes.chunks(CHUNK) {
            match timeout(WRITING, self.port.write_all(chunk)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(format!("write to {}: {error}", self.name)),
                Err(_) => return Err(format!("write to {}: it takes no bytes", self.name)),
            }
        }
        Ok(())
    }

    /// What came. A port that is gone brings nothing any more: whoever waits for it has a deadline.
    async fn read(&self, chunk: &mut [u8]) -> usize {
        match self.port.read(chunk).await {
            Ok(read @ 1..) => read,
            Ok(0) | Err(_) => std::future::pending().await,
        }
    }
}

/// What to do after a failure.
fn mend(failure: Failure, runs: bool, pins: bool) -> String {
    let again = "; run `shunt mcu flash` again, which goes on where this ended";
    match failure {
        Failure::NoLoader if runs => "; its firmware runs on; try again".into(),
        Failure::NoLoader if pins => {
            "; are the lines of BOOT0 and NRST the right ones, and is the MCU's option bit nBOOT_SEL 0?"
                .into()
        }
        Failure::NoLoader => {
            "; set its BOOT0 high, reset it, and run this again; an MCU without a program needs its \
                              supply taken away for a moment instead"
                .into()
        }
        Failure::Lost | Failure::Broken(_) => {
            format!("{again}; leave the supply on, or take it away: it stays in its boot loader either way")
        }
        _ if runs => "; its firmware runs".into(),
        _ => "; the MCU does not answer yet: reset it, or take its supply away for a moment".into(),
    }
}

/// What may hold up a thread does so on another one.
async fn blocking<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    spawn_blocking(what).await.unwrap_or_else(|_| Err("go on: this program ends".into()))
}

/// A name from the other side of a line, for a terminal.
fn clean(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).collect()
}
