//! `create`: a new object, or something that is asked of an existing one.
use super::{known_version, options::Options, received::Received, warn_of_owners, written};
use crate::{
    api::{Call, Create, CreateNamed, WriteOptions},
    decode::{self, Decoder, FieldValidation},
    meta, namespaces, negotiate,
    object::{Item, Key, Object},
    serve::Body,
    server::routes::{Incoming, Served},
    status::Status,
};
use http::{Response, StatusCode};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource as _;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// How many names are made up until one is free.
const MOST_NAMES: usize = 8;

/// Answers `POST` on a collection.
pub(in crate::server) async fn create<R: Create>(
    served: Served<R>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    let (object, options) = given(&served.decoder, &call, incoming).await?;
    let item = keep(&*served.resource, &call, object, &options).await?;
    written(&served, &call, media, StatusCode::CREATED, &item)
}

/// Answers `POST` on a subresource.
pub(in crate::server) async fn create_named<R: CreateNamed>(
    served: Served<R>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    let (object, options) = given(&served.decoder, &call, incoming).await?;
    let item = served.resource.create_named(&call, &call.key(), object, &options).await?;
    written(&served, &call, media, StatusCode::CREATED, &item)
}

/// What the client sent, in its place, without what only the system sets.
async fn given<T: Object + DeserializeOwned>(
    decoder: &Decoder,
    call: &Call,
    incoming: Incoming,
) -> Result<(T, WriteOptions), Status> {
    let syntax = decode::syntax(&call.headers)?;
    let namespaces = incoming.namespaces.clone();
    let received = Received::of(incoming, call).await?;
    let Options { write, validation } = Options::read("CreateOptions", call)?;
    let mut object: T = match received.is_empty() && !call.request.subresource.is_empty() {
        true => decoder.decode(decode::Syntax::Json, b"{}", FieldValidation::Ignore, &call.warnings)?,
        false => received.read(|bytes| decoder.decode(syntax, bytes, validation, &call.warnings)).await?,
    };
    let meta = object.meta_mut();
    meta::wipe(meta);
    meta::place(meta, &call.request.namespace)?;
    warn_of_owners(call, meta);
    namespaces::admit(namespaces.as_deref(), call, meta).await?;
    Ok((object, write))
}

/// Keeps a new object; if the server makes up its name, under another one while names are taken.
pub(super) async fn keep<R: Create>(
    resource: &R,
    call: &Call,
    object: R::Object,
    options: &WriteOptions,
) -> Result<Item<R::Object>, Status> {
    let attempts = if is_named(object.meta()) { 1 } else { MOST_NAMES };
    let mut taken = None;
    for _ in 0..attempts {
        let mut object = object.clone();
        meta::begin(&mut object, &meta::generated(), Timestamp::now())?;
        without_version(object.meta())?;
        let key = Key::of(&object);
        match resource.create(call, object, options).await {
            Err(status) if status.reason() == "AlreadyExists" => taken = Some((status, key)),
            answered => return answered,
        }
    }
    let (status, key) = taken.expect("there was an attempt, and its name was taken");
    let status = if attempts == 1 { status } else { Status::name_not_unique(&call.request, &key.name) };
    Err(say_if_going(resource, call, &key, status).await)
}

fn is_named(meta: &ObjectMeta) -> bool {
    let is_empty = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
    !is_empty(&meta.name) || is_empty(&meta.generate_name)
}

fn without_version(meta: &ObjectMeta) -> Result<(), Status> {
    known_version(meta)?;
    match meta.resource_version.as_deref() {
        None | Some("" | "0") => Ok(()),
        // Not the code that it deserves, but the one that every API server gives.
        Some(_) => Err(Status::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "",
            "resourceVersion should not be set on objects to be created",
        )),
    }
}

/// Whoever creates an object again should know that it will be free soon.
async fn say_if_going<R: Create>(resource: &R, call: &Call, key: &Key, taken: Status) -> Status {
    let is_going = match resource.get(call, key).await {
        Ok(item) => item.meta().deletion_timestamp.is_some(),
        Err(_) => false,
    };
    if !is_going {
        return taken;
    }
    let message = format!("object is being deleted: {}", taken.message());
    taken.saying(message)
}
