//! One gzip member, deflated by several threads and yet always the same bytes: blocks have fixed borders, are
//! compressed independently, and leave in order.
use super::{
    PackError,
    block::{Block, Packed},
    workers,
};
use crate::{TarDigest, TarHasher};
use flate2::Crc;
use std::{
    collections::VecDeque,
    io::{Read, Write},
    sync::mpsc::{Receiver, TryRecvError},
};

/// No name, no time, no flags, an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The empty last block of deflate.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// How many blocks may be on their way: enough to keep all threads of a small machine busy. Bounds memory.
const MOST_PENDING: usize = 3;

/// Writes a gzip member.
pub(super) struct Gzip<W> {
    out: W,
    hasher: TarHasher,
    checksum: Crc,
    length: u64,
    block: Block,
    pending: VecDeque<Receiver<Packed>>,
    spare: Vec<Block>,
    is_begun: bool,
}

impl<W: Write> Gzip<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            hasher: TarHasher::new(),
            checksum: Crc::new(),
            length: 0,
            block: Block::new(),
            pending: VecDeque::new(),
            spare: Vec::new(),
            is_begun: false,
        }
    }

    /// Appends up to `limit` bytes of `source`; says how many came, 0 at its end.
    pub(super) fn fill(&mut self, source: &mut impl Read, limit: u64) -> Result<u64, PackError> {
        if self.block.is_full() {
            self.next_block()?;
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let came = self.block.fill(source, limit).map_err(PackError::Read)? as u64;
        self.length += came;
        Ok(came)
    }

    /// How much was written into it so far, before compression.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Ends the member; gives the digest of what was written into it.
    pub(super) fn finish(mut self) -> Result<(TarDigest, W), PackError> {
        self.submit(Block::new());
        self.settle(0)?;
        let [checksum, length] = [self.checksum.sum(), self.checksum.amount()].map(u32::to_le_bytes);
        let end = [&LAST_BLOCK[..], &checksum, &length].concat();
        self.out.write_all(&end).and_then(|()| self.out.flush()).map_err(PackError::Write)?;
        Ok((self.hasher.finish(), self.out))
    }

    fn next_block(&mut self) -> Result<(), PackError> {
        let mut next = self.spare.pop().unwrap_or_else(Block::new);
        next.follow(&self.block);
        self.submit(next);
        self.settle(MOST_PENDING)
    }

    /// Has the block packed that is filled, and goes on with `next`.
    fn submit(&mut self, next: Block) {
        let filled = std::mem::replace(&mut self.block, next);
        self.hasher.update(filled.data());
        self.checksum.update(filled.data());
        self.pending.push_back(workers::submit(filled));
    }

    /// Writes what is ready, and waits for what is not while more than `most` blocks are on their way.
    fn settle(&mut self, most: usize) -> Result<(), PackError> {
        while let Some(first) = self.pending.front() {
            let packed = match first.try_recv() {
                Err(TryRecvError::Empty) if self.pending.len() <= most => return Ok(()),
                Err(TryRecvError::Empty) => first.recv().map_err(|_| PackError::WorkerDied)?,
                Err(TryRecvError::Disconnected) => return Err(PackError::WorkerDied),
                Ok(packed) => packed,
            };
            self.pending.pop_front();
            self.emit(packed)?;
        }
        Ok(())
    }

    fn emit(&mut self, packed: Packed) -> Result<(), PackError> {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.out.write_all(&HEADER).map_err(PackError::Write)?;
        }
        packed.write(&mut self.out).map_err(PackError::Write)?;
        self.spare.push(packed.into_block());
        Ok(())
    }
}
