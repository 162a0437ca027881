//! What a deletion makes of an object that cannot go at once. Pure.
use crate::{meta::whole_seconds, object::Object};
use jiff::Timestamp;

/// The finalizers by which the garbage collector is asked to see to the objects that this one owns.
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// The object on its way out, with the finalizers that `policy` adds or takes away, as k8s.io/apiserver does it.
pub(super) fn marked<T: Object>(object: &T, policy: Option<&str>, now: Timestamp) -> T {
    let mut object = object.clone();
    let meta = object.meta_mut();
    let mut finalizers = meta.finalizers.take().unwrap_or_default();
    let is_collectors = |finalizer: &String| [ORPHAN, FOREGROUND].contains(&finalizer.as_str());
    let wanted = match policy {
        None => finalizers.iter().find(|finalizer| is_collectors(finalizer)).cloned(),
        Some("Orphan") => Some(ORPHAN.to_owned()),
        Some("Foreground") => Some(FOREGROUND.to_owned()),
        Some(_) => None,
    };
    finalizers.retain(|finalizer| !is_collectors(finalizer));
    finalizers.extend(wanted);
    meta.finalizers = Some(finalizers).filter(|finalizers| !finalizers.is_empty());
    if meta.deletion_timestamp.is_none() {
        meta.generation = meta.generation.map(|generation| generation + 1);
        meta.deletion_timestamp = Some(whole_seconds(now));
        meta.deletion_grace_period_seconds = Some(0);
    }
    object
}
