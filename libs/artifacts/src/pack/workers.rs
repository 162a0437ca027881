//! The threads that deflate, as many as there are processors, shared by all packers of the process.
//!
//! A compressor takes 375 KiB. Were each packer to make its own on whatever thread it runs, the allocator would keep
//! that much for every thread that ever packed; here it is kept once a processor.
use super::block::{Block, Packed, pack};
use std::{
    io,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

struct Job {
    block: Block,
    done_tx: SyncSender<Packed>,
}

/// Packers send blocks here; `None` if the system gives no threads. The queue is bounded by the packers, each of which
/// waits for what it sent.
static JOBS: LazyLock<Option<Sender<Job>>> = LazyLock::new(|| start().ok());

/// Has a block packed. The receiver errs only if packing panicked.
pub(super) fn submit(block: Block) -> Receiver<Packed> {
    let (done_tx, done_rx) = sync_channel(1);
    let job = Job { block, done_tx };
    let left = match &*JOBS {
        Some(jobs_tx) => jobs_tx.send(job).err().map(|unsent| unsent.0),
        None => Some(job),
    };
    if let Some(job) = left {
        run(job);
    }
    done_rx
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

/// Runs as long as the process: the sender is never dropped.
fn work(jobs_rx: &Mutex<Receiver<Job>>) {
    while let Ok(job) = { jobs_rx.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
        run(job);
    }
}

fn run(Job { block, done_tx }: Job) {
    // Nobody waits any more for a packer that has failed.
    let _ = done_tx.send(pack(block));
}
