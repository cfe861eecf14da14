//! Commands: checked once, so that a line which could break the framing has no type.

use crate::codes::Final;
use core::fmt;
use heapless::String;

/// The longest command in bytes, without its carriage return. The longest in use are APN and
/// credential settings (about 250); V.250 asks a modem to take at least 40.
pub const COMMAND_BYTES: usize = 510;

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
    /// Any number of lines with this prefix, each followed by one line of hexadecimal digits that belongs to it: stored
    /// messages in PDU mode (`AT+CMGL=4`, `"+CMGL:"`). What comes between the two is judged as anywhere else, so that a
    /// header whose message was lost stands alone. Not for text mode, where a body may be anything.
    Headed(&'static str),
    /// Any number of lines with this prefix, each followed by as many bytes as its argument of this number says (0 is
    /// the first), whatever they say: `+QIRD: <length>` is `("+QIRD:", 0)`, `+CIPRXGET: 2,0,<length>,<left>` is
    /// `("+CIPRXGET:", 2)`. The bytes are [`Response::data`](crate::Response::data).
    Counted(&'static str, u8),
}

/// How a modem asks for a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `>` at the start of a line (3GPP TS 27.005, `AT+CMGS`).
    Angle,
    /// `@` at the start of a line (u-blox sockets and files).
    At,
    /// A line that begins with `CONNECT` (Quectel files and pages).
    Connect,
    /// The line `DOWNLOAD` (SIMCom pages).
    Download,
}

impl Sign {
    /// The byte that asks, where a byte does.
    pub(crate) fn byte(self) -> Option<u8> {
        match self {
            Self::Angle => Some(b'>'),
            Self::At => Some(b'@'),
            Self::Connect | Self::Download => None,
        }
    }

    /// Whether `line` asks.
    pub(crate) fn is_line(self, line: &str) -> bool {
        match self {
            Self::Angle | Self::At => false,
            Self::Connect => Final::parse(line) == Some(Final::Connect),
            Self::Download => line.trim_end() == "DOWNLOAD",
        }
    }
}

/// A command line that can be sent. Its `Debug` shows no PIN and no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// With the carriage return.
    wire: String<{ COMMAND_BYTES + 1 }>,
    class: Class,
    sign: Option<Sign>,
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
        Ok(Self { wire, class, sign: None })
    }

    /// The same command, for which the modem asks for a payload by the prompt `>` (`AT+CMGS=24`).
    #[must_use]
    pub fn prompting(self) -> Self {
        self.prompting_by(Sign::Angle)
    }

    /// The same command, for which the modem asks for a payload by `sign`.
    #[must_use]
    pub fn prompting_by(mut self, sign: Sign) -> Self {
        self.sign = Some(sign);
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

    /// By which sign a payload is asked for, if one is.
    #[must_use]
    pub fn sign(&self) -> Option<Sign> {
        self.sign
    }

    /// The command as it may be logged: without its arguments where these are a PIN or a password.
    #[must_use]
    pub fn shown(&self) -> &str {
        let secret = SECRETS.iter().any(|name| self.begins_with(name));
        let name = self.text().split('=').next().unwrap_or_default();
        if secret { name } else { self.text() }
    }

    /// Whether it opens a call, so that the codes which tell of calls end it.
    pub(crate) fn opens_a_call(&self) -> bool {
        ["ATD", "ATA", "ATO", "AT+CGDATA"].iter().any(|opener| self.begins_with(opener))
    }

    /// Whether `CONNECT` makes a data channel of this port. Not for raw IP, which goes over another one.
    pub(crate) fn carries_data(&self) -> bool {
        ["ATD", "ATA", "ATO", "AT+CGDATA=\"PPP\""].iter().any(|opener| self.begins_with(opener))
    }

    fn begins_with(&self, start: &str) -> bool {
        self.text().get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wire: _, class, sign } = self;
        let shown = self.shown();
        f.debug_struct("Command").field("shown", &shown).field("class", class).field("sign", sign).finish()
    }
}

/// Commands that have a PIN or a password among their arguments.
const SECRETS: [&str; 11] = [
    "AT+CPIN=",
    "AT+CPWD=",
    "AT+CLCK=",
    "AT+CGAUTH=",
    "AT+QICSGP=",
    "AT+UAUTHREQ=",
    "AT^AUTHDATA=",
    "AT$QCPDPP=",
    "AT#PDPAUTH=",
    "AT+EIAAPN=",
    "AT+MGAUTH=",
];

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
    fn a_command_ends_as_the_standard_says() {
        let command = Command::new("AT+CMGS=24", Class::SingleLine("+CMGS:")).unwrap().prompting();
        assert_eq!(command.wire(), b"AT+CMGS=24\r");
        assert_eq!(command.text(), "AT+CMGS=24");
        assert_eq!(command.sign(), Some(Sign::Angle));
    }

    #[test]
    fn a_pin_is_not_shown() {
        let shown = |text: &str| Command::new(text, Class::NoResult).unwrap().shown().len();
        assert_eq!(shown("at+cpin=\"1234\""), "AT+CPIN".len());
        assert_eq!(shown("AT+CPIN?"), "AT+CPIN?".len());
        assert_eq!(shown("AT+CFUN=1,1"), "AT+CFUN=1,1".len());
    }

    #[test]
    fn only_a_dialling_command_opens_a_call() {
        let opens = |text: &str| {
            let command = Command::new(text, Class::NoResult).unwrap();
            (command.opens_a_call(), command.carries_data())
        };
        assert_eq!(opens("ATD*99***1#"), (true, true));
        assert_eq!(opens("at+cgdata=\"ppp\",1"), (true, true));
        assert_eq!(opens("AT+CGDATA=\"M-RAW_IP\",0"), (true, false));
        assert_eq!(opens("AT+CGDCONT?"), (false, false));
    }
}
