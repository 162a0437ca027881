//! The first signal drains, the second one aborts.
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How far shutdown has come. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    /// Take nothing new, finish what runs, return.
    pub(crate) drain: CancellationToken,
    /// Drop everything.
    pub(crate) abort: CancellationToken,
}

impl Shutdown {
    /// Listens to SIGTERM and SIGINT from now on.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let shutdown = Self::default();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(shutdown.clone().listen(terminate, interrupt));
        Ok(shutdown)
    }

    async fn listen(self, mut terminate: Signal, mut interrupt: Signal) {
        let signal = next(&mut terminate, &mut interrupt).await;
        info!(signal, "draining");
        self.drain.cancel();
        let signal = next(&mut terminate, &mut interrupt).await;
        warn!(signal, "aborting");
        self.abort.cancel();
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
