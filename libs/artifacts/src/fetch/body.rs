//! A body on its way in: never more of it than the limit, never longer than the deadline, hashed as it passes.
use super::{Origin, Validators};
use crate::{Digest, Error, Hasher};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderMap, StatusCode};
use std::{collections::VecDeque, time::Duration};
use tokio::time::{Instant, timeout_at};

/// What the head of an answer told.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// Nothing in them that we sent.
    pub(crate) headers: HeaderMap,
    pub(crate) content_type: Option<String>,
    pub(crate) validators: Validators,
    pub(crate) pause: Option<Duration>,
    /// How long the body will be, if that is known; the transport holds the sender to it.
    pub(crate) length: Option<u64>,
    pub(crate) origin: Origin,
}

/// What a body turned out to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// The bounds of one pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
    /// The largest body, in bytes.
    pub(crate) largest: u64,
}

/// What sends a body.
pub(crate) struct Incoming {
    pub(crate) host: String,
    /// How long it will be, if that is announced.
    pub(crate) length: Option<u64>,
    pub(crate) pieces: BoxStream<'static, Result<Bytes, Error>>,
}

/// The body of an answer that carries data.
pub(crate) struct Body {
    incoming: Incoming,
    bounds: Bounds,
    pinned: Option<Digest>,
    /// Pieces that were read before anybody asked for them.
    ahead: VecDeque<Bytes>,
    /// Whether there is nothing more to receive.
    ended: bool,
    received: u64,
    hasher: Hasher,
}

impl Body {
    /// # Errors
    /// The announced length is over the limit already.
    pub(crate) fn new(incoming: Incoming, bounds: Bounds, pinned: Option<Digest>) -> Result<Self, Error> {
        let (ahead, hasher) = (VecDeque::new(), Hasher::new());
        let body = Self { incoming, bounds, pinned, ahead, ended: false, received: 0, hasher };
        match body.incoming.length {
            Some(length) if length > bounds.largest => Err(body.too_large()),
            _ => Ok(body),
        }
    }

    /// Reads on until the body ends or is known to be larger than `most`. Its length, if it has ended.
    pub(crate) async fn read_ahead(&mut self, most: u64) -> Result<Option<u64>, Error> {
        if self.incoming.length.is_some_and(|length| length > most) {
            return Ok(None);
        }
        while self.received <= most && !self.ended {
            let piece = self.receive().await?;
            self.ahead.extend(piece);
        }
        Ok((self.ended && self.received <= most).then_some(self.received))
    }

    /// What was read ahead.
    pub(crate) fn ahead(&self) -> Vec<Bytes> {
        self.ahead.iter().cloned().collect()
    }

    /// All of it at once, in memory.
    ///
    /// # Errors
    /// It is larger than `most`, or could not be received, or is not the one that is pinned.
    pub(crate) async fn whole(mut self, most: u64) -> Result<(Vec<u8>, Received), Error> {
        if self.read_ahead(most).await?.is_none() {
            let whose = "the most that is read of its kind";
            return Err(Error::TooLarge { host: self.incoming.host, limit: most, whose });
        }
        let bytes = self.ahead.make_contiguous().concat();
        Ok((bytes, self.finish()?))
    }

    /// Who sends it.
    pub(crate) fn host(&self) -> &str {
        &self.incoming.host
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// The time is over, the body is too large, or it ended before its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self.ahead.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None if self.ended => Ok(None),
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
                Err(Error::DigestMismatch { host: self.incoming.host, found: digest, expected })
            }
            _ => Ok(Received { digest, size: self.received }),
        }
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        let Bounds { deadline, timeout, largest } = self.bounds;
        let Ok(chunk) = timeout_at(deadline, self.incoming.pieces.next()).await else {
            return Err(Error::TimedOut { host: self.incoming.host.clone(), timeout });
        };
        let Some(chunk) = chunk.transpose()? else {
            self.ended = true;
            return Ok(None);
        };
        self.received += chunk.len() as u64;
        if self.received > largest {
            return Err(self.too_large());
        }
        self.hasher.update(&chunk);
        Ok(Some(chunk))
    }

    fn too_large(&self) -> Error {
        let whose = "the limit of this installation";
        Error::TooLarge { host: self.incoming.host.clone(), limit: self.bounds.largest, whose }
    }
}
