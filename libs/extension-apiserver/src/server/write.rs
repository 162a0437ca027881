//! What changes objects. Around each verb the server does what is the same for everybody: it reads and checks the body,
//! keeps the system's part of the metadata, compares what the client insists on, and tries again when somebody else was
//! faster.
pub(super) mod collection;
pub(super) mod create;
pub(super) mod delete;
mod options;
pub(super) mod patch;
mod preconditions;
mod received;
mod rewrite;
pub(super) mod update;

use super::routes::Served;
use crate::{
    api::{Call, Resource},
    encode, meta,
    negotiate::{self, Media},
    object::Item,
    query,
    serve::Body,
    status::Status,
};
use http::{Response, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// How often a write is repeated when somebody else was faster, and the client did not insist on a version.
const MOST_CONFLICTS: usize = 5;

/// Whether somebody else was faster.
fn is_conflict(status: &Status) -> bool {
    status.reason() == "Conflict"
}

/// The answer that shows an object as it was kept.
fn written<R: Resource>(
    served: &Served<R>,
    call: &Call,
    media: Media,
    code: StatusCode,
    item: &Item<R::Object>,
) -> Result<Response<Body>, Status> {
    let bytes = served.form.object(media, item)?;
    let mut response = encode::response(media.syntax, bytes, negotiate::takes_gzip(&call.headers));
    *response.status_mut() = code;
    Ok(response)
}

/// Puts the metadata of a next state where its request is about, or refuses it there. Owners are left in once.
fn in_its_place(call: &Call, meta: &mut ObjectMeta) -> Result<(), Status> {
    meta::place(meta, &call.request.namespace)?;
    meta::same_name(meta, &call.request.name)?;
    warn_of_owners(call, meta);
    Ok(())
}

fn warn_of_owners(call: &Call, meta: &mut ObjectMeta) {
    if let Some(warning) = meta::deduplicate_owners(meta) {
        call.warnings.add(warning);
    }
}

/// Refuses versions that are none, in the words of every other verb.
fn known_version(meta: &ObjectMeta) -> Result<(), Status> {
    query::version(meta.resource_version.as_deref().unwrap_or_default()).map(drop)
}
