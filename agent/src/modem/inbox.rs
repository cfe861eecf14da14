//! Messages that came, kept on disk before they are deleted from the modem, so that none is lost. The newest win. A file that
//! cannot be read is set aside, never written over.

use crate::api::WallClock;
use crate::api::modem::ShortMessage;
use crate::clock;
use crate::state_file;
use shunt_modem::driver::api::Received;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

/// Messages that are kept: providers' notices of a year, in some 30 KiB.
const MAX_KEPT: usize = 100;

/// The messages of one modem, the newest last.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    file: PathBuf,
    messages: Vec<ShortMessage>,
    /// The file could neither be read nor set aside: nothing is kept over it.
    locked: bool,
}

impl Inbox {
    /// What was kept in this state directory.
    pub(super) fn open(state_dir: &Path, modem: &str) -> Self {
        let file = state_dir.join(format!("messages-{modem}.json"));
        let mut locked = false;
        let messages = state_file::load(&file).unwrap_or_else(|unread| {
            let aside = file.with_extension("unreadable");
            match fs::rename(&file, &aside) {
                Ok(()) => tracing::warn!(
                    "failed to read the messages of modem {modem}: {unread}; they are kept in {}, and an empty list is begun",
                    aside.display()
                ),
                Err(error) => {
                    locked = true;
                    tracing::warn!(
                        "failed to read the messages of modem {modem}: {unread}; nor can {} be set aside: {error}; new ones \
                         stay on the modem until it can, and the agent is started anew",
                        file.display()
                    );
                }
            }
            None
        });
        Self { file, messages: messages.unwrap_or_default(), locked }
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
    ///
    /// # Errors
    /// It cannot be written, or would be written over what could not be read.
    pub(super) fn save(&self) -> io::Result<()> {
        if self.locked {
            let text = format!("{} cannot be read, and is not written over", self.file.display());
            return Err(io::Error::other(text));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> ShortMessage {
        ShortMessage { at: "now".into(), from: "+15550100".into(), sent: None, text: text.into() }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_set_aside_and_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let (file, aside) =
            (directory.path().join("messages-lte.json"), directory.path().join("messages-lte.unreadable"));
        fs::write(&file, "[{\"at\": \"cut off").unwrap();
        let mut inbox = Inbox::open(directory.path(), "lte");
        inbox.take(note("a new one"));
        inbox.save().unwrap();
        assert_eq!(fs::read_to_string(&aside).unwrap(), "[{\"at\": \"cut off");
        assert_eq!(Inbox::open(directory.path(), "lte").all(), [note("a new one")]);
    }

    #[test]
    fn what_cannot_be_set_aside_is_not_written_over_either() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("messages-lte.json");
        fs::write(&file, "no list").unwrap();
        // In its place is what no file can replace.
        fs::create_dir(file.with_extension("unreadable")).unwrap();
        let mut inbox = Inbox::open(directory.path(), "lte");
        inbox.take(note("a new one"));
        assert!(inbox.save().unwrap_err().to_string().contains("not written over"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "no list");
    }
}
