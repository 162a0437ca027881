//! What the kernel says about a process.
use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::Pid;
use std::{fs, time::Duration};

/// The unit of the times in `/proc`, the same on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory now (`VmRSS`), in bytes.
pub(crate) fn memory_now(pid: u32) -> Result<u64> {
    status(pid, "VmRSS")
}

/// The most resident memory there ever was (`VmHWM`), in bytes.
pub(crate) fn memory_peak(pid: u32) -> Result<u64> {
    status(pid, "VmHWM")
}

/// User and system time of this process so far.
pub(crate) fn own_cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("failed to ask for the time used")?;
    let spent = |time: nix::sys::time::TimeVal| {
        let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(microseconds).expect("time used is not negative"))
    };
    Ok(spent(usage.user_time()) + spent(usage.system_time()))
}

/// User and system time of another process so far, in steps of 10 ms.
pub(crate) fn cpu_time(pid: Pid) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    // The name in the second field may hold anything, so count from behind its closing parenthesis.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
    let ticks =
        fields.and_then(|fields| fields.skip(11).take(2).map(|field| field.parse::<u32>().ok()).sum());
    ticks.map(|ticks: u32| TICK * ticks).with_context(|| format!("{path} is not as expected"))
}

fn status(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .with_context(|| format!("{path}: no {field}"))?;
    Ok(kibibytes.parse::<u64>().with_context(|| format!("{path}: {field} is no number"))? << 10)
}
