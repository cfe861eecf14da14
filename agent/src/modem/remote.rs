//! Remote control by SMS: who may, and with which codes, `shunt_sms` decides; the event loop carries out what it allows.

use super::setup::{self, SetupError};
use super::shared::Shared;
use super::words;
use crate::clock::now;
use crate::state_file;
use shunt_config::Remote;
use shunt_sms::control::{Action, Control, Order, PolicyError, Saved};
use shunt_sms::{Address, Message, UnixTime};
use std::io;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Where the event loop gives what is to be answered.
pub(crate) type Reply = oneshot::Sender<String>;

/// An order by SMS that is allowed, for the event loop.
#[derive(Debug)]
pub(crate) struct Errand {
    /// What.
    pub(crate) order: Order,
    /// What the operator is told.
    pub(crate) reply: Reply,
}

/// What a message led to.
#[derive(Debug)]
pub(super) enum Consequence {
    /// A sentence for the record.
    Say(String),
    /// An answer, to be sent.
    Answer(Address, String),
    /// An order, to be carried out and answered.
    Perform(Order, Address),
}

/// Why there is no remote control. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoteError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("set up remote control: {0}")]
    Policy(#[from] PolicyError),
    #[error("read {}: {source}; without it used codes would be good again: make it readable, or remove it", file.display())]
    State { file: PathBuf, source: io::Error },
}

/// Remote control of one modem, with its file.
#[derive(Debug)]
pub(super) struct RemoteControl {
    control: Control,
    /// Codes that are used up with any modem.
    shared: Shared,
    file: PathBuf,
}

impl RemoteControl {
    /// What the config allows, and what is known of codes that were used.
    ///
    /// # Errors
    /// A secret or the file of used codes cannot be read.
    pub(super) fn open(remote: Option<&Remote>, shared: &Shared, modem: &str) -> Result<Self, RemoteError> {
        let (shared, file) = (shared.clone(), shared.codes_file(modem));
        let Some(remote) = remote else { return Ok(Self { control: Control::off(), shared, file }) };
        let saved: Option<Saved> =
            state_file::load(&file).map_err(|source| RemoteError::State { file: file.clone(), source })?;
        let control = Control::new(setup::policy(remote)?, saved.unwrap_or_default(), now())?;
        Ok(Self { control, shared, file })
    }

    /// Takes a message; `None` when it is an ordinary one. Used codes are on the disk before anything follows from them.
    pub(super) async fn take(
        &mut self,
        message: &Message<()>,
        clock: Option<UnixTime>,
    ) -> Option<Vec<Consequence>> {
        // Of two modems that get the same code, one takes it.
        let control = &mut self.control;
        let attempt = self.shared.with_codes(|codes| {
            control.learn(codes);
            let attempt = control.handle_message(message, now(), clock);
            codes.learn(control.saved());
            attempt
        });
        let mut led_to = Vec::new();
        while let Some(action) = self.control.poll_action() {
            match action {
                Action::Save(id, saved) => {
                    let file = self.file.clone();
                    let written = tokio::task::spawn_blocking(move || state_file::save(&file, &saved)).await;
                    self.control.handle_saved(id, matches!(written, Ok(Ok(()))), now());
                }
                Action::Perform { order, number, .. } => {
                    led_to.push(Consequence::Perform(order, number.address()))
                }
                Action::Answer { number, answer } => {
                    led_to.push(Consequence::Answer(number.address(), answer.to_string()));
                }
                Action::Journal(entry) => led_to.push(Consequence::Say(words::attempt(&entry))),
            }
        }
        attempt.then_some(led_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_config::RemoteOperator;
    use shunt_sms::{Content, Flaws};
    use std::path::Path;

    fn message(from: &str, text: &str) -> Message<()> {
        Message {
            sender: Address::recipient(from).unwrap(),
            sent: None,
            content: Content::Text(text.into()),
            flaws: Flaws::default(),
            parts: 1,
            missing: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// The secret and its codes are those of RFC 4226, appendix D.
    fn remote(directory: &Path) -> Remote {
        let secret_file = directory.join("secret");
        std::fs::write(&secret_file, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n").unwrap();
        Remote {
            operators: vec![RemoteOperator { name: "anna".into(), number: "+15550100".into(), secret_file }],
            country: None,
            trunk: "0".into(),
            by_time: false,
            digits: 6,
            per_number: 10,
            in_all: 30,
        }
    }

    #[tokio::test]
    async fn an_order_is_carried_out_once_even_over_a_restart_and_only_for_the_allowed() {
        let directory = tempfile::tempdir().unwrap();
        let remote = remote(directory.path());
        let shared = Shared::new(directory.path());
        let open = || RemoteControl::open(Some(&remote), &shared, "lte").unwrap();
        let mut control = open();
        let led_to = control.take(&message("+15550100", "force lte 30 755224"), None).await.unwrap();
        let [Consequence::Say(said), Consequence::Perform(order, to)] = led_to.as_slice() else {
            panic!("{led_to:?}")
        };
        assert_eq!((order.to_string().as_str(), to.to_string().as_str()), ("force lte 30", "+15550100"));
        assert!(said.contains("anna") && !said.contains("755224"), "{said}");
        assert!(directory.path().join("codes-lte.json").exists(), "it is on the disk before it is done");
        // A restart: nothing is known but what is in the file.
        let mut control = RemoteControl::open(Some(&remote), &Shared::new(directory.path()), "lte").unwrap();
        let led_to = control.take(&message("+15550100", "force lte 30 755224"), None).await.unwrap();
        assert!(!led_to.iter().any(|it| matches!(it, Consequence::Perform(..))), "{led_to:?}");
        let led_to = control.take(&message("+15550199", "status 287082"), None).await.unwrap();
        assert!(matches!(led_to.as_slice(), [Consequence::Say(_)]), "a stranger gets no answer: {led_to:?}");
        assert!(control.take(&message("+15550199", "your bill is ready"), None).await.is_none());
    }

    #[tokio::test]
    async fn a_code_that_was_used_is_used_with_every_modem_and_under_every_name() {
        let directory = tempfile::tempdir().unwrap();
        let remote = remote(directory.path());
        let done = |led_to: Option<Vec<Consequence>>| {
            led_to.unwrap().iter().any(|it| matches!(it, Consequence::Perform(..)))
        };
        let used = message("+15550100", "force lte 30 755224");
        let shared = Shared::new(directory.path());
        let mut first = RemoteControl::open(Some(&remote), &shared, "lte").unwrap();
        let mut second = RemoteControl::open(Some(&remote), &shared, "5g").unwrap();
        assert!(done(first.take(&used, None).await));
        assert!(!done(second.take(&used, None).await), "the other modem takes it again");
        assert!(done(second.take(&message("+15550100", "status 287082"), None).await));
        // After a restart the modem has another name.
        let shared = Shared::new(directory.path());
        shared.read().unwrap();
        let mut renamed = RemoteControl::open(Some(&remote), &shared, "quectel").unwrap();
        assert!(!done(renamed.take(&used, None).await), "under its new name it takes it again");
        assert!(!done(renamed.take(&message("+15550100", "status 287082"), None).await));
    }

    #[tokio::test]
    async fn switched_off_no_message_is_an_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut control = RemoteControl::open(None, &Shared::new(directory.path()), "lte").unwrap();
        assert!(control.take(&message("+15550100", "force lte 30 755224"), None).await.is_none());
    }
}
