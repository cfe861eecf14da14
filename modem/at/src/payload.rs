//! What is sent after a prompt: checked once, so that nothing in it can end it early.

use core::fmt;
use heapless::Vec;

/// The longest payload in bytes, without its Ctrl-Z. An SMS in PDU mode is at most 12 octets of service centre
/// and 164 of TPDU, each written as two digits: 352. Modems take at most 1,460 bytes of data by one command.
pub const PAYLOAD_BYTES: usize = 1_500;

/// Ends a payload that is a line (3GPP TS 27.005, 4.3).
const CTRL_Z: u8 = 0x1a;

/// What is sent after a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// With the Ctrl-Z, where one ends it.
    wire: Vec<u8, { PAYLOAD_BYTES + 1 }>,
    echo: PayloadEcho,
}

/// How the modem repeats a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PayloadEcho {
    /// As a line, or not at all.
    Line,
    /// Not at all.
    None,
    /// Byte by byte, whatever they say.
    Exact,
}

impl Payload {
    /// One line that a Ctrl-Z ends, as in PDU mode.
    ///
    /// # Errors
    ///
    /// When `text` is empty, too long, or holds anything but printable ASCII, which could end it early.
    pub fn new(text: &str) -> Result<Self, PayloadError> {
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(PayloadError::NotPrintable);
        }
        let mut payload = Self::of(text.as_bytes(), PayloadEcho::Line)?;
        payload.wire.push(CTRL_Z).map_err(|_| PayloadError::TooLong { bytes: text.len() })?;
        Ok(payload)
    }

    /// Any bytes, just as many as the command announced (`AT+QISEND=0,24`); nothing ends them. The modem must not
    /// repeat them: switch its data echo off, or say so by [`Payload::echoed`].
    ///
    /// # Errors
    ///
    /// When there are none or too many.
    pub fn exact(bytes: &[u8]) -> Result<Self, PayloadError> {
        Self::of(bytes, PayloadEcho::None)
    }

    /// The same payload, for a modem that repeats each of its bytes.
    #[must_use]
    pub fn echoed(mut self) -> Self {
        if self.echo == PayloadEcho::None {
            self.echo = PayloadEcho::Exact;
        }
        self
    }

    /// The bytes to write, with the Ctrl-Z where one ends them.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Whether `line` is this payload as it is echoed.
    pub(crate) fn is_echo(&self, line: &str) -> bool {
        let text = |bytes| core::str::from_utf8(bytes).ok();
        self.echo == PayloadEcho::Line
            && self.wire.strip_suffix(&[CTRL_Z]).and_then(text)
                == Some(line.trim_end_matches(char::from(CTRL_Z)))
    }

    /// How many bytes of echo follow, whatever they say.
    pub(crate) fn echoed_bytes(&self) -> usize {
        match self.echo {
            PayloadEcho::Line | PayloadEcho::None => 0,
            PayloadEcho::Exact => self.wire.len(),
        }
    }

    fn of(bytes: &[u8], echo: PayloadEcho) -> Result<Self, PayloadError> {
        if bytes.is_empty() {
            return Err(PayloadError::Empty);
        }
        if bytes.len() > PAYLOAD_BYTES {
            return Err(PayloadError::TooLong { bytes: bytes.len() });
        }
        let mut wire = Vec::new();
        wire.extend_from_slice(bytes).map_err(|_| PayloadError::TooLong { bytes: bytes.len() })?;
        Ok(Self { wire, echo })
    }
}

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
    fn a_line_is_ended_and_bytes_are_not() {
        assert_eq!(Payload::new("0011").unwrap().wire(), b"0011\x1a");
        assert_eq!(Payload::new("").unwrap_err(), PayloadError::Empty);
        assert_eq!(Payload::new("a\u{1a}b").unwrap_err(), PayloadError::NotPrintable);
        assert_eq!(Payload::exact(b"\x1b\x1a\0").unwrap().wire(), b"\x1b\x1a\0");
        assert_eq!(Payload::exact(b"").unwrap_err(), PayloadError::Empty);
        let long = [b'x'; PAYLOAD_BYTES + 1];
        assert_eq!(Payload::exact(&long).unwrap_err(), PayloadError::TooLong { bytes: PAYLOAD_BYTES + 1 });
        assert!(Payload::exact(&long[1..]).is_ok());
    }

    #[test]
    fn only_a_line_is_known_by_its_echo() {
        assert!(Payload::new("0011").unwrap().is_echo("0011\u{1a}"));
        assert!(!Payload::new("0011").unwrap().is_echo("001"));
        assert!(!Payload::exact(b"0011").unwrap().is_echo("0011"));
        assert_eq!(Payload::exact(b"0011").unwrap().echoed().echoed_bytes(), 4);
        assert_eq!(Payload::new("0011").unwrap().echoed().echoed_bytes(), 0);
    }
}
