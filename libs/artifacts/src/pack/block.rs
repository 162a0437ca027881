//! One block of the stream, compressed on its own: by deflate with the window before it as its dictionary, or stored
//! if deflate could not gain anything. Which of the two depends on the bytes alone, never on time or threads.
use flate2::{Compress, Compression, FlushCompress};
use std::io::{self, Read, Write};

/// How many bytes make a block: enough that its borders cost nothing, few enough that a handful fit in little memory.
pub(super) const BLOCK: usize = 256 * 1024;

/// What a block is given at first.
const SMALLEST: usize = 16 * 1024;

/// How far back deflate can refer.
const WINDOW: usize = 32 * 1024;

/// Within a twentieth of the size that Go's default level reaches on text, in a third of its time.
const LEVEL: u32 = 4;

/// How many bytes decide whether a block is stored; taken from all over it.
const SAMPLE: usize = 32 * 1024;
const SAMPLES: usize = 32;

/// The most that one stored block of deflate takes.
const STORED: usize = 0xffff;

/// A block on its way: the window before it, then its own bytes.
pub(super) struct Block {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// What a block became.
pub(super) struct Packed {
    block: Block,
    /// `None`: the block is stored.
    deflated: Option<Vec<u8>>,
}

impl Block {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0 }
    }

    /// Makes this, whatever it held, the block that follows `before`.
    pub(super) fn follow(&mut self, before: &Self) {
        let window = &before.bytes[before.end.saturating_sub(WINDOW)..before.end];
        self.bytes.resize(WINDOW + BLOCK, 0);
        self.bytes[..window.len()].copy_from_slice(window);
        (self.start, self.end) = (window.len(), window.len());
    }

    /// Its own bytes.
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn is_full(&self) -> bool {
        self.data().len() == BLOCK
    }

    /// Reads up to `limit` bytes, and no more than there is room for, from `source`. Says how many came.
    pub(super) fn fill(&mut self, source: &mut impl Read, limit: usize) -> io::Result<usize> {
        let from = self.end;
        let full = self.start + BLOCK;
        if from == self.bytes.len() {
            // Most artifacts are small, and many are packed at once.
            self.bytes.resize((2 * from).clamp(SMALLEST, full), 0);
        }
        let to = self.bytes.len().min(full).min(from.saturating_add(limit));
        let free = &mut self.bytes[from..to];
        let came = loop {
            match source.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += came;
        Ok(came)
    }
}

impl Packed {
    /// Writes it as blocks of deflate that end on a whole byte, none of them the last.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(deflated) = &self.deflated {
            return out.write_all(deflated);
        }
        self.block.data().chunks(STORED).try_for_each(|stored| {
            let [low, high] = (stored.len() as u16).to_le_bytes();
            out.write_all(&[0, low, high, !low, !high])?;
            out.write_all(stored)
        })
    }

    /// The block, to be used again.
    pub(super) fn into_block(self) -> Block {
        self.block
    }
}

/// Packs a block.
pub(super) fn pack(block: Block) -> Packed {
    let deflated = if looks_random(block.data()) { None } else { deflate(&block) };
    Packed { deflated, block }
}

/// `None` if nothing is gained.
///
/// Each block gets a compressor of its own: one that is reset remembers enough of what it saw before to find other
/// matches, and then the archive would depend on which thread packed which block.
fn deflate(block: &Block) -> Option<Vec<u8>> {
    const UNFAILING: &str = "deflate takes any bytes in one go, and any window of a raw stream";
    let mut compress = Compress::new(Compression::new(LEVEL), false);
    if block.start > 0 {
        compress.set_dictionary(&block.bytes[..block.start]).expect(UNFAILING);
    }
    let data = block.data();
    // What does not fit gains nothing.
    let mut deflated = Vec::with_capacity(data.len());
    compress.compress_vec(data, &mut deflated, FlushCompress::Sync).expect(UNFAILING);
    if deflated.len() >= data.len() {
        return None;
    }
    assert_eq!(compress.total_in(), data.len() as u64, "{UNFAILING}");
    Some(deflated)
}

/// Whether every byte value is about as frequent as every other: compressed, encrypted or random bytes, on which deflate
/// would spend thirty times the effort to gain less than 3 %. In whole numbers, since an archive must not depend on how
/// a machine rounds.
fn looks_random(data: &[u8]) -> bool {
    let step = (data.len() / SAMPLES).max(1);
    let mut counts = [0_u64; 256];
    for sample in data.chunks(step) {
        for byte in &sample[..sample.len().min(SAMPLE / SAMPLES)] {
            counts[usize::from(*byte)] += 1;
        }
    }
    let total: u64 = counts.iter().sum();
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    // 256 × the probability that two bytes are equal: 1 for random bytes, up to 256 for equal ones. The sample must be
    // large enough to tell.
    total >= 4096 && 256 * squares * 8 <= total * total * 9
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes as random as any, the same on every run.
    pub(in crate::pack) fn random(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    fn block(data: &[u8]) -> Block {
        let mut block = Block::new();
        fill(&mut block, data);
        block
    }

    fn fill(block: &mut Block, mut data: &[u8]) {
        while !data.is_empty() {
            assert!(!block.is_full(), "it fits into one block");
            block.fill(&mut data, usize::MAX).unwrap();
        }
    }

    fn packed(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        pack(block(data)).write(&mut out).unwrap();
        out
    }

    fn inflated(mut deflated: Vec<u8>) -> Vec<u8> {
        deflated.extend([3, 0]);
        let mut bytes = Vec::new();
        flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn bytes_that_cannot_shrink_are_stored() {
        for length in [1, 4_095, 4_096, 65_535, 65_536, BLOCK] {
            let data = random(length);
            let stored = packed(&data);
            assert_eq!(stored.len(), length + 5 * length.div_ceil(STORED), "{length}");
            assert_eq!(inflated(stored), data);
        }
    }

    #[test]
    fn text_is_deflated_even_where_it_is_written_in_base64() {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let base64: Vec<u8> = random(BLOCK).iter().map(|byte| DIGITS[usize::from(byte % 64)]).collect();
        for (data, at_most) in [(base64, BLOCK * 77 / 100), (b"kind: ConfigMap\n".repeat(BLOCK / 16), 2_000)]
        {
            let deflated = packed(&data);
            assert!(deflated.len() < at_most, "{}", deflated.len());
            assert_eq!(inflated(deflated), data);
        }
    }

    #[test]
    fn a_block_refers_to_the_one_before() {
        let text = random(20_000);
        let (first, mut second) = (block(&text), Block::new());
        second.follow(&first);
        fill(&mut second, &text[..10_000].iter().map(|byte| byte & 0x7f).collect::<Vec<_>>());
        fill(&mut second, &text[..9_000]);
        let mut out = Vec::new();
        pack(first).write(&mut out).unwrap();
        let before = out.len();
        pack(second).write(&mut out).unwrap();
        assert!(out.len() - before < 10_000, "{}", out.len() - before);
        assert!(inflated(out).ends_with(&text[..9_000]));
    }
}
