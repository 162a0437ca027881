//! The threads that deflate, as many as there are processors, shared by all packers of the process.
//!
//! A compressor takes 375 KiB. Were each packer to make its own on whatever thread it runs, the allocator would keep
//! that much for every thread that ever packed; here it is kept once a processor. What is small is packed here from its first
//! byte to its last: handing one block over, and waiting for it, would take about as long as packing it.
use super::block::{Block, Packed, pack};
use std::{
    cell::Cell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel, sync_channel},
    },
    thread,
};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Packers send their work here; `None` if the system gives no threads. The queue is bounded by the packers, each of which
/// waits for what it sent.
static JOBS: LazyLock<Option<Sender<Job>>> = LazyLock::new(|| start().ok());

thread_local! {
    /// Whether this is one of the threads.
    static DEFLATES: Cell<bool> = const { Cell::new(false) };
}

/// Has a block packed, by this thread if it is one of those. The receiver errs only if packing panicked.
pub(super) fn submit(block: Block) -> Receiver<Packed> {
    let (done_tx, done_rx) = sync_channel(1);
    // Nobody waits any more for a packer that has failed.
    let job = move || drop(done_tx.send(pack(block)));
    match DEFLATES.get() {
        true => job(),
        false => hand_over(Box::new(job)),
    }
    done_rx
}

/// Runs all of one small packer's work on one of the threads. The receiver errs only if it panicked.
pub(crate) fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (done_tx, done_rx) = oneshot::channel();
    hand_over(Box::new(move || drop(done_tx.send(work()))));
    done_rx
}

fn hand_over(job: Job) {
    let left = match &*JOBS {
        Some(jobs_tx) => jobs_tx.send(job).err().map(|unsent| unsent.0),
        None => Some(job),
    };
    if let Some(job) = left {
        job();
    }
}

fn start() -> io::Result<Sender<Job>> {
    let (jobs_tx, jobs_rx) = channel();
    let jobs_rx = Arc::new(Mutex::new(jobs_rx));
    let count = thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..count {
        let jobs_rx = Arc::clone(&jobs_rx);
        thread::Builder::new().name("deflate".into()).spawn(move || work(&jobs_rx))?;
    }
    Ok(jobs_tx)
}

/// Runs as long as the process: the sender is never dropped, and a panic ends the work that it came from alone.
fn work(jobs_rx: &Mutex<Receiver<Job>>) {
    DEFLATES.set(true);
    while let Ok(job) = { jobs_rx.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
        // Who waits for it learns of the panic by the channel that it takes along, and people by the panic hook.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_its_own_work_and_no_thread() {
        let deflating = || DEFLATES.get().then(|| thread::current().id());
        let mut seen = std::collections::HashSet::new();
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) * 4 {
            assert!(run(|| panic!("a bug")).blocking_recv().is_err());
            seen.insert(run(deflating).blocking_recv().unwrap().expect("one of the threads"));
        }
        assert!(seen.len() <= thread::available_parallelism().map_or(1, usize::from));
    }

    #[test]
    fn a_thread_packs_its_own_blocks() {
        let packed = run(|| submit(Block::new()).try_recv().is_ok());
        assert!(packed.blocking_recv().unwrap(), "another thread would have been waited for");
    }
}
