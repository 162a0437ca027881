//! What the last passes over an object did, and what the next ones do: how the aggregated API asks the controller whose passes
//! they are, which keeps that in memory.
use crate::AUDIENCE;
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use thiserror::Error;

/// Where logs are asked for, below the address of a controller.
pub const PATH: &str = "/logs";

/// The right to ask, as that for previews.
pub const RIGHT: (&str, &str) = (AUDIENCE, "logs");

/// Bytes that such a question may have.
pub const LONGEST_QUESTION: usize = 4 << 10;

/// Which lines are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// Of an object of that kind, as in `ExternalSource`.
    pub kind: String,
    /// Where it is.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// Those to come as well.
    pub follow: bool,
    /// Of those that are there, at most so many.
    pub tail_lines: Option<u64>,
    /// Of those that are there, none that is older.
    pub since_seconds: Option<u64>,
    /// Each begins with its time.
    pub timestamps: bool,
    /// Where whoever works on it says that it is reached. No part of the question.
    #[serde(skip)]
    pub holder: Option<SocketAddr>,
}

/// Whole lines, some at a time. An error: whoever keeps them went away.
pub type Lines = BoxStream<'static, Result<Bytes, Box<dyn std::error::Error + Send + Sync>>>;

/// Why nothing is told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Untold {
    /// Who was asked does not work on that object now.
    #[error(
        "the controller that was asked does not work on this object now, and what another one does is known to that one alone"
    )]
    Elsewhere,
    /// As many follow as may.
    #[error("as many follow logs already as may at once")]
    TooMany,
    /// Nobody can be asked.
    #[error("{0}")]
    Unavailable(String),
}

/// Keeps what passes have done.
pub trait Keeper: Send + Sync + 'static {
    /// The lines that are there, and with `follow` those to come until the keeper has had enough.
    fn lines(&self, wanted: Wanted) -> BoxFuture<'_, Result<Lines, Untold>>;
}
