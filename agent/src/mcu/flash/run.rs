//! The upgrade on a port: bytes carried between it and those who know what they mean, the lines of BOOT0 and NRST, and the
//! file with the old program.

use super::backup;
use super::door::{Errand, Met};
use super::image::{Identity, Image};
use super::line::{CHUNK, Line};
use super::outcome::{End, Failure, Phase};
use super::part::BOARD;
use super::upgrade::{Output, Upgrade};
use crate::clock;
use crate::mcu::trouble::refusal;
use shunt_config::{McuPins, McuPort};
use shunt_wire::{Hello, Outcome};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// The firmware answers a hello within milliseconds, and may have just booted.
const GREETING: Duration = Duration::from_secs(3);
/// The new one has its clock, its record and its line up within a second; a slow host's adapter may need some more.
const STARTING: Duration = Duration::from_secs(10);
/// From the reset to a boot loader that listens: milliseconds (AN2606), and the firmware's last answer goes before.
const SETTLING: Duration = Duration::from_millis(200);
/// A disk that takes this long for 60 KB is stuck, and the MCU is not to wait in its boot loader for it.
const DISK: Duration = Duration::from_secs(20);

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
    /// The port, or the lines.
    #[error("{0}")]
    Line(String),
    /// The directory for the old program.
    #[error("keep the program that is in the MCU: {path}: {error}; nothing was changed", path = .path.display())]
    Disk {
        /// The file that it would be.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
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

/// Flashes the MCU, from its running firmware to the first word of the new one. `tell` is told how far it is. Whatever can be
/// known to fail beforehand does so while the firmware still runs.
///
/// # Errors
/// It is not what it was to be; the message says what the MCU has now, and what to do.
pub(crate) async fn run(job: &Job, tell: impl FnMut(Phase, u8)) -> Result<Flashed, FlashError> {
    let line = Line::open(&job.port, job.pins.as_ref()).map_err(FlashError::Line)?;
    over(&line, job, tell).await
}

/// The same over a line that is open.
pub(super) async fn over(
    line: &Line,
    job: &Job,
    mut tell: impl FnMut(Phase, u8),
) -> Result<Flashed, FlashError> {
    tell(Phase::Reaching, 0);
    let kept = job.ready().await?;
    let before = line.enter().await?;
    let ran = before.is_some();
    let end = line.upgrade_whatever_is_there(job, kept, ran, &mut tell).await;
    tell(Phase::Starting, 50);
    let runs = line.who_runs(end, ran).await;
    let now = job.image.identity().clone();
    match (end, runs) {
        (End::Done(changed), Some(hello)) if hello.software.as_str() == now.version => {
            Ok(Flashed { now, before: before.map(|hello| clean(hello.software.as_str())), changed })
        }
        (End::Done(_), runs) => Err(line.no_start(job, runs.as_ref(), &mut tell).await),
        (End::Failed(failure), runs) => Err(FlashError::Upgrade {
            failure: failure.to_string(),
            mend: mend(failure, runs.is_some(), ran, line.pins.is_some()),
        }),
    }
}

impl Job {
    /// The program to go back to where the part has none. There is room for what the part has.
    async fn ready(&self) -> Result<Option<Image>, FlashError> {
        let (path, image) = (self.backup.clone(), self.image.clone());
        let ready = on_disk(move || backup::try_room(&path).map(|()| backup::load(&path, &image)));
        ready.await.map_err(|error| FlashError::Disk { path: self.backup.clone(), error })
    }

    /// Puts the program that was read out on the disk; whether it is there.
    async fn keep(&self, before: Image) -> bool {
        let (path, image) = (self.backup.clone(), self.image.clone());
        let kept = on_disk(move || backup::keep(&path, &before, &image)).await;
        kept.inspect_err(|error| tracing::error!("failed to write {}: {error}", self.backup.display()))
            .is_ok()
    }
}

impl Line {
    /// Brings the MCU into its boot loader, and gives who answered before.
    async fn enter(&self) -> Result<Option<Hello>, FlashError> {
        let before = match self.talk(Errand::Greet, GREETING).await.map_err(FlashError::Line)? {
            Met::Firmware(hello) if hello.board.as_str() == BOARD => Some(hello),
            Met::Firmware(other) => return Err(FlashError::Board(clean(other.board.as_str()))),
            Met::Nobody | Met::Refused(..) => None,
        };
        let met = match before {
            Some(_) => self.talk(Errand::Enter, GREETING).await,
            None => Ok(Met::Nobody),
        };
        let entered = match (met, &self.pins) {
            (Ok(Met::Firmware(_)), _) => Ok(()),
            (Ok(Met::Refused(_, Outcome::NotFitted) | Met::Nobody), Some(_)) => self.restart(true).await,
            (Ok(Met::Refused(_, Outcome::NotFitted)), None) => {
                let why = "its firmware has no way into it; wire its BOOT0 and NRST; or stop the agent, whose feeds make a boot loader \
                           deaf, set BOOT0 high, reset it by hand, and use --port";
                return Err(FlashError::Door(why.into()));
            }
            (Ok(Met::Refused(_, outcome)), _) => return Err(FlashError::Door(refusal(&outcome))),
            // It may be in its boot loader already: empty, by hand, or from an upgrade that was cut short.
            (Ok(Met::Nobody), None) => Ok(()),
            (Err(gone), _) => Err(gone),
        };
        if let Err(error) = entered {
            // It may be on its way into the loader, and has a whole program if it answered.
            if before.is_some() {
                let _as_well_as_may_be = self.restart(false).await;
            }
            return Err(FlashError::Line(error));
        }
        sleep(SETTLING).await;
        Ok(before)
    }

    /// Programs the part, also one whose first double word is torn: where its loader stops twice at that word, after a reset by
    /// the pins each time, all is erased unread.
    async fn upgrade_whatever_is_there(
        &self,
        job: &Job,
        kept: Option<Image>,
        ran: bool,
        tell: &mut impl FnMut(Phase, u8),
    ) -> End {
        let new = |unread: bool| match unread {
            true => Upgrade::unread(job.image.clone(), kept.clone(), clock::now()),
            false => Upgrade::new(job.image.clone(), kept.clone(), ran, clock::now()),
        };
        let mut end = self.upgrade(job, new(false), tell).await;
        for unread in [false, true] {
            if end != End::Failed(Failure::Torn) || self.pins.is_none() || self.restart(true).await.is_err() {
                break;
            }
            sleep(SETTLING).await;
            end = self.upgrade(job, new(unread), tell).await;
        }
        end
    }

    /// Carries it out. From here on a port that does nothing is one that is silent: what the part has matters more.
    async fn upgrade(&self, job: &Job, mut upgrade: Upgrade, tell: &mut impl FnMut(Phase, u8)) -> End {
        let _told_as_silence = self.set_parity(true);
        let end = 'over: loop {
            while let Some(output) = upgrade.poll_output() {
                match output {
                    Output::At(phase, percent) => tell(phase, percent),
                    Output::Keep(before) => upgrade.kept(job.keep(before).await, clock::now()),
                    Output::Ended(end) => break 'over end,
                }
            }
            let _told_as_silence = self.write(&upgrade.take_outgoing()).await;
            let Some(due) = upgrade.poll_timeout() else { continue };
            let mut chunk = [0; CHUNK];
            tokio::select! {
                read = self.read(&mut chunk) => {
                    upgrade.receive(chunk.get(..read).unwrap_or_default(), clock::now());
                }
                () = sleep(due.since(clock::now())) => {}
            }
            // Also while something comes without end.
            upgrade.handle_timeout(clock::now());
        };
        let _told_as_silence = self.set_parity(false);
        end
    }

    /// Who runs after the upgrade. A reset without BOOT0 starts what is in the flash, whatever it is, so there is one only
    /// where there is a whole program.
    async fn who_runs(&self, end: End, ran: bool) -> Option<Hello> {
        let (whole, patience) = match end {
            End::Done(_) => (true, STARTING),
            End::Failed(Failure::RolledBack(_) | Failure::NotStarted) => (true, GREETING),
            End::Failed(Failure::Lost | Failure::Broken(_)) => return None,
            // Nothing was erased. By its pins a part was reset that may be on another line than this one, and guarded: whatever
            // it has is started again, and a part without a program comes into its loader by the same pins.
            End::Failed(Failure::NoLoader | Failure::Line(_) | Failure::Keep) => (true, GREETING),
            End::Failed(Failure::Torn | Failure::Product(_) | Failure::Protected) => (ran, GREETING),
        };
        let runs = self.greet(patience).await;
        if runs.is_some() || !whole || self.pins.is_none() {
            return runs;
        }
        self.restart(false).await.inspect_err(|error| tracing::error!("failed to {error}")).ok()?;
        self.greet(STARTING).await
    }

    /// Who answers; nobody does on a port that is gone.
    async fn greet(&self, patience: Duration) -> Option<Hello> {
        match self.talk(Errand::Greet, patience).await {
            Ok(Met::Firmware(hello) | Met::Refused(hello, _)) => Some(hello),
            Ok(Met::Nobody) => None,
            Err(error) => {
                tracing::error!("failed to {error}");
                None
            }
        }
    }

    /// The new program is written as it should be, and does not answer as it should.
    async fn no_start(
        &self,
        job: &Job,
        runs: Option<&Hello>,
        tell: &mut impl FnMut(Phase, u8),
    ) -> FlashError {
        let answers = runs.map_or_else(
            || "does not answer".to_owned(),
            |hello| format!("firmware {} answers", clean(hello.software.as_str())),
        );
        let failure = format!("start {}: it is written and verified, and {answers}", job.image.identity());
        let old = job.ready().await.ok().flatten();
        let back = match old {
            Some(image) if self.pins.is_some() => {
                // The file keeps what it has: it is all that is left, if this fails too.
                let backup = job.backup.with_file_name(FAILED);
                let job = Job { image, backup, port: job.port.clone(), pins: job.pins.clone() };
                Some(self.go_back(&job, tell).await)
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

    /// Brings the old program back by the pins, and tells whether that is the one that answers.
    async fn go_back(&self, job: &Job, tell: &mut impl FnMut(Phase, u8)) -> bool {
        if self.restart(true).await.is_err() {
            return false;
        }
        sleep(SETTLING).await;
        let upgrade = Upgrade::new(job.image.clone(), None, false, clock::now());
        let end = self.upgrade(job, upgrade, &mut |_, percent| tell(Phase::Restoring, percent)).await;
        let runs = self.who_runs(end, false).await;
        let version = &job.image.identity().version;
        matches!(end, End::Done(_)) && runs.is_some_and(|hello| hello.software.as_str() == version)
    }
}

/// What to do after a failure. `ran`: its firmware answered before.
fn mend(failure: Failure, runs: bool, ran: bool, pins: bool) -> String {
    match failure {
        Failure::NoLoader if runs => "; nothing was written, and its firmware runs on; try again".into(),
        Failure::NoLoader if ran => {
            "; nothing was written, and it guards nothing until it is reset, or its supply was away for a moment: then its \
             program starts again"
                .into()
        }
        Failure::NoLoader if pins => {
            "; nothing was written, and the MCU at the lines of BOOT0 and NRST was reset into its program. Nobody answers \
             here: is the port that of this MCU, are the lines the right ones, and is its option bit nBOOT_SEL 0? Until it \
             answers it guards nothing"
                .into()
        }
        Failure::NoLoader => {
            "; nothing was written, and an MCU that does not run guards nothing; if the port is the right one, set its BOOT0 \
             high, reset it, and run this again; an MCU without a program needs its supply taken away for a moment instead"
                .into()
        }
        Failure::Torn if pins => "; nothing was written, and it guards nothing; run this again, or use a probe".into(),
        Failure::Torn => {
            "; nothing was written, and it guards nothing; if that is so each time, wire its BOOT0 and NRST, by which this command erases it unread, or \
             use a probe"
                .into()
        }
        Failure::Lost | Failure::Broken(_) => {
            "; run `shunt mcu flash` again, which goes on where this ended; until then do not reset it without BOOT0".into()
        }
        _ if runs => "; its firmware runs".into(),
        _ => "; it waits in its boot loader, and guards nothing: reset it, or take its supply away for a moment".into(),
    }
}

/// What may hold up a thread does so on another one, and not for ever.
async fn on_disk<T: Send + 'static>(what: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match timeout(DISK, spawn_blocking(what)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(io::Error::other("this program ends")),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// A name from the other side of a line, for a terminal.
fn clean(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).collect()
}
