//! What changes objects. Around each verb the server does what is the same for everybody: it reads and checks the body,
//! keeps the system's part of the metadata, compares what the client insists on, and tries again when somebody else was
//! faster.
pub(super) mod collection;
pub(super) mod create;
pub(super) mod delete;
mod options;
pub(super) mod patch;
mod preconditions;
mod rewrite;
pub(super) mod update;

use super::routes::Served;
use crate::{
    api::{Call, Resource},
    decode::LONGEST_BODY,
    encode, meta,
    negotiate::{self, Media},
    object::Item,
    query,
    serve::{BODY_IDLE_TIMEOUT, Body, BodyError, read_body},
    status::Status,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
};

/// How often a write is repeated when somebody else was faster, and the client did not insist on a version.
const MOST_CONFLICTS: usize = 5;

/// Bytes of a body that take a few milliseconds to read.
const LARGE: usize = 128 << 10;

/// Whose turn it is to read a large body.
static TURN: Semaphore = Semaphore::const_new(1);

/// Whether somebody else was faster.
fn is_conflict(status: &Status) -> bool {
    status.reason() == "Conflict"
}

/// The body of a request.
async fn body(body: Body) -> Result<Bytes, Status> {
    read_body(body, LONGEST_BODY, BODY_IDLE_TIMEOUT).await.map_err(|error| match error {
        BodyError::TooLarge { limit } => Status::too_large(format!("limit is {limit}")),
        BodyError::TooSlow => Status::new(StatusCode::REQUEST_TIMEOUT, "Timeout", error.to_string()),
        BodyError::Broken { .. } => Status::bad_request(error.to_string()),
    })
}

/// Reads a body. A large one is read while another thread goes on with the tasks of this one, where there are more, and one
/// at a time: whoever sends many keeps one core busy, and nobody waiting.
async fn in_turn<T>(size: usize, read: impl FnOnce() -> T) -> T {
    if size <= LARGE {
        return read();
    }
    let _turn = TURN.acquire().await.expect("it is never closed");
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(read),
        _ => read(),
    }
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
