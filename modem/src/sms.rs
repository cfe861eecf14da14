//! Short messages over a session: set up, sent, listed, read, and deleted once they are handed on.
//!
//! PDU mode only: in text mode a message may read like the end of a reply.

mod inbox;
mod lines;
mod post;
mod received;

pub use inbox::{Arrival, Inbox, Origin, Receipt, What};
pub use lines::{Place, Stored, brought};
pub use post::{Post, Work};
pub use received::Received;

use crate::{ModemError, Reply, Session};
use shunt_at::{Class, Command, CommandError, Final, Outcome, Payload, PayloadError};
use shunt_sms::EncodeError;
use shunt_sms::pdu::{Draft, Reference, Submit};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long settings may take.
const SETTING: Duration = Duration::from_secs(9);
/// How long one message may take to be read or deleted: a SIM that is busy takes seconds.
const ONE: Duration = Duration::from_secs(20);
/// How long all of them may take to be listed: some fifty, from a SIM.
const ALL: Duration = Duration::from_secs(60);
/// How long sending may take: vendors give 120 s, in which the network is asked again.
const SENDING: Duration = Duration::from_secs(125);

/// Causes of `+CMS ERROR` (27.005 3.2.5). Invalid memory index: nothing is there.
const INVALID_INDEX: u16 = 321;
/// From "SIM not inserted" to "SIM PUK2 required": no SIM yet, a locked or a busy one.
const CMS_SIM: RangeInclusive<u16> = 310..=318;
/// The same of `+CME ERROR` (27.007 9.2.1).
const CME_SIM: RangeInclusive<u16> = 10..=18;

/// The memories that messages are to be kept in where the modem does not say into which it receives, best first: the
/// SIM's is everywhere but in some modems, which have only their own.
const MEMORIES: [&str; 2] = ["SM", "ME"];

/// New messages are stored and told by `+CMTI`, reports by `+CDSI`; where reports cannot be stored, messages only.
const NOTICES: [&str; 2] = ["AT+CNMI=2,1,0,2,0", "AT+CNMI=2,1"];

/// Why something with messages did not work.
#[derive(Debug, thiserror::Error)]
pub enum SmsError {
    /// The port or the modem.
    #[error(transparent)]
    Modem(#[from] ModemError),
    /// The modem said no.
    #[error(
        "failed to do {command}: the modem answered {outcome:?}; see that its SIM is ready and it is registered"
    )]
    Refused {
        /// What was asked.
        command: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// The modem's answer does not say what it must.
    #[error("failed to read the answer to {command}: {line:?}")]
    Unreadable {
        /// What was asked.
        command: String,
        /// What it answered.
        line: String,
    },
    /// The message cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Some parts were sent, and then one was not. The message arrives incomplete.
    #[error("failed to send part {number} of {of}, those before it are gone: {source}", number = sent.len() + 1)]
    Cut {
        /// The references of those that were sent.
        sent: Vec<u8>,
        /// How many there are.
        of: usize,
        /// Why.
        source: Box<SmsError>,
    },
    /// A defect of this crate: a command that is none.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A defect of this crate: a payload that is none.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

/// The messages of a modem.
#[derive(Debug)]
pub struct Mailbox<'a> {
    session: &'a mut Session,
    /// How many times faster than named above the modem must answer: 1, save in tests.
    speed: u32,
}

/// What a memory holds.
#[derive(Debug)]
pub struct Listing {
    /// The messages, in the order of the modem.
    pub stored: Vec<Stored>,
    /// Whether there are more than could be listed at once: list again when these are deleted.
    pub more: bool,
}

impl<'a> Mailbox<'a> {
    /// The messages behind a session.
    pub fn new(session: &'a mut Session) -> Self {
        Self { session, speed: 1 }
    }

    /// The same for a modem that answers so many times as fast: for tests, where a lost answer must not take its time.
    #[must_use]
    pub fn hurried(self, speed: u32) -> Self {
        Self { speed: speed.max(1), ..self }
    }

    /// Sets PDU mode, the memory and how new messages are told. To be done after each start of the modem.
    ///
    /// # Errors
    ///
    /// When the modem refuses PDU mode or to tell of messages, or does not answer. A memory that it refuses is left as
    /// the modem has it.
    pub async fn set_up(&mut self) -> Result<(), SmsError> {
        self.done("AT+CMGF=0", Class::NoResult, SETTING).await?;
        let receiving = self.receiving().await?;
        for memory in receiving.as_deref().into_iter().chain(MEMORIES) {
            let command = format!("AT+CPMS=\"{memory}\",\"{memory}\",\"{memory}\"");
            match self.tried(&command, Class::MultiLine("+CPMS:"), SETTING).await? {
                Ok(_) => break,
                // Another memory would be chosen while this one is busy, and what it holds would not be seen.
                Err(outcome) if passes(outcome) => return Err(SmsError::Refused { command, outcome }),
                Err(_) => {}
            }
        }
        let [both, messages] = NOTICES;
        match self.tried(both, Class::NoResult, SETTING).await? {
            Ok(_) => {}
            Err(outcome) if passes(outcome) => {
                return Err(SmsError::Refused { command: both.to_owned(), outcome });
            }
            Err(_) => drop(self.done(messages, Class::NoResult, SETTING).await?),
        }
        Ok(())
    }

    /// Sends a message in as many parts as it takes, and gives the reference of each, by which reports come.
    ///
    /// # Errors
    ///
    /// When it cannot be written, the modem refuses it, or no answer comes. In the last case it may have been sent all the
    /// same: whoever sends it again may send it twice. With [`SmsError::Cut`], some parts are gone already.
    pub async fn send(&mut self, draft: &Draft, reference: Reference) -> Result<Vec<u8>, SmsError> {
        let parts = draft.parts(reference)?;
        let mut sent = Vec::new();
        for part in &parts {
            match self.send_part(part).await {
                Ok(reference) => sent.push(reference),
                Err(source) if sent.is_empty() => return Err(source),
                Err(source) => return Err(SmsError::Cut { sent, of: parts.len(), source: Box::new(source) }),
            }
        }
        Ok(sent)
    }

    /// Lists what is stored, and leaves it there. (The modem notes that it was read.)
    ///
    /// # Errors
    ///
    /// When the modem refuses or does not answer, or its answer is not a list.
    pub async fn list(&mut self) -> Result<Listing, SmsError> {
        const LIST: &str = "AT+CMGL=4";
        let reply =
            self.session.command(Command::new(LIST, Class::Headed("+CMGL:"))?, ALL / self.speed).await?;
        let more = reply.outcome == Outcome::Overflow;
        if !more && reply.outcome != Outcome::Final(Final::Ok) {
            return Err(SmsError::Refused { command: LIST.to_owned(), outcome: reply.outcome });
        }
        let mut stored = Vec::new();
        let mut lines = reply.lines.iter().peekable();
        while let Some(head) = lines.next() {
            let Some(place) = lines::listed_place(head) else {
                if head.starts_with("+CMGL:") {
                    return Err(SmsError::Unreadable { command: LIST.to_owned(), line: head.clone() });
                }
                continue;
            };
            let pdu = lines.next_if(|line| !line.starts_with("+CMGL:"));
            match pdu.map(|pdu| Stored::of(place, pdu)).filter(|listed| !more && listed.content.is_ok()) {
                Some(listed) => stored.push(listed),
                None => stored.extend(self.read_again(place).await?),
            }
        }
        Ok(Listing { stored, more })
    }

    /// Reads the message at a place, and leaves it there; none where nothing is.
    async fn read(&mut self, place: Place) -> Result<Option<Stored>, SmsError> {
        let command = format!("AT+CMGR={}", place.index());
        let reply = match self.tried(&command, Class::Headed("+CMGR:"), ONE).await? {
            Ok(reply) => reply,
            Err(Outcome::Final(Final::Cms(Some(INVALID_INDEX)))) => return Ok(None),
            Err(outcome) => return Err(SmsError::Refused { command, outcome }),
        };
        match &reply.lines[..] {
            [head, pdu, ..] => match Stored::read(place, head, pdu) {
                Some(stored) => Ok(Some(stored)),
                None => Err(SmsError::Unreadable { command, line: head.clone() }),
            },
            _ => Ok(None),
        }
    }

    /// Deletes what was handed on. A place that is empty already is as good. May be dropped at any time.
    ///
    /// # Errors
    ///
    /// When the modem refuses or does not answer. The receipt is good for what is left of it then: try again. From then on
    /// nobody knows whether a place was freed and holds another message, and so each is looked at before it is emptied.
    pub async fn delete(&mut self, receipt: &mut Receipt) -> Result<(), SmsError> {
        let doubtful = receipt.begin();
        while let Some((place, digits)) = receipt.first() {
            if doubtful && !self.holds(place, &digits).await? {
                receipt.strike(place);
                continue;
            }
            let command = format!("AT+CMGD={}", place.index());
            match self.tried(&command, Class::NoResult, ONE).await? {
                Ok(_) | Err(Outcome::Final(Final::Cms(Some(INVALID_INDEX)))) => receipt.strike(place),
                Err(outcome) => return Err(SmsError::Refused { command, outcome }),
            }
        }
        Ok(())
    }

    /// Where a list did not fit, single lines of it are missing, so that a line need not belong to the one before; and one
    /// that cannot be read may have been spoilt on its way. Then only the place is believed, and read by itself. What is
    /// refused stays where it is, and is listed again.
    async fn read_again(&mut self, place: Place) -> Result<Option<Stored>, SmsError> {
        match self.read(place).await {
            Err(SmsError::Refused { .. } | SmsError::Unreadable { .. }) => Ok(None),
            read => read,
        }
    }

    async fn holds(&mut self, place: Place, digits: &str) -> Result<bool, SmsError> {
        let stored = self.read(place).await?;
        Ok(stored.is_some_and(|stored| stored.digits.eq_ignore_ascii_case(digits)))
    }

    /// The memory that messages are received into; none where the modem does not say. What came before it is set up is
    /// there: reading, writing and receiving must be the same one, or what arrived is not seen.
    async fn receiving(&mut self) -> Result<Option<String>, SmsError> {
        const ASK: &str = "AT+CPMS?";
        match self.tried(ASK, Class::MultiLine("+CPMS:"), SETTING).await? {
            Ok(reply) => match reply.lines.last() {
                Some(line) => Ok(lines::receiving(line)),
                None => Err(SmsError::Unreadable { command: ASK.to_owned(), line: String::new() }),
            },
            Err(outcome) if passes(outcome) => Err(SmsError::Refused { command: ASK.to_owned(), outcome }),
            Err(_) => Ok(None),
        }
    }

    async fn send_part(&mut self, part: &Submit) -> Result<u8, SmsError> {
        let text = format!("AT+CMGS={}", part.length());
        let command = Command::new(&text, Class::SingleLine("+CMGS:"))?;
        let payload = Payload::new(&part.to_hex())?;
        let reply = self.session.command_with_payload(command, payload, SENDING / self.speed).await?;
        if reply.outcome != Outcome::Final(Final::Ok) {
            return Err(SmsError::Refused { command: text, outcome: reply.outcome });
        }
        let line = reply.lines.last().cloned().unwrap_or_default();
        lines::reference(&line).ok_or(SmsError::Unreadable { command: text, line })
    }

    async fn done(&mut self, command: &str, class: Class, limit: Duration) -> Result<Reply, SmsError> {
        let tried = self.tried(command, class, limit).await?;
        tried.map_err(|outcome| SmsError::Refused { command: command.to_owned(), outcome })
    }

    async fn tried(
        &mut self,
        command: &str,
        class: Class,
        limit: Duration,
    ) -> Result<Result<Reply, Outcome>, SmsError> {
        let reply = self.session.command(Command::new(command, class)?, limit / self.speed).await?;
        Ok(if reply.outcome == Outcome::Final(Final::Ok) { Ok(reply) } else { Err(reply.outcome) })
    }
}

/// Whether it is otherwise a while later: the SIM is not ready yet, or the answer was spoilt. All else it would say again.
fn passes(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Incomplete | Outcome::Overflow | Outcome::Restarted => true,
        Outcome::Final(Final::Cms(Some(cause))) => CMS_SIM.contains(&cause),
        Outcome::Final(Final::Cme(Some(cause))) => CME_SIM.contains(&cause),
        Outcome::Final(_) => false,
    }
}
