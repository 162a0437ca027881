//! The changes of a view as a stream. A reader holds its place in the shared window and nothing else: one that is too
//! slow falls out of the window and is told so, instead of being buffered for.
use super::View;
use crate::{
    api::{Change, Changes},
    object::{Object, Version},
    status::Status,
};
use futures::stream::{self, StreamExt};
use tokio::sync::watch;

/// Changes that are taken out of the window at once.
const BATCH: usize = 64;

/// Every change after a version, as they come.
pub(super) fn after<T: Object>(view: &View<T>, from: Version) -> Result<Changes<T>, Status> {
    // Subscribed first: what happens from here on wakes the reader.
    let changed = view.0.changed.subscribe();
    let next = view.read().number_after(from)?;
    let reader = Reader { view: view.clone(), changed, next, from, seen: from, is_over: false };
    let batches = stream::unfold(reader, |mut reader| async move {
        let batch = reader.batch().await?;
        Some((stream::iter(batch), reader))
    });
    Ok(batches.flatten().boxed())
}

struct Reader<T> {
    view: View<T>,
    changed: watch::Receiver<()>,
    /// The number of the next change to read.
    next: u64,
    /// Where the client stood: with a replica that was ahead of this one it has seen changes that are still to come.
    from: Version,
    seen: Version,
    is_over: bool,
}

impl<T: Object> Reader<T> {
    async fn batch(&mut self) -> Option<Vec<Result<Change<T>, Status>>> {
        if self.is_over {
            return None;
        }
        loop {
            self.changed.borrow_and_update();
            let (changes, version) = {
                let state = self.view.read();
                (state.changes_from(self.next, BATCH), state.version().unwrap_or_default())
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

    fn is_new(&self, change: &Change<T>) -> bool {
        let item = match change {
            Change::Added(item) | Change::Deleted(item) | Change::Modified { after: item, .. } => item,
            Change::Progress(version) => return *version > self.from,
        };
        let version = item.meta().resource_version.as_deref().and_then(|version| version.parse().ok());
        version.is_none_or(|version: u64| version > self.from.0)
    }
}
