//! Whether a state that was read could be a core's. A checksum says that it is as it was written, not by whom; and a
//! core that counts to the end of its numbers, or waits for a thousand years, is none.

use serde::ser::{self, Serialize, Serializer};
use std::fmt;

/// No count, time (nanoseconds) or sum of a core comes here: a thousandth of it would take months to reach.
const MOST: u64 = 1 << 61;
/// No duration in a core is longer: a day is the longest that can be configured, and the core takes multiples.
const LONGEST_SECONDS: u64 = 400 * 24 * 3_600;
/// Fields of this name hold what a core was given to draw by chance from.
const SEED: &str = "seed";
/// No score, penalty or percentage comes here.
const GREATEST: f64 = 1e6;

/// Whether every number in `value` is one that a core could have come to.
pub(super) fn plausible<T: Serialize>(value: &T) -> bool {
    value.serialize(Check { duration: false }).is_ok()
}

#[derive(Debug, Clone, Copy)]
struct Check {
    /// Within a `Duration`.
    duration: bool,
}

#[derive(Debug)]
struct Implausible;

impl fmt::Display for Implausible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number is out of all bounds")
    }
}

impl std::error::Error for Implausible {}

impl ser::Error for Implausible {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Checked = Result<(), Implausible>;

macro_rules! any {
    ($($name:ident: $type:ty),*) => { $(fn $name(self, _: $type) -> Checked { Ok(()) })* };
}

impl Serializer for Check {
    type Ok = ();
    type Error = Implausible;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    // Sets of bits, and what is as wide as its type.
    any!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
         serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u128: u128, serialize_char: char,
         serialize_str: &str, serialize_bytes: &[u8]);

    fn serialize_u64(self, value: u64) -> Checked {
        let most = if self.duration { LONGEST_SECONDS } else { MOST };
        if value <= most { Ok(()) } else { Err(Implausible) }
    }

    fn serialize_f32(self, value: f32) -> Checked {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Checked {
        if value.abs() <= GREATEST { Ok(()) } else { Err(Implausible) }
    }

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Implausible> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Implausible> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Implausible> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Implausible> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Implausible> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self, Implausible> {
        Ok(Self { duration: name == "Duration" })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Implausible> {
        Ok(self)
    }
}

macro_rules! parts {
    ($($kind:ident $add:ident),*) => { $(impl ser::$kind for Check {
        type Ok = ();
        type Error = Implausible;
        fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
            value.serialize(Check { duration: false })
        }
        fn end(self) -> Checked {
            Ok(())
        }
    })* };
}

parts!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
       SerializeTupleVariant serialize_field);

impl ser::SerializeMap for Check {
    type Ok = ();
    type Error = Implausible;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Checked {
        key.serialize(*self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        value.serialize(*self)
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

impl ser::SerializeStruct for Check {
    type Ok = ();
    type Error = Implausible;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Checked {
        // Chance uses all 64 bits.
        if key == SEED { Ok(()) } else { value.serialize(*self) }
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

impl ser::SerializeStructVariant for Check {
    type Ok = ();
    type Error = Implausible;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Checked {
        value.serialize(Self { duration: false })
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_no_core_comes_to_is_found_however_deep() {
        assert!(plausible(&(Some(vec![Duration::from_secs(86_400)]), 1_u64 << 50, u128::MAX, 0.5)));
        assert!(!plausible(&Some(vec![(1_u8, Duration::MAX)])));
        assert!(!plausible(&[0_u64, u64::MAX]));
        assert!(!plausible(&f64::NAN));
        assert!(!plausible(&f64::INFINITY));
    }
}
