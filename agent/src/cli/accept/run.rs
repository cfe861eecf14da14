//! A run: step after step, each asked for, carried through and written down.

use super::console::{Console, Input};
use super::files::{State, gateway, new_report, write_report};
use super::talk::Talk;
use super::told::{Told, head};
use super::{AcceptArgs, AcceptError, INDENT};
use crate::accept::{
    Answer, Answers, Done, Gateway, Kept, Kind, Limits, Look, Next, Outcome, Report, Step, Trial, Verdict,
    Way,
};
use crate::api::describe::{clean, short};
use crate::cli::client::ClientError;
use crate::cli::events;
use crate::cli::exit::Failure;
use crate::cli::style::{Style, Tone};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked: what is measured, the daemon measures, so that this need only be prompt for people.
const LOOK: Duration = Duration::from_millis(300);
/// After a boot the agent may come up minutes later; before a step it is given this to answer.
const DAEMON: Duration = Duration::from_secs(60);

pub(super) struct Run<'a> {
    flags: &'a AcceptArgs,
    steps: Vec<Step>,
    limits: Limits,
    answers: Answers,
    console: Console,
    talk: Talk,
    state: State,
    kept: Kept,
    gateway: Gateway,
    style: Style,
    /// The number of the latest event that was shown.
    shown: u64,
}

/// What follows a step that failed.
enum Then {
    Again,
    On,
    Stop,
}

/// Who stands for the report.
enum Signature {
    Of(String),
    Nobody,
    /// The run is to stop, and its report stays open.
    Stop,
}

/// How a step ended.
enum Ended {
    Over(Outcome),
    /// The run is to stop.
    Stopped,
}

impl<'a> Run<'a> {
    /// Everything that can fail beforehand fails here: before the first step.
    pub(super) fn prepare(
        (config, state, flags): (&Path, &Path, &'a AcceptArgs),
        (steps, limits): (Vec<Step>, Limits),
        (answers, console): (Answers, Console),
        talk: Talk,
    ) -> Result<Self, AcceptError> {
        let gateway = gateway(config)?;
        let state = State::hold(state, talk.socket())?;
        if flags.anew {
            state.remove()?;
        }
        let kept = match state.load(&gateway.config_sha256)? {
            Some(kept) => kept,
            None => Kept {
                config_sha256: gateway.config_sha256.clone(),
                started: now(),
                report: new_report(flags.report.as_deref(), &gateway.hostname)?,
                done: Vec::new(),
                pending: None,
            },
        };
        let style = if flags.json { Style { colour: false } } else { Style::of_stdout() };
        let run =
            Self { flags, steps, limits, answers, console, talk, state, kept, gateway, style, shown: 0 };
        run.write(None)?;
        Ok(run)
    }

    /// Takes in what was seen before the first step.
    pub(super) fn learn(&mut self, look: &Look) {
        self.gateway.learn(look);
        self.shown = look.events.last().map_or(0, |event| event.number);
    }

    /// Goes through all steps that are not over yet; gives the verdict, and whether a step was skipped.
    pub(super) fn play(&mut self, out: &mut impl Write) -> Result<(Verdict, bool), Failure> {
        let mut out = Told { out, silent: self.flags.json, style: self.style };
        self.greet(&mut out)?;
        let steps = self.steps.clone();
        for (place, step) in steps.iter().enumerate() {
            if self.kept.done.iter().any(|done| done.step == step.name) {
                continue;
            }
            let number = format!("{}/{} ", place + 1, steps.len());
            out.raw(&format!("\n{}", head(step, &self.limits, self.style, &number)))?;
            if !self.attend(step, &mut out)? {
                return self.stop(&mut out);
            }
        }
        let signed = match self.sign(&mut out)? {
            Signature::Of(name) => Some(name),
            Signature::Nobody => None,
            Signature::Stop => return self.stop(&mut out),
        };
        let report = self.report(signed, true);
        let digest = write_report(&self.kept.report, &report).map_err(AcceptError::from)?;
        self.state.remove().map_err(AcceptError::from)?;
        if self.flags.json {
            out.out.write_all(report.sealed().map_err(io::Error::from)?.0.as_bytes())?;
        }
        let tone = if report.verdict == Verdict::Failed { Tone::Bad } else { Tone::Good };
        out.raw(&format!("\n{}\n", self.style.paint(tone, &report.sum())))?;
        let path = self.kept.report.display();
        let text = self.kept.report.with_extension("txt");
        out.raw(&format!("The report is {path}, and {} for people.\nSHA-256 {digest}\n", text.display()))?;
        Ok((report.verdict, report.count.skipped > 0))
    }

    fn greet(&self, out: &mut Told<'_, impl Write>) -> io::Result<()> {
        let Gateway { hostname, config, agent, .. } = &self.gateway;
        let hostname = clean(hostname);
        let agent = clean(agent.as_deref().unwrap_or("unknown"));
        let count = self.steps.len();
        out.raw(&format!("Acceptance of {hostname}: agent {agent}, {config}, {count} steps.\n"))?;
        out.raw("Nothing is disturbed before somebody says yes to it. Ctrl-C ends the run and leaves no lease in force.\n")?;
        if !self.kept.done.is_empty() || self.kept.pending.is_some() {
            let done = self.kept.done.len();
            out.raw(&format!("The run of {} goes on, of which {done} steps are over.\n", self.kept.started))?;
        }
        Ok(())
    }

    /// One step, until there is something to write down; `false`: the run is to stop.
    fn attend(&mut self, step: &Step, out: &mut Told<'_, impl Write>) -> Result<bool, Failure> {
        loop {
            let (begun, at) = (Instant::now(), now());
            let Some((outcome, way)) = self.carry_out(step, out)? else { return Ok(false) };
            let took_s = begun.elapsed().as_secs();
            let Outcome { verdict, why, figures, notes } = outcome;
            let way = way.filter(|_| verdict != Verdict::Skipped);
            let (name, what) = (step.name.clone(), step.what());
            let done = Done { step: name, what, way, verdict, why, figures, notes, at, took_s };
            out.done(&done)?;
            let then = if done.verdict == Verdict::Failed { self.again(step, out)? } else { Then::On };
            // What was judged is judged no more: a restart that failed is done anew, and not looked at again.
            self.kept.pending = None;
            match then {
                Then::Again => {}
                Then::On => {
                    self.kept.done.push(done);
                    self.save()?;
                    return Ok(true);
                }
                Then::Stop => {
                    // Nobody said that the failure is to stand: the next run asks for the step once more.
                    self.save()?;
                    return Ok(false);
                }
            }
        }
    }

    /// Whether somebody who has put something right wants to try once more.
    fn again(&self, step: &Step, out: &mut Told<'_, impl Write>) -> io::Result<Then> {
        if !self.console.attended || self.answers.to(&step.name).is_some() {
            return Ok(Then::On);
        }
        loop {
            out.ask("again (once it is put right), Enter to go on, or quit")?;
            match self.console.line().as_deref().map(str::trim) {
                Some("again") => return Ok(Then::Again),
                Some("") => return Ok(Then::On),
                None | Some("quit") => return Ok(Then::Stop),
                Some(other) => out.say(&format!("{other:?} is no answer."))?,
            }
        }
    }

    /// `None`: the run is to stop.
    fn carry_out(
        &mut self,
        step: &Step,
        out: &mut Told<'_, impl Write>,
    ) -> Result<Option<(Outcome, Option<Way>)>, Failure> {
        let pending = self.kept.pending.clone().filter(|pending| pending.step == step.name);
        if let Some(pending) = pending {
            let look = self.talk.look();
            if let Some(trial) = Trial::resumed(&pending, &look, &self.limits) {
                out.say("The gateway was restarted: it is seen how it came back.")?;
                return Ok(self.drive(trial, out)?.map(|outcome| (outcome, step.way())));
            }
            out.say("The gateway was not restarted meanwhile; the step is asked for again.")?;
        }
        if let Some(cannot) = &step.cannot {
            return Ok(Some((Outcome::skipped(cannot), None)));
        }
        if !self.daemon_answers() {
            out.say("No daemon answers any more.")?;
            return Ok(None);
        }
        let way = match self.answer(step, out)? {
            Answer::Yes => step.way(),
            Answer::Order => Some(Way::ByOrder),
            Answer::Skip(why) => return Ok(Some((Outcome::skipped(why), None))),
            Answer::No(why) => {
                let outcome = Outcome { verdict: Verdict::Failed, ..Outcome::skipped(why) };
                return Ok(Some((outcome, step.way())));
            }
            Answer::Quit => return Ok(None),
        };
        let trial = Trial::begin(step, way, &self.limits);
        Ok(self.drive(trial, out)?.map(|outcome| (outcome, way)))
    }

    fn answer(&self, step: &Step, out: &mut Told<'_, impl Write>) -> io::Result<Answer> {
        let given = self.answers.to(&step.name);
        let blanket = !self.answers.names(&step.name);
        match given {
            _ if step.only_looks() => {
                // It disturbs nobody, but may be passed over.
                let skipped = given.filter(|answer| !blanket && matches!(answer, Answer::Skip(_)));
                return Ok(skipped.cloned().unwrap_or(Answer::Yes));
            }
            // Nobody looked, whatever was said to all steps.
            Some(Answer::Yes) if blanket && step.kind == Kind::Lamp => {
                return Ok(Answer::Skip("Nobody looked at it.".into()));
            }
            Some(Answer::Order) if !step.can_be_ordered() => {
                return Ok(Answer::Skip("It cannot be done by order.".into()));
            }
            Some(given) => return Ok(given.clone()),
            None if !self.console.attended => return Ok(Answer::Skip("Nobody answered for it.".into())),
            None => {}
        }
        let choice = match step.kind {
            Kind::Lamp => "yes (it does), no REASON, skip REASON or quit",
            Kind::Link { cable: true, .. } => {
                "yes, order (nobody pulls: the agent moves the traffic), skip REASON or quit"
            }
            _ => "yes, skip REASON or quit",
        };
        loop {
            out.ask(choice)?;
            let Some(line) = self.console.line() else { return Ok(Answer::Quit) };
            match Answer::parse(&line) {
                Ok(Answer::Order) if !step.can_be_ordered() => out.say("It cannot be done by order.")?,
                Ok(answer) => return Ok(answer),
                Err(error) => out.say(&error.to_string())?,
            }
        }
    }

    /// Carries a trial through, and takes back what it forced; `None`: the run is to stop.
    fn drive(
        &mut self,
        mut trial: Trial,
        out: &mut Told<'_, impl Write>,
    ) -> Result<Option<Outcome>, Failure> {
        let ended = self.follow(&mut trial, out);
        let undone = self.talk.undo();
        if let Err(error) = undone {
            let lease = short(crate::accept::LEASE);
            out.say(&format!(
                "The lease of this run was not ended ({error}); `shunt release` ends it at once, and it ends by itself within {lease}."
            ))?;
        }
        let ended = ended?;
        // Once it has passed there is nothing left to put right.
        if !matches!(&ended, Ended::Over(outcome) if outcome.verdict == Verdict::Passed)
            && let Some(parting) = trial.parting(&self.talk.look())
        {
            out.say(&parting)?;
        }
        Ok(match ended {
            Ended::Over(outcome) => Some(outcome),
            Ended::Stopped => None,
        })
    }

    fn follow(&mut self, trial: &mut Trial, out: &mut Told<'_, impl Write>) -> Result<Ended, Failure> {
        let begun = Instant::now();
        loop {
            let look = self.talk.look();
            self.gateway.learn(&look);
            self.show_events(&look, out)?;
            loop {
                match trial.next(&look, begun.elapsed()) {
                    Next::Wait => break,
                    Next::Tell(text) => out.tell(&text)?,
                    Next::Keep(pending) => {
                        self.kept.pending = Some(pending);
                        self.save()?;
                    }
                    // It came while nobody waited for it, and an order cannot be called off.
                    Next::Do(_) if self.console.is_stopped() => return Ok(Ended::Stopped),
                    Next::Do(request) => {
                        match self.talk.ask(&request) {
                            Ok(said) => out.say(&said)?,
                            Err(ClientError::Refused(error)) => trial.refused(&error.message),
                            // It may be done all the same, and often is where it ends the daemon: the looks tell.
                            Err(error) => {
                                out.say(&format!("It is not known whether it is done: {error}."))?
                            }
                        }
                        break;
                    }
                    Next::Over(outcome) => return Ok(Ended::Over(outcome)),
                }
            }
            match self.console.wait(LOOK) {
                None => {}
                Some(Input::Stop) => return Ok(Ended::Stopped),
                Some(Input::Line(line)) => match Answer::parse(&line) {
                    Ok(Answer::Quit) => return Ok(Ended::Stopped),
                    Ok(Answer::Skip(why)) => return Ok(Ended::Over(Outcome::skipped(why))),
                    _ => out.say("The step goes on; type skip REASON or quit to end it.")?,
                },
            }
        }
    }

    /// The daemon's own words, as they come.
    fn show_events(&mut self, look: &Look, out: &mut Told<'_, impl Write>) -> io::Result<()> {
        let latest = look.events.last().map_or(0, |event| event.number);
        if look.answers() && latest < self.shown {
            // Another daemon counts from the beginning.
            self.shown = 0;
        }
        for event in look.events.iter().filter(|event| event.number > self.shown) {
            out.raw(&format!("{INDENT}  {}\n", events::line(event, self.style)))?;
        }
        self.shown = self.shown.max(latest);
        Ok(())
    }

    fn daemon_answers(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if self.talk.look().answers() {
                return true;
            }
            if begun.elapsed() > DAEMON || self.console.wait(LOOK) == Some(Input::Stop) {
                return false;
            }
        }
    }

    fn sign(&self, out: &mut Told<'_, impl Write>) -> io::Result<Signature> {
        if self.flags.sign.is_some() || !self.console.attended {
            return Ok(self.flags.sign.clone().map_or(Signature::Nobody, Signature::Of));
        }
        out.raw("\n")?;
        out.ask("Who signs this report? Your name, Enter for nobody, or quit")?;
        Ok(match self.console.line().as_deref().map(str::trim) {
            None | Some("quit") => Signature::Stop,
            Some("") => Signature::Nobody,
            Some(name) => Signature::Of(name.to_owned()),
        })
    }

    fn stop(&self, out: &mut Told<'_, impl Write>) -> Result<(Verdict, bool), Failure> {
        let done = self.kept.done.len();
        out.raw(&format!("\n{done} of {} steps are over.\n", self.steps.len()))?;
        Err(AcceptError::Stopped.into())
    }

    fn save(&self) -> Result<(), AcceptError> {
        self.state.save(&self.kept)?;
        self.write(None)
    }

    fn write(&self, signed: Option<String>) -> Result<(), AcceptError> {
        Ok(write_report(&self.kept.report, &self.report(signed, false)).map(drop)?)
    }

    fn report(&self, signed_by: Option<String>, whole: bool) -> Report {
        Report::new(self.gateway.clone(), &self.kept, (now(), whole), signed_by)
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests;
