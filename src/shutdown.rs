//! The first signal begins the end, step by step; the second one aborts.
use extension_apiserver::server::{Lifecycle, LifecycleOptions};
use std::{io, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How far shutdown has come.
#[derive(Debug)]
pub(crate) struct Shutdown {
    /// Not ready any more; then take nothing new, finish what runs, return.
    pub(crate) lifecycle: Lifecycle,
    /// Drop everything.
    pub(crate) abort: CancellationToken,
}

impl Shutdown {
    /// Listens to SIGTERM and SIGINT from now on; draining begins `delay` after the first of them.
    pub(crate) fn on_signals(delay: Duration) -> io::Result<Self> {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(listen(stop.clone(), abort.clone(), terminate, interrupt));
        let options = LifecycleOptions { shutdown_delay: delay, ..LifecycleOptions::default() };
        Ok(Self { lifecycle: Lifecycle::start(stop, options), abort })
    }
}

async fn listen(
    stop: CancellationToken,
    abort: CancellationToken,
    mut terminate: Signal,
    mut interrupt: Signal,
) {
    let signal = next(&mut terminate, &mut interrupt).await;
    info!(signal, "stopping");
    stop.cancel();
    let signal = next(&mut terminate, &mut interrupt).await;
    warn!(signal, "aborting");
    abort.cancel();
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
