//! The machine: a message in, and out of it what to save, to do, to answer and to tell.

use super::code::{Found, Rolling};
use super::journal::{Entry, Outcome, Refusal};
use super::policy::{Operator, Policy, PolicyError};
use super::rate::{Meter, Rate};
use super::request::{Order, Request, looks_like_one};
use super::saved::{Saved, Spent, lock};
use crate::address::{Address, Number};
use crate::body::Content;
use crate::reassembly::Message;
use crate::{Timestamp, UnixTime};
use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// Entries an hour for what anybody can cause at will: strangers, and what comes under an allowed number that is limited or
/// locked out. What is beyond is counted and told with the next entry.
const NUISANCES: Rate = Rate::an_hour(20);

/// How long saving may take. A disk that is slower than that is ill, and the operator is waiting.
const SAVE_WAIT: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write this down so that it outlives a loss of power, then tell [`Control::handle_saved`].
    Save(SaveId, Saved),
    /// Carry this out, and answer the number how it went.
    Perform {
        /// What.
        order: Order,
        /// Whose order it is.
        operator: String,
        /// Whom to answer.
        number: Number,
    },
    /// Send this.
    Answer {
        /// To whom: never anybody but an operator.
        number: Number,
        /// What; as text by `Display`.
        answer: Answer,
    },
    /// Write this into the journal.
    Journal(Entry),
}

/// Which saving it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveId(u64);

/// The answers that are given without an order being carried out. None of them reads like an order, so that two gateways
/// that allow each other do not talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was no order, or not all of it came.
    NotUnderstood,
    /// The code was wrong.
    WrongCode,
    /// Codes go by time, and the time is not known.
    NoClock,
    /// The used code could not be saved.
    NotSaved,
}

/// Remote control.
#[derive(Debug, Clone)]
pub struct Control {
    policy: Option<Policy>,
    saved: Saved,
    /// Until when numbers are locked out.
    locks: BTreeMap<Number, Timestamp>,
    /// Attempts of each allowed number, and of all.
    per_number: BTreeMap<Number, Meter>,
    in_all: Meter,
    nuisances: Meter,
    untold: u64,
    /// The order whose code is being saved.
    waiting: Option<Waiting>,
    saves: u64,
    actions: VecDeque<Action>,
}

#[derive(Debug, Clone)]
struct Waiting {
    id: SaveId,
    since: Timestamp,
    order: Order,
    operator: String,
    number: Number,
}

impl Control {
    /// Switched off: no message orders anything. This is what the agent does unless it is told otherwise.
    #[must_use]
    pub fn off() -> Self {
        Self {
            policy: None,
            saved: Saved::default(),
            locks: BTreeMap::new(),
            per_number: BTreeMap::new(),
            in_all: Meter::default(),
            nuisances: Meter::default(),
            untold: 0,
            waiting: None,
            saves: 0,
            actions: VecDeque::new(),
        }
    }

    /// Switched on, with what was saved last. Who was locked out is locked out from now on again, for the whole time.
    ///
    /// # Errors
    ///
    /// When nobody is allowed, too many are, or one is twice.
    pub fn new(policy: Policy, saved: Saved, now: Timestamp) -> Result<Self, PolicyError> {
        policy.check()?;
        let lock = |operator: &Operator| {
            let lock = saved.lock(&operator.number)?;
            Some((operator.number.clone(), now + lock))
        };
        let locks = policy.operators.iter().filter_map(lock).collect();
        Ok(Self { policy: Some(policy), saved, locks, ..Self::off() })
    }

    /// Takes a message. Call [`Self::poll_action`] afterwards, until it gives nothing. `clock` is the time of day where it
    /// is known to be right. Gives back whether the message was an attempt; any other is an ordinary message.
    pub fn handle_message<T>(
        &mut self,
        message: &Message<T>,
        now: Timestamp,
        clock: Option<UnixTime>,
    ) -> bool {
        self.handle_timeout(now);
        let Some(policy) = &self.policy else { return false };
        let number = message.sender.number(policy.home.as_ref());
        let operator = number.and_then(|number| policy.operator(&number)).cloned();
        let Content::Text(text) = &message.content else { return false };
        let Some(operator) = operator else {
            let attempt = looks_like_one(text);
            if attempt {
                self.tell_nuisance(entry(&message.sender, None, None, Refusal::Stranger), now);
            }
            return attempt;
        };
        let request = Request::parse(text);
        let order = request.as_ref().map(|request| request.order.clone());
        let verdict = self.judge(&operator, request, message.is_whole(), now, clock);
        if let Err(refusal) = verdict {
            self.refuse(entry(&message.sender, Some(&operator), order, refusal), &operator.number, now);
        }
        true
    }

    /// Takes how saving went.
    pub fn handle_saved(&mut self, id: SaveId, written: bool, now: Timestamp) {
        self.handle_timeout(now);
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.id == id) else { return };
        if !written {
            self.give_up(waiting, now);
            return;
        }
        let Waiting { order, operator, number, .. } = waiting;
        let accepted = Entry {
            from: number.address(),
            operator: Some(operator.clone()),
            order: Some(order.clone()),
            outcome: Outcome::Accepted,
            untold: 0,
        };
        self.tell(accepted);
        self.actions.push_back(Action::Perform { order, operator, number });
    }

    /// Gives up an order whose code takes too long to save.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if let Some(waiting) = self.waiting.take_if(|waiting| now.since(waiting.since) >= SAVE_WAIT) {
            self.give_up(waiting, now);
        }
    }

    /// When [`Self::handle_timeout`] is wanted next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.waiting.as_ref().map(|waiting| waiting.since + SAVE_WAIT)
    }

    /// The next thing to be done.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What is to be saved, as it is now: for the next one after a reload, and for those of other modems.
    #[must_use]
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// Learns which codes are used up elsewhere; see [`Saved::learn`].
    pub fn learn(&mut self, other: &Saved) {
        self.saved.learn(other);
    }

    /// Judges an operator's message. What is right is on its way to be saved.
    fn judge(
        &mut self,
        operator: &Operator,
        request: Option<Request>,
        whole: bool,
        now: Timestamp,
        clock: Option<UnixTime>,
    ) -> Result<(), Refusal> {
        self.count_attempt(&operator.number, now)?;
        if let Some(until) = self.locks.get(&operator.number).filter(|until| **until > now) {
            return Err(Refusal::LockedOut { left: until.since(now) });
        }
        if !whole {
            return Err(Refusal::Incomplete);
        }
        let request = request.ok_or(Refusal::NotUnderstood)?;
        if self.waiting.is_some() {
            return Err(Refusal::Busy);
        }
        self.check_code(operator, request, now, clock)
    }

    fn count_attempt(&mut self, number: &Number, now: Timestamp) -> Result<(), Refusal> {
        let Some(policy) = &self.policy else { return Err(Refusal::Stranger) };
        // As many meters as numbers are allowed.
        let own = self.per_number.entry(number.clone()).or_default();
        if !own.has_room(policy.per_number, now) {
            return Err(Refusal::TooManyOfNumber);
        }
        if !self.in_all.has_room(policy.in_all, now) {
            return Err(Refusal::TooManyInAll);
        }
        own.count(now);
        self.in_all.count(now);
        Ok(())
    }

    fn check_code(
        &mut self,
        operator: &Operator,
        request: Request,
        now: Timestamp,
        clock: Option<UnixTime>,
    ) -> Result<(), Refusal> {
        let Some(policy) = &self.policy else { return Err(Refusal::Stranger) };
        let held = self.saved.spent(operator.secret.print());
        let next = match policy.rolling {
            Rolling::Counter { .. } => held.counter,
            Rolling::Time { .. } => held.step,
        };
        let kind = (policy.rolling, policy.hash, policy.digits);
        match operator.secret.find(&request.code, next, kind, clock) {
            Found::NoClock => Err(Refusal::NoClock),
            // It may be the network that brings a message twice: no slip, and no guess that came near.
            Found::Used => Err(Refusal::UsedCode),
            Found::Wrong => {
                let failures = self.saved.fail(&operator.number, |number| policy.operator(number).is_some());
                self.save();
                let lock = lock(failures);
                if let Some(lock) = lock {
                    self.locks.insert(operator.number.clone(), now + lock);
                }
                Err(Refusal::WrongCode { failures, lock })
            }
            Found::Right { next } => {
                let spent = match policy.rolling {
                    Rolling::Counter { .. } => Spent { counter: next, ..held },
                    Rolling::Time { .. } => Spent { step: next, ..held },
                };
                self.saved.spend(&operator.number, spent);
                let id = self.save();
                let (order, operator, number) =
                    (request.order, operator.name.clone(), operator.number.clone());
                self.waiting = Some(Waiting { id, since: now, order, operator, number });
                Ok(())
            }
        }
    }

    fn save(&mut self) -> SaveId {
        self.saves += 1;
        let id = SaveId(self.saves);
        self.actions.push_back(Action::Save(id, self.saved.clone()));
        id
    }

    /// The code is spent all the same: it must not be good again.
    fn give_up(&mut self, waiting: Waiting, now: Timestamp) {
        let Waiting { order, operator, number, .. } = waiting;
        let refused = Entry {
            from: number.address(),
            operator: Some(operator),
            order: Some(order),
            outcome: Outcome::Refused(Refusal::NotSaved),
            untold: 0,
        };
        self.refuse(refused, &number, now);
    }

    /// Tells a refusal, and answers it where an operator can do something about it.
    fn refuse(&mut self, entry: Entry, number: &Number, now: Timestamp) {
        let Outcome::Refused(refusal) = entry.outcome else { return };
        let answer = match refusal {
            Refusal::NotUnderstood | Refusal::Incomplete => Some(Answer::NotUnderstood),
            Refusal::WrongCode { .. } => Some(Answer::WrongCode),
            Refusal::NoClock => Some(Answer::NoClock),
            Refusal::NotSaved => Some(Answer::NotSaved),
            Refusal::UsedCode => None,
            Refusal::Stranger
            | Refusal::LockedOut { .. }
            | Refusal::TooManyOfNumber
            | Refusal::TooManyInAll
            | Refusal::Busy => return self.tell_nuisance(entry, now),
        };
        self.tell(entry);
        if let Some(answer) = answer {
            self.actions.push_back(Action::Answer { number: number.clone(), answer });
        }
    }

    fn tell_nuisance(&mut self, entry: Entry, now: Timestamp) {
        if self.nuisances.has_room(NUISANCES, now) {
            self.nuisances.count(now);
            self.tell(entry);
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }

    fn tell(&mut self, entry: Entry) {
        let untold = core::mem::take(&mut self.untold);
        self.actions.push_back(Action::Journal(Entry { untold, ..entry }));
    }
}

fn entry(from: &Address, operator: Option<&Operator>, order: Option<Order>, refusal: Refusal) -> Entry {
    Entry {
        from: from.clone(),
        operator: operator.map(|operator| operator.name.clone()),
        order,
        outcome: Outcome::Refused(refusal),
        untold: 0,
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUnderstood => {
                "Not understood. Send: status CODE, force LINK MINUTES CODE, or release CODE."
            }
            Self::WrongCode => "Refused: the code is wrong. Make a new one.",
            Self::NoClock => "Refused: this gateway does not know the time.",
            Self::NotSaved => "Refused: this gateway cannot write to its disk.",
        })
    }
}
