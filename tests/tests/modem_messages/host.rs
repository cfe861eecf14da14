//! The host: its post and its mailbox on the modem's port, put to work as the driver puts them, by the simplest ladder.

use crate::world::World;
use shunt_modem::at::Outcome;
use shunt_modem::sms::{Mailbox, Post, Received, SmsError, Work, brought};
use shunt_modem::{ModemError, Session};
use shunt_sms::pdu::{Draft, Reference};
use shunt_sms::{Address, Timestamp};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;
use tokio::time::{sleep, sleep_until};

/// How long the power is cut when nothing else helps.
const CUT: Duration = Duration::from_secs(10);
/// How often the port is opened anew before that.
const OPENINGS: u32 = 3;
/// How long after a message that was not sent, or a modem that does not do as it is told, it is tried again.
const AGAIN: Duration = Duration::from_secs(20);

/// What the agent does with the next message, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mood {
    pub(crate) takes: bool,
    pub(crate) after: Duration,
}

/// What the agent took, and what it sends.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) taken: RefCell<Vec<Taken>>,
    /// What it had taken and the modem still stored when the agent died: that may come again.
    pub(crate) doubtful: RefCell<Vec<String>>,
    /// To be sent.
    pub(crate) drafts: RefCell<VecDeque<String>>,
    /// What was sent, and whether the modem said so.
    pub(crate) sent: RefCell<Vec<(String, bool)>>,
    /// For the messages to come; then it takes each at once.
    pub(crate) moods: RefCell<VecDeque<Mood>>,
    /// To die, and to be started anew.
    pub(crate) dies: Cell<bool>,
}

/// A message that the agent took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) text: String,
    pub(crate) whole: bool,
}

struct Handed {
    number: u64,
    message: Taken,
    takes: bool,
    at: Timestamp,
}

struct Host<'a> {
    world: &'a World,
    desk: &'a Desk,
    post: Post,
    handed: Option<Handed>,
    set_up: bool,
    failures: u32,
    not_before: Timestamp,
}

/// The agent, as often as it dies.
pub(crate) async fn run(world: &World, desk: &Desk) {
    loop {
        let mut host = Host {
            world,
            desk,
            post: Post::new(true),
            handed: None,
            set_up: false,
            failures: 0,
            not_before: Timestamp::ZERO,
        };
        host.live().await;
        desk.dies.set(false);
        desk.note_doubtful(world);
    }
}

impl Desk {
    fn note_doubtful(&self, world: &World) {
        let stored: Vec<String> = world.act(|modem, _| modem.stored_texts().map(str::to_owned).collect());
        let taken = self.taken.borrow();
        let again = taken.iter().filter(|taken| stored.iter().any(|part| part.contains(tag(&taken.text))));
        self.doubtful.borrow_mut().extend(again.map(|taken| taken.text.clone()));
    }
}

/// What a text begins with, and each part of a long one has in it.
pub(crate) fn tag(text: &str) -> &str {
    &text[..=text.find('>').unwrap()]
}

impl Host<'_> {
    async fn live(&mut self) {
        while !self.desk.dies.get() {
            let Some(mut session) = self.world.open() else {
                self.world.came.notified().await;
                continue;
            };
            self.set_up = false;
            self.post.restart(self.world.now());
            let error = self.use_port(&mut session).await;
            drop(session);
            if let Some(ModemError::Unresponsive { .. } | ModemError::NoEcho) = error {
                self.help().await;
            }
        }
    }

    /// Opens the port anew, and in the end cuts the power.
    async fn help(&mut self) {
        self.failures += 1;
        sleep(AGAIN).await;
        if self.failures > OPENINGS {
            self.failures = 0;
            self.world.act(|modem, now| modem.set_power(false, now));
            sleep(CUT).await;
            self.world.act(|modem, now| modem.set_power(true, now));
        }
    }

    /// Until the port is of no use, or the agent dies.
    async fn use_port(&mut self, session: &mut Session) -> Option<ModemError> {
        loop {
            while let Some(line) = session.kept_urc() {
                self.take_line(&line);
            }
            let now = self.world.now();
            self.answer(now);
            self.hand_over(now);
            if self.desk.dies.get() {
                return None;
            }
            let worked = if now < self.not_before {
                None
            } else if let Some(work) = self.post.work(now) {
                Some(self.work(session, work).await)
            } else {
                self.send(session).await
            };
            match worked {
                Some(Ok(())) => self.failures = 0,
                Some(Err(SmsError::Modem(ModemError::Timeout { .. }))) => {}
                Some(Err(SmsError::Modem(error))) => return Some(error),
                Some(Err(error)) => self.take_error(&error),
                None => {
                    if let Err(error) = self.wait(session).await {
                        return Some(error);
                    }
                }
            }
        }
    }

    fn take_line(&mut self, line: &str) {
        let now = self.world.now();
        if let Some(digits) = brought(line) {
            return self.post.brought(digits, now);
        }
        if line.starts_with("+CMTI:") || line.starts_with("+CDSI:") {
            self.post.look();
        }
        if line == "RDY" {
            self.boot();
        }
    }

    fn boot(&mut self) {
        self.set_up = false;
        self.post.restart(self.world.now());
    }

    fn take_error(&mut self, error: &SmsError) {
        match error {
            SmsError::Refused { outcome: Outcome::Restarted, .. } => self.boot(),
            SmsError::Cut { source, .. } => self.take_error(source),
            _ => self.not_before = self.world.now() + AGAIN,
        }
    }

    fn hand_over(&mut self, now: Timestamp) {
        let Some((number, received)) = self.post.hand_over(now) else { return };
        let Received::Message(message) = received else { panic!("{received:?}") };
        let message = Taken { text: message.content.to_string(), whole: message.is_whole() };
        let mood = self.desk.moods.borrow_mut().pop_front();
        let Mood { takes, after } = mood.unwrap_or(Mood { takes: true, after: Duration::ZERO });
        self.handed = Some(Handed { number, message, takes, at: now + after });
        self.answer(now);
    }

    fn answer(&mut self, now: Timestamp) {
        let Some(handed) = self.handed.take_if(|handed| handed.at <= now) else { return };
        if handed.takes {
            self.desk.taken.borrow_mut().push(handed.message);
        }
        self.post.answered(handed.number, handed.takes, now);
    }

    async fn work(&mut self, session: &mut Session, work: Work) -> Result<(), SmsError> {
        let set_up = self.set_up(session).await;
        match work {
            Work::List => {
                let listed = match set_up {
                    Ok(()) => Mailbox::new(session).list().await,
                    Err(error) => Err(error),
                };
                let (listing, error) = listed.map_or_else(|error| (None, Err(error)), |l| (Some(l), Ok(())));
                self.post.listed(listing, self.world.now());
                error
            }
            Work::Delete(mut receipt) => {
                let deleted = match set_up {
                    Ok(()) => Mailbox::new(session).delete(&mut receipt).await,
                    Err(error) => Err(error),
                };
                self.post.deleted(deleted.is_err().then_some(receipt), self.world.now());
                deleted
            }
        }
    }

    async fn set_up(&mut self, session: &mut Session) -> Result<(), SmsError> {
        if !self.set_up {
            Mailbox::new(session).set_up().await?;
            self.set_up = true;
        }
        Ok(())
    }

    /// Sends the next draft, once; none when there is none.
    async fn send(&mut self, session: &mut Session) -> Option<Result<(), SmsError>> {
        let text = self.desk.drafts.borrow_mut().pop_front()?;
        if let Err(error) = self.set_up(session).await {
            self.desk.drafts.borrow_mut().push_front(text);
            return Some(Err(error));
        }
        let recipient = Address::recipient("+491700000009").unwrap();
        let draft = Draft { recipient, text: text.clone(), report: false, validity: None };
        let sent = Mailbox::new(session).send(&draft, Reference::Narrow(7)).await;
        self.desk.sent.borrow_mut().push((text, sent.is_ok()));
        Some(sent.map(drop))
    }

    /// Until there is something to be done, or a line came.
    async fn wait(&mut self, session: &mut Session) -> Result<(), ModemError> {
        let dues = [self.post.due(), self.handed.as_ref().map(|handed| handed.at)];
        let due = dues.into_iter().flatten().min().map(|due| due.max(self.not_before));
        let timer = async {
            match due {
                Some(due) => sleep_until(self.world.instant(due)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            line = session.next_urc() => self.take_line(&line?),
            () = timer => {}
        }
        Ok(())
    }
}
