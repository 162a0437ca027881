//! A local file without a name, where an upload waits until its digest is known: what S3 has once begun to take, it takes
//! under its final name.
use super::blocking;
use bytes::{Bytes, BytesMut};
use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

/// Nobody else can open it, and a crash leaves nothing behind.
pub(super) struct Spool {
    file: Arc<File>,
    size: u64,
}

impl Spool {
    pub(super) async fn new() -> io::Result<Self> {
        let file = blocking(tempfile::tempfile).await?;
        Ok(Self { file: Arc::new(file), size: 0 })
    }

    /// How many bytes are in it.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) async fn append(&mut self, chunk: Bytes) -> io::Result<()> {
        let (file, offset) = (Arc::clone(&self.file), self.size);
        self.size += chunk.len() as u64;
        blocking(move || file.write_all_at(&chunk, offset)).await
    }

    /// Up to `most` bytes from `offset` on, in the memory of `piece`.
    pub(super) async fn piece(&self, mut piece: BytesMut, offset: u64, most: u64) -> io::Result<BytesMut> {
        let length = self.size.saturating_sub(offset).min(most) as usize;
        let file = Arc::clone(&self.file);
        let read = move || {
            piece.resize(length, 0);
            file.read_exact_at(&mut piece, offset)?;
            Ok(piece)
        };
        blocking(read).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_are_what_was_appended() {
        let mut spool = Spool::new().await.unwrap();
        for chunk in ["ab", "", "cde"] {
            spool.append(Bytes::from_static(chunk.as_bytes())).await.unwrap();
        }
        assert_eq!(spool.size(), 5);
        for (offset, most, piece) in [(0, 5, "abcde"), (1, 2, "bc"), (4, 9, "e"), (5, 9, ""), (9, 9, "")] {
            let before = BytesMut::from("before");
            assert_eq!(spool.piece(before, offset, most).await.unwrap(), piece, "{offset}");
        }
    }
}
