//! One representation over HTTP: conditional requests and ranges (RFC 9110 §13, §14), for the artifact listener and for
//! `content`.
mod range;

use crate::shelf::Shelf;
use artifacts::{BlobInfo, BlobKey, StoreError, store::Pieces};
use extension_apiserver::serve::{self, Body};
use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use range::Wanted;
use std::ops::Range;

/// What a reader asks of one representation.
pub(crate) struct Download<'a> {
    /// GET or HEAD.
    pub(crate) method: &'a Method,
    /// `If-Match`, `If-None-Match`, `Range` and `If-Range` count.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) cache_control: HeaderValue,
    pub(crate) content_type: HeaderValue,
    /// In quotes, as it is sent.
    pub(crate) etag: String,
    pub(crate) size: u64,
}

impl Download<'_> {
    /// Which bytes to send: all of them, or a part. Otherwise the answer that needs no bytes.
    pub(crate) fn wanted(&self) -> Result<Option<Range<u64>>, Box<Response<Body>>> {
        let condition = self.headers.get(header::IF_MATCH);
        if condition.is_some() && !range::demands(condition, &self.etag) {
            return Err(self.head(StatusCode::PRECONDITION_FAILED, serve::empty()).into());
        }
        if range::names(self.headers.get(header::IF_NONE_MATCH), &self.etag) {
            return Err(self.head(StatusCode::NOT_MODIFIED, serve::empty()).into());
        }
        match range::wanted(self.headers, &self.etag, self.size) {
            Wanted::Whole => Ok(None),
            Wanted::Part(part) => Ok(Some(part)),
            Wanted::Unsatisfiable => {
                let mut response = self.head(StatusCode::RANGE_NOT_SATISFIABLE, serve::empty());
                let size = ascii(&format!("bytes */{}", self.size));
                response.headers_mut().insert(header::CONTENT_RANGE, size);
                Err(response.into())
            }
        }
    }

    /// The answer with those bytes; a `HEAD` gets none.
    pub(crate) fn answer(&self, part: Option<&Range<u64>>, body: Body) -> Response<Body> {
        let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let body = match *self.method {
            Method::HEAD => serve::empty(),
            _ => body,
        };
        let mut response = self.head(status, body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        let length = part.map_or(self.size, |part| part.end - part.start);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(part) = part {
            let text = format!("bytes {}-{}/{}", part.start, part.end - 1, self.size);
            headers.insert(header::CONTENT_RANGE, ascii(&text));
        }
        response
    }

    fn head(&self, status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::ETAG, ascii(&self.etag));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// A whole blob: its bytes as they are stored, under its digest as the strongest validator there is. Nothing where there
/// is no such blob.
///
/// # Errors
/// The store cannot be read, or what it holds is not what the key says; no byte was sent then.
pub(crate) async fn blob(
    shelf: &Shelf,
    key: &BlobKey,
    (method, headers): (&Method, &HeaderMap),
    cache_control: HeaderValue,
) -> Result<Option<Response<Body>>, StoreError> {
    if *method == Method::GET && range::is_plain(headers) {
        let Some(blob) = shelf.open(key, None).await? else { return Ok(None) };
        let download = download(key, (method, headers), cache_control, blob.info.size);
        return Ok(Some(download.answer(None, body(blob.bytes))));
    }
    let Some(BlobInfo { size, .. }) = shelf.stat(key).await? else { return Ok(None) };
    let download = download(key, (method, headers), cache_control, size);
    let part = match download.wanted() {
        Ok(part) => part,
        Err(response) => return Ok(Some(*response)),
    };
    // Between the look and the opening the blob may have been removed.
    let Some(blob) = shelf.open(key, part.clone()).await? else { return Ok(None) };
    Ok(Some(download.answer(part.as_ref(), body(blob.bytes))))
}

fn download<'a>(
    key: &BlobKey,
    (method, headers): (&'a Method, &'a HeaderMap),
    cache_control: HeaderValue,
    size: u64,
) -> Download<'a> {
    let content_type = HeaderValue::from_static("application/gzip");
    let etag = format!("\"{}\"", key.digest);
    Download { method, headers, cache_control, content_type, etag, size }
}

fn body(bytes: Pieces) -> Body {
    match bytes {
        Pieces::AtHand(bytes) => serve::full(bytes),
        Pieces::Coming(pieces) => serve::stream(pieces.map_err(Into::into)),
    }
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digests, numbers and encoded paths are visible ASCII")
}
