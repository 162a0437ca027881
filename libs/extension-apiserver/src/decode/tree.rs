//! Reading a document once: its value, and on the way whatever the schema does not know, is there twice or of another type.
use super::{Syntax, breath::Breath};
use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::{cell::RefCell, fmt};

/// Levels of nesting that are read of YAML. A level takes up to 16 KiB of the stack in a debug build, of the 2 MiB that a
/// thread has; JSON takes less, and has serde_json's own limit of 127.
const DEEPEST_YAML: usize = 64;

/// Findings that are told.
const MOST: usize = 100;

/// Findings that are looked at, those included that were told already: writing one down takes longer than reading on.
const MOST_LOOKED_AT: usize = 10 * MOST;

/// A document, as it was read.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) value: Value,
    /// Unknown and repeated fields in the order of the document, in the words of Go.
    pub(crate) findings: Vec<String>,
    /// Where the first value stands that is another than the schema says.
    pub(crate) misfit: Option<String>,
}

/// Reads a document. Of a field that is there twice the last counts.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn parse(syntax: Syntax, document: &[u8], schema: &Value) -> Result<Tree, String> {
    let (notes, breath) = (RefCell::default(), Breath::new());
    let seed = Node { schema: Some(schema), path: &Path::Root, notes: Some(&notes), breath: &breath };
    let value = match syntax {
        Syntax::Json => json(document, seed)?,
        Syntax::Yaml => yaml(document, seed)?,
    };
    let Notes { findings, misfit, .. } = notes.into_inner();
    Ok(Tree { value, findings, misfit })
}

fn json(document: &[u8], seed: Node<'_>) -> Result<Value, String> {
    if document.iter().all(u8::is_ascii_whitespace) {
        return Err("unexpected end of JSON input".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_slice(document);
    let value = seed.deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

fn yaml(document: &[u8], seed: Node<'_>) -> Result<Value, String> {
    use serde_saphyr::options::DuplicateKeyPolicy;
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        budget: serde_saphyr::budget! { max_depth: DEEPEST_YAML },
        with_snippet: false,
    };
    serde_saphyr::with_deserializer_from_slice_with_options(document, options, |reader| {
        seed.deserialize(reader)
    })
    .map_err(|error| error.to_string())
}

#[derive(Default)]
struct Notes {
    findings: Vec<String>,
    looked_at: usize,
    misfit: Option<String>,
}

impl Notes {
    fn find(&mut self, what: &str, path: &Path<'_>) {
        self.looked_at += 1;
        if self.looked_at > MOST_LOOKED_AT || self.findings.len() == MOST {
            return;
        }
        let finding = format!("{what} field \"{path}\"");
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// Where a value stands.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// One value that is about to be read.
#[derive(Clone, Copy)]
struct Node<'a> {
    /// What is known about it; `None` is nothing.
    schema: Option<&'a Value>,
    path: &'a Path<'a>,
    /// `None` below an unknown field: one finding is enough.
    notes: Option<&'a RefCell<Notes>>,
    breath: &'a Breath,
}

enum Field<'a> {
    Known(Option<&'a Value>),
    Unknown,
}

impl<'a> Node<'a> {
    fn field(&self, name: &str) -> Field<'a> {
        let Some(schema) = self.schema else { return Field::Known(None) };
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(known) = properties.and_then(|properties| properties.get(name)) {
            return Field::Known(Some(known));
        }
        let is_free = schema["x-kubernetes-preserve-unknown-fields"] == true;
        match schema.get("additionalProperties") {
            Some(every @ Value::Object(_)) => Field::Known(Some(every)),
            Some(Value::Bool(true)) => Field::Known(None),
            _ if is_free || properties.is_none() => Field::Known(None),
            _ => Field::Unknown,
        }
    }

    fn note(&self, note: impl FnOnce(&mut Notes)) {
        if let Some(notes) = self.notes {
            note(&mut notes.borrow_mut());
        }
    }

    /// Notes where a value of another type stands.
    fn expect(&self, types: &[&str]) {
        let wanted = self.schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
        if wanted.is_some_and(|wanted| !types.contains(&wanted)) {
            self.misfit();
        }
    }

    /// Notes where a text stands that is no moment, or none of those that may stand there.
    fn expect_meant(&self, text: &str) {
        let said = |word| self.schema.and_then(|schema| schema.get(word));
        let is_moment =
            said("format").is_none_or(|format| format != "date-time") || text.parse::<Timestamp>().is_ok();
        let is_choice =
            said("enum").and_then(Value::as_array).is_none_or(|all| all.iter().any(|one| one == text));
        if !(is_moment && is_choice) {
            self.misfit();
        }
    }

    /// Of all places that do not fit the first is told.
    fn misfit(&self) {
        self.note(|notes| {
            notes.misfit.get_or_insert_with(|| self.path.to_string());
        });
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.breath.step();
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.expect(&["boolean"]);
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.expect(&["integer", "number"]);
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.expect(&["integer", "number"]);
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.expect(&["number"]);
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number that JSON has"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.expect(&["string"]);
        self.expect_meant(value);
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        self.expect(&["array"]);
        let schema = self.schema.and_then(|schema| schema.get("items"));
        let mut values = Vec::new();
        loop {
            let path = Path::Index(self.path, values.len());
            let node = Node { schema, path: &path, ..self };
            let Some(value) = sequence.next_element_seed(node)? else {
                return Ok(Value::Array(values));
            };
            values.push(value);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.expect(&["object"]);
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let path = Path::Field(self.path, &name);
            let (schema, notes) = match self.field(&name) {
                Field::Known(schema) => (schema, self.notes),
                Field::Unknown => {
                    self.note(|notes| notes.find("unknown", &path));
                    (None, None)
                }
            };
            if notes.is_some() && fields.contains_key(&name) {
                self.note(|notes| notes.find("duplicate", &path));
            }
            let value = map.next_value_seed(Node { schema, path: &path, notes, ..self })?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}
