//! What people, or a script, say to a step.

use std::collections::BTreeMap;

/// A name that stands for every step in `--yes`.
const ALL: &str = "all";

/// What is to become of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done.
    Yes,
    /// It is done by order, without hands.
    Order,
    /// It is not as it should be: of what people look at.
    No(String),
    /// It is not done, and why.
    Skip(String),
    /// The run ends here, and goes on another time.
    Quit,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAnswer {
    /// Something else was typed.
    #[error("{0:?} is no answer; type yes, skip REASON or quit, or order where the step says so")]
    Unknown(String),
    /// A step is passed over for a reason, or not at all.
    #[error("a step is skipped, or failed, with its reason: skip REASON")]
    NoReason,
    /// A line of answers names no step.
    #[error("{0:?} names no step and its answer; write it as: link:fiber yes")]
    NoStep(String),
    /// There is no such step.
    #[error("there is no step {step:?}; the steps are {known}")]
    UnknownStep {
        /// What was named.
        step: String,
        /// What there is.
        known: String,
    },
}

impl Answer {
    /// Reads what was typed.
    pub(crate) fn parse(text: &str) -> Result<Self, BadAnswer> {
        let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let reason = || match rest.trim() {
            "" => Err(BadAnswer::NoReason),
            reason => Ok(reason.to_owned()),
        };
        match (word, rest.trim()) {
            ("yes", "") => Ok(Self::Yes),
            ("order", "") => Ok(Self::Order),
            ("quit", "") => Ok(Self::Quit),
            ("no", _) => reason().map(Self::No),
            ("skip", _) => reason().map(Self::Skip),
            _ => Err(BadAnswer::Unknown(text.trim().to_owned())),
        }
    }
}

/// Answers that a script gives beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    given: BTreeMap<String, Answer>,
}

impl Answers {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// The answer to the step of this name, or to all of them.
    pub(crate) fn to(&self, step: &str) -> Option<&Answer> {
        self.given.get(step).or_else(|| self.given.get(ALL))
    }

    /// Whether the step itself was named.
    pub(crate) fn names(&self, step: &str) -> bool {
        self.given.contains_key(step)
    }

    /// Takes in an answer; a later one counts.
    pub(crate) fn give(&mut self, step: &str, answer: Answer) {
        self.given.insert(step.to_owned(), answer);
    }

    /// Takes in a line such as `link:fiber skip the cable cannot be reached`. A blank line and a remark say nothing.
    pub(crate) fn read(&mut self, line: &str) -> Result<(), BadAnswer> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (step, answer) =
            line.split_once(char::is_whitespace).ok_or_else(|| BadAnswer::NoStep(line.to_owned()))?;
        self.give(step, Answer::parse(answer)?);
        Ok(())
    }

    /// Whether each names a step that there is: a slip of the pen must not skip what was to be done.
    pub(crate) fn check<'a>(&self, steps: impl Iterator<Item = &'a str> + Clone) -> Result<(), BadAnswer> {
        let unknown = self.given.keys().find(|name| *name != ALL && !steps.clone().any(|step| step == *name));
        match unknown {
            None => Ok(()),
            Some(step) => Err(BadAnswer::UnknownStep {
                step: step.clone(),
                known: steps.collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_word_and_a_skip_has_its_reason() {
        let skip = |reason: &str| Ok(Answer::Skip(reason.into()));
        for (text, expected) in [
            ("yes", Ok(Answer::Yes)),
            ("  yes\n", Ok(Answer::Yes)),
            ("order", Ok(Answer::Order)),
            ("quit", Ok(Answer::Quit)),
            ("skip the rack is locked", skip("the rack is locked")),
            ("skip", Err(BadAnswer::NoReason)),
            ("no it is dark", Ok(Answer::No("it is dark".into()))),
            ("no", Err(BadAnswer::NoReason)),
            ("y", Err(BadAnswer::Unknown("y".into()))),
            ("yes please", Err(BadAnswer::Unknown("yes please".into()))),
            ("", Err(BadAnswer::Unknown(String::new()))),
        ] {
            assert_eq!(Answer::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn answers_of_a_file_are_for_their_steps_and_for_no_others() {
        let mut answers = Answers::default();
        for line in ["# before the visit", "", "all skip not today", "link:fiber yes", " link:lte  order "] {
            answers.read(line).unwrap();
        }
        assert_eq!(answers.to("link:fiber"), Some(&Answer::Yes));
        assert_eq!(answers.to("link:lte"), Some(&Answer::Order));
        assert_eq!(answers.to("restart"), Some(&Answer::Skip("not today".into())));
        let steps = ["gateway", "link:fiber", "link:lte", "restart"];
        assert_eq!(answers.check(steps.into_iter()), Ok(()));
        let error = answers.check(["link:fiber"].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), "there is no step \"link:lte\"; the steps are link:fiber");
        assert_eq!(answers.read("link:fiber"), Err(BadAnswer::NoStep("link:fiber".into())));
    }
}
