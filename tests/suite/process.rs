//! What the kernel says about a process.
use anyhow::{Context, Result};
use std::fs;

/// Resident memory in bytes.
pub(crate) fn memory(pid: i32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB").context("not in kB")?.parse()?;
    Ok(kibibytes << 10)
}

/// How many files and sockets are open.
pub(crate) fn descriptors(pid: i32) -> Result<usize> {
    let path = format!("/proc/{pid}/fd");
    Ok(fs::read_dir(&path).with_context(|| format!("failed to read {path}"))?.count())
}
