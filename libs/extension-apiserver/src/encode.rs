//! From objects to bytes: every shape in every syntax, and the response around it.
mod drawn;
mod events;
mod written;

use crate::{
    negotiate::{self, Media, Shape, Syntax},
    object::{Item, Object, Version},
    serve::{Body, empty},
    status::Status,
    table::{Column, PartialObject, Table, TableOptions},
};
use bytes::Bytes;
use drawn::Drawn;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use serde::Serialize;
use std::collections::BTreeMap;

pub(crate) use events::{Event, Events};
pub(crate) use written::{Written, compressed};

/// Answers above this size are compressed for clients that take gzip.
const GZIP_FROM: usize = 128 * 1024;

const METADATA_LIST: &str = "PartialObjectMetadataList";

/// How the objects of one kind are shown.
pub(crate) struct Form<T> {
    api_version: String,
    kind: String,
    columns: Vec<Column<T>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<'a, I> {
    kind: &'a str,
    api_version: &'a str,
    metadata: &'a ListMeta,
    items: Vec<I>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkBody<'a> {
    kind: &'a str,
    api_version: &'a str,
    metadata: &'a ObjectMeta,
}

impl<T: Object> Form<T> {
    pub(crate) fn new() -> Self {
        Self {
            api_version: T::api_version(&()).into_owned(),
            kind: T::kind(&()).into_owned(),
            columns: T::columns(),
        }
    }

    /// One object, without a newline behind it.
    pub(crate) fn object(&self, media: Media, item: &Item<T>) -> Result<Bytes, Status> {
        match media.shape {
            Shape::Plain if media.syntax == Syntax::Json => item.json().cloned(),
            Shape::Plain => write(media.syntax, &**item).map(Bytes::from),
            Shape::Partial { api_version } => metadata_of(item, media.syntax, api_version),
            Shape::PartialList { .. } => Err(Status::not_acceptable(format!(
                "you requested PartialObjectMetadataList, but the requested object is not a list ({})",
                self.kind
            ))),
            Shape::Table(options) => write(media.syntax, &self.table(options, item)).map(Bytes::from),
        }
    }

    /// A list.
    pub(crate) fn list(
        &self,
        media: Media,
        metadata: ListMeta,
        items: &[Item<T>],
    ) -> Result<Written, Status> {
        match media.shape {
            Shape::Plain if media.syntax == Syntax::Json => {
                let (kind, api_version) = (&format!("{}List", self.kind), &self.api_version);
                let empty = ListBody { kind, api_version, metadata: &metadata, items: Vec::new() };
                empty.joined(items.iter().map(|item| item.json().cloned()))
            }
            Shape::PartialList { api_version } if media.syntax == Syntax::Json => {
                let kind = METADATA_LIST;
                let empty = ListBody { kind, api_version, metadata: &metadata, items: Vec::new() };
                empty.joined(items.iter().map(|item| metadata_of(item, Syntax::Json, api_version)))
            }
            _ => self.whole(media, metadata, items).map(Written::from),
        }
    }

    fn whole(&self, media: Media, metadata: ListMeta, items: &[Item<T>]) -> Result<Vec<u8>, Status> {
        match media.shape {
            Shape::Plain => {
                let items: Vec<&T> = items.iter().map(|item| &**item).collect();
                let kind = format!("{}List", self.kind);
                let api_version = &self.api_version;
                write(media.syntax, &ListBody { kind: &kind, api_version, metadata: &metadata, items })
            }
            Shape::Partial { .. } => Err(Status::not_acceptable(format!(
                "you requested PartialObjectMetadata, but the requested object is a list ({}List)",
                self.kind
            ))),
            Shape::PartialList { api_version } => {
                let metadata_of = items.iter().map(|item| item.meta());
                let items: Vec<_> = metadata_of.map(|meta| PartialObject::new(api_version, meta)).collect();
                let kind = METADATA_LIST;
                write(media.syntax, &ListBody { kind, api_version, metadata: &metadata, items })
            }
            Shape::Table(options) => {
                write(media.syntax, &Table::new(&self.columns, options, metadata, items))
            }
        }
    }

    /// One event of a watch. Only the first table carries its columns.
    pub(crate) fn event(
        &self,
        media: Media,
        kind: &'static str,
        item: &Item<T>,
        is_first: bool,
    ) -> Result<Event, Status> {
        let object = match media.shape {
            Shape::Table(options) if !is_first => self.rows(options, item)?,
            _ => self.object(media, item)?,
        };
        Ok(Event::new(kind, object))
    }

    /// The rows of an object without the head of their table, drawn once for all who watch.
    fn rows(&self, options: TableOptions, item: &Item<T>) -> Result<Bytes, Status> {
        let drawn = item.form(|_| Drawn::default());
        drawn.table(options, Timestamp::now(), || {
            let table = self.table(options, item).without_headers();
            write(Syntax::Json, &table).map(Bytes::from)
        })
    }

    /// The table of one object.
    fn table<'a>(&'a self, options: TableOptions, item: &'a Item<T>) -> Table<'a, T> {
        let version = item.meta().resource_version.clone();
        let metadata = ListMeta { resource_version: version, ..ListMeta::default() };
        Table::new(&self.columns, options, metadata, std::slice::from_ref(item))
    }

    /// A bookmark; `ends_initial_events` tells an informer that it now has everything.
    pub(crate) fn bookmark(
        &self,
        media: Media,
        version: Version,
        ends_initial_events: bool,
        is_first: bool,
    ) -> Result<Event, Status> {
        let end = ("k8s.io/initial-events-end".to_owned(), "true".to_owned());
        let metadata = ObjectMeta {
            resource_version: Some(version.to_string()),
            annotations: ends_initial_events.then(|| BTreeMap::from([end])),
            ..ObjectMeta::default()
        };
        let object = match media.shape {
            Shape::Plain => {
                let (kind, api_version) = (&self.kind, &self.api_version);
                write(Syntax::Json, &BookmarkBody { kind, api_version, metadata: &metadata })?
            }
            Shape::Partial { api_version } | Shape::PartialList { api_version } => {
                write(Syntax::Json, &PartialObject::new(api_version, &metadata))?
            }
            Shape::Table(options) => {
                let table = Table::bookmark(&self.columns, options, &metadata);
                let table = if is_first { table } else { table.without_headers() };
                write(Syntax::Json, &table)?
            }
        };
        Ok(Event::new("BOOKMARK", object))
    }
}

impl ListBody<'_, ()> {
    /// An empty list, filled with what is encoded already: nothing is encoded twice.
    fn joined(self, items: impl Iterator<Item = Result<Bytes, Status>>) -> Result<Written, Status> {
        let mut head = write(Syntax::Json, &self)?;
        head.truncate(head.len() - "]}".len());
        let mut written = Written::from(head);
        for (index, item) in items.enumerate() {
            if index > 0 {
                written.push(Bytes::from_static(b","));
            }
            written.push(item?);
        }
        written.push(Bytes::from_static(b"]}"));
        Ok(written)
    }
}

/// An object's metadata; as JSON made once, for all who ask by the version that they should.
fn metadata_of<T: Object>(
    item: &Item<T>,
    syntax: Syntax,
    api_version: &'static str,
) -> Result<Bytes, Status> {
    #[derive(Clone)]
    struct Metadata(Bytes);

    let encode = || write(syntax, &PartialObject::new(api_version, item.meta())).map(Bytes::from);
    if syntax != Syntax::Json || api_version != negotiate::META_V1 {
        return encode();
    }
    let metadata: Result<Metadata, Status> = item.form(|_| encode().map(Metadata));
    metadata.map(|Metadata(json)| json)
}

/// The event that ends a watch with a refusal.
pub(crate) fn error_event(status: &Status) -> Event {
    Event::new("ERROR", write(Syntax::Json, status).unwrap_or_default())
}

/// Writes a document in a syntax.
pub(crate) fn write<V: Serialize>(syntax: Syntax, value: &V) -> Result<Vec<u8>, Status> {
    let failed =
        |error: &dyn std::fmt::Display| Status::internal(format!("failed to encode the answer: {error}"));
    match syntax {
        Syntax::Json => serde_json::to_vec(value).map_err(|error| failed(&error)),
        Syntax::PrettyJson => serde_json::to_vec_pretty(value).map_err(|error| failed(&error)),
        // By way of JSON, as sigs.k8s.io/yaml: its keys are sorted, and every type does without code for YAML of its own.
        Syntax::Yaml => {
            let document = serde_json::to_value(value).map_err(|error| failed(&error))?;
            serde_saphyr::to_string(&document).map(String::into_bytes).map_err(|error| failed(&error))
        }
    }
}

/// The response around what is written; compact JSON ends with a newline, as Go's does.
pub(crate) fn response(syntax: Syntax, written: impl Into<Written>, takes_gzip: bool) -> Response<Body> {
    let mut written = written.into();
    if syntax == Syntax::Json {
        written.push(Bytes::from_static(b"\n"));
    }
    let (body, is_compressed) = written.into_body(takes_gzip);
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(syntax.media_type()));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

/// The response to a request that is refused.
pub(crate) fn refusal(syntax: Syntax, status: &Status) -> Response<Body> {
    let bytes = write(syntax, status).unwrap_or_default();
    let mut response = response(syntax, bytes, false);
    *response.status_mut() = status.code();
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(seconds) = status.details().and_then(|details| details.retry_after_seconds) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    headers.extend(status.header());
    response
}

/// The response to a client that already has the current document.
pub(crate) fn not_modified() -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}
