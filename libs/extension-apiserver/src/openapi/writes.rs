//! What the verbs that write take besides an object: their options, patches, and the options of a deletion.
//!
//! kubectl looks for `fieldValidation` and `dryRun` at the PATCH of a kind before it sends them.
use super::paths::query;
use crate::patch::PatchType;
use serde_json::{Map, Value, json};

pub(super) const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
pub(super) const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
pub(super) const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

/// The query parameters of create, update and patch.
pub(super) fn options() -> Vec<Value> {
    let dry_run = "All: answers as if, and keeps nothing.";
    let manager = "Who writes: at most 128 printable characters; the name of the program if it is not given.";
    let validation = "What becomes of unknown and duplicate fields: Ignore, Warn (as if not given) or Strict, which refuses them.";
    vec![
        query("dryRun", "string", dry_run),
        query("fieldManager", "string", manager),
        query("fieldValidation", "string", validation),
    ]
}

/// The query parameters of deletions; their body says the same.
pub(super) fn deletion() -> Vec<Value> {
    let grace = "Seconds that the object may take to end; 0 is at once.";
    let orphan = "Deprecated: use propagationPolicy.";
    let policy = "What becomes of what the object owns: Orphan, Background or Foreground.";
    vec![
        query("dryRun", "string", "All: answers as if, and removes nothing."),
        query("gracePeriodSeconds", "integer", grace),
        query("orphanDependents", "boolean", orphan),
        query("propagationPolicy", "string", policy),
    ]
}

/// A request that may bring options of its deletion.
pub(super) fn delete_options() -> Value {
    json!({"content": {"*/*": reference(DELETE_OPTIONS)}})
}

/// A request that brings a patch.
pub(super) fn patch() -> Value {
    let types = PatchType::MEDIA_TYPES.into_iter();
    let content: Map<String, Value> = types.map(|media| (media.to_owned(), reference(PATCH))).collect();
    json!({"required": true, "content": content})
}

/// An answer that says how it went.
pub(super) fn status() -> Value {
    json!({"application/json": reference(STATUS), "application/yaml": reference(STATUS)})
}

fn reference(schema: &str) -> Value {
    json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}})
}
