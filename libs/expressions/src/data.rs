//! What data is to an expression, whatever language that is in.
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::options::NonFiniteFloatPolicy;
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// Levels of nesting that are read of YAML; JSON has serde_json's own limit of 127.
const DEEPEST_YAML: usize = 64;
/// How many values, copies by alias included, are read of YAML. More do not fit into the memory of an evaluation.
const MOST_VALUES: usize = 1_000_000;

/// What the source says of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// It is YAML.
    Yaml,
    /// Nothing.
    Unsaid,
    /// It is something else.
    Other,
}

impl Form {
    /// Of an answer with these headers, whose names are in lower case.
    pub(crate) fn of(headers: &BTreeMap<String, String>) -> Self {
        let Some(content_type) = headers.get("content-type") else { return Self::Unsaid };
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" | "text/vnd.yaml" => {
                Self::Yaml
            }
            other if other.ends_with("+yaml") => Self::Yaml,
            "" | "application/octet-stream" | "binary/octet-stream" => Self::Unsaid,
            _ => Self::Other,
        }
    }
}

/// A value of a language, as documents are read into it.
pub(crate) trait Tree: Sized {
    fn null() -> Self;
    fn truth(truth: bool) -> Self;
    fn int(number: i64) -> Self;
    /// One that is no `i64`.
    fn large(number: u64) -> Self;
    fn float(number: f64) -> Self;
    fn text(text: String) -> Self;
    fn bytes(bytes: Vec<u8>) -> Self;
    fn list(items: Vec<Self>) -> Self;
    /// Entries in the order of the document; of two with one name the last counts.
    fn map(entries: Vec<(String, Self)>) -> Self;
    /// Whether it is a list or a map.
    fn is_document(&self) -> bool;
}

/// What data is: the document if it is a JSON object or array, or YAML that is a map or a list, else the text if it is UTF-8, else
/// bytes. Several YAML documents are a list. What says that it is something else is not taken for YAML, since so much text is.
pub(crate) fn decode<T: Tree>(data: Vec<u8>, form: Form) -> T {
    let first = data.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'['))
        && let Ok(Read(document)) = serde_json::from_slice(&data)
    {
        return document;
    }
    if form != Form::Other
        && let Some(document) = yaml(&data)
    {
        return document;
    }
    match String::from_utf8(data) {
        Ok(text) => T::text(text),
        Err(error) => T::bytes(error.into_bytes()),
    }
}

/// As `kubectl` reads it, where there is a choice: YAML 1.1's `yes` and `on` are true and `0644` is octal. Tags make nothing.
fn yaml<T: Tree>(data: &[u8]) -> Option<T> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST_YAML,
            max_nodes: MOST_VALUES,
            max_events: 2 * MOST_VALUES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_VALUES / 4 },
        emit_comments: false,
        legacy_octal_numbers: true,
        null_as_string: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    let read = serde_saphyr::from_slice_multiple_with_options::<Read<T>>(data, options).ok()?;
    let mut documents: Vec<T> = read.into_iter().map(|Read(document)| document).collect();
    if documents.is_empty() || !documents.iter().all(T::is_document) {
        return None;
    }
    if documents.len() > 1 { Some(T::list(documents)) } else { documents.pop() }
}

/// A document as expressions see it. Decoded at once: beside it a second tree would take as much memory again.
struct Read<T>(T);

impl<'de, T: Tree> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Document(PhantomData)).map(Self)
    }
}

struct Document<T>(PhantomData<T>);

impl<'de, T: Tree> Visitor<'de> for Document<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::null())
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::null())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<T, E> {
        Ok(T::truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::int(number))
    }

    /// As people write numbers in expressions: `1` is an int in CEL, and compares with no uint.
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(i64::try_from(number).map_or_else(|_| T::large(number), T::int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<T, E> {
        Ok(T::text(text))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<T, E> {
        Ok(T::bytes(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<T, E> {
        Ok(T::bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        let mut list = Vec::new();
        while let Some(Read(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(T::list(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let mut map = Vec::new();
        while let Some((name, Read(value))) = entries.next_entry::<String, Read<T>>()? {
            map.push((name, value));
        }
        Ok(T::map(map))
    }
}

#[cfg(test)]
mod tests;
