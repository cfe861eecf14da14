//! The lines, written by the guest and read by the host.

use std::fmt;
use std::time::Duration;

/// Where the guest's first program lies: the kernel starts it there by itself.
pub const GUEST_PATH: &str = "init";
/// Where the agent lies, as in the packages.
pub const AGENT: &str = "usr/bin/shunt";

/// What every line begins with. The kernel's messages do not.
const MARK: &str = "vm-test";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The guest's program runs; the kernel took so long to get there.
    Booted(Duration),
    /// A step of the story went as it should.
    Done {
        /// Which one.
        step: String,
        /// How long it took.
        took: Duration,
    },
    /// A measured time.
    Figure {
        /// Of what.
        what: String,
        /// How long.
        value: Duration,
    },
    /// From here on only a reset can go on with the story.
    AwaitsReset,
    /// The story went wrong.
    Failed(String),
    /// The story is at its end.
    Ended,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Booted(after) => write!(f, "{MARK} booted {}", after.as_millis()),
            Self::Done { step, took } => write!(f, "{MARK} done {} {step}", took.as_millis()),
            Self::Figure { what, value } => write!(f, "{MARK} figure {} {what}", value.as_millis()),
            Self::AwaitsReset => write!(f, "{MARK} awaits-reset"),
            Self::Failed(why) => write!(f, "{MARK} failed {}", why.replace('\n', " | ")),
            Self::Ended => write!(f, "{MARK} ended"),
        }
    }
}

impl Said {
    /// Reads a line of the console. `None`: it is somebody else's, such as the kernel's.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        // A message of the kernel may stand before it.
        let (_, text) = line.trim_end().split_once(&format!("{MARK} "))?;
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let timed = || {
            let (millis, what) = rest.split_once(' ').unwrap_or((rest, ""));
            Some((Duration::from_millis(millis.parse().ok()?), what.to_owned()))
        };
        match word {
            "booted" => timed().map(|(after, _)| Self::Booted(after)),
            "done" => timed().map(|(took, step)| Self::Done { step, took }),
            "figure" => timed().map(|(value, what)| Self::Figure { what, value }),
            "awaits-reset" => Some(Self::AwaitsReset),
            "failed" => Some(Self::Failed(rest.to_owned())),
            "ended" => Some(Self::Ended),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let millis = Duration::from_millis;
        for said in [
            Said::Booted(millis(2_500)),
            Said::Done { step: "fails over".into(), took: millis(700) },
            Said::Figure { what: "detected".into(), value: millis(312) },
            Said::AwaitsReset,
            Said::Failed("no answer".into()),
            Said::Ended,
        ] {
            assert_eq!(Said::read(&format!("{said}\r\n")), Some(said.clone()));
            assert_eq!(Said::read(&format!("[    2.1] veth: link up {said}")), Some(said));
        }
        assert_eq!(Said::Failed("one\ntwo".into()).to_string(), "vm-test failed one | two");
        for other in ["", "[    0.0] Booting Linux", "vm-test", "vm-test done many steps", "vm-test sings"] {
            assert_eq!(Said::read(other), None, "{other}");
        }
    }
}
