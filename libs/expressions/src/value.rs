//! What data is to an expression, and what the value of one is as data.
use base64::{Engine, prelude::BASE64_STANDARD};
use cel::{
    Value,
    objects::{Key, Map},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

/// What data is: the document if it is a JSON object or array, else the text if it is UTF-8, else bytes.
pub(crate) fn decode(data: Vec<u8>) -> Value {
    let first = data.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'['))
        && let Ok(Json(document)) = serde_json::from_slice(&data)
    {
        return document;
    }
    match String::from_utf8(data) {
        Ok(text) => Value::String(Arc::new(text)),
        Err(error) => Value::Bytes(Arc::new(error.into_bytes())),
    }
}

/// What a value is as data: bytes and text as they are, anything else as compact JSON with sorted names.
///
/// # Errors
/// It is, or holds, what JSON has no word for.
pub(crate) fn encode(value: &Value) -> Result<Vec<u8>, String> {
    match value {
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        other => Ok(json(other)?.to_string().into_bytes()),
    }
}

fn json(value: &Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => number.into(),
            None => return Err("the result holds a number that JSON does not have".into()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => BASE64_STANDARD.encode(bytes.as_slice()).into(),
        Value::List(list) => list.iter().map(json).collect::<Result<_, _>>()?,
        Value::Map(map) => {
            let mut object = serde_json::Map::new();
            // In order, so that of several problems the same one is told each time.
            for (key, value) in map.map.iter().collect::<BTreeMap<&Key, &Value>>() {
                if object.insert(key.to_string(), json(value)?).is_some() {
                    return Err("the result holds a map with two keys that are one name in JSON".into());
                }
            }
            object.into()
        }
        other => return Err(format!("the result is or holds a value of type {}", other.type_of())),
    })
}

/// A JSON document as expressions see it. Decoded at once: beside it a second tree would take as much memory again.
struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Document).map(Json)
    }
}

struct Document;

impl<'de> Visitor<'de> for Document {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    /// As people write numbers in expressions: `1` is an int there, and compares with no uint.
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::UInt(number), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(Arc::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(Arc::new(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = HashMap::new();
        while let Some((name, Json(value))) = entries.next_entry::<String, Json>()? {
            map.insert(Key::from(name), value);
        }
        Ok(Value::Map(Map { map: Arc::new(map) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(data: &[u8]) -> String {
        decode(data.to_vec()).type_of().to_string()
    }

    #[test]
    fn the_data_alone_says_what_it_is() {
        for (data, wanted) in [
            (&b" {\"a\": 1}\n"[..], "map"),
            (b"[1]", "list"),
            (b"{\"a\": 1", "string"),
            (b"1", "string"),
            (b"\"a\"", "string"),
            (b"", "string"),
            (b"a: 1\n", "string"),
            (b"\xff\xfe", "bytes"),
        ] {
            assert_eq!(kind(data), wanted, "{data:?}");
        }
    }

    #[test]
    fn numbers_are_those_that_expressions_write() {
        let Value::List(list) = decode(b"[1, -1, 18446744073709551615, 1.5]".to_vec()) else {
            panic!("a list")
        };
        let expected = [Value::Int(1), Value::Int(-1), Value::UInt(u64::MAX), Value::Float(1.5)];
        assert_eq!(list.as_slice(), expected);
    }

    #[test]
    fn what_json_has_no_word_for_is_refused() {
        assert!(encode(&Value::Float(f64::NAN)).is_err());
        let function = Value::Function(Arc::new("f".into()), None);
        assert_eq!(encode(&function), Err("the result is or holds a value of type function".into()));
    }

    proptest! {
        #[test]
        fn any_document_comes_back_with_sorted_names(
            names in proptest::collection::vec("[a-z]{1,3}", 1..8),
            numbers in proptest::collection::vec(any::<i64>(), 0..4),
            text in any::<String>(),
        ) {
            let mut document = serde_json::Map::new();
            for name in names {
                document.insert(name, serde_json::json!({ "numbers": numbers, "text": text, "none": null }));
            }
            let written = serde_json::Value::from(document).to_string();
            let back = encode(&decode(written.clone().into_bytes())).unwrap();
            prop_assert_eq!(String::from_utf8(back).unwrap(), written);
        }

        #[test]
        fn any_bytes_are_something(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            let value = decode(data.clone());
            if !matches!(value, Value::List(_) | Value::Map(_)) {
                prop_assert_eq!(encode(&value).unwrap(), data);
            }
        }
    }
}
