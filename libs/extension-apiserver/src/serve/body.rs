//! Bodies: what responses are made of, and how a request's body is read within bounds.
use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

/// Any error, as bodies carry it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The `idle` to give to [`read_body`] where nothing else is asked for.
pub const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes a second that a body must bring on average once the first `idle` is over.
const SLOWEST: u32 = 16 << 10;

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of no bytes.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that arrives piece by piece. An error in it cuts the response off, so that no client takes it for complete.
pub fn stream(pieces: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}

/// Why a request's body was not read to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// More bytes than allowed.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The bytes allowed.
        limit: usize,
    },
    /// The client stopped sending, or drips.
    #[error("the request body arrived too slowly")]
    TooSlow,
    /// The connection or the framing broke.
    #[error("failed to read the request body")]
    Broken {
        /// What broke.
        #[source]
        source: BoxError,
    },
}

impl BodyError {
    /// A stable word for metrics and answers.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "RequestEntityTooLarge",
            Self::TooSlow => "RequestTimeout",
            Self::Broken { .. } => "BadRequest",
        }
    }
}

/// Reads a request's body up to `limit` bytes.
///
/// Ends with [`BodyError::TooSlow`] when nothing arrives for `idle`, and when less than 16 KiB a second arrive over a
/// longer time: a client that sends a byte now and then would hold its request open for ever.
pub async fn read_body<B>(body: B, limit: usize, idle: Duration) -> Result<Bytes, BodyError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let mut reading = Reading::begin(body, limit, idle)?;
    reading.beyond(limit).await?;
    Ok(reading.into_blocks().join())
}

/// A body of which a part may have arrived.
pub(crate) struct Reading<B> {
    body: B,
    limit: usize,
    idle: Duration,
    started: Instant,
    blocks: Blocks,
}

impl<B> Reading<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Refuses what announces to be too large; nothing is read yet.
    pub(crate) fn begin(body: B, limit: usize, idle: Duration) -> Result<Self, BodyError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(BodyError::TooLarge { limit });
        }
        Ok(Self { body, limit, idle, started: Instant::now(), blocks: Blocks::default() })
    }

    /// Reads until more than `most` bytes have arrived: false if the body has ended before.
    pub(crate) async fn beyond(&mut self, most: usize) -> Result<bool, BodyError> {
        let Self { body, limit, idle, started, blocks } = self;
        while blocks.bytes <= most {
            let due = *started + *idle + Duration::from_secs(blocks.bytes as u64) / SLOWEST;
            let frame = timeout_at(due.min(Instant::now() + *idle), body.frame()).await;
            let Some(frame) = frame.map_err(|_| BodyError::TooSlow)? else { return Ok(false) };
            let frame = frame.map_err(|error| BodyError::Broken { source: error.into() })?;
            let Ok(data) = frame.into_data() else { continue };
            if blocks.bytes + data.len() > *limit {
                return Err(BodyError::TooLarge { limit: *limit });
            }
            blocks.push(&data);
        }
        Ok(true)
    }

    /// Forgives the client the time that it could not send in.
    pub(crate) fn forgive(&mut self, paused: Duration) {
        self.started += paused;
    }

    /// What has arrived.
    pub(crate) fn into_blocks(self) -> Blocks {
        self.blocks
    }
}

/// What has arrived, in blocks of one size. One buffer would be as large as what a client announces and never sends, or
/// grow by doubling and leave holes of every size behind.
#[derive(Default)]
pub(crate) struct Blocks {
    bytes: usize,
    blocks: Vec<BytesMut>,
}

impl Blocks {
    const SIZE: usize = 64 << 10;

    fn push(&mut self, mut data: &[u8]) {
        self.bytes += data.len();
        while !data.is_empty() {
            if self.blocks.last().is_none_or(|last| last.len() == Self::SIZE) {
                self.blocks.push(BytesMut::with_capacity(Self::SIZE));
            }
            let last = self.blocks.last_mut().expect("there is one now");
            let (fits, rest) = data.split_at(data.len().min(Self::SIZE - last.len()));
            last.extend_from_slice(fits);
            data = rest;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// All of it in one piece.
    pub(crate) fn join(mut self) -> Bytes {
        if self.blocks.len() < 2 {
            return self.blocks.pop().unwrap_or_default().freeze();
        }
        let mut whole = BytesMut::with_capacity(self.bytes);
        // Each goes as soon as it is copied, so that a body is hardly ever there twice.
        self.blocks.into_iter().for_each(|block| whole.extend_from_slice(&block));
        whole.freeze()
    }
}
