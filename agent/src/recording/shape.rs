//! The shape of a type as serde sees it. It is found by reading the type from nothing: so no field, no inside of an
//! `Option` or a list and no variant is missed for want of an example.

use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use std::any::type_name;
use std::collections::BTreeMap;

/// FNV-1a, 64 bits (Fowler, Noll, Vo): it tells shapes apart that differ by accident, which is all that is asked of it.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;
/// A type is read once for each variant that a reading can show first: the core's needs some hundreds.
const MOST_READINGS: u32 = 100_000;
/// Types within types; one that holds itself has no end.
const DEEPEST: u32 = 64;

/// A number for the shape of `T`: names of types, fields and variants, and kinds of values, in their order. `None` for a
/// type that refuses values that its parts allow, or that has no end.
pub(super) fn shape<T: for<'de> Deserialize<'de>>() -> Option<u64> {
    let mut tracer = Tracer { hash: BASIS, seen: BTreeMap::new(), whole: false, depth: 0 };
    for _ in 0..MOST_READINGS {
        tracer.whole = true;
        T::deserialize(&mut tracer).ok()?;
        if tracer.whole {
            return Some(tracer.hash);
        }
    }
    None
}

/// Gives a type whatever it asks for, and notes what that was.
struct Tracer {
    hash: u64,
    /// Of each enumeration, which variants have been seen with all that they can hold.
    seen: BTreeMap<&'static str, Vec<bool>>,
    /// Every enumeration met since this was set has been seen whole.
    whole: bool,
    depth: u32,
}

impl Tracer {
    fn note(&mut self, kind: &str) {
        for byte in kind.bytes().chain([0]) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    fn note_all(&mut self, kind: &str, names: &[&str]) {
        self.note(kind);
        names.iter().for_each(|name| self.note(name));
        self.note("");
    }

    fn several<'de, V: Visitor<'de>>(&mut self, count: usize, visitor: V) -> Result<V::Value, Error> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Error::custom("it has no end"));
        }
        let value = visitor.visit_seq(Parts { tracer: self, left: count });
        self.depth -= 1;
        value
    }
}

/// Values that are given by their kind alone.
macro_rules! plain {
    ($($method:ident $visit:ident $value:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.note(stringify!($method));
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Tracer {
    type Error = Error;

    plain! {
        deserialize_bool visit_bool true;
        deserialize_i8 visit_i8 1;
        deserialize_i16 visit_i16 1;
        deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1;
        deserialize_i128 visit_i128 1;
        deserialize_u8 visit_u8 1;
        deserialize_u16 visit_u16 1;
        deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1;
        deserialize_u128 visit_u128 1;
        deserialize_f32 visit_f32 1.0;
        deserialize_f64 visit_f64 1.0;
        deserialize_char visit_char 'a';
        deserialize_str visit_str "a";
        deserialize_string visit_str "a";
        deserialize_bytes visit_bytes b"a";
        deserialize_byte_buf visit_bytes b"a";
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note("unit");
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note("option");
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note_all("unit struct", &[name]);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note_all("newtype", &[name]);
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note("list");
        self.several(1, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Error> {
        self.note_all("tuple", &[&count.to_string()]);
        self.several(count, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note_all("tuple struct", &[name, &count.to_string()]);
        self.several(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note("map");
        visitor.visit_map(Parts { tracer: self, left: 1 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(name);
        self.note_all("struct", fields);
        self.several(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(name);
        self.note_all("enum", variants);
        // Two enumerations may have one name; what reads them has not.
        let reader = type_name::<V>();
        let seen = self.seen.entry(reader).or_insert_with(|| vec![false; variants.len()]);
        let place = seen.iter().position(|seen| !seen).unwrap_or(0);
        let around = std::mem::replace(&mut self.whole, true);
        let value = visitor.visit_enum(Variant { tracer: self, place })?;
        let inside = self.whole;
        let seen = self.seen.entry(reader).or_default();
        if let Some(seen) = seen.get_mut(place) {
            *seen |= inside;
        }
        self.whole = around && seen.iter().all(|seen| *seen);
        Ok(value)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it does not say what it is"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of a list, a tuple, a struct or a map.
struct Parts<'a> {
    tracer: &'a mut Tracer,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.tracer).map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.tracer)
    }
}

/// One variant of an enumeration.
struct Variant<'a> {
    tracer: &'a mut Tracer,
    place: usize,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        self.tracer.note(&self.place.to_string());
        let number = u32::try_from(self.place).map_err(Error::custom)?;
        Ok((seed.deserialize(number.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.tracer.note("unit");
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.tracer.note("newtype");
        seed.deserialize(self.tracer)
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Error> {
        self.tracer.deserialize_tuple(count, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.tracer.note_all("fields", fields);
        self.tracer.several(fields.len(), visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same type in a module for each way to write it: names and all but the body are alike.
    macro_rules! shapes {
        ($($name:ident { $($body:tt)* })*) => {{
            $(#[allow(dead_code)] mod $name {
                use serde::Deserialize;
                $($body)*
            })*
            [$((stringify!($name), shape::<$name::Top>())),*]
        }};
    }

    #[test]
    fn whatever_changes_the_bytes_changes_the_shape() {
        let shapes = shapes! {
            plain {
                #[derive(Deserialize)] pub(super) struct In { a: u32, b: u8 }
                #[derive(Deserialize)] pub(super) enum Kind { Zero, One(Option<In>), Two { x: u64 } }
                #[derive(Deserialize)] pub(super) struct Top { kind: Option<Kind>, all: Vec<(bool, Kind)> }
            }
            inside_an_option {
                #[derive(Deserialize)] pub(super) struct In { a: u64, b: u8 }
                #[derive(Deserialize)] pub(super) enum Kind { Zero, One(Option<In>), Two { x: u64 } }
                #[derive(Deserialize)] pub(super) struct Top { kind: Option<Kind>, all: Vec<(bool, Kind)> }
            }
            inside_the_last_variant {
                #[derive(Deserialize)] pub(super) struct In { a: u32, b: u8 }
                #[derive(Deserialize)] pub(super) enum Kind { Zero, One(Option<In>), Two { x: i64 } }
                #[derive(Deserialize)] pub(super) struct Top { kind: Option<Kind>, all: Vec<(bool, Kind)> }
            }
            a_variant_more {
                #[derive(Deserialize)] pub(super) struct In { a: u32, b: u8 }
                #[derive(Deserialize)] pub(super) enum Kind { Zero, One(Option<In>), Two { x: u64 }, Three }
                #[derive(Deserialize)] pub(super) struct Top { kind: Option<Kind>, all: Vec<(bool, Kind)> }
            }
            fields_in_another_order {
                #[derive(Deserialize)] pub(super) struct In { b: u8, a: u32 }
                #[derive(Deserialize)] pub(super) enum Kind { Zero, One(Option<In>), Two { x: u64 } }
                #[derive(Deserialize)] pub(super) struct Top { kind: Option<Kind>, all: Vec<(bool, Kind)> }
            }
            another_kind_of_list {
                #[derive(Deserialize)] pub(super) struct In { a: u32, b: u8 }
                #[derive(Deserialize)] pub(super) enum Kind { Zero, One(Option<In>), Two { x: u64 } }
                #[derive(Deserialize)] pub(super) struct Top { kind: Option<Kind>, all: [(bool, Kind); 1] }
            }
        };
        for (place, (name, shape)) in shapes.iter().enumerate() {
            assert!(shape.is_some(), "{name}");
            let same = shapes.iter().take(place).find(|(_, other)| other == shape);
            assert!(same.is_none(), "{name} and {same:?}");
        }
    }

    #[test]
    fn enumerations_of_one_name_are_not_taken_for_each_other() {
        mod other {
            #[derive(serde::Deserialize)]
            #[allow(dead_code)]
            pub(super) enum Kind {
                Zero,
                One(u8),
            }
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        enum Kind {
            Zero,
            One(Option<u64>),
        }
        let alone = shape::<(Kind, Kind)>();
        assert_ne!(shape::<(Kind, other::Kind)>(), alone);
        assert_eq!(shape::<(Kind, Kind)>(), alone);
    }

    #[test]
    fn a_type_that_holds_itself_has_no_shape() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Endless {
            more: Vec<Self>,
        }
        assert_eq!(shape::<Endless>(), None);
    }
}
