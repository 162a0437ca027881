//! Two processors, one for what is measured and one for all that measures it.
use anyhow::{Context, Result, anyhow};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use std::{future::Future, thread};
use tokio::{runtime, task::block_in_place};

/// The calling thread, as the kernel's functions name it.
const MYSELF: Pid = Pid::from_raw(0);

/// The numbers of two processors.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) loader: usize,
}

impl Cores {
    /// Of those that this process may use, the first two.
    pub(crate) fn two() -> Result<Self> {
        let allowed = sched_getaffinity(MYSELF)?;
        let mut numbers = (0..CpuSet::count()).filter(|number| allowed.is_set(*number).unwrap_or_default());
        let mut next = || numbers.next().context("two processors are needed");
        Ok(Self { server: next()?, loader: next()? })
    }

    /// What this process and its children run on from now on, whatever the machine has.
    pub(crate) fn keep_to(self) -> Result<()> {
        let mut two = CpuSet::new();
        two.set(self.server)?;
        two.set(self.loader)?;
        Ok(sched_setaffinity(MYSELF, &two)?)
    }
}

/// Runs something on a thread of its own that has one processor; so have the processes and threads that it starts.
pub(crate) fn on<T: Send>(core: usize, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let pinned = move || {
        let mut one = CpuSet::new();
        one.set(core)?;
        sched_setaffinity(MYSELF, &one)?;
        runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
    };
    let run = || thread::scope(|scope| scope.spawn(pinned).join());
    block_in_place(run).map_err(|_| anyhow!("a measurement panicked"))?
}
