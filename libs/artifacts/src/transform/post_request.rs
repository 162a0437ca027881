//! postRequest hooks: from file to file, each a stream through the executor, so that memory stays flat whatever the size.
//!
//! The body lies aside first, whole and judged: no command ever sees a body that was cut off or is not the pinned one,
//! no slow source counts against the time of a command, and what a hook fails on is there unchanged.
use super::{
    HookError, Ignored, List, Transformer,
    aside::{Aside, Writing, Written},
    judged,
};
use crate::{
    Error,
    fetch::{Body, Received},
    plan::Hook,
    trace::{Event, tell},
};
use bytes::Bytes;
use futures::Stream;
use std::{io, time::Instant};

/// What hooks have made of a body.
pub(crate) struct Kept {
    /// The body as it was received.
    pub(crate) received: Received,
    pub(crate) length: u64,
    pub(crate) ignored: Vec<Ignored>,
    data: Aside,
}

impl Kept {
    /// The bytes, from the first on.
    pub(crate) fn pieces(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
        self.data.pieces()
    }

    /// With these bytes instead.
    pub(super) async fn replaced(self, bytes: Vec<u8>) -> Result<Self, Error> {
        Ok(Self { length: bytes.len() as u64, data: Aside::of(bytes).await?, ..self })
    }
}

impl Transformer {
    /// Runs the hooks on a body. Without any, it is given up once it is larger than `most`, in bytes: what comes after them would
    /// not take it.
    pub(crate) async fn transform(&self, hooks: &[Hook], most: u64, mut body: Body) -> Result<Kept, Error> {
        let started = Instant::now();
        let (mut writing, mut length) = (Writing::default(), 0);
        while let Some(piece) = body.chunk().await? {
            length += piece.len() as u64;
            if hooks.is_empty() && length > most {
                return Err(Error::Expression(expressions::Error::TooLarge));
            }
            writing.write(&piece).await?;
        }
        let mut data = writing.done().await?;
        let received = body.finish()?;
        tell(|| Event::Received { bytes: received.size, took: started.elapsed() });
        let mut ignored = Vec::new();
        for hook in hooks {
            match self.next(hook, &data).await {
                Ok(next) => data = next,
                Err(error) => ignored.push(judged(error, List::PostRequest, hook)?),
            }
        }
        Ok(Kept { received, length: data.length()?, ignored, data })
    }

    async fn next(&self, hook: &Hook, input: &Aside) -> Result<Aside, HookError> {
        let of_the_pass = |error| HookError::Pass(Error::NotSpooled(error));
        let mut written = Written::new().await.map_err(of_the_pass)?;
        self.run(hook, input.pieces(), &mut written.output, self.largest).await?;
        written.done().await.map_err(of_the_pass)
    }
}
