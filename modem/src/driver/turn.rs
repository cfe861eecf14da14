//! One turn of the driver: what happened is told to the machine, what it wants is begun, what the agent is to know is told.

use super::api::{Order, OrderError, State, Told};
use super::hands::{Gathered, Hands};
use super::jobs::{Ended, Job};
use super::{Driver, ERRANDS, Heard, state};
use crate::ModemError;
use crate::dialect::{Query, Told as Line};
use crate::sms::brought;
use shunt_recovery::facts::{Bearer, Counter, Fact, Ports, SimState};
use shunt_recovery::{Action, Event, Stage, Timestamp};
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::time::sleep_until;

/// How often the operator's name and the temperature are asked for: nothing hangs on them.
const DETAILS: Duration = Duration::from_secs(300);

/// What the driver waits for.
pub(super) enum Happened {
    Done(Box<Hands>, Ended),
    Line(Result<String, ModemError>),
    Order(Option<Order>),
    Heard(Heard),
    Due,
}

impl Driver {
    /// Begins what is to be done, and tells what is to be told.
    pub(super) fn turn(&mut self) {
        if !self.holds() {
            while let Some(event) = self.held.pop() {
                self.recovery.handle_event(event, self.pace.now());
            }
        }
        while let Some(action) = self.recovery.poll_action() {
            self.obey(action);
        }
        self.see_to_life();
        self.hand_over();
        // Before the hands are lent, and what they know with them.
        self.show();
        if self.hands.is_some()
            && let Some(job) = self.next_job()
        {
            self.lend(job);
        }
    }

    /// Waits for the next thing that happens.
    pub(super) async fn next(&mut self) -> Happened {
        let due = self.due();
        let timer = async {
            match due {
                Some(due) => sleep_until(self.pace.wall(due)).await,
                None => std::future::pending().await,
            }
        };
        let Self { hands, work, orders, answers, .. } = self;
        let work_done = async {
            match work {
                Some(work) => work.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let line = async {
            match hands {
                Some(hands) => hands.next_urc().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            (hands, ended) = work_done => Happened::Done(hands, ended),
            Some(Ok(heard)) = answers.join_next() => Happened::Heard(heard),
            order = orders.recv() => Happened::Order(order),
            line = line => Happened::Line(line),
            () = timer => Happened::Due,
        }
    }

    /// Takes in what happened; the end, when the agent has let go.
    pub(super) fn take(&mut self, happened: Happened) -> ControlFlow<()> {
        match happened {
            Happened::Done(hands, ended) => self.take_back(hands, ended),
            Happened::Line(Ok(line)) => self.take_line(&line),
            Happened::Line(Err(error)) => {
                if let Some(hands) = &mut self.hands {
                    let _gone = hands.broken(&error);
                }
            }
            Happened::Order(None) => return ControlFlow::Break(()),
            Happened::Order(Some(order)) => self.take_order(order),
            Happened::Heard(Heard::Saved { id, done }) => self.saved(id, done),
            Happened::Heard(Heard::Taken { number, taken }) => self.taken(number, taken),
            Happened::Due => {
                if !self.holds() {
                    self.recovery.handle_timeout(self.pace.now());
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Do { id, task, limit } => self.task = Some(Job::Task { id, task, limit }),
            Action::Save { id, saved } => {
                let (done, answer) = super::api::Answer::new();
                let told = Told::Save { saved, done };
                self.ask_agent(told, answer, move |done| Heard::Saved { id, done });
            }
            Action::Journal(entry) => self.tell.tell(Told::Journal(entry)),
        }
    }

    /// The hands are home again, with what was gathered.
    fn take_back(&mut self, mut hands: Box<Hands>, ended: Ended) {
        self.work = None;
        let Gathered { facts, hardware, mut lines } = std::mem::take(&mut hands.gathered);
        while let Some(line) = hands.pair.as_mut().and_then(crate::Pair::kept_urc) {
            lines.push(line);
        }
        self.hands = Some(hands);
        for line in with_their_messages(lines) {
            self.take_line(&line);
        }
        if let Some(hardware) = hardware {
            self.hold(Event::Hardware(hardware));
        }
        for fact in facts {
            if fact == Fact::Booted {
                self.booted();
            }
            self.hold(Event::Fact(fact));
        }
        let now = self.pace.now();
        match ended {
            Ended::Task { id, end } => {
                let ports = self.hands.as_ref().is_some_and(|hands| hands.pair.is_some());
                // The end says itself that they went.
                self.had_ports = ports;
                self.hold(Event::Ended { id, end });
            }
            Ended::Own => {}
            Ended::Listed(listing) => self.post.listed(listing, now),
            Ended::Deleted(left) => self.post.deleted(left, now),
        }
    }

    fn take_line(&mut self, line: &str) {
        let Some(hands) = &mut self.hands else { return };
        hands.counters.urcs += 1;
        if let Some(digits) = brought(line) {
            return self.post.brought(digits, self.pace.now());
        }
        let cid = hands.config.context.cid;
        match hands.dialect.urc(line) {
            None | Some(Line::PoweredOff) => {}
            Some(Line::Fact(fact)) => {
                if fact == Fact::Booted {
                    self.booted();
                }
                self.hold(Event::Fact(fact));
            }
            // Which card, and how many tries: a state alone is not enough to act upon.
            Some(Line::Sim(_)) => drop(self.looks.insert(Query::Sim)),
            Some(Line::Cells(cells)) => {
                self.hold(Event::Fact(Fact::Signal(cells.signal())));
            }
            Some(Line::Context { cid: of, active }) => {
                if of.is_none_or(|of| of == cid) {
                    if active {
                        self.looks.insert(Query::Bearer);
                    } else {
                        self.hold(Event::Fact(Fact::Bearer(Bearer::default())));
                    }
                }
            }
            Some(Line::Ask(query)) => drop(self.looks.insert(query)),
            Some(Line::Message) => self.post.look(),
        }
    }

    fn take_order(&mut self, order: Order) {
        let event = match order {
            Order::At { line, limit, answer } => return self.errand(Job::At { line, limit, answer }),
            Order::Send { to, text, answer } => return self.errand(Job::Send { to, text, answer }),
            Order::List { answer } => return self.errand(Job::List { answer }),
            Order::Run(rung) => Event::Order(shunt_recovery::Order::Run(rung)),
            Order::SwitchSim(slot) => Event::Order(shunt_recovery::Order::Select(slot)),
            Order::Retry => Event::Order(shunt_recovery::Order::Retry),
            Order::Unlock(pin) => Event::Pin(pin),
            Order::Data { flows } => Event::Data { flows },
            Order::HostIp(addresses) => Event::Fact(Fact::HostIp(addresses)),
            Order::Usage(usage) => {
                if self.hands.as_ref().is_none_or(|hands| hands.counts != Some(false)) {
                    return;
                }
                Event::Fact(Fact::Usage(Counter::Host, usage))
            }
            Order::Elsewhere(elsewhere) => Event::Elsewhere(elsewhere),
            Order::Clock(unix) => Event::Clock(unix),
        };
        self.hold(event);
    }

    fn errand(&mut self, job: Job) {
        if self.errands.len() < ERRANDS {
            return self.errands.push_back(job);
        }
        match job {
            Job::At { answer, .. } => answer.give(Err(OrderError::Busy)),
            Job::Send { answer, .. } => answer.give(Err(OrderError::Busy)),
            Job::List { answer } => answer.give(Err(OrderError::Busy)),
            Job::Task { .. } | Job::Look(_) | Job::Details | Job::Sibling | Job::Letters(_) => {}
        }
    }

    fn saved(&mut self, id: shunt_recovery::TaskId, done: bool) {
        let end = if done {
            shunt_recovery::End::Done
        } else {
            shunt_recovery::End::Refused(shunt_recovery::Refusal::Other)
        };
        self.hold(Event::Ended { id, end });
    }

    fn taken(&mut self, number: u64, taken: bool) {
        self.own.messages += u64::from(taken);
        let now = self.pace.now();
        self.post.answered(number, taken, now);
    }

    /// For the machine, at once or when it may hear again.
    fn hold(&mut self, event: Event) {
        self.held.push(event);
    }

    fn booted(&mut self) {
        if let Some(hands) = &mut self.hands {
            hands.counters.boots += 1;
            hands.forget();
        }
    }

    /// Ports that went while nobody worked, and a modem that is another than it was.
    fn see_to_life(&mut self) {
        let Some(hands) = &self.hands else { return };
        let (ports, lives) = (hands.pair.is_some(), hands.lives);
        if self.had_ports && !ports {
            self.recovery.handle_event(Event::Fact(Fact::Ports(Ports::Gone)), self.pace.now());
            while let Some(action) = self.recovery.poll_action() {
                self.obey(action);
            }
        }
        self.had_ports = ports;
        let now = self.pace.now();
        if let Some(card) = self.recovery.card().filter(|card| self.card.as_ref() != Some(*card)) {
            let another = self.card.replace(card.clone()).is_some();
            // Its places are not those of the card before.
            if another {
                self.post.restart(now);
            }
        }
        if lives != self.lives {
            self.lives = lives;
            self.post.restart(now);
            self.details = Timestamp::ZERO;
            self.looked_for_sibling = false;
        }
    }

    fn hand_over(&mut self) {
        let now = self.pace.now();
        if let Some((number, received)) = self.post.hand_over(now) {
            let (taken, answer) = super::api::Answer::new();
            let told = Told::Message { received, taken };
            self.ask_agent(told, answer, move |taken| Heard::Taken { number, taken });
        }
    }

    /// What the hands are to be lent for.
    fn next_job(&mut self) -> Option<Job> {
        if let Some(task) = self.task.take() {
            return Some(task);
        }
        // What is being decided goes by what is known: nothing is asked meanwhile.
        if self.recovery.awaits_save() {
            return None;
        }
        let hands = self.hands.as_ref()?;
        if hands.pair.is_some()
            && let Some(query) = self.looks.pop_first()
        {
            return Some(Job::Look(query));
        }
        if let Some(errand) = self.errands.pop_front() {
            return Some(errand);
        }
        let now = self.pace.now();
        if !self.is_usable() {
            return None;
        }
        if let Some(work) = self.post.work(now) {
            return Some(Job::Letters(work));
        }
        if now >= self.details {
            self.details = now + DETAILS;
            return Some(Job::Details);
        }
        if !self.looked_for_sibling {
            self.looked_for_sibling = true;
            return hands.lacks_sibling().then_some(Job::Sibling);
        }
        None
    }

    /// Whether the modem may be bothered with what is not needed for the way up.
    fn is_usable(&self) -> bool {
        let Some(hands) = &self.hands else { return false };
        let ready = hands.pair.is_some() && hands.known.sim == Some(SimState::Ready);
        ready
            && match self.recovery.snapshot().stage {
                Stage::Searching
                | Stage::Attaching
                | Stage::Connecting
                | Stage::Addressing
                | Stage::Verifying
                | Stage::Verified => true,
                Stage::Absent
                | Stage::Identifying
                | Stage::Sim
                | Stage::Unlocking
                | Stage::Radio
                | Stage::Blocked
                | Stage::Repairing => false,
            }
    }

    /// When something is to be done that nothing else wakes for.
    fn due(&self) -> Option<Timestamp> {
        let machine = if self.holds() { None } else { self.recovery.poll_timeout() };
        let own = || {
            let post = self.post.due();
            [post, Some(self.details)].into_iter().flatten().min()
        };
        let own = if self.hands.is_some() && self.is_usable() { own() } else { None };
        [machine, own].into_iter().flatten().min()
    }

    /// Shows what changed, and takes the bearer back that is no more.
    fn show(&mut self) {
        let Some(hands) = &mut self.hands else { return };
        let up = self.recovery.snapshot().bearer.is_some_and(|bearer| bearer.active);
        if !up && hands.known.ip.take().is_some() {
            self.tell.tell(Told::NoBearer);
        }
        self.own.untold = self.tell.untold;
        let new = state::of(&self.recovery, hands, self.own);
        self.state.send_if_modified(|shown| {
            let mut at = shown.machine.clone();
            at.at = new.machine.at;
            let same = State { machine: at, ..shown.clone() } == new;
            *shown = new;
            !same
        });
    }
}

/// Lines of a reply that took all lines: one that brings a message, and the message behind it, are one again.
fn with_their_messages(lines: Vec<String>) -> Vec<String> {
    let mut whole: Vec<String> = Vec::new();
    for line in lines {
        match whole.last_mut() {
            Some(head) if brought(&format!("{head}\n{line}")) == Some(&line) => {
                head.push('\n');
                head.push_str(&line);
            }
            _ => whole.push(line),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_with_the_line_that_brought_it() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let came = lines(&["+CREG: 1", "+CMT: ,2", "0791", "0791", "+CMT: ,2", "OK"]);
        assert_eq!(with_their_messages(came), ["+CREG: 1", "+CMT: ,2\n0791", "0791", "+CMT: ,2", "OK"]);
    }
}
