//! A body on its way in: never more of it than the limit, never longer than the deadline, hashed as it passes.
use super::{Validators, failure};
use crate::{Digest, Error, Hasher};
use bytes::Bytes;
use std::{collections::VecDeque, time::Duration};
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

/// What a body turned out to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
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
    /// Pieces that were read before anybody asked for them.
    ahead: VecDeque<Bytes>,
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
        let (ahead, hasher) = (VecDeque::new(), Hasher::new());
        let body = Self { host, response, bounds, pinned, ahead, received: 0, hasher };
        match body.response.content_length() {
            Some(length) if length > bounds.largest => Err(body.too_large()),
            _ => Ok(body),
        }
    }

    /// Reads on until the body ends or is known to be larger than `most`. Its length, if it has ended.
    pub(crate) async fn read_ahead(&mut self, most: u64) -> Result<Option<u64>, Error> {
        if self.response.content_length().is_some_and(|length| length > most) {
            return Ok(None);
        }
        while self.received <= most {
            match self.receive().await? {
                Some(piece) => self.ahead.push_back(piece),
                None => return Ok(Some(self.received)),
            }
        }
        Ok(None)
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// The time is over, the body is too large, or it ended before its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self.ahead.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.receive().await,
        }
    }

    /// Digest and size of the whole body, after its last piece.
    ///
    /// # Errors
    /// It is not the one that is pinned.
    pub(crate) fn finish(self) -> Result<Received, Error> {
        let digest = self.hasher.finish();
        match self.pinned {
            Some(expected) if expected != digest => {
                Err(Error::DigestMismatch { host: self.host, found: digest, expected })
            }
            _ => Ok(Received { digest, size: self.received }),
        }
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
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

    fn too_large(&self) -> Error {
        Error::TooLarge { host: self.host.clone(), limit: self.bounds.largest }
    }
}
