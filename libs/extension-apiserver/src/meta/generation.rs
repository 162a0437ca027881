//! When a new generation of an object begins: the number by which controllers tell whether they have seen a change.
use crate::{object::Object, status::Status};
use serde_json::Value;

/// Whether an object has a desired state; one without has no generation.
pub(super) fn has_spec<T: Object>(object: &T) -> Result<bool, Status> {
    Ok(desired(object)?.get("spec").is_some())
}

/// Whether two states differ in more than metadata and status.
pub(super) fn differs<T: Object>(before: &T, after: &T) -> Result<bool, Status> {
    Ok(desired(before)? != desired(after)?)
}

fn desired<T: Object>(object: &T) -> Result<Value, Status> {
    let mut value = serde_json::to_value(object)
        .map_err(|error| Status::internal(format!("failed to encode the object: {error}")))?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("metadata");
        fields.remove("status");
    }
    Ok(value)
}
