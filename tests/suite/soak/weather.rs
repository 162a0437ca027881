//! Documents change and fail at random, whatever else happens.
use super::{
    SOURCES,
    documents::{Documents, Fault},
    luck::Luck,
};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

/// The pause between two changes.
const PAUSE: Duration = Duration::from_millis(500);

/// The weather, until it is ended.
pub(super) struct Weather {
    stop: CancellationToken,
    running: JoinHandle<Seen>,
}

/// What it brought.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) changes: usize,
    pub(super) faults: usize,
}

impl Weather {
    pub(super) fn begin(documents: &Arc<Documents>, mut luck: Luck) -> Self {
        let (stop, documents) = (CancellationToken::new(), Arc::clone(documents));
        let until = stop.clone();
        let running = tokio::spawn(async move {
            let mut seen = Seen::default();
            while !until.is_cancelled() {
                documents.change(luck.below(SOURCES));
                seen.changes += 1;
                if luck.below(4) == 0 {
                    let fault = Fault::ALL[luck.below(Fault::ALL.len())];
                    let duration = Duration::from_secs(luck.between(2, 20));
                    documents.break_for(luck.below(SOURCES), fault, duration);
                    seen.faults += 1;
                }
                time::sleep(PAUSE).await;
            }
            seen
        });
        Self { stop, running }
    }

    pub(super) async fn end(self) -> Seen {
        self.stop.cancel();
        self.running.await.expect("it does not panic")
    }
}
