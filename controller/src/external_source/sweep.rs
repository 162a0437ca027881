//! Puts away, now and then, what no pass would: blobs of sources that are gone, and what processes that were killed left of
//! their uploads. Both are marked by one look and go by a later one, as [`Marks`] says.
use super::{Existing, Metrics, collect::MOMENT, metrics::Why};
use artifacts::{
    BlobInfo, BlobKey, Store, StoreError,
    failpoint::grace,
    store::{
        StagedKey,
        collect::{GRACE, Look, Marks},
    },
};
use jiff::Timestamp;
use std::{collections::HashSet, time::Duration};
use tokio::time::sleep;
use tracing::{info, warn};

/// How often they are looked for.
const SWEEP: Duration = Duration::from_secs(600);

/// Sweeps for as long as it is polled. Never returns.
pub(crate) async fn sweep(store: &dyn Store, sources: Existing<'_>, metrics: &Metrics) {
    if sources.watched.wait_until_ready().await.is_err() {
        return;
    }
    let (mut orphans, mut staged) = (Marks::default(), Marks::default());
    loop {
        let looks = [
            sweep_orphans(store, &sources, (&mut orphans, metrics)).await,
            sweep_staged(store, &mut staged).await.map_err(Unswept::Store),
        ];
        let mut is_marked = false;
        for look in looks {
            match look {
                Ok(again) => is_marked |= again.is_some(),
                Err(error) => {
                    warn!(error = %telemetry::Chain(&error), "could not look for what nobody keeps in the store");
                }
            }
        }
        let spared = grace(GRACE);
        sleep(if is_marked { spared + spared / MOMENT } else { grace(SWEEP) }).await;
    }
}

/// Why it could not be found out what nobody keeps.
#[derive(Debug, thiserror::Error)]
enum Unswept {
    #[error("failed to ask the store")]
    Store(#[source] StoreError),
    #[error("failed to list the sources")]
    Sources(#[source] kube::Error),
}

/// When to look again for what is marked now, if anything is.
async fn sweep_orphans(
    store: &dyn Store,
    sources: &Existing<'_>,
    (marks, metrics): (&mut Marks, &Metrics),
) -> Result<Option<Timestamp>, Unswept> {
    let now = Timestamp::now();
    let named = |blobs: &[BlobInfo]| blobs.iter().map(|blob| blob.key.source.clone()).collect();
    let mut orphans = store.list(None).await.map_err(Unswept::Store)?;
    let without = sources.gone(named(&orphans)).await.map_err(Unswept::Sources)?;
    orphans.retain(|blob| without.contains(&blob.key.source));
    let Look { gone, again } = marks.look(&orphans, &HashSet::new(), grace(GRACE), now);
    // A source may have come back in the meantime.
    let without = sources.gone(named(&gone)).await.map_err(Unswept::Sources)?;
    for blob in gone.into_iter().filter(|blob| without.contains(&blob.key.source)) {
        let BlobInfo { key: BlobKey { source, .. }, .. } = &blob;
        // Before the blob, by which the source is found.
        store.forget(source).await.map_err(Unswept::Store)?;
        if store.collect(&blob).await.map_err(Unswept::Store)? {
            metrics.collected(Why::Orphaned);
            info!(
                namespace = source.namespace,
                name = source.name,
                "removed a blob of a source that is gone"
            );
        }
    }
    Ok(again)
}

/// The same for what was left of uploads. What cannot be removed does not keep the rest.
async fn sweep_staged(
    store: &dyn Store,
    marks: &mut Marks<StagedKey>,
) -> Result<Option<Timestamp>, StoreError> {
    let now = Timestamp::now();
    let Look { gone, again } = marks.look(&store.staged().await?, &HashSet::new(), grace(GRACE), now);
    for left in gone {
        match store.unstage(&left).await {
            Ok(true) => info!("removed what a process that was killed left of an upload"),
            Ok(false) => {}
            Err(error) => {
                warn!(error = %telemetry::Chain(&error), "could not remove what is left of an upload");
            }
        }
    }
    Ok(again)
}
