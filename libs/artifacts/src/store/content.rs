//! The bytes of one opened blob: what identifies them, and how they are read and checked on the way.
use super::{BlobKey, StoreError, blocking};
use crate::Hasher;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use object_store::{GetOptions, GetResult, GetResultPayload, ObjectMeta, ObjectStore};
use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::{FileExt, MetadataExt},
    sync::Arc,
};

/// How much is read at a time: large enough for the disk, small enough for many readers at once.
const CHUNK: u64 = 128 * 1024;

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

impl Content {
    /// Takes over what object_store opened.
    pub(super) async fn new(opened: GetResult) -> Result<Self, StoreError> {
        const ATTEMPT: &str = "opening a blob";
        let (size, stored_at) = (opened.meta.size, timestamp(&opened.meta));
        let identity = identity(&opened.meta);
        let (bytes, fingerprint) = match opened.payload {
            GetResultPayload::File(file, _) => {
                let fingerprint = inode(&file).map_err(|error| StoreError::read(ATTEMPT, error))?;
                (Local::File(Arc::new(file)), fingerprint)
            }
            GetResultPayload::Stream(_) => {
                let bytes = opened.bytes().await.map_err(|error| StoreError::read(ATTEMPT, error))?;
                (Local::Memory(bytes), identity)
            }
        };
        Ok(Self { bytes: Source::Local(bytes), fingerprint, size, stored_at })
    }

    /// An object that was found and is not read yet.
    pub(super) fn remote(objects: Arc<dyn ObjectStore>, meta: ObjectMeta) -> Self {
        let (size, stored_at, fingerprint) = (meta.size, timestamp(&meta), identity(&meta));
        Self { bytes: Source::Remote(Arc::new(Remote { objects, meta })), fingerprint, size, stored_at }
    }

    /// The bytes of `range`; fewer if the file was cut meanwhile.
    pub(super) fn chunks(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let local = match &self.bytes {
            Source::Remote(remote) => return Arc::clone(remote).chunks(range),
            Source::Local(local) => local.clone(),
        };
        let start = (local, range);
        let chunks = stream::try_unfold(start, |(source, range)| async move {
            let chunk = range.start..range.end.min(range.start.saturating_add(CHUNK));
            let bytes = source.read(chunk).await?;
            let rest = range.start + bytes.len() as u64..range.end;
            Ok((!bytes.is_empty()).then_some((bytes, (source, rest))))
        });
        chunks.boxed()
    }

    /// The bytes of `range`, or an error in the place of those that are missing or wrong. A whole blob is hashed on
    /// the way, and its last piece is held back until the digest is right; one that is remote is not hashed again, since
    /// only bytes of the very object that was verified are sent.
    pub(super) fn guarded(
        &self,
        key: BlobKey,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let guard = Guard {
            hasher: (range == (0..self.size) && !self.is_remote()).then(Hasher::new),
            left: range.end.saturating_sub(range.start),
            key,
        };
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

/// Watches over one reader's bytes.
struct Guard {
    hasher: Option<Hasher>,
    left: u64,
    key: BlobKey,
}

impl Guard {
    fn pass(&mut self, chunk: Option<Bytes>) -> Result<Bytes, StoreError> {
        let chunk = chunk.ok_or_else(|| self.corrupt())?;
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or_else(|| self.corrupt())?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&chunk);
        }
        let digest = self.hasher.take_if(|_| self.left == 0).map(Hasher::finish);
        match digest.is_some_and(|digest| digest != self.key.digest) {
            true => Err(self.corrupt()),
            false => Ok(chunk),
        }
    }

    fn corrupt(&self) -> StoreError {
        StoreError::Corrupt { key: self.key.clone() }
    }
}

impl Local {
    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        match self {
            Self::Memory(bytes) => Ok(bytes.slice(range.start as usize..range.end as usize)),
            Self::File(file) => {
                let file = Arc::clone(file);
                let read = blocking(move || read_at(&file, range)).await;
                read.map_err(|error| StoreError::read("reading a blob", error))
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

fn inode(file: &File) -> io::Result<Fingerprint> {
    let meta = file.metadata()?;
    Ok(Fingerprint::Inode {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.size(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

fn read_at(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let mut buffer = vec![0; (range.end - range.start) as usize];
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], range.start + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.into())
}
