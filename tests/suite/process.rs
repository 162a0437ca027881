//! What the kernel says about a process.
use anyhow::{Context, Result, ensure};
use cluster::usage;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time;
use tokio_util::task::AbortOnDropHandle;

/// How much more memory an attack may make a server take, at any moment of it.
pub(crate) const ATTACK_GROWTH: u64 = 64 << 20;

/// How many files and sockets are open.
pub(crate) fn descriptors(pid: i32) -> Result<usize> {
    let path = format!("/proc/{pid}/fd");
    Ok(fs::read_dir(&path).with_context(|| format!("failed to read {path}"))?.count())
}

/// The most memory that a process has at any moment while this lives.
#[derive(Debug)]
pub(crate) struct Peak {
    before: u64,
    peak: Arc<AtomicU64>,
    _watch: AbortOnDropHandle<()>,
}

impl Peak {
    pub(crate) fn of(pid: i32) -> Result<Self> {
        let before = usage::memory(pid)?;
        let peak = Arc::new(AtomicU64::new(before));
        let watched = Arc::clone(&peak);
        let watch = tokio::spawn(async move {
            loop {
                watched.fetch_max(usage::memory(pid).unwrap_or(0), Ordering::Relaxed);
                time::sleep(Duration::from_millis(50)).await;
            }
        });
        Ok(Self { before, peak, _watch: AbortOnDropHandle::new(watch) })
    }

    /// Bytes more than in the beginning.
    pub(crate) fn grown(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).saturating_sub(self.before)
    }

    /// # Errors
    /// It took more.
    pub(crate) fn has_grown_by_at_most(&self, most: u64) -> Result<()> {
        let (grown, before) = (self.grown() >> 20, self.before >> 20);
        ensure!(self.grown() <= most, "memory grew by {grown} MiB from {before} MiB");
        Ok(())
    }
}

/// As many open files as this process can have: an attacker has many sockets, each of them ours.
pub(crate) fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
