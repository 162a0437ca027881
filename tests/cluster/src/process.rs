//! Processes that outlive whoever started them: started with a log and a recorded identity, ended by that identity.
//!
//! `pids/<name>.pid` holds the process id alone, for people and scripts; `pids/<name>.start` says when that process
//! started, so that a process id which the kernel gave to somebody else since is never signalled.
use crate::directory::Directory;
use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use std::{
    fs::{self, OpenOptions},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A name under which one process of a cluster is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Process<'a> {
    directory: &'a Directory,
    name: &'a str,
}

impl<'a> Process<'a> {
    pub(crate) fn new(directory: &'a Directory, name: &'a str) -> Self {
        Self { directory, name }
    }

    /// Every process that the folder knows, running or not.
    pub(crate) fn recorded(directory: &Directory) -> Vec<String> {
        let files = fs::read_dir(directory.file("pids")).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".pid")?.to_owned())).collect()
    }

    /// Starts it in a process group of its own, so that Ctrl-C in the terminal is not meant for it, and with nothing of
    /// the caller's environment but what programs need: no proxy, no kubeconfig, no flag.
    ///
    /// One that runs already would be forgotten, and never ended.
    pub(crate) fn start(&self, command: &mut Command) -> Result<()> {
        ensure!(self.pid().is_none(), "{} runs already", self.name);
        let log = self.directory.log(self.name);
        let output = OpenOptions::new().create(true).append(true).open(&log);
        let output = output.with_context(|| format!("failed to open {}", log.display()))?;
        let kept = ["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE"];
        let kept: Vec<_> = kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))).collect();
        let child = command
            .env_clear()
            .envs(kept)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to start {}", self.name))?;
        self.record(Pid::from_raw(child.id().try_into()?)).with_context(|| self.last_lines(8))
    }

    /// Records a process that somebody else started.
    pub(crate) fn record(&self, pid: Pid) -> Result<()> {
        let start =
            Start::of(pid).with_context(|| format!("{} ended as soon as it was started", self.name))?;
        self.directory.write(&self.start_file(), start.0)?;
        self.directory.write(&self.pid_file(), format!("{pid}\n"))
    }

    /// The process id, if that very process still runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        let pid = Pid::from_raw(fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?);
        let recorded = Start(fs::read_to_string(self.start_file()).ok()?);
        (Start::of(pid)? == recorded).then_some(pid)
    }

    /// Waits until `ready` says yes; gives up when the process ends or `patience` is over.
    pub(crate) async fn until_ready(&self, patience: Duration, ready: impl AsyncFn() -> bool) -> Result<()> {
        let began = Instant::now();
        while !ready().await {
            if self.pid().is_none() {
                bail!("{} ended before it was ready\n{}", self.name, self.last_lines(8));
            }
            if began.elapsed() > patience {
                bail!(
                    "{} is not ready after {patience:?}; its last lines:\n{}",
                    self.name,
                    self.last_lines(8)
                );
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    /// Waits until somebody takes connections at that address.
    pub(crate) async fn until_accepting(&self, address: SocketAddr) -> Result<()> {
        let accepts = async || {
            let connecting = move || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            tokio::task::spawn_blocking(connecting).await.unwrap_or(false)
        };
        self.until_ready(Duration::from_secs(30), accepts).await
    }

    /// Asks it to end, and ends it by force if it is still there after `patience`.
    pub(crate) async fn stop(&self, patience: Duration) -> Result<()> {
        self.end(Signal::SIGTERM, patience).await?;
        self.end(Signal::SIGKILL, Duration::from_secs(5)).await?;
        if let Some(pid) = self.pid() {
            bail!("{} (process {pid}) does not end", self.name);
        }
        self.forget();
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(&self) -> Result<()> {
        self.end(Signal::SIGKILL, Duration::from_secs(5)).await?;
        self.forget();
        Ok(())
    }

    /// Ends it at once, with everything in its process group.
    pub(crate) fn kill_group(&self) {
        if let Some(pid) = self.pid() {
            let _gone_is_fine = killpg(pid, Signal::SIGKILL);
        }
    }

    /// Drops the record; the process itself is left alone.
    pub(crate) fn forget(&self) {
        for file in [self.pid_file(), self.start_file()] {
            let _absent_is_fine = fs::remove_file(file);
        }
    }

    /// The end of its log.
    fn last_lines(&self, count: usize) -> String {
        let log = self.directory.log(self.name);
        let text = fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(count)..].join("\n");
        format!("the end of {}:\n{end}", log.display())
    }

    async fn end(&self, signal: Signal, patience: Duration) -> Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        match kill(pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => bail!("failed to end {} (process {pid}): {error}", self.name),
        }
        let began = Instant::now();
        while self.pid().is_some() && began.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.file("pids").join(format!("{}.pid", self.name))
    }

    fn start_file(&self) -> PathBuf {
        self.directory.file("pids").join(format!("{}.start", self.name))
    }
}

/// When a process started: the boot, and the clock tick since then. With its id it names one process for ever.
#[derive(Debug, PartialEq, Eq)]
struct Start(String);

impl Start {
    /// Nothing for a process that ended, whether its parent has noticed or not.
    fn of(pid: Pid) -> Option<Self> {
        // The name in the second field may hold anything, so count from behind its closing parenthesis.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        if matches!(fields.next()?, "Z" | "X") && is_alone(pid) {
            // Ours to reap if we started it; if not, the error says so and nothing is lost.
            let _reaped = waitpid(pid, Some(WaitPidFlag::WNOHANG));
            return None;
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self(format!("{} {}", boot.trim(), fields.nth(18)?)))
    }
}

/// A first thread that ended is a zombie for as long as others still run, with all files open and locked.
fn is_alone(pid: Pid) -> bool {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(directory: &Directory) -> Process<'_> {
        directory.create().unwrap();
        let process = Process::new(directory, "sleeper");
        process.start(Command::new("sleep").arg("60")).unwrap();
        process
    }

    #[tokio::test]
    async fn what_was_started_can_be_ended_by_its_record_alone() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::at(folder.path()).unwrap();
        let pid = sleeper(&directory).pid().expect("it runs");
        assert_eq!(fs::read_to_string(directory.file("pids/sleeper.pid")).unwrap(), format!("{pid}\n"));
        let found_again = Process::new(&directory, "sleeper");
        found_again.stop(Duration::from_secs(5)).await.unwrap();
        assert_eq!(Start::of(pid), None);
        assert_eq!(Process::recorded(&directory), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_process_that_got_the_id_of_one_of_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::at(folder.path()).unwrap();
        let process = sleeper(&directory);
        let pid = process.pid().expect("it runs");
        let true_start = fs::read_to_string(process.start_file()).unwrap();
        fs::write(process.start_file(), "another boot 1").unwrap();
        assert_eq!(process.pid(), None);
        process.stop(Duration::from_secs(5)).await.unwrap();
        assert!(Start::of(pid).is_some(), "it was not ours, and still runs");

        fs::write(process.pid_file(), pid.to_string()).unwrap();
        fs::write(process.start_file(), true_start).unwrap();
        process.kill().await.unwrap();
        assert_eq!(Start::of(pid), None);
    }

    #[tokio::test]
    async fn one_that_ends_early_is_reported_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::at(folder.path()).unwrap();
        directory.create().unwrap();
        let process = Process::new(&directory, "hasty");
        let started = process.start(Command::new("sh").args(["-c", "echo no such flag; exit 2"]));
        let waited = process.until_ready(Duration::from_secs(5), async || false).await;
        let told = started.and(waited).expect_err("it ended");
        assert!(format!("{told:#}").contains("no such flag"), "{told:#}");
    }
}
