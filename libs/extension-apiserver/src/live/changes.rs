//! The changes of a store as a stream. A reader holds its place in the shared window and nothing else: one that is too
//! slow falls out of the window and is told so, instead of being buffered for.
use super::{Live, Timed};
use crate::{
    api::{Change, Changes},
    object::{Object, Version},
    status::Status,
    timeline::version_of,
};
use futures::stream::{self, StreamExt};
use std::sync::Arc;
use tokio::sync::watch;

/// Changes that are taken out of the window at once.
const BATCH: usize = 64;

pub(super) fn stream<S: Timed>(
    live: Arc<Live<S>>,
    changed: watch::Receiver<()>,
    next: u64,
    from: Version,
) -> Changes<S::Object> {
    let reader = Reader { live, changed, next, from, seen: from, is_over: false };
    let batches = stream::unfold(reader, |mut reader| async move {
        let batch = reader.batch().await?;
        Some((stream::iter(batch), reader))
    });
    batches.flatten().boxed()
}

struct Reader<S> {
    live: Arc<Live<S>>,
    changed: watch::Receiver<()>,
    /// The number of the next change to read.
    next: u64,
    /// Where the client stood: with a replica that was ahead of this one it has seen changes that are still to come.
    from: Version,
    seen: Version,
    is_over: bool,
}

type Batch<T> = Vec<Result<Change<T>, Status>>;

impl<S: Timed> Reader<S> {
    async fn batch(&mut self) -> Option<Batch<S::Object>> {
        if self.is_over {
            return None;
        }
        loop {
            self.changed.borrow_and_update();
            let (changes, version) = {
                let state = self.live.read();
                let timeline = state.timeline();
                (timeline.changes_from(self.next, BATCH), timeline.version().unwrap_or_default())
            };
            match changes {
                Err(status) => {
                    self.is_over = true;
                    return Some(vec![Err(status)]);
                }
                Ok(changes) if !changes.is_empty() => {
                    self.next += changes.len() as u64;
                    return Some(changes.into_iter().filter(|change| self.is_new(change)).map(Ok).collect());
                }
                Ok(_) if version > self.seen => {
                    self.seen = version;
                    return Some(vec![Ok(Change::Progress(version))]);
                }
                Ok(_) => self.changed.changed().await.ok()?,
            }
        }
    }

    fn is_new<T: Object>(&self, change: &Change<T>) -> bool {
        let version = match change {
            Change::Added(item) | Change::Deleted(item) | Change::Modified { after: item, .. } => {
                version_of(&**item)
            }
            Change::Progress(version) => Some(*version),
        };
        version.is_none_or(|version| version > self.from)
    }
}
