//! What must be in place before requests are welcome. Each of these runs until shutdown.
use artifacts::Store;
use extension_apiserver::server::Lifecycle;
use std::{sync::Arc, time::Duration};
use telemetry::{Chain, ready::Gate};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::warn;

const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Open until shutdown begins, so that clients turn to other replicas before this one drains.
pub(crate) async fn until_stopping(gate: Gate, lifecycle: Lifecycle) -> anyhow::Result<()> {
    gate.open();
    lifecycle.stopping().cancelled().await;
    gate.close();
    lifecycle.draining().cancelled().await;
    Ok(())
}

/// Open once the store can be read and written. It never closes again: a store that fills up still serves what it has.
pub(crate) async fn once_usable(
    gate: Gate,
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let usable = async {
        while let Err(error) = store.check().await {
            warn!(error = %Chain(&error), reason = error.reason(), "the store cannot be used, trying again");
            time::sleep(STORE_PAUSE).await;
        }
        gate.open();
    };
    shutdown.run_until_cancelled(usable).await;
    shutdown.cancelled().await;
    Ok(())
}
