//! From a body to an upload: in one go if it waits in memory, as a stream if it is on its way.
use super::{
    assemble::{Assembled, Assembly},
    content::Content,
    pipe::{self, Feed},
};
use crate::{
    Error, Upload,
    fetch::{Pieces, Received},
    pack,
};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
};
use tracing::Instrument;

/// A body that went through, waiting to be published.
pub(super) struct Staged {
    pub(super) received: Received,
    pub(super) archive: Assembled,
    pub(super) upload: Box<dyn Upload>,
}

/// Packs what is in memory, on one thread from its first byte to its last: pipes, and those who wait at them, would take longer
/// than the packing.
pub(super) async fn at_once(
    mut content: Content,
    assembly: Assembly,
    mut upload: Box<dyn Upload>,
) -> Result<Staged, Error> {
    let mut pieces = VecDeque::new();
    while let Some(piece) = content.chunk().await? {
        pieces.push_back(piece);
    }
    let received = content.finish()?;
    let packing = pack::run(move || {
        let mut packed = Vec::new();
        assembly.run(Pieces(pieces), &mut packed).map(|archive| (archive, packed))
    });
    let (archive, packed) = packing.await.map_err(died)??;
    upload.write(packed.into()).await.map_err(Error::Store)?;
    Ok(Staged { received, archive, upload })
}

/// Moves the body through the packer into the upload. The first of the three to fail ends the pass; the others notice
/// by their pipes, too late to be asked about it.
pub(super) async fn as_it_comes(
    content: Content,
    assembly: Assembly,
    upload: Box<dyn Upload>,
) -> Result<Staged, Error> {
    let (feed, source) = pipe::inlet();
    let (sink, pieces) = pipe::outlet();
    let packing = spawn_blocking(move || assembly.run(source, sink));
    let packed = async { packing.await.map_err(died)? };
    // A task of its own, so that one processor hashes the body while another hashes the archive; it ends with the set.
    let mut receiving = JoinSet::new();
    // It hands the pipe back with what it found: a packer that saw the end of the pipe first would fail for that.
    receiving.spawn(async move { (receive(content, &feed).await, feed) }.in_current_span());
    let received = async {
        let ended = receiving.join_next().await.expect("one task was spawned");
        let (received, feed) = ended.unwrap_or_else(|died| std::panic::resume_unwind(died.into_panic()));
        match received? {
            Some(received) => Ok(feed.end().await.ok().map(|()| received)),
            None => Ok(None),
        }
    };
    let (received, upload, archive) = tokio::try_join!(received, write(upload, pieces), packed)?;
    let received = received.ok_or_else(|| Error::PackerDied("it left a part of the body".into()))?;
    Ok(Staged { received, archive, upload })
}

/// Passes the body on, and judges it at its end; `None` if the packer did not want all of it.
async fn receive(mut content: Content, feed: &Feed) -> Result<Option<Received>, Error> {
    while let Some(piece) = content.chunk().await? {
        if feed.send(piece).await.is_err() {
            return Ok(None);
        }
    }
    content.finish().map(Some)
}

async fn write(
    mut upload: Box<dyn Upload>,
    mut pieces: mpsc::Receiver<Bytes>,
) -> Result<Box<dyn Upload>, Error> {
    while let Some(piece) = pieces.recv().await {
        upload.write(piece).await.map_err(Error::Store)?;
    }
    Ok(upload)
}

fn died(died: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::PackerDied(died.into())
}
