//! postRequest hooks: from file to file, each a stream through the executor, so that memory stays flat whatever the size.
//!
//! The body lies in a file first, whole and judged: no command ever sees a body that was cut off or is not the pinned one,
//! no slow source counts against the time of a command, and what a hook fails on is there unchanged.
use super::{HookError, Ignored, List, Transformer, judged};
use crate::{
    Error,
    fetch::{Body, Received},
    plan::Hook,
};
use bytes::Bytes;
use futures::{Stream, stream};
use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};
use tokio::{io::AsyncWriteExt, task::spawn_blocking};

/// One read of a file.
const PIECE: usize = 256 << 10;

/// What hooks have made of a body.
pub(crate) struct Kept {
    /// The body as it was received.
    pub(crate) received: Received,
    pub(crate) length: u64,
    pub(crate) ignored: Vec<Ignored>,
    file: Arc<File>,
}

impl Kept {
    /// The bytes, from the first on.
    pub(crate) fn pieces(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
        pieces(Arc::clone(&self.file))
    }

    /// With these bytes instead.
    pub(super) async fn replaced(self, bytes: Vec<u8>) -> Result<Self, Error> {
        let (file, mut written) = kept_aside().await.map_err(Error::NotSpooled)?;
        written.write_all(&bytes).await.map_err(Error::NotSpooled)?;
        written.flush().await.map_err(Error::NotSpooled)?;
        Ok(Self { length: bytes.len() as u64, file, ..self })
    }
}

impl Transformer {
    /// Runs the hooks on a body.
    pub(crate) async fn transform(&self, hooks: &[Hook], mut body: Body) -> Result<Kept, Error> {
        let (mut file, mut written) = kept_aside().await.map_err(Error::NotSpooled)?;
        while let Some(piece) = body.chunk().await? {
            written.write_all(&piece).await.map_err(Error::NotSpooled)?;
        }
        written.flush().await.map_err(Error::NotSpooled)?;
        let received = body.finish()?;
        let mut ignored = Vec::new();
        for hook in hooks {
            match self.next(hook, Arc::clone(&file)).await {
                Ok(next) => file = next,
                Err(error) => ignored.push(judged(error, List::PostRequest, hook)?),
            }
        }
        let length = file.metadata().map_err(Error::NotSpooled)?.len();
        Ok(Kept { received, length, ignored, file })
    }

    async fn next(&self, hook: &Hook, input: Arc<File>) -> Result<Arc<File>, HookError> {
        let (file, mut output) =
            kept_aside().await.map_err(|error| HookError::Pass(Error::NotSpooled(error)))?;
        self.run(hook, pieces(input), &mut output, self.largest).await?;
        Ok(file)
    }
}

/// A file without a name, and the same to write to.
async fn kept_aside() -> io::Result<(Arc<File>, tokio::fs::File)> {
    let open = || {
        let file = tempfile::tempfile()?;
        let written = file.try_clone()?;
        Ok((Arc::new(file), tokio::fs::File::from_std(written)))
    };
    spawn_blocking(open).await.map_err(io::Error::other)?
}

/// Reads by offset: whoever still reads for a command that has ended moves nobody else's position.
fn pieces(file: Arc<File>) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
    Box::pin(stream::try_unfold((file, 0), |(file, offset)| async move {
        let read = move || {
            let mut piece = vec![0; PIECE];
            let count = file.read_at(&mut piece, offset)?;
            piece.truncate(count);
            Ok::<_, io::Error>((Bytes::from(piece), file))
        };
        let (piece, file) = spawn_blocking(read).await.map_err(io::Error::other)??;
        let next = offset + piece.len() as u64;
        Ok((!piece.is_empty()).then_some((piece, (file, next))))
    }))
}
