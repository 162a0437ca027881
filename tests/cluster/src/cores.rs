//! Two processors, one for what is measured and one for all that measures it.
use crate::{directory::Directory, process::Process};
use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use std::{fs, future::Future, thread};
use tokio::{runtime, task::block_in_place};

/// The calling thread, as the kernel's functions name it.
const MYSELF: Pid = Pid::from_raw(0);

/// The numbers of two processors.
#[derive(Clone, Copy)]
pub struct Cores {
    /// For what is measured.
    pub server: usize,
    /// For everything else.
    pub loader: usize,
}

impl Cores {
    /// Of those that this process may use, the first two.
    ///
    /// # Errors
    /// There is one only.
    pub fn two() -> Result<Self> {
        let allowed = sched_getaffinity(MYSELF)?;
        let mut numbers = (0..CpuSet::count()).filter(|number| allowed.is_set(*number).unwrap_or_default());
        let mut next = || numbers.next().context("two processors are needed");
        Ok(Self { server: next()?, loader: next()? })
    }

    /// What this process and its children run on from now on, whatever the machine has.
    ///
    /// # Errors
    /// The kernel does not let it.
    pub fn keep_to(self) -> Result<()> {
        Ok(sched_setaffinity(MYSELF, &set([self.server, self.loader])?)?)
    }

    /// Takes what measures off the processor of the server: this process, and those of a cluster that run now.
    ///
    /// # Errors
    /// The kernel does not let it.
    pub fn clear(self, cluster: &Directory) -> Result<()> {
        move_all(cluster, &set([self.loader])?)
    }

    /// Gives back what [`Self::clear`] took.
    ///
    /// # Errors
    /// The kernel does not let it.
    pub fn share(self, cluster: &Directory) -> Result<()> {
        move_all(cluster, &set([self.server, self.loader])?)
    }
}

fn set<const N: usize>(cores: [usize; N]) -> Result<CpuSet> {
    let mut set = CpuSet::new();
    cores.into_iter().try_for_each(|core| set.set(core))?;
    Ok(set)
}

/// Threads that come later have what the thread has that starts them.
fn move_all(cluster: &Directory, to: &CpuSet) -> Result<()> {
    let recorded = Process::recorded(cluster);
    let pids = recorded.iter().filter_map(|name| Process::new(cluster, name).pid());
    for pid in pids.chain([Pid::this()]) {
        let threads = fs::read_dir(format!("/proc/{pid}/task"))?;
        let threads = threads.filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok());
        for thread in threads.map(Pid::from_raw) {
            match sched_setaffinity(thread, to) {
                // It ended meanwhile.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error).context("failed to move a thread to another processor"),
            }
        }
    }
    Ok(())
}

/// Runs something on a thread of its own that has one processor; so have the processes and threads that it starts.
///
/// # Errors
/// What `work` fails with, or it panics.
pub fn on<T, F>(core: usize, work: impl FnOnce() -> F + Send) -> Result<T>
where
    T: Send,
    F: Future<Output = Result<T>>,
{
    let pinned = move || {
        sched_setaffinity(MYSELF, &set([core])?)?;
        runtime::Builder::new_current_thread().enable_all().build()?.block_on(work())
    };
    let run = || thread::scope(|scope| scope.spawn(pinned).join());
    block_in_place(run).map_err(|_| anyhow!("a measurement panicked"))?
}
