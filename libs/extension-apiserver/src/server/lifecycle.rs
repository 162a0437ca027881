//! How a server stops, step by step, as k8s.io/apiserver does.
//!
//! 1. It is told to. `/readyz` fails; everything is served as before, because clients still come: endpoints and
//!    kube-apiserver learn of it with a delay.
//! 2. After that delay it drains. The listener closes, open connections are told to go (GOAWAY), running requests finish.
//!    Watches are ended one after the other, so that their clients do not all list again at the same moment.
//! 3. What is left after the listener's own deadline is cut off.
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Watches are ended in this many groups.
const GROUPS: u32 = 20;

/// How long the steps take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleOptions {
    /// From being told to stop to draining. A few seconds let clients turn to other replicas before this one refuses
    /// them.
    pub shutdown_delay: Duration,
    /// Over how long the end of watches is spread.
    pub watch_spread: Duration,
}

impl Default for LifecycleOptions {
    /// No delay, as in k8s.io/apiserver, and two seconds for the watches.
    fn default() -> Self {
        Self { shutdown_delay: Duration::ZERO, watch_spread: Duration::from_secs(2) }
    }
}

/// How far a server's end has come. Clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    stopping: CancellationToken,
    draining: CancellationToken,
    watches: Arc<[CancellationToken]>,
    next_group: Arc<AtomicUsize>,
}

impl Lifecycle {
    /// Begins to end once `stop` is cancelled. Give [`Self::draining`] to [`crate::serve::serve`] as its shutdown.
    pub fn start(stop: CancellationToken, options: LifecycleOptions) -> Self {
        let lifecycle = Self {
            stopping: stop,
            draining: CancellationToken::new(),
            watches: (0..GROUPS).map(|_| CancellationToken::new()).collect(),
            next_group: Arc::default(),
        };
        tokio::spawn(lifecycle.clone().end(options));
        lifecycle
    }

    /// Begins to end once the process is told to stop: by SIGTERM, as the kubelet does, or SIGINT, as Ctrl-C does.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub fn until_signal(options: LifecycleOptions) -> io::Result<Self> {
        let (mut terminated, mut interrupted) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = CancellationToken::new();
        let told = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
            told.cancel();
        });
        Ok(Self::start(stop, options))
    }

    /// Cancelled when the server is told to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Cancelled when nothing new is to be accepted any more. Whoever cancels it has the server drain at once, without the
    /// delay: for a program of which a part failed.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when one watch is to end.
    pub(super) fn end_of_watch(&self) -> CancellationToken {
        let group = self.next_group.fetch_add(1, Ordering::Relaxed) % self.watches.len();
        self.watches[group].clone()
    }

    async fn end(self, options: LifecycleOptions) {
        let told = async {
            self.stopping.cancelled().await;
            sleep(options.shutdown_delay).await;
        };
        self.draining.run_until_cancelled(told).await;
        self.stopping.cancel();
        self.draining.cancel();
        for group in self.watches.iter() {
            group.cancel();
            sleep(options.watch_spread / GROUPS).await;
        }
    }
}

impl From<CancellationToken> for Lifecycle {
    /// All steps at once when the token is cancelled.
    fn from(stop: CancellationToken) -> Self {
        let watches = [stop.clone()].into();
        Self { stopping: stop.clone(), draining: stop, watches, next_group: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_server_that_stops_serves_on_before_it_drains() {
        let stop = CancellationToken::new();
        let delay = Duration::from_secs(3_600);
        let options = LifecycleOptions { shutdown_delay: delay, ..LifecycleOptions::default() };
        let lifecycle = Lifecycle::start(stop.clone(), options);
        stop.cancel();
        assert!(lifecycle.stopping().is_cancelled());
        tokio::task::yield_now().await;
        assert!(lifecycle.draining().cancelled().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_server_that_cannot_wait_drains_without_the_delay() {
        let delay = Duration::from_secs(3_600);
        let options = LifecycleOptions { shutdown_delay: delay, ..LifecycleOptions::default() };
        let lifecycle = Lifecycle::start(CancellationToken::new(), options);
        lifecycle.draining().cancel();
        lifecycle.stopping().cancelled().await;
        lifecycle.end_of_watch().cancelled().await;
    }

    #[tokio::test]
    async fn watches_end_group_by_group_after_draining_began() {
        let stop = CancellationToken::new();
        let spread = Duration::from_millis(200);
        let options = LifecycleOptions { watch_spread: spread, ..LifecycleOptions::default() };
        let lifecycle = Lifecycle::start(stop.clone(), options);
        let watches: Vec<CancellationToken> = (0..GROUPS).map(|_| lifecycle.end_of_watch()).collect();
        stop.cancel();
        watches[0].cancelled().await;
        assert!(lifecycle.draining().is_cancelled());
        for watch in &watches {
            watch.cancelled().await;
        }
        let again = lifecycle.end_of_watch();
        assert!(again.is_cancelled(), "a watch that comes late ends at once");
    }
}
