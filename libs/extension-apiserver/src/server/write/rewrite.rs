//! Changing an object that others may be changing too: read, change, keep; and again from the start if it was not kept.
use super::{MOST_CONFLICTS, is_conflict, known_version};
use crate::{
    api::{Call, Update, WriteOptions},
    meta,
    object::{Item, Object},
    request::RequestInfo,
    status::{Cause, Status},
};
use std::future::Future;

/// What a client wants to become of an object.
pub(super) trait Change<T>: Sync {
    /// The next state of an object; asked again when somebody else has changed it meanwhile.
    fn of(&self, call: &Call, before: &Item<T>) -> impl Future<Output = Result<T, Status>> + Send;
}

/// Keeps what `change` makes of an object. Nothing is written if that is what the object is already.
pub(super) async fn rewrite<R: Update>(
    resource: &R,
    call: &Call,
    options: &WriteOptions,
    change: &impl Change<R::Object>,
) -> Result<Item<R::Object>, Status> {
    let mut conflicts = 0;
    loop {
        let before = resource.get(call, &call.key()).await?;
        let mut after = change.of(call, &before).await?;
        settle(call, &before, &mut after, resource.allow_unconditional_update())?;
        let after = Item::from(after);
        if after.json()? == before.json()? {
            return Ok(before);
        }
        match resource.update(call, &before, R::Object::clone(&after), options).await {
            // Who insists on the version that is gone is refused when the object is read again.
            Err(status) if is_conflict(&status) && conflicts < MOST_CONFLICTS => conflicts += 1,
            answered => return answered,
        }
    }
}

/// Makes the next state whole, or refuses one of another version than the object has.
fn settle<T: Object>(
    call: &Call,
    before: &Item<T>,
    after: &mut T,
    allow_unconditional: bool,
) -> Result<(), Status> {
    known_version(after.meta())?;
    let RequestInfo { group, resource, name, .. } = &call.request;
    let version = &before.meta().resource_version;
    match after.meta().resource_version.as_deref() {
        None | Some("" | "0") if allow_unconditional => after.meta_mut().resource_version.clone_from(version),
        None | Some("" | "0") => {
            let cause = Cause::invalid("metadata.resourceVersion", &0, "must be specified for an update");
            // Go names the resource here, where everything else names the kind.
            return Err(Status::invalid(group, resource, name, vec![cause]));
        }
        given if given != version.as_deref() => return Err(Status::modified(&call.request, name)),
        _ => {}
    }
    meta::follow(&**before, after)
}
