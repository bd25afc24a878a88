//! JSON as JSON Schema has it, where serde reads otherwise.
//!
//! - A struct is an object. Serde also reads it from an array, field by field in
//!   the order of the source: a shape that no document describes, and that
//!   changes its meaning when somebody sorts the fields.
//! - `5.0` is an integer. Serde refuses it, though some languages write every
//!   number so.
//!
//! Wraps every deserializer on the way down. Rejected: parsing into a `Value` first, which loses
//! positions of faults and reads arrays as structs all the same.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

/// Reads from the wrapped deserializer (or visitor, or access), strictly.
pub(super) struct AsSchema<T>(pub(super) T);

struct Strict<V> {
    visitor: V,
    wanted: Wanted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Anything,
    Struct,
    Integer,
}

/// Beyond this a float does not tell an integer from its neighbours.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<V> Strict<V> {
    fn any(visitor: V) -> Self {
        Self {
            visitor,
            wanted: Wanted::Anything,
        }
    }

    fn integer(visitor: V) -> Self {
        Self {
            visitor,
            wanted: Wanted::Integer,
        }
    }

    fn of_struct(visitor: V) -> Self {
        Self {
            visitor,
            wanted: Wanted::Struct,
        }
    }
}

macro_rules! forward {
    ($wrap:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Strict::$wrap(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsSchema<D> {
    type Error = D::Error;

    forward! { any:
        deserialize_any deserialize_bool deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }

    forward! { integer:
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Strict::any(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_newtype_struct(name, Strict::any(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Strict::any(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_tuple_struct(name, len, Strict::any(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_struct(name, fields, Strict::of_struct(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_enum(name, variants, Strict::any(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! pass {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    pass! {
        visit_bool: bool,
        visit_i8: i8,
        visit_i16: i16,
        visit_i32: i32,
        visit_i64: i64,
        visit_i128: i128,
        visit_u8: u8,
        visit_u16: u16,
        visit_u32: u32,
        visit_u64: u64,
        visit_u128: u128,
        visit_f32: f32,
        visit_char: char,
        visit_str: &str,
        visit_borrowed_str: &'de str,
        visit_string: String,
        visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8],
        visit_byte_buf: Vec<u8>,
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        if self.wanted == Wanted::Integer && value.fract() == 0.0 && value.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            return self.visitor.visit_i64(value as i64);
        }
        self.visitor.visit_f64(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(AsSchema(inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(AsSchema(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        if self.wanted == Wanted::Struct {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        self.visitor.visit_seq(AsSchema(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(AsSchema(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(AsSchema(data))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for AsSchema<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(AsSchema(inner))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for AsSchema<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(AsSchema(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for AsSchema<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(AsSchema(seed))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(AsSchema(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for AsSchema<A> {
    type Error = A::Error;
    type Variant = AsSchema<A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let (value, variant) = self.0.variant_seed(AsSchema(seed))?;
        Ok((value, AsSchema(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for AsSchema<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.0.newtype_variant_seed(AsSchema(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Strict::any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Strict::of_struct(visitor))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::AsSchema;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        inner: Option<Inner>,
        list: Vec<Inner>,
        pair: (u8, String),
        kind: Kind,
        any: Value,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        a: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Kind {
        Plain,
        Fields { a: u8 },
    }

    fn whole() -> Value {
        json!({
            "inner": {"a": 1}, "list": [{"a": 2}], "pair": [3, "x"],
            "kind": {"Fields": {"a": 4}}, "any": [1, {"b": [2]}],
        })
    }

    fn read(value: &Value) -> Result<Outer, String> {
        let text = value.to_string();
        let mut inner = serde_json::Deserializer::from_str(&text);
        Outer::deserialize(AsSchema(&mut inner)).map_err(|error| error.to_string())
    }

    #[test]
    fn whatever_is_written_as_an_object_reads_as_before() {
        let plain: Outer = serde_json::from_value(whole()).unwrap();
        assert_eq!(read(&whole()).unwrap(), plain);
        let mut other = whole();
        other["kind"] = json!("Plain");
        other["inner"] = json!(null);
        assert_eq!(read(&other).unwrap().kind, Kind::Plain);
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        for (written, read_as) in [
            ("7.0", Some(7)),
            ("7e0", Some(7)),
            ("7.5", None),
            ("256.0", None),
            ("-1.0", None),
        ] {
            let text =
                whole()
                    .to_string()
                    .replacen(r#"{"a":1}"#, &format!(r#"{{"a":{written}}}"#), 1);
            let mut inner = serde_json::Deserializer::from_str(&text);
            let outer = Outer::deserialize(AsSchema(&mut inner)).ok();
            assert_eq!(
                outer.and_then(|o| o.inner).map(|inner| inner.a),
                read_as,
                "{written}"
            );
        }
    }

    #[test]
    fn an_array_is_no_struct_at_any_depth() {
        let places = ["/inner", "/list/0", "/kind/Fields"];
        for place in places {
            let mut value = whole();
            *value.pointer_mut(place).unwrap() = json!([1]);
            assert!(
                serde_json::from_str::<Outer>(&value.to_string()).is_ok(),
                "{place}"
            );
            let refused = read(&value).unwrap_err();
            assert!(
                refused.contains("invalid type: sequence"),
                "{place}: {refused}"
            );
        }
        assert!(read(&json!([null, [], [1, "x"], "Plain", 1])).is_err());
    }
}
