//! What all benches of one run share, and what the page says of the machine.
use crate::disk::Disk;
use anyhow::{Context, Result};
use std::{fs, path::PathBuf, process::Command};

/// What all benches of one run share.
pub(crate) struct Setting {
    /// A folder on a real disk, for stores and programs; removed at the end.
    pub(crate) scratch: PathBuf,
    /// How often each measurement is made.
    pub(crate) rounds: usize,
}

/// The machine, its software and how busy it was, as a list.
pub(crate) fn describe(disk: &Disk) -> Result<String> {
    let load = read("/proc/loadavg")?;
    let lines = [
        format!("- Date: {}", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?),
        format!("- Revision: {}", output("git", &["describe", "--always", "--dirty"])?),
        format!(
            "- Machine: {} {} SHA instructions, 2 processors used, {} GiB of memory",
            processor()?,
            if has_sha_instructions()? { "with" } else { "without" },
            memory()? >> 30,
        ),
        format!("- Disk: {}", disk.describe()?),
        format!("- Kernel: Linux {}", output("uname", &["-r"])?),
        format!("- Compilers: {}; {}", output("rustc", &["--version"])?, output("go", &["version"])?),
        format!("- Load average before the run: {}", load.split(' ').take(3).collect::<Vec<_>>().join(", ")),
    ];
    Ok(lines.join("\n"))
}

fn processor() -> Result<String> {
    let text = read("/proc/cpuinfo")?;
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(name.map_or("unknown processor", |(_, name)| name).to_owned())
}

/// Without them a processor needs several times as long for a SHA-256.
fn has_sha_instructions() -> Result<bool> {
    Ok(read("/proc/cpuinfo")?.split_whitespace().any(|flag| flag == "sha_ni"))
}

fn memory() -> Result<u64> {
    let text = read("/proc/meminfo")?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    Ok(kibibytes.and_then(|number| number.parse::<u64>().ok()).context("/proc/meminfo: no MemTotal")? << 10)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {path}"))
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("failed to run {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
