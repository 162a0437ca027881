//! A process and all that it starts, as far as that stays in its process group.
use super::Limits;
use crate::orphans;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use rustix::process::{Pid as Process, Resource, Rlimit, prlimit};
use std::{io, process::ExitStatus, time::Duration};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// More than any filter opens.
const OPEN_FILES: u64 = 256;

/// Ends with whoever holds it.
pub(super) struct Group {
    child: Child,
    leader: Pid,
    ended: bool,
}

impl Group {
    /// Starts a command as the leader of a new group.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).kill_on_drop(true);
        let (child, leader) = orphans::start(|| {
            let child = command.spawn()?;
            let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
            Ok((child, leader.ok_or(io::ErrorKind::NotFound)?))
        })?;
        Ok(Self { child, leader, ended: false })
    }

    /// Its three pipes, once.
    pub(super) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout, ChildStderr)> {
        Some((self.child.stdin.take()?, self.child.stdout.take()?, self.child.stderr.take()?))
    }

    /// Bounds what it may grow to. This comes an instant after its start, since only a process itself could do it before;
    /// what a command can do at all is bounded by its container.
    pub(super) fn limit(&self, limits: Limits, time: Duration) {
        let seconds = time.as_secs() + 1;
        for (resource, most) in [
            (Resource::As, limits.memory),
            (Resource::Core, 0),
            (Resource::Cpu, seconds),
            (Resource::Fsize, limits.output),
            (Resource::Nofile, OPEN_FILES),
        ] {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            // One that has ended already needs none.
            let _gone = prlimit(Process::from_raw(self.leader.as_raw()), resource, limit);
        }
    }

    /// Waits for the leader.
    pub(super) async fn reap(&mut self) -> Option<ExitStatus> {
        self.child.wait().await.ok()
    }

    /// Ends every process of the group, once: later its number may belong to others.
    pub(super) fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            let _nobody_left = killpg(self.leader, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
        orphans::forget(self.leader);
    }
}
