//! Commands as the tables hold them, and as they are sent once their blanks are filled.

use shunt_at::{Class, Command, CommandError};
use shunt_recovery::facts::Slot;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The number of a context (27.007, 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid(pub u8);

/// Which address families a context asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PdpType {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// Both, as far as the network grants them.
    #[default]
    V4V6,
}

/// How the network is told who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Auth {
    /// Not at all: the SIM suffices.
    #[default]
    None,
    /// In clear.
    Pap,
    /// By challenge.
    Chap,
}

/// A context as it is to be defined.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Context {
    /// Its number.
    pub cid: Cid,
    /// The access point's name; empty for the subscription's own.
    pub apn: String,
    /// Families.
    pub pdp: PdpType,
    /// Authentication.
    pub auth: Auth,
    /// For authentication.
    pub user: String,
    /// For authentication.
    pub password: String,
}

impl Context {
    /// Another one where anything of it is another: so that a refusal is not held against what was not asked for. It may be
    /// another one, too, in another build of the program.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cid, apn, pdp, auth, .. } = self;
        let mut shown = f.debug_struct("Context");
        shown
            .field("cid", cid)
            .field("apn", apn)
            .field("pdp", pdp)
            .field("auth", auth)
            .finish_non_exhaustive()
    }
}

/// Whether a command is needed, when several answer one question or carry out one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Send it. Where it fails, what the others say still counts for a question.
    Always,
    /// Send it only where all before it failed, back to the last [`Need::Always`]: it is another way to the same.
    Otherwise,
}

/// A command in a table. Blanks in braces are filled from the values at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) text: &'static str,
    class: Class,
    limit: Duration,
    need: Need,
    only_with_auth: bool,
}

/// The bound for what a modem answers from its own knowledge. ModemManager gives such commands 3 s; a module that
/// searches for networks meanwhile was seen to take more.
const SHORT: Duration = Duration::from_secs(5);

impl Line {
    /// A command that is answered by a final code alone.
    pub(super) const fn order(text: &'static str) -> Self {
        Self { text, class: Class::NoResult, limit: SHORT, need: Need::Always, only_with_auth: false }
    }

    /// A command that is answered by one line with this prefix, always: without it the port counts as dirty.
    pub(super) const fn one(text: &'static str, prefix: &'static str) -> Self {
        Self { class: Class::SingleLine(prefix), ..Self::order(text) }
    }

    /// A command that is answered by any number of lines with this prefix, or by none. With an empty prefix the answer takes all
    /// lines, those of others too.
    pub(super) const fn many(text: &'static str, prefix: &'static str) -> Self {
        Self { class: Class::MultiLine(prefix), ..Self::order(text) }
    }

    /// A command that is answered by one line that begins with a digit.
    pub(super) const fn number(text: &'static str) -> Self {
        Self { class: Class::Numeric, ..Self::order(text) }
    }

    /// May take so long.
    pub(super) const fn within(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Only where the one before it failed: see [`Need::Otherwise`].
    pub(super) const fn otherwise(mut self) -> Self {
        self.need = Need::Otherwise;
        self
    }

    /// Only where the context has authentication.
    pub(super) const fn with_auth(mut self) -> Self {
        self.only_with_auth = true;
        self
    }

    /// The command with its blanks filled; none where it is not needed with these values.
    pub(super) fn fill(&self, values: &Values<'_>) -> Result<Option<Ask>, AskError> {
        if self.only_with_auth && values.context.is_none_or(|context| context.auth == Auth::None) {
            return Ok(None);
        }
        let mut text = String::new();
        let (mut rest, mut secret) = (self.text, false);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            values.put(name, &mut text)?;
            secret |= matches!(name, "pin" | "user" | "password");
            rest = behind;
        }
        text.push_str(rest);
        let command = Command::new(&text, self.class)?;
        Ok(Some(Ask { command, timeout: self.limit, need: self.need, secret }))
    }
}

/// A command ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    /// With its class, as the session takes it.
    pub command: Command,
    /// How long it may take at most.
    pub timeout: Duration,
    /// Whether it is needed.
    pub need: Need,
    /// Whether it holds a PIN or a password, so that its text must not be logged.
    pub secret: bool,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.secret { "(secret)" } else { self.command.shown() };
        f.debug_struct("Ask")
            .field("text", &text)
            .field("timeout", &self.timeout)
            .field("need", &self.need)
            .finish()
    }
}

/// What blanks are filled from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Values<'a> {
    pub(super) cid: Option<Cid>,
    pub(super) context: Option<&'a Context>,
    pub(super) pin: Option<&'a str>,
    pub(super) slot: Option<Slot>,
}

impl Values<'_> {
    fn put(&self, name: &'static str, text: &mut String) -> Result<(), AskError> {
        let number = |number: u8| number.to_string();
        let context = self.context;
        let cid = self.cid.or(context.map(|context| context.cid));
        let value = match name {
            "cid" => cid.map(|cid| number(cid.0)),
            // Sessions of some interfaces are counted from 0, contexts from 1.
            "session" => cid.map(|cid| number(cid.0.saturating_sub(1))),
            "slot" => self.slot.map(|slot| number(slot.0)),
            "apn" => context.map(|context| context.apn.clone()),
            "user" => context.map(|context| context.user.clone()),
            "password" => context.map(|context| context.password.clone()),
            "pin" => self.pin.map(str::to_owned),
            "pdp" => context.map(|context| {
                match context.pdp {
                    PdpType::V4 => "IP",
                    PdpType::V6 => "IPV6",
                    PdpType::V4V6 => "IPV4V6",
                }
                .to_owned()
            }),
            "pdp_number" => context.map(|context| {
                number(match context.pdp {
                    PdpType::V4 => 1,
                    PdpType::V6 => 2,
                    PdpType::V4V6 => 3,
                })
            }),
            "auth" => context.map(|context| {
                number(match context.auth {
                    Auth::None => 0,
                    Auth::Pap => 1,
                    Auth::Chap => 2,
                })
            }),
            _ => None,
        };
        let value = value.ok_or(AskError::Blank { name })?;
        // A quote would end the string early, and a backslash begins an escape (V.250, 5.4.2.2).
        if value.contains(['"', '\\']) {
            return Err(AskError::Quote { name });
        }
        text.push_str(&value);
        Ok(())
    }
}

/// Why a command cannot be made of a table's line and the values at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// A value has a character that would break out of its string.
    #[error("failed to write the {name} into a command: use one without quotes and backslashes")]
    Quote {
        /// Which value.
        name: &'static str,
    },
    /// The table wants a value that this step does not have: a defect of the table.
    #[error("failed to fill the blank {name} of a command: correct the vendor's table")]
    Blank {
        /// Which value.
        name: &'static str,
    },
    /// The text is too long or not printable.
    #[error(transparent)]
    Command(#[from] CommandError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context {
            cid: Cid(1),
            apn: "internet".to_owned(),
            pdp: PdpType::V4V6,
            auth: Auth::Chap,
            user: "me".to_owned(),
            password: "secret".to_owned(),
        }
    }

    #[test]
    fn blanks_are_filled_and_secrets_are_not_shown() {
        let line = Line::order("AT+CGAUTH={cid},{auth},\"{user}\",\"{password}\"").with_auth();
        let context = context();
        let values = Values { context: Some(&context), ..Values::default() };
        let ask = line.fill(&values).unwrap().unwrap();
        assert_eq!(ask.command.text(), "AT+CGAUTH=1,2,\"me\",\"secret\"");
        assert!(ask.secret && !format!("{ask:?} {context:?}").contains("secret\""), "{ask:?} {context:?}");
        let without = Context { auth: Auth::None, ..context };
        let values = Values { context: Some(&without), ..Values::default() };
        assert_eq!(line.fill(&values), Ok(None));
    }

    #[test]
    fn another_context_has_another_fingerprint() {
        let same = context();
        assert_eq!(same.fingerprint(), context().fingerprint());
        for other in [
            Context { cid: Cid(2), ..context() },
            Context { apn: "internet2".to_owned(), ..context() },
            Context { pdp: PdpType::V4, ..context() },
            Context { auth: Auth::Pap, ..context() },
            Context { user: "you".to_owned(), ..context() },
            Context { password: "other".to_owned(), ..context() },
        ] {
            assert_ne!(other.fingerprint(), same.fingerprint(), "{other:?}");
        }
    }

    #[test]
    fn a_value_cannot_break_out_of_its_string() {
        let line = Line::order("AT+CGDCONT={cid},\"{pdp}\",\"{apn}\"");
        for (apn, error) in [
            ("a\"b", AskError::Quote { name: "apn" }),
            ("a\\22", AskError::Quote { name: "apn" }),
            ("a\rATZ", AskError::Command(CommandError::NotPrintable)),
        ] {
            let context = Context { apn: apn.to_owned(), ..context() };
            let values = Values { context: Some(&context), ..Values::default() };
            assert_eq!(line.fill(&values), Err(error), "{apn:?}");
        }
        assert_eq!(line.fill(&Values::default()), Err(AskError::Blank { name: "cid" }));
    }
}
