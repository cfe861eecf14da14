//! What the hands are lent for: a task of the machine, a look that a report asked for, the operator's orders, messages.

use super::api::{AT_LONGEST, Answer, AtLine, AtReply, OrderError};
use super::hands::{Broken, Hands};
use crate::dialect::Query;
use crate::sms::{Listing, Mailbox, Receipt, Received, SmsError, Work};
use crate::{Pair, Session};
use shunt_at::{Class, Command};
use shunt_recovery::{End, Task, TaskId};
use shunt_sms::Address;
use shunt_sms::pdu::{Draft, Reference};
use std::time::Duration;
use tokio::time::timeout;
use tracing::debug;

/// How long a look may take: several short questions.
const LOOK: Duration = Duration::from_secs(20);
/// How long sending, listing or deleting may take in all. The machine waits meanwhile.
const LETTERS: Duration = Duration::from_secs(300);

/// A piece of work.
#[derive(Debug)]
pub(super) enum Job {
    Task { id: TaskId, task: Task, limit: Duration },
    Look(Query),
    Details,
    Sibling,
    At { line: AtLine, limit: Duration, answer: Answer<Result<AtReply, OrderError>> },
    Send { to: Address, text: String, answer: Answer<Result<Vec<u8>, OrderError>> },
    List { answer: Answer<Result<Vec<Received>, OrderError>> },
    Letters(Work),
}

/// What came of it, beside what was gathered.
#[derive(Debug)]
pub(super) enum Ended {
    Task {
        id: TaskId,
        end: End,
    },
    Own,
    Listed(Option<Listing>),
    /// What is left to be deleted.
    Deleted(Option<Receipt>),
}

impl Job {
    /// Whether the machine ordered it, and so may hear of other things meanwhile.
    pub(super) fn is_the_machines(&self) -> bool {
        matches!(self, Self::Task { .. })
    }
}

/// Does `job`, and gives the hands back.
pub(super) async fn work(mut hands: Box<Hands>, job: Job) -> (Box<Hands>, Ended) {
    let ended = match job {
        Job::Task { id, task, limit } => Ended::Task { id, end: hands.carry_out(task, limit).await },
        Job::Look(query) => {
            let looked = timeout(hands.pace.real(LOOK), hands.look(query)).await;
            debug!(?query, ?looked, "a look");
            Ended::Own
        }
        Job::Details => {
            let looked = timeout(hands.pace.real(LOOK), hands.read_details()).await;
            debug!(?looked, "a look at details");
            Ended::Own
        }
        Job::Sibling => {
            let looked = timeout(hands.pace.real(LOOK), hands.find_sibling()).await;
            debug!(?looked, "a look for a second port");
            Ended::Own
        }
        Job::At { line, limit, answer } => {
            answer.give(hands.by_hand(&line, limit).await);
            Ended::Own
        }
        Job::Send { to, text, answer } => {
            answer.give(hands.send_message(to, text).await);
            Ended::Own
        }
        Job::List { answer } => {
            answer.give(hands.list_messages().await);
            Ended::Own
        }
        Job::Letters(Work::List) => {
            let listed = within(hands.letters()).await;
            Ended::Listed(listed.map_err(|error| hands.letter_error(error)).ok())
        }
        Job::Letters(Work::Delete(mut receipt)) => {
            let deleted = within(hands.delete(&mut receipt)).await;
            let deleted = deleted.map_err(|error| hands.letter_error(error));
            Ended::Deleted(deleted.is_err().then_some(receipt))
        }
    };
    (hands, ended)
}

impl Hands {
    async fn look(&mut self, query: Query) -> Result<(), Broken> {
        match query {
            Query::Sim | Query::Iccid | Query::Tries | Query::Slot | Query::Imsi => self.read_sim().await,
            Query::Registration => self.read_registration().await,
            Query::Bearer | Query::AccessPoint | Query::Ip => self.read_bearer().await,
            Query::Radio => self.read_radio().await.map(drop),
            Query::Attached => self.read_attach().await,
            Query::Cells => self.read_signal().await,
            Query::Usage => self.read_usage().await,
            Query::Operator | Query::Temperature => self.read_details().await,
            // These do not change while a modem runs.
            Query::Manufacturer | Query::Model | Query::Revision | Query::Imei => Ok(()),
        }
    }

    async fn by_hand(&mut self, line: &AtLine, limit: Duration) -> Result<AtReply, OrderError> {
        let command = Command::new(line.text(), Class::MultiLine(""))
            .map_err(|error| OrderError::Command { reason: error.to_string() })?;
        let Some(pair) = &mut self.pair else { return Err(OrderError::Away) };
        self.counters.commands += 1;
        match pair.commands().command(command, limit.min(AT_LONGEST)).await {
            Ok(reply) => {
                self.gathered.lines.extend(reply.lines.iter().cloned());
                self.note_boot(reply.outcome);
                Ok(AtReply { outcome: reply.outcome, lines: reply.lines })
            }
            Err(error) => Err(self.order_error(&error)),
        }
    }

    async fn send_message(&mut self, to: Address, text: String) -> Result<Vec<u8>, OrderError> {
        let draft = Draft { recipient: to, text, report: false, validity: None };
        self.reference = self.reference.wrapping_add(1);
        let reference = Reference::Narrow(self.reference);
        let sent = within(async { self.mailbox().await?.send(&draft, reference).await });
        sent.await.map_err(|error| self.letter_error(error))
    }

    async fn list_messages(&mut self) -> Result<Vec<Received>, OrderError> {
        let listing = within(self.letters()).await.map_err(|error| self.letter_error(error))?;
        Ok(Received::all(listing.stored))
    }

    async fn letters(&mut self) -> Result<Listing, SmsError> {
        self.mailbox().await?.list().await
    }

    async fn delete(&mut self, receipt: &mut Receipt) -> Result<(), SmsError> {
        self.mailbox().await?.delete(receipt).await
    }

    /// The messages, with the modem set up for them once after its start.
    async fn mailbox(&mut self) -> Result<Mailbox<'_>, SmsError> {
        let (set_up, speed) = (self.letters_set_up, self.config.speed);
        let mut mailbox = Mailbox::new(self.session()?).hurried(speed);
        if !set_up {
            mailbox.set_up().await?;
            self.letters_set_up = true;
        }
        Ok(Mailbox::new(self.session()?).hurried(speed))
    }

    fn session(&mut self) -> Result<&mut Session, SmsError> {
        let commands = self.pair.as_mut().map(Pair::commands);
        commands.ok_or(SmsError::Modem(crate::ModemError::Gone { source: None }))
    }

    fn order_error(&mut self, error: &crate::ModemError) -> OrderError {
        let _broken = self.broken(error);
        Broken::order_error(error)
    }

    fn letter_error(&mut self, error: SmsError) -> OrderError {
        match error {
            SmsError::Modem(crate::ModemError::Gone { source: None }) if self.pair.is_none() => {
                OrderError::Away
            }
            SmsError::Modem(error) => self.order_error(&error),
            SmsError::Refused { command, outcome } => {
                self.note_boot(outcome);
                OrderError::Refused { command, outcome }
            }
            SmsError::Unreadable { command, line } => OrderError::Unreadable { command, line },
            SmsError::Encode(error) => OrderError::Encode(error),
            SmsError::Cut { sent, of, source } => {
                // What it says of the port counts; the order's giver wants to know what is gone.
                let _cause = self.letter_error(*source);
                OrderError::Cut { sent: sent.len(), of }
            }
            SmsError::Command(error) => OrderError::Command { reason: error.to_string() },
            SmsError::Payload(error) => OrderError::Command { reason: error.to_string() },
        }
    }
}

/// Within the time for messages.
async fn within<T>(doing: impl Future<Output = Result<T, SmsError>>) -> Result<T, SmsError> {
    let late = || crate::ModemError::Timeout { command: "messages".to_owned(), timeout: LETTERS };
    timeout(LETTERS, doing).await.unwrap_or_else(|_elapsed| Err(late().into()))
}
