//! Messages that came, kept on disk before they are deleted from the modem, so that none is lost. The newest win.

use crate::api::WallClock;
use crate::api::modem::ShortMessage;
use crate::clock;
use crate::state_file;
use shunt_modem::driver::api::Received;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Messages that are kept: providers' notices of a year, in some 30 KiB.
const MAX_KEPT: usize = 100;

/// The messages of one modem, the newest last.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    file: PathBuf,
    messages: Vec<ShortMessage>,
}

impl Inbox {
    /// What was kept in this state directory.
    pub(super) fn open(state_dir: &Path, modem: &str) -> Self {
        let file = state_dir.join(format!("messages-{modem}.json"));
        let messages = state_file::load(&file).unwrap_or_else(|error| {
            tracing::warn!("failed to read the messages of modem {modem}: {error}; starting an empty list");
            None
        });
        Self { file, messages: messages.unwrap_or_default() }
    }

    /// All of them, the newest last.
    pub(super) fn all(&self) -> Vec<ShortMessage> {
        self.messages.clone()
    }

    /// Takes one more; to be saved.
    pub(super) fn take(&mut self, message: ShortMessage) {
        // What could not be saved comes again.
        if self
            .messages
            .last()
            .is_some_and(|last| ShortMessage { at: last.at.clone(), ..message.clone() } == *last)
        {
            return;
        }
        if self.messages.len() >= MAX_KEPT {
            self.messages.remove(0);
        }
        self.messages.push(message);
    }

    /// Puts it on the disk.
    pub(super) fn save(&self) -> io::Result<()> {
        state_file::save(&self.file, &self.messages)
    }
}

/// What came, as it is kept.
pub(super) fn message(received: &Received) -> ShortMessage {
    let now = clock::now();
    let at = WallClock { boot: now, wall: SystemTime::now() }.rfc3339(now);
    match received {
        Received::Message(message) => ShortMessage {
            at,
            from: message.sender.to_string(),
            sent: message.sent.map(|sent| sent.to_string()),
            text: message.content.to_string(),
        },
        Received::Report(report) => ShortMessage {
            at,
            from: report.recipient.to_string(),
            sent: report.sent.map(|sent| sent.to_string()),
            text: format!("[report: {:?}]", report.delivery),
        },
        Received::Unreadable { digits, error } => ShortMessage {
            at,
            from: String::new(),
            sent: None,
            text: format!("[unreadable: {error}] {digits}"),
        },
    }
}
