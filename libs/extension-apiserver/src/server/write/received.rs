//! The body of a write, from its first byte to what is read from it.
use crate::{
    api::Call,
    decode::LONGEST_BODY,
    serve::{BODY_IDLE_TIMEOUT, Blocks, BodyError, Reading},
    server::{fairness::Place, routes::Incoming},
    status::Status,
};
use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;

/// Bytes of a body that take a few milliseconds to read.
const LARGE: usize = 128 << 10;

/// A body that has arrived.
pub(super) struct Received {
    blocks: Blocks,
    /// Of one that is large.
    place: Option<Place>,
}

impl Received {
    /// Waits for all of a body. The rest of a large one is left to its connection until there is a place for it.
    ///
    /// # Errors
    /// 413 for one that is too large, 408 for one that comes too slowly, 400 for one that breaks off, and 429 where there
    /// are too many large ones.
    pub(super) async fn of(incoming: Incoming, call: &Call) -> Result<Self, Status> {
        let Incoming { body, large_bodies, .. } = incoming;
        let mut reading =
            Reading::begin(body, LONGEST_BODY, BODY_IDLE_TIMEOUT).map_err(|error| refusal(&error))?;
        let mut place = None;
        if reading.beyond(LARGE).await.map_err(|error| refusal(&error))? {
            let waits = Instant::now();
            let taken = large_bodies.place(&call.user).await;
            let taken = place.insert(taken.map_err(|_| too_many("too many large bodies are being read"))?);
            reading.forgive(waits.elapsed());
            let arrived = tokio::select! {
                biased;
                arrived = reading.beyond(LONGEST_BODY) => arrived,
                () = taken.is_wanted() => return Err(too_many("the body arrives slowly while others wait")),
            };
            arrived.map_err(|error| refusal(&error))?;
        }
        Ok(Self { blocks: reading.into_blocks(), place })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Reads the body, which is gone then. Of large ones one is read at a time.
    pub(super) async fn read<T>(self, read: impl FnOnce(&Bytes) -> T) -> T {
        let blocks = self.blocks;
        match self.place {
            None => read(&blocks.join()),
            // It is there twice only while it is read.
            Some(place) => place.in_turn(|| read(&blocks.join())).await,
        }
    }
}

fn too_many(why: &str) -> Status {
    let message = format!("{why}, please try again later");
    Status::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).with_retry_after(1)
}

fn refusal(error: &BodyError) -> Status {
    match error {
        BodyError::TooLarge { limit } => Status::too_large(format!("limit is {limit}")),
        BodyError::TooSlow => Status::new(StatusCode::REQUEST_TIMEOUT, "Timeout", error.to_string()),
        BodyError::Broken { .. } => Status::bad_request(error.to_string()),
    }
}
