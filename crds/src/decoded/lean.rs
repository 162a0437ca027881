//! An object without `metadata.managedFields`, passed over as it is read: it says who wrote which field, nobody here asks, and of a
//! small object it is the larger half.
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess, Visitor},
    forward_to_deserialize_any,
};
use std::{borrow::Cow, fmt};

/// How deep in the object a deserializer stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Object,
    Metadata,
}

/// Reads one object.
pub(super) fn read<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(Lean { inner: deserializer, at: At::Object })
}

/// Reads an object or its metadata, and nothing else.
struct Lean<D> {
    inner: D,
    at: At,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Lean<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(Fields { inner: visitor, at: self.at })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Fields<V> {
    inner: V,
    at: At,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Fields<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Wanted { fields, at: self.at, is_metadata: false })
    }
}

/// The fields that are wanted.
struct Wanted<A> {
    fields: A,
    at: At,
    /// Whether the name that was read last is that of the metadata.
    is_metadata: bool,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Wanted<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        loop {
            let Some(Name(name)) = self.fields.next_key()? else { return Ok(None) };
            if self.at == At::Metadata && name == "managedFields" {
                self.fields.next_value::<IgnoredAny>()?;
                continue;
            }
            self.is_metadata = self.at == At::Object && name == "metadata";
            return seed.deserialize(name.into_deserializer()).map(Some);
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        if self.is_metadata {
            self.fields.next_value_seed(Metadata(seed))
        } else {
            self.fields.next_value_seed(seed)
        }
    }
}

struct Metadata<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Metadata<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Lean { inner, at: At::Metadata })
    }
}
