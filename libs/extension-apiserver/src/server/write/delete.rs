//! `delete`: an object goes, or begins to.
use super::{MOST_CONFLICTS, is_conflict, options::Deletion, preconditions, received::Received, written};
use crate::{
    api::{Call, Delete, Deleted},
    encode, negotiate,
    object::{Key, Object},
    serve::Body,
    server::routes::{Incoming, Served},
    status::Status,
};
use http::{Response, StatusCode};
use kube::Resource as _;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers `DELETE` on an object.
pub(in crate::server) async fn delete<R: Delete>(
    served: Served<R>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    let received = Received::of(incoming, &call).await?;
    let deletion = received.read(|bytes| Deletion::read(&call, bytes)).await?;
    match remove(&*served.resource, &call, &call.key(), &deletion).await? {
        Deleted::Gone(item) => {
            let bytes = encode::write(media.syntax, &gone(&call, &*item))?;
            Ok(encode::response(media.syntax, bytes, false))
        }
        Deleted::Going(item) => {
            // Clients that ask for this take any other code for the end of the object.
            let code = if deletion.takes_dependents { StatusCode::ACCEPTED } else { StatusCode::OK };
            written(&served, &call, media, code, &item)
        }
    }
}

/// Removes an object if it is what the client means, however often others change it meanwhile.
pub(super) async fn remove<R: Delete>(
    resource: &R,
    call: &Call,
    key: &Key,
    deletion: &Deletion,
) -> Result<Deleted<R::Object>, Status> {
    let mut conflicts = 0;
    loop {
        let item = resource.get(call, key).await?;
        let kind = R::Object::kind(&());
        preconditions::of_deletion(call, &kind, &deletion.preconditions, item.meta())?;
        match resource.delete(call, &item, &deletion.options).await {
            Err(status) if is_conflict(&status) && conflicts < MOST_CONFLICTS => conflicts += 1,
            answered => return answered,
        }
    }
}

/// What is left to say about an object: which one it was.
fn gone<T: Object>(call: &Call, object: &T) -> Value {
    let mut details = json!({"name": object.meta().name});
    if !call.request.group.is_empty() {
        details["group"] = call.request.group.as_str().into();
    }
    details["kind"] = call.request.resource.as_str().into();
    if let Some(uid) = &object.meta().uid {
        details["uid"] = uid.as_str().into();
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
