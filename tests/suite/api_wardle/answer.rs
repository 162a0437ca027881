//! An answer with everything in it that no two servers have in common (uids, times, versions, names drawn at random)
//! replaced by placeholders.
use super::outline::{self, is_document};
use anyhow::Result;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Headers whose values are compared, and those of which it only matters that they are there.
const COMPARED: [&str; 9] = [
    "allow",
    "cache-control",
    "content-type",
    "content-encoding",
    "location",
    "retry-after",
    "vary",
    "warning",
    "x-content-type-options",
];
const PRESENT: [&str; 3] = ["audit-id", "etag", "last-modified"];

/// What names drawn at random begin with, in the corpus.
const DRAWN: &str = "drawn-";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Self> {
        let mut kept = BTreeMap::new();
        for name in COMPARED {
            let values: Vec<_> =
                headers.get_all(name).iter().map(|value| value.to_str()).collect::<Result<_, _>>()?;
            if !values.is_empty() {
                kept.insert(name.to_owned(), values.join(" | "));
            }
        }
        let present = PRESENT.into_iter().filter(|name| headers.contains_key(*name));
        kept.extend(present.map(|name| (name.to_owned(), "<present>".to_owned())));
        let media_type = kept.get("content-type").cloned().unwrap_or_default();
        Ok(Self { status: status.as_u16(), headers: kept, body: self::body(&media_type, body)? })
    }
}

/// JSON as it is, a stream of JSON as a list, all else as text; of binary bodies only that they are.
fn body(media_type: &str, body: &[u8]) -> Result<Value> {
    let Ok(text) = std::str::from_utf8(body) else { return Ok("<binary>".into()) };
    if media_type.starts_with("application/yaml") {
        return Ok(serde_saphyr::from_str::<Value>(text).map(|value| normal("", value))?);
    }
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    match values {
        Ok(values) if values.len() == 1 && media_type.contains("json") => {
            let value = values.into_iter().next().map(|value| normal("", value)).unwrap_or_default();
            Ok(if is_document(&value) { outline::of(&value) } else { value })
        }
        Ok(values) if media_type.contains("json") => {
            Ok(values.into_iter().map(|value| normal("", value)).collect())
        }
        _ => Ok(Value::String(normal_text(text))),
    }
}

fn normal(key: &str, value: Value) -> Value {
    match value {
        // Go's are long, and about nothing but time and Go's own order of fields.
        Value::Array(_) if key == "managedFields" => "<managedFields>".into(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key.clone(), normal(&key, value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.into_iter().map(|value| normal("", value)).collect(),
        Value::String(text) if text.is_empty() => Value::String(text),
        Value::String(_) if ["resourceVersion", "continue", "uid", "hash", "platform"].contains(&key) => {
            Value::String(format!("<{key}>"))
        }
        Value::String(text) if text.parse::<Timestamp>().is_ok() => "<time>".into(),
        Value::String(text) => Value::String(normal_text(&text)),
        other => other,
    }
}

/// Words that hold an id or a random name are replaced; a number behind one of these words is a version.
fn normal_text(text: &str) -> String {
    let mut before = "";
    let words = text.split_inclusive([' ', ',', '"', '\n', '(']).map(|word| {
        let end = word.trim_end_matches([' ', ',', '"', '\n', '(', ')', '.', ':', '\\']);
        let replaced = placeholder(before, end).map(|new| word.replacen(end, &new, 1));
        if !end.is_empty() {
            before = end;
        }
        replaced.unwrap_or_else(|| word.to_owned())
    });
    words.collect()
}

fn placeholder(before: &str, word: &str) -> Option<String> {
    let is_uuid = word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let is_drawn = word.strip_prefix(DRAWN).is_some_and(|rest| rest.len() == 5);
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match word {
        _ if word.parse::<Timestamp>().is_ok() => Some("<time>".to_owned()),
        _ if is_uuid => Some("<uid>".to_owned()),
        _ if is_drawn => Some(format!("{DRAWN}<random>")),
        _ if is_number && ["current", "precondition", "record", "resourceVersion"].contains(&before) => {
            Some("<version>".to_owned())
        }
        _ => None,
    }
}

#[test]
fn what_differs_by_nature_is_replaced() {
    use serde_json::json;
    let object = json!({
        "metadata": { "uid": "7b1c", "resourceVersion": "12", "name": "drawn-x7k2p", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "message": r#"flunders "drawn-abcde" of 01234567-0123-0123-0123-0123456789ab: too large, current: 12, record (34), {\"resourceVersion\":\"56\"}"#,
        "count": 12,
    });
    let expected = json!({
        "metadata": { "uid": "<uid>", "resourceVersion": "<resourceVersion>", "name": "drawn-<random>", "creationTimestamp": "<time>" },
        "message": r#"flunders "drawn-<random>" of <uid>: too large, current: <version>, record (<version>), {\"resourceVersion\":\"<version>\"}"#,
        "count": 12,
    });
    assert_eq!(normal("", object), expected);
}
