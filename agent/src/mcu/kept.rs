//! What is kept of the MCU over a restart: how far its record was told, and on which ports one was armed. It guards the
//! gateway by itself, so an agent that is configured without it must know that it is there.

use crate::state_file;
use serde::{Deserialize, Serialize};
use shunt_config::McuPort;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The file in the state directory.
const FILE: &str = "mcu.json";

/// Ports on which one may be armed: a board has one MCU, and that was not moved many times. The first is forgotten for more.
const MOST_ARMED: usize = 8;

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// All before this entry of the MCU's record was told; `None`: nothing is known of that.
    pub(super) told: Option<u32>,
    /// Where an MCU guards the gateway that was not disarmed: on the port of the config, and on those of configs before it.
    #[serde(default)]
    armed_on: Vec<Place>,
}

/// A port, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Path(PathBuf),
    Usb { vendor: u16, product: u16 },
}

impl Kept {
    /// What the state directory has; a file that cannot be read is told, and counts as none.
    pub(super) fn load(state_dir: &Path) -> Self {
        Self::read(state_dir).unwrap_or_else(|error| {
            warn(state_dir, &error);
            Self::default()
        })
    }

    /// The same, but what is there and cannot be read now is not nothing. Content that is none is: it will never be another.
    fn read(state_dir: &Path) -> io::Result<Self> {
        match state_file::load(&state_dir.join(FILE)) {
            Ok(kept) => Ok(kept.unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                warn(state_dir, &error);
                Ok(Self::default())
            }
            Err(error) => Err(error),
        }
    }

    fn save(&self, state_dir: &Path) -> io::Result<()> {
        state_file::save(&state_dir.join(FILE), self)
    }

    /// Changes what the state directory has; `change` tells whether it changed anything. To be called by one thread at a
    /// time: what others wrote is kept.
    ///
    /// # Errors
    /// Whatever the file system says. What could not be read is left as it is: it may tell of other ports.
    pub(super) fn update(state_dir: &Path, change: impl FnOnce(&mut Self) -> bool) -> io::Result<()> {
        let mut kept = Self::read(state_dir)?;
        if change(&mut kept) { kept.save(state_dir) } else { Ok(()) }
    }

    /// Where MCUs are armed.
    pub(super) fn armed(&self) -> Vec<McuPort> {
        let port = |place: &Place| match place.clone() {
            Place::Path(path) => McuPort::Path(path),
            Place::Usb { vendor, product } => McuPort::Usb { vendor, product },
        };
        self.armed_on.iter().map(port).collect()
    }

    /// An MCU is armed there. Tells whether that is news.
    pub(super) fn arm(&mut self, port: &McuPort) -> bool {
        let place = place(port);
        let news = !self.armed_on.contains(&place);
        if news {
            if self.armed_on.len() >= MOST_ARMED {
                self.armed_on.remove(0);
            }
            self.armed_on.push(place);
        }
        news
    }

    /// None is armed there any more. Tells whether that is news.
    pub(super) fn disarm(&mut self, port: &McuPort) -> bool {
        let (place, before) = (place(port), self.armed_on.len());
        self.armed_on.retain(|armed| *armed != place);
        self.armed_on.len() != before
    }
}

fn warn(state_dir: &Path, error: &io::Error) {
    let file = state_dir.join(FILE);
    tracing::warn!("failed to read {}: {error}; the MCU's record is told again", file.display());
}

fn place(port: &McuPort) -> Place {
    match port {
        McuPort::Path(path) => Place::Path(path.clone()),
        McuPort::Usb { vendor, product } => Place::Usb { vendor: *vendor, product: *product },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_so_does_what_an_earlier_version_kept() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Kept::load(directory.path()), Kept::default());
        std::fs::write(directory.path().join(FILE), "{\"told\": 7}").unwrap();
        assert_eq!(Kept::load(directory.path()), Kept { told: Some(7), ..Kept::default() });
        let ports =
            [McuPort::Path("/dev/serial/by-id/one".into()), McuPort::Usb { vendor: 0x1a86, product: 0x7523 }];
        let update = |change: fn(&mut Kept, &McuPort) -> bool, port: &McuPort| {
            let mut news = false;
            let changed = |kept: &mut Kept| {
                news = change(kept, port);
                news
            };
            Kept::update(directory.path(), changed).unwrap();
            (news, Kept::load(directory.path()).armed())
        };
        for (count, port) in (1..).zip(&ports) {
            assert_eq!(update(Kept::arm, port), (true, ports[..count].to_vec()));
            assert_eq!(update(Kept::arm, port), (false, ports[..count].to_vec()));
        }
        assert_eq!(update(Kept::disarm, &ports[0]), (true, ports[1..].to_vec()));
        assert_eq!(update(Kept::disarm, &ports[0]), (false, ports[1..].to_vec()));
        assert_eq!(Kept::load(directory.path()).told, Some(7));
        for number in 0..20 {
            let (_, armed) = update(Kept::arm, &McuPort::Path(format!("/dev/ttyS{number}").into()));
            assert!(armed.len() <= MOST_ARMED, "{armed:?}");
        }
        for broken in ["{", "", "{\"told\": \"x\"}"] {
            std::fs::write(directory.path().join(FILE), broken).unwrap();
            assert_eq!(Kept::load(directory.path()), Kept::default());
            assert_eq!(update(Kept::arm, &ports[0]), (true, ports[..1].to_vec()));
        }
    }

    /// Reading may fail for a moment, and what is there tells of MCUs that guard.
    #[test]
    fn what_cannot_be_read_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE);
        std::os::unix::fs::symlink(&file, &file).unwrap();
        let port = McuPort::Path("/dev/ttyS1".into());
        let refused = Kept::update(directory.path(), |kept| kept.arm(&port)).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(40), "ELOOP: {refused}");
        assert!(file.is_symlink(), "as it was");
        assert_eq!(Kept::load(directory.path()), Kept::default(), "and the agent starts all the same");
    }
}
