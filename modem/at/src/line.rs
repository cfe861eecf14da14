//! The line buffer: bounded, with its overflow counted.

use core::fmt;
use heapless::String;

/// The longest line in bytes that is kept; a longer one is dropped whole and counted. The longest in
/// practice is a network search (`+COPS=?`), one line of about 60 bytes for each of at most 30 networks.
pub const LINE_BYTES: usize = 2048;

/// One line as it grows. Bytes from 0x80 on are kept as the `char` of the same number (Latin-1), so that a
/// name in any charset survives and can be turned back into its bytes.
#[derive(Clone, Default)]
pub(crate) struct Line {
    text: String<LINE_BYTES>,
    overlong: bool,
    /// The text was given out and goes with the next byte.
    done: bool,
    /// Where the second half begins, of a line that was held for the one that follows it.
    held: usize,
}

impl Line {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing has come since the last line end.
    pub(crate) fn is_empty(&self) -> bool {
        self.done || (self.text.len() == self.held && !self.overlong)
    }

    pub(crate) fn is_overlong(&self) -> bool {
        self.overlong
    }

    /// Whether this line waits for the one that belongs to it.
    pub(crate) fn is_held(&self) -> bool {
        self.held > 0
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.refresh();
        if !self.overlong && self.text.push(char::from(byte)).is_err() {
            self.overlong = true;
        }
    }

    /// Marks the line as given out.
    pub(crate) fn finish(&mut self) {
        self.done = true;
    }

    /// Keeps the line and lets the next one follow it after a line feed.
    pub(crate) fn hold(&mut self) {
        if self.text.push('\n').is_err() {
            self.overlong = true;
        }
        self.held = self.text.len();
    }

    /// Replaces the text; what does not fit is impossible, since it came from a line.
    pub(crate) fn replace(&mut self, text: String<LINE_BYTES>) {
        self.text = text;
    }

    /// Forgets a line that was given out.
    pub(crate) fn refresh(&mut self) {
        if self.done {
            self.text.clear();
            self.overlong = false;
            self.held = 0;
            self.done = false;
        }
    }
}

/// Without its text: the echo of a command may have a PIN or a password in it.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, overlong, done, held } = self;
        f.debug_struct("Line")
            .field("bytes", &text.len())
            .field("overlong", overlong)
            .field("done", done)
            .field("held", held)
            .finish()
    }
}
