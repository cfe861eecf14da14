//! Commands and payloads: checked once, so that a line which could break the framing has no type.

use core::fmt;
use heapless::String;

/// The longest command in bytes, without its carriage return. The longest in use are APN and
/// credential settings (about 250); V.250 asks a modem to take at least 40.
pub const COMMAND_BYTES: usize = 510;

/// The longest payload in bytes, without its Ctrl-Z. An SMS in PDU mode is at most 12 octets of
/// service centre and 164 of TPDU, each written as two digits: 352.
pub const PAYLOAD_BYTES: usize = 382;

/// Which lines after its echo belong to a command. All others are unsolicited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Only a final code, as for `AT+CFUN=1`.
    NoResult,
    /// One line that begins with a digit, as for `AT+CGSN`.
    Numeric,
    /// One line with this prefix, colon included (`"+CSQ:"`). When several come, the last one stands and
    /// the earlier ones are given out as unsolicited: a modem sends its reply right before the final code.
    SingleLine(&'static str),
    /// Any number of lines with this prefix. The empty prefix takes every line, for commands whose
    /// answer has none (`AT!GSTATUS?`).
    MultiLine(&'static str),
    /// Any number of lines with this prefix, each followed by one line that belongs to it whatever it
    /// says: stored messages in PDU mode (`AT+CMGL=4`, `"+CMGL:"`). Not for text mode, where a body may have
    /// no line or several.
    Headed(&'static str),
}

/// A command line that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// With the carriage return.
    wire: String<{ COMMAND_BYTES + 1 }>,
    class: Class,
    prompting: bool,
}

impl Command {
    /// A command, `AT` included and without its carriage return.
    ///
    /// # Errors
    ///
    /// When `text` is too long, holds anything but printable ASCII, does not begin with `AT`, or is the
    /// fence's own (`AT` alone and `ATE…`).
    pub fn new(text: &str, class: Class) -> Result<Self, CommandError> {
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(CommandError::NotPrintable);
        }
        if text.len() > COMMAND_BYTES {
            return Err(CommandError::TooLong { bytes: text.len() });
        }
        let rest = match text.split_at_checked(2) {
            Some((start, rest)) if start.eq_ignore_ascii_case("AT") => rest.trim_start(),
            _ => return Err(CommandError::NotAt),
        };
        if rest.is_empty() || rest.starts_with(['E', 'e']) {
            return Err(CommandError::Reserved);
        }
        let mut wire = String::new();
        let too_long = CommandError::TooLong { bytes: text.len() };
        wire.push_str(text).and_then(|()| wire.push('\r')).map_err(|_| too_long)?;
        Ok(Self { wire, class, prompting: false })
    }

    /// The same command, for which the modem asks for a payload by the prompt `>` (`AT+CMGS=24`).
    #[must_use]
    pub fn prompting(mut self) -> Self {
        self.prompting = true;
        self
    }

    /// The bytes to write, with the carriage return.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.wire.as_bytes()
    }

    /// The command as it is echoed.
    #[must_use]
    pub fn text(&self) -> &str {
        self.wire.trim_end_matches('\r')
    }

    /// Which lines belong to it.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Whether a payload is asked for.
    #[must_use]
    pub fn is_prompting(&self) -> bool {
        self.prompting
    }

    /// Whether it opens a call, so that the codes which tell of calls end it.
    pub(crate) fn opens_a_call(&self) -> bool {
        const OPENERS: [&str; 4] = ["ATD", "ATA", "ATO", "AT+CGDATA"];
        OPENERS
            .iter()
            .any(|opener| self.text().get(..opener.len()).is_some_and(|s| s.eq_ignore_ascii_case(opener)))
    }
}

/// What is sent after a prompt: one line, as in PDU mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// With the Ctrl-Z.
    wire: String<{ PAYLOAD_BYTES + 1 }>,
}

impl Payload {
    /// A payload without its Ctrl-Z.
    ///
    /// # Errors
    ///
    /// When `text` is empty, too long, or holds anything but printable ASCII: a line end or a Ctrl-Z
    /// within it would end it early.
    pub fn new(text: &str) -> Result<Self, PayloadError> {
        if text.is_empty() {
            return Err(PayloadError::Empty);
        }
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(PayloadError::NotPrintable);
        }
        if text.len() > PAYLOAD_BYTES {
            return Err(PayloadError::TooLong { bytes: text.len() });
        }
        let mut wire = String::new();
        let too_long = PayloadError::TooLong { bytes: text.len() };
        wire.push_str(text).and_then(|()| wire.push(CTRL_Z)).map_err(|_| too_long)?;
        Ok(Self { wire })
    }

    /// The bytes to write, with the Ctrl-Z.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.wire.as_bytes()
    }

    /// The payload as it is echoed.
    pub(crate) fn text(&self) -> &str {
        self.wire.trim_end_matches(CTRL_Z)
    }
}

/// Ends a payload (3GPP TS 27.005, 4.3).
pub(crate) const CTRL_Z: char = '\u{1a}';

/// Why a text is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandError {
    /// Longer than [`COMMAND_BYTES`].
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Something else than printable ASCII.
    NotPrintable,
    /// It does not begin with `AT`.
    NotAt,
    /// `AT` alone or `ATE…`: only the fence may send these, since it must know its own echo.
    Reserved,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "failed to take the command: {bytes} bytes, at most {COMMAND_BYTES} are possible")
            }
            Self::NotPrintable => f.write_str("failed to take the command: use printable ASCII only"),
            Self::NotAt => f.write_str("failed to take the command: it must begin with AT"),
            Self::Reserved => {
                f.write_str("failed to take the command: AT and ATE belong to the session; ask it whether the modem answers")
            }
        }
    }
}

impl core::error::Error for CommandError {}

/// Why a text is no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// Nothing to send.
    Empty,
    /// Longer than [`PAYLOAD_BYTES`].
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Something else than printable ASCII.
    NotPrintable,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("failed to take the payload: it is empty"),
            Self::TooLong { bytes } => {
                write!(f, "failed to take the payload: {bytes} bytes, at most {PAYLOAD_BYTES} are possible")
            }
            Self::NotPrintable => f.write_str("failed to take the payload: use one line of printable ASCII"),
        }
    }
}

impl core::error::Error for PayloadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_could_break_the_framing_is_refused() {
        let refuse = |text: &str| Command::new(text, Class::NoResult).unwrap_err();
        assert_eq!(refuse("AT"), CommandError::Reserved);
        assert_eq!(refuse("at "), CommandError::Reserved);
        assert_eq!(refuse("ATE0"), CommandError::Reserved);
        assert_eq!(refuse("+CSQ"), CommandError::NotAt);
        assert_eq!(refuse("A"), CommandError::NotAt);
        assert_eq!(refuse("AT+CSQ\r"), CommandError::NotPrintable);
        assert_eq!(refuse("AT+X=\"é\""), CommandError::NotPrintable);
        let long = [b'A'; COMMAND_BYTES + 1];
        let long = core::str::from_utf8(&long).unwrap();
        assert_eq!(refuse(long), CommandError::TooLong { bytes: COMMAND_BYTES + 1 });
    }

    #[test]
    fn a_command_and_a_payload_end_as_the_standard_says() {
        let command = Command::new("AT+CMGS=24", Class::SingleLine("+CMGS:")).unwrap().prompting();
        assert_eq!(command.wire(), b"AT+CMGS=24\r");
        assert_eq!(command.text(), "AT+CMGS=24");
        assert_eq!(Payload::new("0011").unwrap().wire(), b"0011\x1a");
        assert_eq!(Payload::new("").unwrap_err(), PayloadError::Empty);
        assert_eq!(Payload::new("a\u{1a}b").unwrap_err(), PayloadError::NotPrintable);
    }

    #[test]
    fn only_a_dialling_command_opens_a_call() {
        let opens = |text: &str| Command::new(text, Class::NoResult).unwrap().opens_a_call();
        assert!(opens("ATD*99***1#") && opens("atd1;") && opens("AT+CGDATA=\"M-RAW_IP\",0"));
        assert!(!opens("AT+CSQ") && !opens("AT+CGDCONT?"));
    }
}
