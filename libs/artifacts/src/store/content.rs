//! The bytes of one opened blob: what identifies them, and how they are read and checked on the way.
use super::{BlobKey, StoreError, blocking};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use object_store::{GetOptions, GetResult, ObjectMeta, ObjectStore};
use rustix::io::ReadWriteFlags;
use std::{
    collections::VecDeque,
    fs::{File, Metadata},
    io,
    ops::Range,
    os::unix::fs::{FileExt, MetadataExt},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How much is read at a time: large enough for the disk, small enough for many readers at once.
const CHUNK: u64 = 128 * 1024;

/// How many pieces of a file are read at once for one reader: the next one while one is sent.
const AHEAD: usize = 2;

/// A blob whose bytes are at hand, whatever happens to its name meanwhile.
pub(super) struct Content {
    bytes: Source,
    pub(super) fingerprint: Fingerprint,
    pub(super) size: u64,
    pub(super) stored_at: Timestamp,
}

enum Source {
    Local(Local),
    Remote(Arc<Remote>),
}

/// Bytes of this machine.
#[derive(Clone)]
enum Local {
    File(Arc<File>),
    Memory(Bytes),
}

/// An object that is asked for its bytes only when somebody reads.
struct Remote {
    objects: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
}

/// Changes when the bytes change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// Of a file; nobody can set the time of the last change back.
    Inode { device: u64, inode: u64, size: u64, modified: (i64, i64), changed: (i64, i64) },
    /// Of an object.
    Object { tag: Option<String>, size: u64, modified: Timestamp },
}

impl Fingerprint {
    /// Whether an open file still holds these bytes. One that has lost its last name has changed since, and its bytes
    /// have not.
    fn is_of(&self, meta: &Metadata) -> bool {
        let mut now = inode(meta);
        if let (Self::Inode { changed: before, .. }, Self::Inode { changed, .. }) = (self, &mut now)
            && meta.nlink() == 0
        {
            *changed = *before;
        }
        now == *self
    }
}

impl Content {
    /// An opened file. Blocks.
    pub(super) fn file(file: File) -> io::Result<Self> {
        let meta = file.metadata()?;
        let (seconds, nanoseconds) = (meta.mtime(), meta.mtime_nsec() as i32);
        let stored_at = Timestamp::new(seconds, nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let (fingerprint, size) = (inode(&meta), meta.size());
        Ok(Self { bytes: Source::Local(Local::File(Arc::new(file))), fingerprint, size, stored_at })
    }

    /// Takes all bytes of what object_store found in memory.
    pub(super) async fn memory(opened: GetResult) -> Result<Self, StoreError> {
        let (size, stored_at, fingerprint) =
            (opened.meta.size, timestamp(&opened.meta), identity(&opened.meta));
        let bytes = opened.bytes().await.map_err(|error| StoreError::read("opening a blob", error))?;
        Ok(Self { bytes: Source::Local(Local::Memory(bytes)), fingerprint, size, stored_at })
    }

    /// An object that was found and is not read yet.
    pub(super) fn remote(objects: Arc<dyn ObjectStore>, meta: ObjectMeta) -> Self {
        let (size, stored_at, fingerprint) = (meta.size, timestamp(&meta), identity(&meta));
        Self { bytes: Source::Remote(Arc::new(Remote { objects, meta })), fingerprint, size, stored_at }
    }

    /// The bytes of `range`, as they are.
    pub(super) fn chunks(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
        match &self.bytes {
            Source::Remote(remote) => Arc::clone(remote).chunks(range),
            Source::Local(local) => {
                let (local, buffers) = (local.clone(), Arc::new(Buffers::default()));
                let read = move |piece| local.clone().read(piece, Arc::clone(&buffers));
                pieces(range).map(read).buffered(AHEAD).boxed()
            }
        }
    }

    /// The bytes of `range`, or an error in the place of those that are missing. They are the very bytes that were
    /// verified: a file is looked at again with every piece, and one that was touched since sends nothing more.
    pub(super) fn guarded(
        &self,
        key: BlobKey,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let watched = match &self.bytes {
            Source::Local(Local::File(file)) => Some((Arc::clone(file), self.fingerprint.clone())),
            _ => None,
        };
        let left = range.end.saturating_sub(range.start);
        let guard = Guard { watched, left, key };
        let guarded = stream::try_unfold((self.chunks(range), guard), |(mut chunks, mut guard)| async move {
            if guard.left == 0 {
                return Ok(None);
            }
            let chunk = guard.pass(chunks.try_next().await?)?;
            Ok(Some((chunk, (chunks, guard))))
        });
        guarded.boxed()
    }

    /// Whether its bytes are yet to be asked for.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.bytes, Source::Remote(_))
    }
}

/// `range`, piece by piece.
fn pieces(range: Range<u64>) -> impl Stream<Item = Range<u64>> + Send + 'static {
    stream::unfold(range, async |Range { start, end }| {
        let next = end.min(start.saturating_add(CHUNK));
        (start < end).then_some((start..next, next..end))
    })
}

/// Watches over one reader's bytes.
struct Guard {
    /// The file, and what it was like when it was verified.
    watched: Option<(Arc<File>, Fingerprint)>,
    left: u64,
    key: BlobKey,
}

impl Guard {
    fn pass(&mut self, chunk: Option<Bytes>) -> Result<Bytes, StoreError> {
        let chunk = chunk.filter(|chunk| !chunk.is_empty()).ok_or_else(|| self.corrupt())?;
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or_else(|| self.corrupt())?;
        let is_touched = self.watched.as_ref().is_some_and(|(file, before)| {
            // What an open file is like is known without waiting for a disk.
            !file.metadata().is_ok_and(|meta| before.is_of(&meta))
        });
        if is_touched { Err(self.corrupt()) } else { Ok(chunk) }
    }

    fn corrupt(&self) -> StoreError {
        StoreError::Corrupt { key: self.key.clone() }
    }
}

impl Local {
    async fn read(self, range: Range<u64>, buffers: Arc<Buffers>) -> Result<Bytes, StoreError> {
        match self {
            Self::Memory(bytes) => Ok(bytes.slice(range.start as usize..range.end as usize)),
            Self::File(file) => {
                // What the kernel has in memory needs no other thread.
                let mut piece = buffers.take((range.end - range.start) as usize);
                let read = match fill(&mut piece, range.start, |to, at| read_cached(&file, to, at)) {
                    Ok(()) => Ok(piece),
                    Err(_) => {
                        let read = move || {
                            fill(&mut piece, range.start, |to, at| file.read_at(to, at)).map(|()| piece)
                        };
                        blocking(read).await
                    }
                };
                let bytes = read.map_err(|error| StoreError::read("reading a blob", error))?.freeze();
                buffers.keep(&bytes);
                Ok(bytes)
            }
        }
    }
}

impl Remote {
    /// One request; it fails when the object is no longer the one that was found.
    fn chunks(self: Arc<Self>, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
        const ATTEMPT: &str = "reading a blob";
        if range.is_empty() {
            return stream::empty().boxed();
        }
        let opened = async move {
            let if_match = self.meta.e_tag.clone();
            let options = GetOptions { if_match, range: Some(range.into()), ..GetOptions::default() };
            let opened = self.objects.get_opts(&self.meta.location, options).await;
            let opened = opened.map_err(|error| StoreError::read(ATTEMPT, error))?;
            Ok::<_, StoreError>(opened.into_stream().map_err(|error| StoreError::read(ATTEMPT, error)))
        };
        stream::once(opened).try_flatten().boxed()
    }
}

/// What identifies an object.
fn identity(object: &ObjectMeta) -> Fingerprint {
    Fingerprint::Object { tag: object.e_tag.clone(), size: object.size, modified: timestamp(object) }
}

/// When an object was stored.
pub(super) fn timestamp(object: &ObjectMeta) -> Timestamp {
    let (seconds, nanoseconds) =
        (object.last_modified.timestamp(), object.last_modified.timestamp_subsec_nanos());
    Timestamp::new(seconds, nanoseconds.min(999_999_999) as i32).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn inode(meta: &Metadata) -> Fingerprint {
    Fingerprint::Inode {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.size(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    }
}

/// The memory of pieces that have been sent, for those that follow: fresh memory is cleared first, at a fifth of the cost of
/// sending it.
#[derive(Default)]
struct Buffers(Mutex<VecDeque<Bytes>>);

impl Buffers {
    /// What is read ahead, and what waits to be sent. Small blobs are one piece, and keep nothing.
    const MOST: usize = 2 * AHEAD;

    /// Memory of that length, with anything in it.
    fn take(&self, length: usize) -> BytesMut {
        let oldest = self.kept().pop_front();
        let mut buffer = oldest.and_then(|bytes| bytes.try_into_mut().ok()).unwrap_or_default();
        buffer.resize(length, 0);
        buffer
    }

    fn keep(&self, bytes: &Bytes) {
        let mut kept = self.kept();
        if bytes.len() as u64 == CHUNK && kept.len() < Self::MOST {
            kept.push_back(bytes.clone());
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads from `offset` on until `piece` is full; one that meets the end of the file gets shorter.
fn fill(
    piece: &mut BytesMut,
    offset: u64,
    read: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut filled = 0;
    while filled < piece.len() {
        match read(&mut piece[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(())
}

/// Reads what the kernel has in memory, and fails rather than wait for a disk (`RWF_NOWAIT` of preadv2(2)).
fn read_cached(file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut to = [io::IoSliceMut::new(to)];
    Ok(rustix::io::preadv2(file, &mut to, offset, ReadWriteFlags::NOWAIT)?)
}
