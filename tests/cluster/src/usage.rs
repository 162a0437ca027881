//! What a process uses, as the kernel says.
use anyhow::{Context, Result};
use std::{fs, time::Duration};

/// The unit of the times in `/proc`, the same on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory now (`VmRSS`), in bytes.
///
/// # Errors
/// There is no such process.
pub fn memory(pid: i32) -> Result<u64> {
    status(pid, "VmRSS")
}

/// The most resident memory there ever was (`VmHWM`), in bytes.
///
/// # Errors
/// There is no such process.
pub fn memory_peak(pid: i32) -> Result<u64> {
    status(pid, "VmHWM")
}

/// User and system time of a process so far, in steps of 10 ms.
///
/// # Errors
/// There is no such process.
pub fn cpu_time(pid: i32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    // The name in the second field may hold anything, so count from behind its closing parenthesis.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
    let ticks =
        fields.and_then(|fields| fields.skip(11).take(2).map(|field| field.parse::<u32>().ok()).sum());
    ticks.map(|ticks: u32| TICK * ticks).with_context(|| format!("{path} is not as expected"))
}

fn status(pid: i32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .with_context(|| format!("{path}: no {field}"))?;
    Ok(kibibytes.parse::<u64>().with_context(|| format!("{path}: {field} is no number"))? << 10)
}
