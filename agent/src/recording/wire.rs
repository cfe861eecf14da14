//! Numbers in few bytes, and a reader that trusts no length: what lies in a file may be anybody's invention.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the longest varint of 64 bits (LEB128: 7 bits a byte).
const MAX_VARINT: u32 = 10;

/// What is written is not what a recorder writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its contents make no sense")]
pub struct Malformed;

/// Adds `value` as a LEB128 varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Adds `value` so that small ones of either sign are short (zigzag).
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Adds the lowest `count` bytes of `value`, the lowest first.
pub(super) fn put_bytes(out: &mut Vec<u8>, value: u64, count: usize) {
    out.extend(value.to_le_bytes().iter().take(count));
}

/// How many bytes `value` needs.
pub(super) const fn width(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()).div_ceil(8) as usize
}

/// Adds a value of any kind by postcard.
pub(super) fn put_value<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    // Into a growing list, of plain data: postcard has nothing to refuse.
    if let Ok(bytes) = postcard::to_allocvec(value) {
        out.extend(bytes);
    }
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number of `count` bytes, at most 8.
    pub(super) fn number(&mut self, count: usize) -> Result<u64, Malformed> {
        let mut bytes = [0; 8];
        bytes.get_mut(..count).ok_or(Malformed)?.copy_from_slice(self.take(count)?);
        Ok(u64::from_le_bytes(bytes))
    }

    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for place in 0..MAX_VARINT {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * place);
            if shifted >> (7 * place) != bits {
                return Err(Malformed);
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// A value that postcard wrote. It allocates no more than some times the bytes that are really there.
    pub(super) fn value<T: DeserializeOwned>(&mut self) -> Result<T, Malformed> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| Malformed)?;
        self.rest = rest;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, signed: i64, small in 0..100_000_u64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_signed(&mut out, signed);
            put_varint(&mut out, small);
            put_bytes(&mut out, value, width(value));
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.varint(), Ok(value));
            prop_assert_eq!(cursor.signed(), Ok(signed));
            prop_assert_eq!(cursor.varint(), Ok(small));
            prop_assert_eq!(cursor.number(width(value)), Ok(value));
            prop_assert!(cursor.is_empty());
        }
    }

    #[test]
    fn a_varint_that_is_too_long_is_refused() {
        assert_eq!(Cursor::new(&[0xff; 11]).varint(), Err(Malformed));
        assert_eq!(
            Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).varint(),
            Err(Malformed)
        );
        assert_eq!(Cursor::new(&[0x80]).varint(), Err(Malformed));
        assert_eq!(Cursor::new(&[]).number(9), Err(Malformed));
    }
}
