//! `metadata` as the system keeps it: what is filled in, what clients cannot set, what never changes.
mod formats;
mod generation;
mod names;
pub(crate) mod rules;

use crate::{
    object::{Object, Scope},
    status::{Cause, Status},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};

pub(crate) use names::generated;

/// Takes away what only the system sets. What it manages by server-side apply, which is not served, goes too.
pub(crate) fn wipe(meta: &mut ObjectMeta) {
    meta.creation_timestamp = None;
    meta.uid = None;
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
    meta.self_link = None;
    meta.managed_fields = None;
}

/// Puts an object into the namespace of its request.
pub(crate) fn place(meta: &mut ObjectMeta, namespace: &str) -> Result<(), Status> {
    let own = meta.namespace.as_deref().unwrap_or_default();
    if own != namespace && !own.is_empty() && !namespace.is_empty() {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    meta.namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
    Ok(())
}

/// Compares the name in an object with the one in the URL.
pub(crate) fn same_name(meta: &ObjectMeta, name: &str) -> Result<(), Status> {
    match meta.name.as_deref().unwrap_or_default() {
        "" => Err(Status::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        own if own != name => Err(Status::bad_request(format!(
            "the name of the object ({own}) does not match the name on the URL ({name})"
        ))),
        _ => Ok(()),
    }
}

/// Leaves each owner in once. `None` if nothing was there twice; else what the client is told.
pub(crate) fn deduplicate_owners(meta: &mut ObjectMeta) -> Option<String> {
    let owners = meta.owner_references.as_mut()?;
    let mut seen: Vec<OwnerReference> = Vec::with_capacity(owners.len());
    let mut twice = Vec::new();
    for owner in owners.drain(..) {
        if seen.contains(&owner) {
            twice.push(owner.uid);
        } else {
            seen.push(owner);
        }
    }
    *owners = seen;
    (!twice.is_empty()).then(|| {
        format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and \
             may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
            twice.join(", ")
        )
    })
}

/// Makes a new object of one: identity, time and generation, and a name if it only says how its name begins.
///
/// # Errors
/// 422 if its metadata breaks a rule.
pub(crate) fn begin<T: Object>(object: &mut T, suffix: &str, now: Timestamp) -> Result<(), Status> {
    let has_spec = generation::has_spec(object)?;
    let meta = object.meta_mut();
    meta.creation_timestamp = Some(whole_seconds(now));
    meta.uid = Some(uuid::Uuid::new_v4().to_string());
    meta.generation = has_spec.then_some(1);
    if meta.name.as_deref().unwrap_or_default().is_empty() {
        let prefix = meta.generate_name.as_deref().filter(|prefix| !prefix.is_empty());
        meta.name = prefix.map(|prefix| names::joined(prefix, suffix));
    }
    check::<T>(object.meta(), rules::violations(object.meta(), is_namespaced::<T>()))
}

/// Makes the next state of an object: what the system keeps stays as it was, and a new generation begins if the change is
/// about more than metadata and status.
///
/// # Errors
/// 422 if its metadata breaks a rule.
pub(crate) fn follow<T: Object>(before: &T, after: &mut T) -> Result<(), Status> {
    keep(before.meta(), after.meta_mut());
    let mut causes = rules::violations(after.meta(), is_namespaced::<T>());
    causes.extend(rules::violations_of_change(before.meta(), after.meta()));
    check::<T>(after.meta(), causes)?;
    if before.meta().generation.is_some() && generation::differs(before, after)? {
        let generation = before.meta().generation.unwrap_or_default();
        after.meta_mut().generation = Some(generation + 1);
    }
    Ok(())
}

/// Nothing is not shown, however it was said.
fn drop_empty(meta: &mut ObjectMeta) {
    meta.labels.take_if(|labels| labels.is_empty());
    meta.annotations.take_if(|annotations| annotations.is_empty());
    meta.finalizers.take_if(|finalizers| finalizers.is_empty());
    meta.owner_references.take_if(|owners| owners.is_empty());
}

fn keep(before: &ObjectMeta, after: &mut ObjectMeta) {
    after.generation = before.generation;
    after.managed_fields.clone_from(&before.managed_fields);
    after.self_link = None;
    drop_empty(after);
    if after.uid.as_deref().unwrap_or_default().is_empty() {
        after.uid.clone_from(&before.uid);
    }
    if before.creation_timestamp.is_some() {
        after.creation_timestamp.clone_from(&before.creation_timestamp);
    }
    if before.deletion_timestamp.is_some() {
        after.deletion_timestamp.clone_from(&before.deletion_timestamp);
    }
    if after.deletion_grace_period_seconds.is_none() {
        after.deletion_grace_period_seconds = before.deletion_grace_period_seconds;
    }
}

fn check<T: Object>(meta: &ObjectMeta, causes: Vec<Cause>) -> Result<(), Status> {
    if causes.is_empty() {
        return Ok(());
    }
    let name = meta.name.as_deref().unwrap_or_default();
    Err(Status::invalid(&T::group(&()), &T::kind(&()), name, causes))
}

fn is_namespaced<T: Object>() -> bool {
    <T::Scope as Scope>::NAMESPACED
}

/// Objects carry whole seconds; what is kept should equal what is read back.
pub(crate) fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
