//! Puts away, now and then, what no pass would: blobs of sources that are gone, and what processes that were killed left of
//! their uploads. Both are marked by one look and go by a later one, as [`Marks`] says.
use super::{ExternalSources, Metrics, collect::MOMENT, metrics::Why};
use crate::reconcile::Guarded;
use artifacts::{
    BlobInfo, BlobKey, SourceKey, Store, StoreError,
    failpoint::grace,
    store::{
        StagedKey,
        collect::{GRACE, Look, Marks},
    },
};
use jiff::Timestamp;
use kube::runtime::reflector::{self, ObjectRef};
use std::{collections::HashSet, time::Duration};
use tokio::time::sleep;
use tracing::{info, warn};

/// How often they are looked for.
const SWEEP: Duration = Duration::from_secs(600);

/// Sweeps for as long as it is polled. Never returns.
pub(crate) async fn sweep(
    store: &dyn Store,
    sources: &reflector::Store<Guarded<ExternalSources>>,
    metrics: &Metrics,
) {
    if sources.wait_until_ready().await.is_err() {
        return;
    }
    let (mut orphans, mut staged) = (Marks::default(), Marks::default());
    loop {
        let looks = [
            sweep_orphans(store, sources, (&mut orphans, metrics)).await,
            sweep_staged(store, &mut staged).await,
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

/// When to look again for what is marked now, if anything is.
async fn sweep_orphans(
    store: &dyn Store,
    sources: &reflector::Store<Guarded<ExternalSources>>,
    (marks, metrics): (&mut Marks, &Metrics),
) -> Result<Option<Timestamp>, StoreError> {
    let now = Timestamp::now();
    let exists = |source: &SourceKey| {
        let reference = ObjectRef::new(&source.name).within(&source.namespace);
        sources.get(&reference).is_some()
    };
    let orphans: Vec<_> =
        store.list(None).await?.into_iter().filter(|blob| !exists(&blob.key.source)).collect();
    let Look { gone, again } = marks.look(&orphans, &HashSet::new(), grace(GRACE), now);
    for blob in gone {
        let BlobInfo { key: BlobKey { source, .. }, .. } = &blob;
        // The source may have come back in the meantime.
        if exists(source) {
            continue;
        }
        // Before the blob, by which the source is found.
        store.forget(source).await?;
        if store.collect(&blob).await? {
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
