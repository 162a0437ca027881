//! From bytes to objects: JSON or YAML of the right kind, with every unknown and repeated field noticed.
//!
//! Types stay lenient, so that whatever is stored decodes. Strictness is here: the schema of a type says which fields it
//! knows, in the same words that `kubectl explain` shows.
mod breath;
mod media;
mod tree;

use crate::{api::Warnings, hex::hex, object::Object, openapi, server::Kind, status::Status};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tree::Tree;

pub(crate) use media::{Syntax, syntax, unsupported};
pub(crate) use tree::parse;

/// Bytes of a body that are read at most.
pub(crate) const LONGEST_BODY: usize = 3 << 20;

/// Bytes of an unreadable body that its refusal repeats.
const SUMMARY: usize = 30;

/// What becomes of fields that are unknown or there twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and the client is told.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// Reads objects of one kind.
pub(crate) struct Decoder {
    kind: Kind,
    schema: Value,
}

impl Decoder {
    pub(crate) fn of<T: Object>() -> Self {
        let mut schema = openapi::schema_of::<T>();
        schema["properties"]["metadata"] = openapi::structural::<ObjectMeta>();
        Self { kind: Kind::of::<T>(), schema }
    }

    /// The object in a body.
    ///
    /// # Errors
    /// 400 if it cannot be read, is of another kind, or says what it may not.
    pub(crate) fn decode<T: Object + DeserializeOwned>(
        &self,
        syntax: Syntax,
        body: &[u8],
        validation: FieldValidation,
        warnings: &Warnings,
    ) -> Result<T, Status> {
        let tree = parse(syntax, body, &self.schema).map_err(|error| self.unrecognized(&error, body))?;
        let fields = match tree.value {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            _ => return Err(self.unrecognized("the body is no object", body)),
        };
        let (fields, given) = self.of_kind(fields, body)?;
        let object = typed(fields, tree.misfit.as_deref());
        let object = object.map_err(|why| self.cannot_handle(&given, &why))?;
        match validation {
            FieldValidation::Strict if !tree.findings.is_empty() => {
                Err(self.cannot_handle(&given, &in_one(&tree.findings)))
            }
            FieldValidation::Warn => {
                tree.findings.into_iter().for_each(|finding| warnings.add(finding));
                Ok(object)
            }
            _ => Ok(object),
        }
    }

    /// The object in a document that a patch made, with what was noticed in it.
    ///
    /// # Errors
    /// Why it is no such object.
    pub(crate) fn decode_patched<T: Object + DeserializeOwned>(
        &self,
        json: &[u8],
    ) -> Result<(T, Vec<String>), String> {
        let Tree { value, findings, misfit } = parse(Syntax::Json, json, &self.schema)?;
        let Value::Object(fields) = value else { return Err("the result is no object".to_owned()) };
        let given = Given::of(&fields)?;
        if !given.is(&self.kind) {
            return Err(format!("the result is a {} of {:?}", given.kind, given.api_version));
        }
        Ok((typed(fields, misfit.as_deref())?, findings))
    }

    /// The fields of an object that says to be of this kind, or says nothing about that.
    fn of_kind(
        &self,
        mut fields: Map<String, Value>,
        body: &[u8],
    ) -> Result<(Map<String, Value>, Given), Status> {
        let mut given = Given::of(&fields).map_err(|error| self.unrecognized(&error, body))?;
        let api_version = self.kind.api_version();
        if given.kind.is_empty() {
            given.kind.clone_from(&self.kind.kind);
        }
        if given.api_version.is_empty() {
            given.api_version.clone_from(&api_version);
        }
        if given.kind != self.kind.kind {
            let why = format!("no kind {:?} is registered for version {:?}", given.kind, given.api_version);
            return Err(self.cannot_handle(&given, &why));
        }
        if given.api_version != api_version {
            return Err(Status::bad_request(format!(
                "the API version in the data ({}) does not match the expected API version ({api_version})",
                given.api_version
            )));
        }
        fields.insert("apiVersion".to_owned(), api_version.into());
        fields.insert("kind".to_owned(), given.kind.as_str().into());
        let metadata = fields.entry("metadata").or_insert(Value::Null);
        if metadata.is_null() {
            *metadata = json!({});
        }
        Ok((fields, given))
    }

    fn unrecognized(&self, error: &str, body: &[u8]) -> Status {
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: \
             {error} ({})",
            self.kind.kind,
            summary(body)
        ))
    }

    fn cannot_handle(&self, given: &Given, why: &str) -> Status {
        let version = given.api_version.rsplit('/').next().unwrap_or_default();
        Status::bad_request(format!(
            "{} in version {version:?} cannot be handled as a {}: {why}",
            given.kind, self.kind.kind
        ))
    }
}

/// Findings as one error, in the words of Go.
pub(crate) fn in_one(findings: &[String]) -> String {
    format!("strict decoding error: {}", findings.join(", "))
}

/// What an object says to be.
struct Given {
    api_version: String,
    kind: String,
}

impl Given {
    fn of(fields: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(format!("{name} is no string")),
        };
        Ok(Self { api_version: text("apiVersion")?, kind: text("kind")? })
    }

    fn is(&self, kind: &Kind) -> bool {
        self.kind == kind.kind && self.api_version == kind.api_version()
    }
}

fn typed<T>(fields: Map<String, Value>, misfit: Option<&str>) -> Result<T, String>
where
    T: Object + DeserializeOwned,
{
    let mut object: T = serde_json::from_value(Value::Object(fields)).map_err(|error| match misfit {
        Some(field) => format!("{field}: {error}"),
        None => error.to_string(),
    })?;
    object.set_defaults();
    Ok(object)
}

/// The beginning of a body, as text if it looks like JSON.
fn summary(body: &[u8]) -> String {
    let (shown, more) = match body.len() > SUMMARY {
        true => (&body[..SUMMARY], " ..."),
        false => (body, ""),
    };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => format!("{}{more}", hex(shown)),
    }
}
