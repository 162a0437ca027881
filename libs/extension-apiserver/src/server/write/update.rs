//! `update`: another state of an object, whole.
use super::{
    create, in_its_place,
    options::Options,
    preconditions,
    received::Received,
    rewrite::{Change, rewrite},
    written,
};
use crate::{
    api::{Call, Create, Update, WriteOptions},
    decode, meta, namespaces, negotiate,
    object::{Item, Object},
    serve::Body,
    server::routes::{Incoming, Served},
    status::Status,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource as _;
use std::sync::Arc;

/// Answers `PUT` on an object that exists.
pub(in crate::server) async fn update<R: Update>(
    served: Served<R>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    let (after, options) = given(&served, &call, incoming).await?;
    let item = replace(&served, &call, after, &options).await?;
    written(&served, &call, media, StatusCode::OK, &item)
}

/// Answers `PUT` on an object that may not exist yet.
pub(in crate::server) async fn update_or_create<R: Update + Create>(
    served: Served<R>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    let namespaces = incoming.namespaces.clone();
    let (mut after, options) = given(&served, &call, incoming).await?;
    match replace(&served, &call, after.clone(), &options).await {
        Err(status) if status.code() == StatusCode::NOT_FOUND => {}
        answered => return written(&served, &call, media, StatusCode::OK, &answered?),
    }
    preconditions::same_uid(&call, &ObjectMeta::default(), after.meta())?;
    meta::wipe(after.meta_mut());
    namespaces::admit(namespaces.as_deref(), &call, after.meta()).await?;
    let item = create::keep(&*served.resource, &call, after, &options).await?;
    written(&served, &call, media, StatusCode::CREATED, &item)
}

/// What the client sent, in its place.
async fn given<R: Update>(
    served: &Served<R>,
    call: &Call,
    incoming: Incoming,
) -> Result<(R::Object, WriteOptions), Status> {
    let received = Received::of(incoming, call).await?;
    let Options { write, validation } = Options::read("UpdateOptions", call)?;
    let syntax = decode::syntax(&call.headers)?;
    let decode = |bytes: &Bytes| served.decoder.decode(syntax, bytes, validation, &call.warnings);
    let mut after: R::Object = received.read(decode).await?;
    in_its_place(call, after.meta_mut())?;
    Ok((after, write))
}

async fn replace<R: Update>(
    served: &Served<R>,
    call: &Call,
    after: R::Object,
    options: &WriteOptions,
) -> Result<Item<R::Object>, Status> {
    rewrite(&*served.resource, call, options, &Replacement(after)).await
}

/// Another state, whatever the object was before.
struct Replacement<T>(T);

impl<T: Object> Change<T> for Replacement<T> {
    async fn of(&self, call: &Call, before: &Item<T>) -> Result<T, Status> {
        preconditions::same_uid(call, before.meta(), self.0.meta())?;
        Ok(self.0.clone())
    }
}
