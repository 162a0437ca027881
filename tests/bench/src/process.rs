//! What the kernel says about this process.
use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use std::time::Duration;

/// User and system time of this process so far.
pub(crate) fn own_cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("failed to ask for the time used")?;
    let spent = |time: nix::sys::time::TimeVal| {
        let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(microseconds).expect("time used is not negative"))
    };
    Ok(spent(usage.user_time()) + spent(usage.system_time()))
}
