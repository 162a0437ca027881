//! Everything that runs, and what it means when one of it ends.
use anyhow::{Context as _, anyhow};
use std::future::Future;
use tokio::{runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// What runs until shutdown. Whatever ends before that takes the rest along: a process that does half of its work
/// looks healthy and is not.
pub(crate) struct Tasks {
    running: JoinSet<anyhow::Result<()>>,
    drain: CancellationToken,
    apart: Vec<Apart>,
}

/// A runtime that is left, with whatever still blocks a thread of it, when the tasks have ended.
struct Apart(Option<Runtime>);

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Tasks {
    /// Nothing runs yet. `drain` is cancelled when a task ends early.
    pub(crate) fn new(drain: CancellationToken) -> Self {
        Self { running: JoinSet::new(), drain, apart: Vec::new() }
    }

    /// Cancelled when everything is to end.
    pub(crate) fn drain(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// Runs `task`, which is to return once shutdown has begun.
    pub(crate) fn spawn<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let drain = self.drain.clone();
        self.running.spawn(async move {
            task.await.with_context(|| format!("{name} failed"))?;
            if drain.is_cancelled() { Ok(()) } else { Err(anyhow!("{name} ended by itself")) }
        });
    }

    /// Runs `task` on threads of its own, as many as there are processors: it moves so many bytes that all else would wait for it.
    ///
    /// # Errors
    /// The system gives no threads.
    pub(crate) fn spawn_apart<F>(&mut self, name: &'static str, task: F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let runtime = Runtime::new().with_context(|| format!("failed to start the threads of {name}"))?;
        let running = runtime.spawn(task);
        self.apart.push(Apart(Some(runtime)));
        self.spawn(name, async move { running.await.context("it panicked")? });
        Ok(())
    }

    /// Waits for all to end.
    ///
    /// # Errors
    /// The first one that ended before shutdown, failed or panicked.
    pub(crate) async fn join(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.running.join_next().await {
            let Err(error) = ended.context("a task panicked").flatten() else { continue };
            self.drain.cancel();
            // What fails later is most often a consequence.
            if outcome.is_ok() {
                outcome = Err(error);
            } else {
                debug!(error = format!("{error:#}"), "another task failed");
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_ending_after_shutdown_began_is_well() {
        let drain = CancellationToken::new();
        let mut tasks = Tasks::new(drain.clone());
        for name in ["a", "b"] {
            let drain = drain.clone();
            tasks.spawn(name, async move {
                drain.cancelled().await;
                Ok(())
            });
        }
        drain.cancel();
        tasks.join().await.expect("asked to stop");
    }

    #[tokio::test]
    async fn what_runs_apart_ends_as_anything_does() {
        let (ended, panicked) = ("apart ended by itself", "apart failed: it panicked: ");
        for (fails, expected) in [(false, ended), (true, panicked)] {
            let mut tasks = Tasks::new(CancellationToken::new());
            let here = std::thread::current().id();
            let apart = async move {
                assert_ne!(std::thread::current().id(), here);
                assert!(!fails);
                Ok(())
            };
            tasks.spawn_apart("apart", apart).unwrap();
            let error = format!("{:#}", tasks.join().await.expect_err("early"));
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn one_that_ends_early_takes_the_rest_along() {
        for (early, expected) in
            [(Ok(()), "early ended by itself"), (Err(anyhow!("no disk")), "early failed: no disk")]
        {
            let drain = CancellationToken::new();
            let mut tasks = Tasks::new(drain.clone());
            tasks.spawn("early", async move { early });
            tasks.spawn("long", async move {
                drain.cancelled().await;
                Ok(())
            });
            assert_eq!(format!("{:#}", tasks.join().await.expect_err("early")), expected);
        }
    }
}
