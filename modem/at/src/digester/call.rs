//! The data channel: its bytes are not looked into, save for the line that ends it.

use crate::codes::{Final, is_boot_banner};
use heapless::String;

/// The longest line that can end a call (`NO DIAL TONE`), or tell of a boot.
const ENDING_BYTES: usize = 12;

/// Text that may follow the ending line, unsolicited lines of the usual form aside. More is a text that happens to
/// have such a line.
const AFTERMATH_BYTES: u16 = 256;

/// How a data channel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The call is over.
    Hung,
    /// The call stands, and the port takes commands.
    Escaped,
    /// The modem booted.
    Restarted,
}

/// What is known of the data that came last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// The line end of `CONNECT` is not over.
    starting: bool,
    line: String<ENDING_BYTES>,
    /// The line is longer than any that ends a call, or is no text.
    odd: bool,
    ending: Option<Ending>,
    aftermath: u16,
    endings: u32,
}

impl Call {
    /// `CONNECT` was read, up to the first byte of its line end.
    pub(crate) fn start(&mut self, line_end: u8) {
        *self = Self { starting: line_end == b'\r', endings: self.endings, ..Self::default() };
    }

    /// How many lines were seen that can end a call.
    pub(crate) fn endings(&self) -> u32 {
        self.endings
    }

    /// Whether the next byte may belong to the line end of `CONNECT`.
    pub(crate) fn is_starting(&self) -> bool {
        self.starting
    }

    /// The escape was written: an `OK` before it was data.
    pub(crate) fn escape(&mut self) {
        self.ending = self.ending.filter(|ending| *ending != Ending::Escaped);
    }

    /// Takes a byte; whether it is data.
    pub(crate) fn watch(&mut self, byte: u8) -> bool {
        if self.starting {
            self.starting = byte == b'\r';
            if matches!(byte, b'\r' | b'\n') {
                return false;
            }
        }
        match byte {
            b'\r' | b'\n' => self.end_line(),
            // Frames of PPP are full of flags (`~`) and of bytes that are no text.
            b' '..=b'}' => {
                self.odd |= self.line.push(char::from(byte)).is_err();
                self.aftermath = self.aftermath.saturating_add(u16::from(!self.is_unsolicited()));
            }
            _ => {
                self.odd = true;
                self.ending = None;
            }
        }
        if self.aftermath > AFTERMATH_BYTES {
            self.ending = None;
        }
        true
    }

    /// How the channel has ended, if nothing comes any more.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let aside = self.line.is_empty() || self.is_unsolicited();
        self.ending.filter(|_| aside && !self.odd)
    }

    /// Whether the line begins as unsolicited ones do, or as the echo of an escape that came too late.
    fn is_unsolicited(&self) -> bool {
        self.line.starts_with(['+', '^', '*', '#', '!', '%', '$'])
    }

    fn end_line(&mut self) {
        let ending = match Final::parse(&self.line) {
            _ if self.odd => None,
            Some(Final::NoCarrier) => Some(Ending::Hung),
            Some(Final::Ok) => Some(Ending::Escaped),
            _ if is_boot_banner(&self.line) => Some(Ending::Restarted),
            _ => None,
        };
        // Nothing is known of an `OK` that follows the end.
        if let Some(ending) = ending
            && (self.ending.is_none() || ending != Ending::Escaped)
        {
            self.ending = Some(ending);
            self.endings = self.endings.saturating_add(1);
            self.aftermath = 0;
        }
        self.line.clear();
        self.odd = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(bytes: &[u8]) -> Option<Ending> {
        let mut call = Call::default();
        call.start(b'\r');
        for byte in bytes {
            call.watch(*byte);
        }
        call.ending()
    }

    #[test]
    fn only_a_whole_line_at_the_end_ends_a_call() {
        assert_eq!(after(b"\n~\x7d\x23~\r\nNO CARRIER\r\n"), Some(Ending::Hung));
        assert_eq!(after(b"\n\r\nNO CARRIER\r\n\r\n+CREG: 0\r\n"), Some(Ending::Hung));
        assert_eq!(after(b"\n\r\nNO CARRIER\r\n+++"), Some(Ending::Hung));
        assert_eq!(after(b"\n\r\nOK\r\n"), Some(Ending::Escaped));
        assert_eq!(after(b"\n\r\nRDY\r\n"), Some(Ending::Restarted));
        for data in [
            b"\nNO CARRIER".as_slice(),
            b"\n\r\nNO CARRIER\r\n~\xff\x03",
            b"\n\r\nNO CARRIER\r\nand so on",
            b"\nxNO CARRIER\r\n",
            b"\n~NO CARRIER\r\n",
        ] {
            assert_eq!(after(data), None, "{data:?}");
        }
        let mut long = b"\n\r\nNO CARRIER\r\n".to_vec();
        long.extend(b"words\r\n".repeat(usize::from(AFTERMATH_BYTES)));
        assert_eq!(after(&long), None);
        let mut chatter = b"\n\r\nNO CARRIER\r\n".to_vec();
        chatter.extend(b"\r\n+CSQ: 20,99\r\n".repeat(usize::from(AFTERMATH_BYTES)));
        assert_eq!(after(&chatter), Some(Ending::Hung));
    }

    #[test]
    fn the_line_end_of_connect_is_no_data() {
        let mut call = Call::default();
        call.start(b'\r');
        assert_eq!(b"\r\n\n~".map(|byte| call.watch(byte)), [false, false, true, true]);
        call.start(b'\n');
        assert!(call.watch(b'\n'));
    }
}
