//! Ends what left the group of its command. Since this process adopts whatever loses its parent ([`adopt`]), what it has for
//! children and did not start is such a process.
use nix::{
    sys::{
        prctl::set_child_subreaper,
        signal::{Signal, kill, killpg},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::{Pid, getpgid},
};
use std::{
    collections::BTreeSet,
    fs, io,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::process::Child;

/// The leaders of the groups that run.
static RUNNING: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

/// From now on, what loses its parent becomes a child of this process.
pub(crate) fn adopt() -> io::Result<()> {
    Ok(set_child_subreaper(true)?)
}

/// Starts the leader of a group; nobody takes it for an orphan meanwhile.
pub(crate) fn start(spawn: impl FnOnce() -> io::Result<(Child, Pid)>) -> io::Result<(Child, Pid)> {
    let mut running = running();
    let (child, leader) = spawn()?;
    running.insert(leader);
    Ok((child, leader))
}

/// That group has ended.
pub(crate) fn forget(leader: Pid) {
    running().remove(&leader);
}

/// Ends every child that belongs to no running command, and takes note of those that have ended.
pub(crate) fn end() {
    let running = running();
    let belongs =
        |pid: Pid| running.contains(&pid) || getpgid(Some(pid)).is_ok_and(|group| running.contains(&group));
    for orphan in children().into_iter().filter(|pid| !belongs(*pid)) {
        let _gone = kill(orphan, Signal::SIGKILL);
        let _not_yet = waitpid(orphan, Some(WaitPidFlag::WNOHANG));
    }
}

/// Ends every group that runs.
pub(crate) fn end_running() {
    for leader in running().iter() {
        let _gone = killpg(*leader, Signal::SIGKILL);
    }
}

fn running() -> MutexGuard<'static, BTreeSet<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Children belong to the thread that started or adopted them.
fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .map(Pid::from_raw)
        .collect()
}
