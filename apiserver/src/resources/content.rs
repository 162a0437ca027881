//! `externalsources/content`: the bytes of a stored revision, or of one file in it. Its own permission guards it.
use super::{
    revision::{self, CACHE_CONTROL, acceptable},
    stored::Stored,
};
use crate::{
    download::{self, Download},
    shelf::Shelf,
    source_view::SourceView,
    sources::Sources,
};
use artifacts::read;
use bytes::Bytes;
use extension_apiserver::{
    api::{Call, GetRaw, Parameter, Resource, Subresource},
    object::Key,
    serve::{self, Body},
    status::Status,
};
use futures::{Stream, StreamExt, TryStreamExt, future::ready};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::ops::Range;

/// The media type of one file travels here: kube-apiserver rewrites bodies that say they are HTML.
const FILE_TYPE: HeaderName = HeaderName::from_static("x-postern-content-type");
/// What asks for one file instead of the archive.
const FILE: Parameter = Parameter {
    name: "path",
    description: "The file to send, by its path in the artifact. Without it the whole archive is sent.",
};

/// Answers from the store.
pub(crate) struct Content {
    pub(crate) sources: Sources,
    pub(crate) shelf: Shelf,
}

impl Resource for Content {
    type Object = SourceView;
}

impl Subresource for Content {
    type Parent = SourceView;
    const NAME: &'static str = "content";
    const PARAMETERS: &'static [Parameter] = &[revision::PARAMETER, FILE];
}

impl GetRaw for Content {
    async fn get_raw(&self, call: &Call, key: &Key) -> Result<Response<Body>, Status> {
        let artifact = revision::named(&self.sources, &self.shelf, call, key).await?;
        let wanted = Stored::new(call, key, &artifact)?;
        acceptable(&call.headers, "content", &["application/gzip", "application/octet-stream"])?;
        let answer = match call.query.get(FILE.name) {
            Some("") => {
                Err(Status::bad_request("path: must name a file; without it the whole archive is sent"))
            }
            Some(path) => self.file(&wanted, path).await,
            None => self.archive(&wanted).await,
        };
        answer.map(|answer| told(&call.method, answer))
    }
}

/// Clients of this API read why there are no bytes, also where HTTP leaves it to the status code.
fn told(method: &Method, mut answer: Response<Body>) -> Response<Body> {
    let (reason, message) = match answer.status() {
        _ if *method == Method::HEAD => return answer,
        StatusCode::RANGE_NOT_SATISFIABLE => (
            "RangeNotSatisfiable",
            "Range: it begins behind the last byte; Content-Range tells how many there are",
        ),
        StatusCode::PRECONDITION_FAILED => {
            ("PreconditionFailed", "If-Match: this is another revision; ETag tells which")
        }
        _ => return answer,
    };
    let status = serde_json::to_vec(&Status::new(answer.status(), reason, message)).expect("texts are JSON");
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *answer.body_mut() = serve::full(status);
    answer
}

impl Content {
    async fn archive(&self, wanted: &Stored<'_>) -> Result<Response<Body>, Status> {
        let asked = (&wanted.call.method, &wanted.call.headers);
        let answer = download::blob(&self.shelf, &wanted.blob, asked, CACHE_CONTROL).await;
        answer.map_err(|error| wanted.unreadable(&error))?.ok_or_else(|| wanted.absent())
    }

    async fn file(&self, wanted: &Stored<'_>, path: &str) -> Result<Response<Body>, Status> {
        let Stored { call, blob: key, .. } = wanted;
        let blob = wanted.open(&self.shelf).await?;
        let found = read::file_in(blob, path).await.map_err(|error| wanted.unreadable(&error))?;
        let file = found.ok_or_else(|| {
            let message = format!(
                "the artifact holds no file {path:?}; without ?path= the archive shows what it holds"
            );
            revision::refusal(call, StatusCode::NOT_FOUND, message)
        })?;
        let name = utf8_percent_encode(file.path.as_str(), NON_ALPHANUMERIC);
        let download = Download {
            method: &call.method,
            headers: &call.headers,
            cache_control: CACHE_CONTROL,
            content_type: HeaderValue::from_static("application/octet-stream"),
            etag: format!("\"{}/{name}\"", key.digest),
            size: file.size,
        };
        let part = match download.wanted() {
            Ok(part) => part,
            Err(response) => return Ok(*response),
        };
        let bytes = cut(file.bytes, part.clone().unwrap_or(0..file.size));
        let mut response = download.answer(part.as_ref(), serve::stream(bytes.map_err(Into::into)));
        response.headers_mut().insert(FILE_TYPE, HeaderValue::from_static(file.media_type));
        Ok(response)
    }
}

/// Those bytes of a stream that begins at 0; what follows them is not read.
fn cut<E: Send + 'static>(
    bytes: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    part: Range<u64>,
) -> impl Stream<Item = Result<Bytes, E>> + Send + 'static {
    let pieces = bytes.scan(0_u64, move |at, chunk| {
        let begins = *at;
        ready(match chunk {
            _ if begins >= part.end => None,
            Err(error) => Some(Err(error)),
            Ok(chunk) => {
                let within = |offset: u64| {
                    usize::try_from(offset.saturating_sub(begins)).map_or(chunk.len(), |n| n.min(chunk.len()))
                };
                *at += chunk.len() as u64;
                Some(Ok(chunk.slice(within(part.start)..within(part.end))))
            }
        })
    });
    pieces.try_filter(|piece| ready(!piece.is_empty()))
}
