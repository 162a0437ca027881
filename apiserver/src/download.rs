//! One blob over HTTP: conditional requests and ranges (RFC 9110 §13, §14), for the artifact listener and for `content`.
mod range;

use artifacts::{BlobInfo, BlobKey, Store, StoreError};
use extension_apiserver::serve::{self, Body};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use range::Wanted;

/// What a reader asks of one blob.
pub(crate) struct Download<'a> {
    pub(crate) key: &'a BlobKey,
    /// GET or HEAD.
    pub(crate) method: &'a Method,
    /// `If-None-Match`, `Range` and `If-Range` count.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) cache_control: HeaderValue,
}

impl Download<'_> {
    /// The answer, or nothing where there is no such blob.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is not what the key says; no byte was sent then.
    pub(crate) async fn answer(self, store: &dyn Store) -> Result<Option<Response<Body>>, StoreError> {
        let Some(info) = store.stat(self.key).await? else { return Ok(None) };
        let etag = etag(&info);
        if range::names(self.headers.get(header::IF_NONE_MATCH), &etag) {
            return Ok(Some(self.respond(StatusCode::NOT_MODIFIED, &etag, serve::empty())));
        }
        match range::wanted(self.headers, &etag, info.size) {
            Wanted::Unsatisfiable => Ok(Some(self.unsatisfiable(&etag, info.size))),
            Wanted::Whole => self.bytes(store, &info, None).await,
            Wanted::Part(part) => self.bytes(store, &info, Some(part)).await,
        }
    }

    async fn bytes(
        &self,
        store: &dyn Store,
        info: &BlobInfo,
        part: Option<std::ops::Range<u64>>,
    ) -> Result<Option<Response<Body>>, StoreError> {
        let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let sent = part.clone().unwrap_or(0..info.size);
        let body = if *self.method == Method::HEAD {
            serve::empty()
        } else {
            // Between the look and the opening the blob may have been removed.
            let Some(blob) = store.open(self.key, part.clone()).await? else { return Ok(None) };
            serve::stream(blob.bytes.map(|chunk| chunk.map_err(Into::into)))
        };
        let mut response = self.respond(status, &etag(info), body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(sent.end - sent.start));
        if let Some(part) = part {
            let text = format!("bytes {}-{}/{}", part.start, part.end - 1, info.size);
            headers.insert(header::CONTENT_RANGE, ascii(&text));
        }
        Ok(Some(response))
    }

    fn unsatisfiable(&self, etag: &str, size: u64) -> Response<Body> {
        let mut response = self.respond(StatusCode::RANGE_NOT_SATISFIABLE, etag, serve::empty());
        response.headers_mut().insert(header::CONTENT_RANGE, ascii(&format!("bytes */{size}")));
        response
    }

    fn respond(&self, status: StatusCode, etag: &str, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::ETAG, ascii(etag));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// The blob is named by its digest, so the digest is the strongest validator there is.
fn etag(info: &BlobInfo) -> String {
    format!("\"{}\"", info.key.digest)
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digests and numbers are visible ASCII")
}
