//! What a message orders, read once.

use super::code::Code;
use core::fmt;
use core::num::NonZeroU16;
use serde::{Deserialize, Serialize};

/// The longest name of a link that is looked at. The config allows shorter ones.
const LINK_CHARS_MAX: usize = 32;

/// The longest force by SMS: a day. Whoever wants longer can order it again, or log in.
const MINUTES_MAX: u16 = 24 * 60;

/// What may be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Tell how the links are.
    Status,
    /// Force traffic over a link.
    Force {
        /// Which, as it was written; phones may have changed the case.
        link: String,
        /// For how long; the agent's own time where none is given.
        minutes: Option<NonZeroU16>,
    },
    /// Take the force back.
    Release,
}

/// An order with its code.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) order: Order,
    pub(super) code: Code,
}

impl Request {
    /// Reads a message; none where it is no order. Words are parted by any white space, keywords may have any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        // Five would be too many already.
        let words: Vec<&str> = words.by_ref().take(5).collect();
        let (keyword, rest) = words.split_first()?;
        let (code, arguments) = rest.split_last()?;
        let order = match (keyword.to_ascii_lowercase().as_str(), arguments) {
            ("status", []) => Order::Status,
            ("release", []) => Order::Release,
            ("force", [link]) => Order::Force { link: self::link(link)?, minutes: None },
            ("force", [link, minutes]) => {
                Order::Force { link: self::link(link)?, minutes: Some(self::minutes(minutes)?) }
            }
            _ => return None,
        };
        Some(Self { order, code: Code::parse(code)? })
    }
}

/// Whether a text begins like an order: only such messages of strangers are worth an entry in the journal.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    ["status", "force", "release"].iter().any(|keyword| first.eq_ignore_ascii_case(keyword))
}

fn link(word: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (word.len() <= LINK_CHARS_MAX && word.chars().all(fits)).then(|| word.to_owned())
}

fn minutes(word: &str) -> Option<NonZeroU16> {
    let digits = word.bytes().all(|c| c.is_ascii_digit());
    word.parse().ok().filter(|minutes: &NonZeroU16| digits && minutes.get() <= MINUTES_MAX)
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Force { link, minutes: None } => write!(f, "force {link}"),
            Self::Force { link, minutes: Some(minutes) } => write!(f, "force {link} {minutes}"),
            Self::Release => f.write_str("release"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_and_nothing_else() {
        for (text, order) in [
            ("status 755224", Some("status")),
            ("  Status\t755224\n", Some("status")),
            ("RELEASE 755224", Some("release")),
            ("force lte 755224", Some("force lte")),
            ("Force lte-2 30 12345678", Some("force lte-2 30")),
            ("force 30 755224", Some("force 30")),
            ("", None),
            ("status", None),
            ("status 75522", None),
            ("status 123456789", None),
            ("status 75522a", None),
            ("status now 755224", None),
            ("force 755224", None),
            ("force lte 0 755224", None),
            ("force lte 1441 755224", None),
            ("force lte +5 755224", None),
            ("force l/e 755224", None),
            ("force lte 30 now 755224", None),
            ("755224 status", None),
            ("status of the order 755224", None),
        ] {
            let read = Request::parse(text).map(|request| request.order.to_string());
            assert_eq!(read.as_deref(), order, "{text:?}");
        }
    }
}
