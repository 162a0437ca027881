//! One gzip member, written by two threads and yet always the same bytes: blocks have fixed borders, are compressed
//! independently, and leave in order.
use super::{
    PackError,
    block::{Block, Packed, pack},
};
use crate::{Digest, Hasher};
use flate2::Crc;
use std::{
    collections::VecDeque,
    io::{Read, Write},
    sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel},
    thread,
};

/// No name, no time, no flags, an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The empty last block of deflate.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// How many blocks may wait for the one before them. Bounds memory.
const MOST_PENDING: usize = 4;

/// Writes a gzip member.
pub(super) struct Gzip<W> {
    out: W,
    hasher: Hasher,
    checksum: Crc,
    block: Block,
    helper: Helper,
    pending: VecDeque<Pending>,
    spare: Vec<Block>,
}

/// What is to be written next, in order.
enum Pending {
    Header,
    Done(Packed),
    Coming(Receiver<Packed>),
}

/// The second thread. It comes with the second block, and ends when the writer is gone.
enum Helper {
    NotYet,
    /// The system gave no thread: this one does it all, with the same outcome.
    None,
    Working(SyncSender<Job>),
}

struct Job {
    block: Block,
    done_tx: SyncSender<Packed>,
}

impl<W: Write> Gzip<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            hasher: Hasher::new(),
            checksum: Crc::new(),
            block: Block::new(),
            helper: Helper::NotYet,
            pending: VecDeque::from([Pending::Header]),
            spare: Vec::new(),
        }
    }

    /// Appends up to `limit` bytes of `source`; says how many came, 0 at its end.
    pub(super) fn fill(&mut self, source: &mut impl Read, limit: u64) -> Result<u64, PackError> {
        if self.block.is_full() {
            self.next_block()?;
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let came = self.block.fill(source, limit).map_err(PackError::Read)?;
        self.hasher.update(came);
        self.checksum.update(came);
        Ok(came.len() as u64)
    }

    /// Ends the member; gives the digest of what was written into it.
    pub(super) fn finish(mut self) -> Result<(Digest, W), PackError> {
        let last = std::mem::replace(&mut self.block, Block::new());
        self.pending.push_back(Pending::Done(pack(last)));
        self.settle(0)?;
        let [checksum, length] = [self.checksum.sum(), self.checksum.amount()].map(u32::to_le_bytes);
        let end = [&LAST_BLOCK[..], &checksum, &length].concat();
        self.out.write_all(&end).and_then(|()| self.out.flush()).map_err(PackError::Write)?;
        Ok((self.hasher.finish(), self.out))
    }

    fn next_block(&mut self) -> Result<(), PackError> {
        let mut next = self.spare.pop().unwrap_or_else(Block::new);
        next.follow(&self.block);
        let full = std::mem::replace(&mut self.block, next);
        self.pending.push_back(match self.helper.take(full) {
            Ok(coming) => Pending::Coming(coming),
            Err(full) => Pending::Done(pack(full)),
        });
        self.settle(MOST_PENDING)
    }

    /// Writes what is ready, and waits for what is not while more than `most` are pending.
    fn settle(&mut self, most: usize) -> Result<(), PackError> {
        while let Some(next) = self.pending.pop_front() {
            let packed = match next {
                Pending::Header => {
                    self.out.write_all(&HEADER).map_err(PackError::Write)?;
                    continue;
                }
                Pending::Done(packed) => packed,
                Pending::Coming(done_rx) if self.pending.len() >= most => {
                    done_rx.recv().map_err(|_| PackError::HelperDied)?
                }
                Pending::Coming(done_rx) => match done_rx.try_recv() {
                    Ok(packed) => packed,
                    Err(TryRecvError::Disconnected) => return Err(PackError::HelperDied),
                    Err(TryRecvError::Empty) => {
                        self.pending.push_front(Pending::Coming(done_rx));
                        return Ok(());
                    }
                },
            };
            packed.write(&mut self.out).map_err(PackError::Write)?;
            self.spare.push(packed.block);
        }
        Ok(())
    }
}

impl Helper {
    /// Takes a block over, or gives it back when it has enough to do.
    fn take(&mut self, block: Block) -> Result<Receiver<Packed>, Block> {
        if matches!(self, Self::NotYet) {
            *self = Self::start();
        }
        let Self::Working(jobs_tx) = self else {
            return Err(block);
        };
        let (done_tx, done_rx) = sync_channel(1);
        match jobs_tx.try_send(Job { block, done_tx }) {
            Ok(()) => Ok(done_rx),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Err(job.block),
        }
    }

    fn start() -> Self {
        // The writer sends blocks; one waits while another is packed.
        let (jobs_tx, jobs_rx) = sync_channel::<Job>(1);
        let work = move || {
            for Job { block, done_tx } in jobs_rx {
                // Nobody waits any more once the writer has failed.
                let _ = done_tx.send(pack(block));
            }
        };
        match thread::Builder::new().name("deflate".into()).spawn(work) {
            Ok(_ends_with_the_sender) => Self::Working(jobs_tx),
            Err(_) => Self::None,
        }
    }
}
