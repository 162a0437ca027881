//! The rules of `metadata`, the same for every kind: what k8s.io/apimachinery checks, in its order and words.
use super::formats;
use crate::status::Cause;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Serialize;

/// Bytes that all annotations of an object may have together.
const ANNOTATIONS: usize = 256 * 1024;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What is wrong with the metadata of an object.
pub(crate) fn violations(meta: &ObjectMeta, is_namespaced: bool) -> Vec<Cause> {
    let mut causes = names(meta);
    causes.extend(namespace(meta, is_namespaced));
    causes.extend(labels(meta));
    causes.extend(annotations(meta));
    causes.extend(owners(meta.owner_references.as_deref().unwrap_or_default()));
    causes.extend(finalizers(meta.finalizers.as_deref().unwrap_or_default()));
    causes
}

/// What of a change to metadata may not be.
pub(crate) fn violations_of_change(before: &ObjectMeta, after: &ObjectMeta) -> Vec<Cause> {
    let mut causes: Vec<Cause> = new_finalizers(before, after).into_iter().collect();
    causes.extend(immutable("name", &before.name, &after.name));
    causes.extend(immutable("namespace", &before.namespace, &after.namespace));
    causes.extend(immutable("uid", &before.uid, &after.uid));
    causes.extend(immutable("creationTimestamp", &before.creation_timestamp, &after.creation_timestamp));
    causes.extend(immutable("deletionTimestamp", &before.deletion_timestamp, &after.deletion_timestamp));
    causes.extend(immutable(
        "deletionGracePeriodSeconds",
        &before.deletion_grace_period_seconds,
        &after.deletion_grace_period_seconds,
    ));
    causes
}

fn names(meta: &ObjectMeta) -> Vec<Cause> {
    let prefix = meta.generate_name.as_deref().unwrap_or_default();
    let name = meta.name.as_deref().unwrap_or_default();
    let mut causes = match prefix {
        "" => Vec::new(),
        prefix => invalid("metadata.generateName", prefix, formats::name_prefix(prefix)),
    };
    match name {
        "" => causes.push(Cause::required("metadata.name", "name or generateName is required")),
        name => causes.extend(invalid("metadata.name", name, formats::name(name))),
    }
    causes
}

fn namespace(meta: &ObjectMeta, is_namespaced: bool) -> Option<Cause> {
    match (is_namespaced, meta.namespace.as_deref().unwrap_or_default()) {
        (true, "") => Some(Cause::required("metadata.namespace", "")),
        (false, "") | (true, _) => None,
        (false, _) => Some(Cause::forbidden("metadata.namespace", "not allowed on this type")),
    }
}

fn labels(meta: &ObjectMeta) -> Vec<Cause> {
    let labels = meta.labels.iter().flatten();
    labels
        .flat_map(|(key, value)| {
            let mut causes = invalid("metadata.labels", key, formats::qualified_name(key));
            causes.extend(invalid("metadata.labels", value, formats::label_value(value)));
            causes
        })
        .collect()
}

fn annotations(meta: &ObjectMeta) -> Vec<Cause> {
    let annotations = meta.annotations.iter().flatten();
    let mut bytes = 0;
    let mut causes = Vec::new();
    for (key, value) in annotations {
        bytes += key.len() + value.len();
        causes.extend(invalid("metadata.annotations", key, formats::qualified_name(&key.to_lowercase())));
    }
    if bytes > ANNOTATIONS {
        causes.push(Cause::too_long("metadata.annotations", ANNOTATIONS));
    }
    causes
}

fn owners(owners: &[OwnerReference]) -> Vec<Cause> {
    let mut causes: Vec<Cause> =
        owners.iter().enumerate().flat_map(|(at, owner)| owner_causes(at, owner)).collect();
    let mut controllers = owners.iter().filter(|owner| owner.controller == Some(true));
    let Some(first) = controllers.next() else { return causes };
    for next in controllers {
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {}/{} and {}/{}",
            first.kind, first.name, next.kind, next.name
        );
        causes.push(Cause::invalid("metadata.ownerReferences", owners, why));
    }
    causes
}

fn owner_causes(at: usize, owner: &OwnerReference) -> Vec<Cause> {
    let field = |name: &str| format!("metadata.ownerReferences[{at}].{name}");
    let required =
        |name: &str, value: &str| value.is_empty().then(|| Cause::required(field(name), "must not be empty"));
    let version_causes = match owner.api_version.split('/').collect::<Vec<_>>()[..] {
        [""] => required("apiVersion", ""),
        [version] | [_, version] if !version.is_empty() => None,
        _ => {
            let why = "must be <group>/<version> or <version>";
            Some(Cause::invalid(field("apiVersion"), &owner.api_version, why))
        }
    };
    let is_event = owner.api_version == "v1" && owner.kind == "Event";
    let event = is_event.then(|| {
        let why = "/v1, Kind=Event is disallowed from being an owner";
        Cause::invalid(format!("metadata.ownerReferences[{at}]"), owner, why)
    });
    let others =
        [required("kind", &owner.kind), required("name", &owner.name), required("uid", &owner.uid), event];
    version_causes.into_iter().chain(others.into_iter().flatten()).collect()
}

fn finalizers(finalizers: &[String]) -> Vec<Cause> {
    let field = "metadata.finalizers";
    let mut causes: Vec<Cause> =
        finalizers.iter().flat_map(|name| invalid(field, name, formats::qualified_name(name))).collect();
    let has = |wanted: &str| finalizers.iter().any(|name| name == wanted);
    if has(ORPHAN) && has(FOREGROUND) {
        let why = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        causes.push(Cause::invalid(field, finalizers, why));
    }
    causes
}

/// Whoever waits for an object to go would wait for longer than was said.
fn new_finalizers(before: &ObjectMeta, after: &ObjectMeta) -> Option<Cause> {
    before.deletion_timestamp.as_ref()?;
    let old = before.finalizers.as_deref().unwrap_or_default();
    let mut new: Vec<&String> =
        after.finalizers.iter().flatten().filter(|finalizer| !old.contains(finalizer)).collect();
    new.sort();
    new.dedup();
    let listed: Vec<String> = new.iter().map(|name| format!("{name:?}")).collect();
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        listed.join(", ")
    );
    (!new.is_empty()).then(|| Cause::forbidden("metadata.finalizers", why))
}

fn immutable<V: PartialEq + Serialize>(field: &str, before: &V, after: &V) -> Option<Cause> {
    (before != after).then(|| Cause::invalid(format!("metadata.{field}"), after, "field is immutable"))
}

fn invalid(field: &str, value: &str, wrong: Vec<String>) -> Vec<Cause> {
    wrong.into_iter().map(|why| Cause::invalid(field, value, why)).collect()
}

#[cfg(test)]
mod tests;
