//! What the kernel says about a process.
use anyhow::{Context, Result, ensure};
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

/// Resident memory in bytes.
pub(crate) fn memory(pid: i32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB").context("not in kB")?.parse()?;
    Ok(kibibytes << 10)
}

/// The time for which it kept a core busy, since it was started.
pub(crate) fn busy(pid: i32) -> Result<Duration> {
    const TICKS_A_SECOND: f64 = 100.0;
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    // The name in the second field may hold anything, so count from behind its closing parenthesis.
    let (_, fields) = text.rsplit_once(')').context("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(Duration::from_secs_f64(f64::from(ticks) / TICKS_A_SECOND))
}

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
        let before = memory(pid)?;
        let peak = Arc::new(AtomicU64::new(before));
        let watched = Arc::clone(&peak);
        let watch = tokio::spawn(async move {
            loop {
                watched.fetch_max(memory(pid).unwrap_or(0), Ordering::Relaxed);
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
