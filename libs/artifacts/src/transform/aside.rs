//! Data that is put aside whole before anybody reads it: what is small in memory, the rest in a file without a name.
use crate::{Error, SMALL};
use bytes::Bytes;
use futures::{Stream, StreamExt, future, stream};
use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};
use tokio::{io::AsyncWriteExt, task::spawn_blocking};

/// One read of a file.
const PIECE: usize = 256 << 10;

/// Data that lies whole where it can be read as often as anybody wants.
#[derive(Clone, Debug)]
pub(super) enum Aside {
    Memory(Bytes),
    File(Arc<File>),
}

impl Aside {
    /// The bytes, from the first on.
    pub(super) fn pieces(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
        match self {
            Self::Memory(bytes) => stream::once(future::ready(Ok(bytes.clone()))).boxed(),
            Self::File(file) => pieces(Arc::clone(file)).boxed(),
        }
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> Result<u64, Error> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::File(file) => Ok(file.metadata().map_err(Error::NotSpooled)?.len()),
        }
    }

    /// These bytes.
    pub(super) async fn of(bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() <= SMALL {
            return Ok(Self::Memory(bytes.into()));
        }
        let mut writing = Writing::default();
        writing.write(&bytes).await?;
        writing.done().await
    }
}

/// Data on its way there.
#[derive(Default)]
pub(super) struct Writing {
    small: Vec<u8>,
    /// Since there is too much of it for memory.
    large: Option<Written>,
}

impl Writing {
    /// Goes on with these bytes.
    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        if self.large.is_none() && self.small.len() + piece.len() <= SMALL {
            self.small.extend_from_slice(piece);
            return Ok(());
        }
        self.add(piece).await.map_err(Error::NotSpooled)
    }

    /// It was all.
    pub(super) async fn done(self) -> Result<Aside, Error> {
        match self.large {
            None => Ok(Aside::Memory(self.small.into())),
            Some(written) => written.done().await.map_err(Error::NotSpooled),
        }
    }

    async fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        let written = match &mut self.large {
            Some(written) => written,
            none => {
                let written = none.insert(Written::new().await?);
                written.output.write_all(&std::mem::take(&mut self.small)).await?;
                written
            }
        };
        written.output.write_all(piece).await
    }
}

/// A file without a name that is being written.
pub(super) struct Written {
    file: Arc<File>,
    pub(super) output: tokio::fs::File,
}

impl Written {
    pub(super) async fn new() -> io::Result<Self> {
        let open = || {
            let file = tempfile::tempfile()?;
            let output = tokio::fs::File::from_std(file.try_clone()?);
            Ok(Self { file: Arc::new(file), output })
        };
        spawn_blocking(open).await.map_err(io::Error::other)?
    }

    /// Whatever was written is there.
    pub(super) async fn done(mut self) -> io::Result<Aside> {
        self.output.flush().await?;
        Ok(Aside::File(self.file))
    }
}

/// Reads by offset: whoever still reads for a command that has ended moves nobody else's position.
fn pieces(file: Arc<File>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, 0), |(file, offset)| async move {
        let read = move || {
            let mut piece = vec![0; PIECE];
            let count = file.read_at(&mut piece, offset)?;
            piece.truncate(count);
            Ok::<_, io::Error>((Bytes::from(piece), file))
        };
        let (piece, file) = spawn_blocking(read).await.map_err(io::Error::other)??;
        let next = offset + piece.len() as u64;
        Ok((!piece.is_empty()).then_some((piece, (file, next))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    async fn read(aside: &Aside) -> Vec<u8> {
        aside.pieces().try_collect::<Vec<_>>().await.unwrap().concat()
    }

    #[tokio::test]
    async fn what_is_small_makes_no_file_and_the_rest_is_read_back_from_one() {
        for (piece, count, in_memory) in
            [(0, 0, true), (SMALL / 4, 4, true), (SMALL / 4 + 1, 4, false), (SMALL, 3, false)]
        {
            let mut writing = Writing::default();
            for number in 0..count {
                writing.write(&vec![number; piece]).await.unwrap();
            }
            let aside = writing.done().await.unwrap();
            let expected: Vec<u8> = (0..count).flat_map(|number| vec![number; piece]).collect();
            assert_eq!(matches!(aside, Aside::Memory(_)), in_memory, "{count} x {piece}");
            assert_eq!(aside.length().unwrap(), expected.len() as u64, "{count} x {piece}");
            assert!(read(&aside).await == expected && read(&aside).await == expected, "{count} x {piece}");
            let at_once = Aside::of(expected.clone()).await.unwrap();
            assert!(read(&at_once).await == expected, "{count} x {piece}");
        }
    }
}
