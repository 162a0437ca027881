//! A token by which a source knows who asks.
use super::headers;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// A token as the header `Authorization` carries it. It cannot be printed.
#[derive(Clone)]
pub struct Bearer(pub(super) HeaderValue);

impl Bearer {
    /// None if it cannot be sent.
    pub fn new(token: &SecretString) -> Option<Self> {
        headers::value(format!("Bearer {}", token.expose_secret()).as_bytes()).ok().map(Self)
    }
}
