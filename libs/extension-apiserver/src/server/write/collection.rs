//! `deletecollection`: every object of a list goes, one after the other.
use super::{delete::remove, options::Deletion, received::Received};
use crate::{
    api::{Call, DeleteCollection},
    encode, negotiate,
    object::{Key, Object},
    query::ListOptions,
    serve::Body,
    server::{
        list::page,
        routes::{Incoming, Served},
    },
    status::Status,
};
use http::{Response, StatusCode};
use std::sync::Arc;

/// Answers `DELETE` on a collection, with the objects as they were listed. It is not one step: if it fails in the middle,
/// what is gone is gone.
pub(in crate::server) async fn delete_collection<R: DeleteCollection>(
    served: Served<R>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    let options = ListOptions::read(&call.query, R::Object::SELECTABLE_FIELDS).await?;
    let received = Received::of(incoming, &call).await?;
    let deletion = received.read(|bytes| Deletion::read(&call, bytes)).await?;
    let page = page(&*served.resource, &call, &options).await?;
    for item in &page.items {
        match remove(&*served.resource, &call, &Key::of(&**item), &deletion).await {
            // Somebody else was faster, which is as good.
            Err(status) if status.code() == StatusCode::NOT_FOUND => {}
            removed => drop(removed?),
        }
    }
    let bytes = served.form.list(media, page.metadata, &page.items)?;
    Ok(encode::response(media.syntax, bytes, negotiate::takes_gzip(&call.headers)))
}
