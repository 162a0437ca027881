//! A body on its way in: never more of it than the limit, never longer than the deadline, hashed as it passes.
use super::{Validators, failure};
use crate::{Digest, Error, Hasher};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What the head of an answer told.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) content_type: Option<String>,
    pub(crate) validators: Validators,
    pub(crate) pause: Option<Duration>,
    /// How long the body will be, if that is known; the transport holds the sender to it.
    pub(crate) length: Option<u64>,
}

/// The bounds of one pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
    pub(super) largest: u64,
}

/// The body of an answer that carries data.
pub(crate) struct Body {
    host: String,
    response: reqwest::Response,
    bounds: Bounds,
    pinned: Option<Digest>,
    received: u64,
    hasher: Hasher,
}

impl Body {
    /// # Errors
    /// The announced length is over the limit already.
    pub(super) fn new(
        host: String,
        response: reqwest::Response,
        bounds: Bounds,
        pinned: Option<Digest>,
    ) -> Result<Self, Error> {
        let body = Self { host, response, bounds, pinned, received: 0, hasher: Hasher::new() };
        match body.response.content_length() {
            Some(length) if length > bounds.largest => Err(body.too_large()),
            _ => Ok(body),
        }
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// The time is over, the body is too large, or it ended before its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Bounds { deadline, timeout, largest } = self.bounds;
        let host = || self.host.clone();
        let chunk = timeout_at(deadline, self.response.chunk())
            .await
            .map_err(|_| Error::TimedOut { host: host(), timeout })?
            .map_err(|error| failure::of_body(error, host()))?;
        let Some(chunk) = chunk else { return Ok(None) };
        self.received += chunk.len() as u64;
        if self.received > largest {
            return Err(self.too_large());
        }
        self.hasher.update(&chunk);
        Ok(Some(chunk))
    }

    /// The digest of the whole body, after its last piece.
    ///
    /// # Errors
    /// It is not the one that is pinned.
    pub(crate) fn finish(self) -> Result<Digest, Error> {
        let digest = self.hasher.finish();
        match self.pinned {
            Some(expected) if expected != digest => {
                Err(Error::DigestMismatch { host: self.host, found: digest, expected })
            }
            _ => Ok(digest),
        }
    }

    fn too_large(&self) -> Error {
        Error::TooLarge { host: self.host.clone(), limit: self.bounds.largest }
    }
}
