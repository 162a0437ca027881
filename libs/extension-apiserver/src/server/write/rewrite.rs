//! Changing an object that others may be changing too: read, change, keep; and again from the start if it was not kept.
use super::{MOST_CONFLICTS, is_conflict, known_version};
use crate::{
    api::{Call, Update, WriteOptions},
    meta,
    object::{Item, Object},
    status::Status,
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
        let insists = settle(call, &before, &mut after)?;
        let after = Item::from(after);
        if after.json()? == before.json()? {
            return Ok(before);
        }
        match resource.update(call, &before, R::Object::clone(&after), options).await {
            Err(status) if is_conflict(&status) && !insists && conflicts < MOST_CONFLICTS => conflicts += 1,
            answered => return answered,
        }
    }
}

/// Makes the next state whole. Whether the client insists on the version that it has seen.
fn settle<T: Object>(call: &Call, before: &Item<T>, after: &mut T) -> Result<bool, Status> {
    known_version(after.meta())?;
    let insists = !matches!(after.meta().resource_version.as_deref(), None | Some("" | "0"));
    let version = &before.meta().resource_version;
    if insists && after.meta().resource_version != *version {
        return Err(Status::modified(&call.request, &call.request.name));
    }
    after.meta_mut().resource_version.clone_from(version);
    meta::follow(&**before, after)?;
    Ok(insists)
}
