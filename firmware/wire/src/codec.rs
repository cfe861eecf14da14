//! The few basic types of postcard's format, written and read by hand.
//!
//! Why: on the MCU, `serde`'s and `postcard`'s general code for our messages takes a third of its flash. The bytes are
//! the same (<https://postcard.jamesmunns.com/wire-format>), and the tests hold the two against each other: the host's
//! end speaks through `postcard` itself.
//!
//! Neither end gives an error for each value: what does not fit, or is no such value, is remembered and told once at
//! the end, so that there is one branch in place of a dozen.

/// Seven bits of a number go into each byte; this one says that more follow.
const MORE: u8 = 0x80;
const BITS: u32 = 7;

/// Writes values one after the other.
#[derive(Debug)]
pub struct Writer<'a> {
    target: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// A writer to the start of `target`.
    pub const fn new(target: &'a mut [u8]) -> Self {
        Self { target, len: 0 }
    }

    /// A byte, as it is: a `u8`, or a `bool` as 0 or 1.
    pub fn byte(&mut self, byte: u8) {
        if let Some(place) = self.target.get_mut(self.len) {
            *place = byte;
        }
        // Beyond the end nothing is written, but the length tells that it did not fit.
        self.len = self.len.saturating_add(1);
    }

    /// A number of 16 or 32 bits, or the number of a variant: the lowest bits first.
    pub fn number(&mut self, mut number: u32) {
        while number >= u32::from(MORE) {
            self.byte(number as u8 | MORE);
            number >>= BITS;
        }
        self.byte(number as u8);
    }

    /// A number that may be missing.
    pub fn option(&mut self, number: Option<u32>) {
        self.byte(number.is_some().into());
        if let Some(number) = number {
            self.number(number);
        }
    }

    /// A text: its length, then its bytes.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        text.bytes().for_each(|byte| self.byte(byte));
    }

    /// How many bytes were written; `None` when they did not fit.
    #[must_use]
    pub const fn finish(self) -> Option<usize> {
        if self.len <= self.target.len() { Some(self.len) } else { None }
    }
}

/// Reads values one after the other. What is missing or broken reads as zero, see [`Reader::finish`].
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    broken: bool,
}

impl<'a> Reader<'a> {
    /// A reader from the start of `source`.
    #[must_use]
    pub const fn new(source: &'a [u8]) -> Self {
        Self { rest: source, broken: false }
    }

    /// A byte, as it is.
    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => {
                self.broken = true;
                0
            }
        }
    }

    /// A `bool`.
    pub fn flag(&mut self) -> bool {
        let byte = self.byte();
        self.broken |= byte > 1;
        byte == 1
    }

    /// A number of 32 bits, or the number of a variant.
    pub fn number(&mut self) -> u32 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            let low = u32::from(byte & !MORE);
            // The fifth byte holds the four highest bits, and is the last one.
            if shift == 4 * BITS && byte > 0xf {
                self.broken = true;
                return 0;
            }
            number |= low << shift;
            if byte & MORE == 0 {
                return number;
            }
            shift += BITS;
        }
    }

    /// One of the values `all`, by its number.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let number = self.number();
        let found = all.get(number as usize).copied();
        self.broken |= found.is_none();
        found
    }

    /// Passes over a text, whatever is in it.
    pub fn pass_over_text(&mut self) {
        let len = self.number() as usize;
        match self.rest.get(len..) {
            Some(rest) => self.rest = rest,
            None => self.broken = true,
        }
    }

    /// Whether all that was read was there and whole. What follows it does not matter: a newer peer appends.
    #[must_use]
    pub const fn finish(self) -> bool {
        !self.broken
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_as_postcard_has_them(number in prop_oneof![any::<u32>(), 0u32..300], few in any::<u16>()) {
            let theirs = postcard::to_slice(&(number, few, Some(few), "a.b"), &mut [0; 32]).unwrap().to_vec();
            let mut ours = [0; 32];
            let mut writer = Writer::new(&mut ours);
            writer.number(number);
            writer.number(few.into());
            writer.option(Some(few.into()));
            writer.text("a.b");
            let len = writer.finish().unwrap();
            prop_assert_eq!(&ours[..len], &theirs[..]);
            let mut reader = Reader::new(&theirs);
            prop_assert_eq!((reader.number(), reader.number()), (number, u32::from(few)));
            prop_assert_eq!((reader.flag(), reader.number()), (true, u32::from(few)));
            reader.pass_over_text();
            prop_assert!(reader.finish());
        }

        #[test]
        fn any_bytes_are_read_as_postcard_reads_them(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let theirs = postcard::take_from_bytes::<(u32, bool, u8)>(&bytes).ok().map(|(value, _)| value);
            let mut reader = Reader::new(&bytes);
            let ours = (reader.number(), reader.flag(), reader.byte());
            prop_assert_eq!(reader.finish().then_some(ours), theirs);
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut writer = Writer::new(&mut []);
        writer.byte(1);
        assert_eq!(writer.finish(), None);
        let mut reader = Reader::new(&[3, b'a', b'b']);
        reader.pass_over_text();
        assert!(!reader.finish());
    }
}
