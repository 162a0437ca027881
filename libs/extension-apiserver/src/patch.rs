//! Patches: JSON patch (RFC 6902) and JSON merge patch (RFC 7386), within bounds.
//!
//! A patch of a few bytes can ask for work and memory without end, by copying what it has just copied. So operations are
//! counted, copies weighed, nesting measured and time kept; whatever goes beyond is refused.
use crate::{
    decode::{self, FieldValidation, Syntax, unsupported},
    status::Status,
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use json_patch::{PatchOperation, jsonptr::Pointer};
use serde_json::{Value, json};
use std::sync::LazyLock;
use tokio::time::Instant;

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Operations that a JSON patch may have.
const MOST_OPERATIONS: usize = 10_000;

/// Bytes that all copies of a JSON patch may make together.
const MOST_COPIED: usize = 3 << 20;

/// Levels of nesting that an object may have. Deeper ones could not be read back, and not even be freed safely.
const DEEPEST: usize = 100;

/// Which kind of patch a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchType {
    Json,
    Merge,
}

impl PatchType {
    /// Media types of patches, the preferred one first.
    pub(crate) const MEDIA_TYPES: [&str; 2] = [JSON_PATCH, MERGE_PATCH];

    /// The kind that a request says to bring.
    ///
    /// # Errors
    /// 415 for any other, such as strategic merge and server-side apply.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Status> {
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match given.split(';').next().unwrap_or_default() {
            JSON_PATCH => Ok(Self::Json),
            MERGE_PATCH => Ok(Self::Merge),
            _ => Err(unsupported(&Self::MEDIA_TYPES)),
        }
    }
}

/// A patch that can be applied any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    steps: Steps,
    /// What was noticed in the patch itself.
    pub(crate) findings: Vec<String>,
}

#[derive(Clone, Debug)]
enum Steps {
    Operations(Vec<PatchOperation>),
    Merge(Value),
}

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    /// 400 if it is none; 413 if it has too many operations.
    pub(crate) fn read(kind: PatchType, body: &[u8], validation: FieldValidation) -> Result<Self, Status> {
        let (schema, says) = match kind {
            PatchType::Json => (&*OPERATIONS, "json patch "),
            PatchType::Merge => (&Value::Null, ""),
        };
        let tree = decode::parse(Syntax::Json, body, schema)
            .map_err(|_| Status::bad_request("invalid JSON patch"))?;
        let findings = match validation {
            FieldValidation::Ignore => Vec::new(),
            _ => tree.findings.into_iter().map(|finding| format!("{says}{finding}")).collect(),
        };
        let steps = match kind {
            PatchType::Json => Steps::Operations(operations(tree.value)?),
            PatchType::Merge if tree.value.is_object() => Steps::Merge(tree.value),
            PatchType::Merge => return Err(undecodable("a merge patch is an object")),
        };
        Ok(Self { steps, findings })
    }

    /// Applies the patch to an object.
    ///
    /// # Errors
    /// 422 if it does not apply; 504 if it takes longer than `deadline`.
    pub(crate) fn apply(&self, mut object: Value, deadline: Instant) -> Result<Value, Status> {
        match &self.steps {
            Steps::Merge(patch) => json_patch::merge(&mut object, patch),
            Steps::Operations(operations) => {
                let mut copied = 0;
                for operation in operations {
                    if Instant::now() >= deadline {
                        return Err(Status::timeout());
                    }
                    weigh(&object, operation, &mut copied)?;
                    json_patch::patch(&mut object, std::slice::from_ref(operation))
                        .map_err(|_| rejected())?;
                }
            }
        }
        Ok(object)
    }
}

/// What an operation of a JSON patch has.
static OPERATIONS: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "type": "array",
        "items": {"type": "object", "properties": {"op": {}, "path": {}, "from": {}, "value": {}}},
    })
});

fn operations(patch: Value) -> Result<Vec<PatchOperation>, Status> {
    let Value::Array(operations) = patch else {
        return Err(undecodable("a JSON patch is a list of operations"));
    };
    if operations.len() > MOST_OPERATIONS {
        return Err(Status::too_large(format!(
            "The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let read = operations.into_iter().enumerate().map(|(at, operation)| {
        serde_json::from_value(operation).map_err(|error| undecodable(format!("[{at}]: {error}")))
    });
    read.collect()
}

/// Refuses an operation that would make the object too large or too deep.
fn weigh(object: &Value, operation: &PatchOperation, copied: &mut usize) -> Result<(), Status> {
    let (value, path) = match operation {
        PatchOperation::Add(add) => (Some(&add.value), &add.path),
        PatchOperation::Replace(replace) => (Some(&replace.value), &replace.path),
        PatchOperation::Move(moved) => (at(object, &moved.from), &moved.path),
        PatchOperation::Copy(copy) => {
            let value = at(object, &copy.from);
            *copied += value.map_or(0, bytes);
            (value, &copy.path)
        }
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    let is_too_deep = path.count() + value.map_or(0, depth) > DEEPEST;
    if *copied > MOST_COPIED || is_too_deep { Err(rejected()) } else { Ok(()) }
}

fn at<'a>(object: &'a Value, pointer: &Pointer) -> Option<&'a Value> {
    object.pointer(pointer.as_str())
}

/// About as many bytes as a value has when it is written.
fn bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(values) => 2 + values.iter().map(|value| bytes(value) + 1).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields.iter().map(|(name, value)| name.len() + 4 + bytes(value)).sum::<usize>()
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn undecodable(why: impl std::fmt::Display) -> Status {
    Status::bad_request(format!("error decoding patch: {why}"))
}

/// Go says no more than this about a patch that does not apply.
fn rejected() -> Status {
    let message = "the server rejected our request due to an error in our request";
    Status::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
        .with_details(crate::status::Details::default())
}
