//! One document: written, compressed and hashed once, then sent to whoever asks.
use crate::{api::Call, discovery::etag, encode, negotiate, serve::Body, serve::full};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
};
use serde::Serialize;

/// Documents above this size are compressed for clients that take gzip, as kube-openapi does.
const GZIP_FROM: usize = 1_400;

pub(super) struct Document {
    json: Bytes,
    /// Only where it is worth it.
    gzip: Option<Bytes>,
    etag: HeaderValue,
}

impl Document {
    pub(super) fn new(document: &impl Serialize) -> Self {
        let json = serde_json::to_vec(document).expect("parts that are JSON make JSON");
        let gzip = if json.len() > GZIP_FROM { encode::compressed(&[&json], json.len()) } else { None };
        Self { etag: etag(&json), json: json.into(), gzip: gzip.map(Bytes::from) }
    }

    pub(super) fn hash(&self) -> &str {
        self.etag.to_str().unwrap_or_default().trim_matches('"')
    }

    /// The document, or that the client has it already.
    pub(super) fn answer(&self, call: &Call) -> Response<Body> {
        let mut response = match is_known(&call.headers, &self.etag) {
            true => encode::not_modified(),
            false => self.sent(&call.headers),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.append(VARY, HeaderValue::from_static("Accept"));
        if self.gzip.is_some() {
            headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        response
    }

    fn sent(&self, asked: &HeaderMap) -> Response<Body> {
        let gzip = self.gzip.as_ref().filter(|_| negotiate::takes_gzip(asked));
        let mut response = Response::new(full(gzip.unwrap_or(&self.json).clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Whether one of the validators is the document's; weak ones count, since the bytes are the same.
fn is_known(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let values = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut validators = values.flat_map(|value| value.split(',')).map(str::trim);
    validators.any(|validator| validator == "*" || validator.trim_start_matches("W/") == etag)
}
