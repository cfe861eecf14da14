//! What is kept of the MCU over a restart: how far its record was told, and on which port it was armed. It guards the
//! gateway by itself, so an agent that is configured without it must know that it is there.

use crate::state_file;
use serde::{Deserialize, Serialize};
use shunt_config::McuPort;
use std::io;
use std::path::{Path, PathBuf};

/// The file in the state directory.
const FILE: &str = "mcu.json";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// All before this entry of the MCU's record was told; `None`: nothing is known of that.
    pub(super) told: Option<u32>,
    /// Where an MCU guards the gateway that was not disarmed.
    armed: Option<Place>,
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
        let file = state_dir.join(FILE);
        let kept = state_file::load(&file).unwrap_or_else(|error| {
            tracing::warn!("failed to read {}: {error}; the MCU's record is told again", file.display());
            None
        });
        kept.unwrap_or_default()
    }

    /// Puts it on the disk.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub(super) fn save(&self, state_dir: &Path) -> io::Result<()> {
        state_file::save(&state_dir.join(FILE), self)
    }

    /// Where an MCU is armed.
    pub(super) fn armed(&self) -> Option<McuPort> {
        self.armed.clone().map(|place| match place {
            Place::Path(path) => McuPort::Path(path),
            Place::Usb { vendor, product } => McuPort::Usb { vendor, product },
        })
    }

    /// An MCU is armed there, or none any more. Tells whether that is news.
    pub(super) fn set_armed(&mut self, port: Option<&McuPort>) -> bool {
        let place = port.map(|port| match port {
            McuPort::Path(path) => Place::Path(path.clone()),
            McuPort::Usb { vendor, product } => Place::Usb { vendor: *vendor, product: *product },
        });
        let news = self.armed != place;
        self.armed = place;
        news
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
        let mut kept = Kept::load(directory.path());
        assert_eq!((kept.told, kept.armed()), (Some(7), None));
        for port in
            [McuPort::Path("/dev/serial/by-id/one".into()), McuPort::Usb { vendor: 0x1a86, product: 0x7523 }]
        {
            assert!(kept.set_armed(Some(&port)) && !kept.set_armed(Some(&port)));
            kept.save(directory.path()).unwrap();
            assert_eq!(Kept::load(directory.path()).armed(), Some(port));
        }
        assert!(kept.set_armed(None) && !kept.set_armed(None));
        std::fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(Kept::load(directory.path()), Kept::default());
    }
}
