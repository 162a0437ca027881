//! Where artifacts are kept: the trait, its words, and how a store is opened by its address.
//!
//! A store holds blobs by the digest of their bytes. A blob is visible whole or not at all, and is verified before its
//! first byte is handed out. `store/` holds what that takes beyond object_store: `objects` answers the trait, `upload`
//! writes (through `spool`, `remote` and `parts` where the objects lie elsewhere), `staged` lets others know what a killed
//! process leaves there, `s3` sets up its client, `content` reads,
//! `verdicts` remembers what was verified, `attached` keeps a record beside a blob, `losses` tells what readers missed,
//! `cache` has copies for when the store fails, `retired` remembers what was published once, `directory` guards a local
//! directory, [`scratch`] keeps what nobody stores, [`collect`] decides what may go, and `turns` keeps that from what is published.
mod attached;
mod backend;
mod budget;
mod cache;
pub mod collect;
mod content;
mod directory;
mod error;
mod key;
mod losses;
mod objects;
mod parts;
mod pieces;
mod remote;
mod retired;
mod s3;
pub mod scratch;
mod spool;
mod staged;
mod turns;
mod upload;
mod verdicts;

pub use cache::Cache;
pub use error::StoreError;
pub use key::{BlobKey, InvalidKey, SourceKey};
pub use losses::Losses;
pub use pieces::Pieces;
pub use staged::StagedKey;

use crate::Digest;
use backend::Backend;
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use objects::Objects;
use std::{fmt, io, ops::Range, sync::Arc};
use url::{Position, Url};

/// What `memory://` may hold, uploads included: beyond it the store is full, and the process lives on.
const MEMORY_LIMIT: u64 = 512 * 1024 * 1024;

/// What a store knows of something that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<K> {
    /// Its name.
    pub key: K,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored, or stored again.
    pub stored_at: Timestamp,
}

/// What a store knows of a blob.
pub type BlobInfo = Stored<BlobKey>;

/// A blob, or a range of it, on its way to a reader.
pub struct Blob {
    /// The whole blob's name, size and age.
    pub info: BlobInfo,
    /// The bytes that are coming. Never beyond the blob, whatever was asked for.
    pub range: Range<u64>,
    /// The bytes: those that were verified, or an error before the first one that is not.
    pub bytes: Pieces,
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("info", &self.info).field("range", &self.range).finish_non_exhaustive()
    }
}

/// Keeps blobs.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Starts an upload. Its bytes go where no reader can see them.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Upload>, StoreError>>;

    /// Whether the blob is here and whole. A damaged one counts as absent, so that it is fetched again.
    fn stat<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Option<BlobInfo>, StoreError>>;

    /// Opens a blob for reading, or that range of it that exists. `None` if it is absent; [`StoreError::Corrupt`],
    /// before any byte, if it is not what was stored.
    fn open<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Option<Blob>, StoreError>>;

    /// All blobs, or those of one source, in the order of their keys, without judging their bytes.
    fn list<'a>(&'a self, source: Option<&'a SourceKey>) -> BoxFuture<'a, Result<Vec<BlobInfo>, StoreError>>;

    /// Keeps a record of at most 64 KiB beside a blob, in place of an earlier one. It goes when the blob is removed.
    fn attach<'a>(&'a self, key: &'a BlobKey, record: Bytes) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The record beside a blob, as it was written; it is not verified, as blobs are.
    fn attached<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;

    /// Removes a blob, and its record. One that is absent is no error.
    fn remove<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes a blob that was listed, unless it was stored again since; whoever publishes it in this process waits
    /// meanwhile. Whether it was removed.
    fn collect<'a>(&'a self, blob: &'a BlobInfo) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// What lies where uploads wait, if other processes use the store, too. What is at work there stores it again within
    /// every [`collect::GRACE`]; the rest was left by a process that was killed. A directory is swept when it is opened.
    fn staged(&self) -> BoxFuture<'_, Result<Vec<Stored<StagedKey>>, StoreError>>;

    /// Removes what was listed by [`Store::staged`], with all that was sent of its upload, unless it was stored again since.
    /// Whether it was removed.
    fn unstage<'a>(&'a self, left: &'a Stored<StagedKey>) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Notes that a revision which was published is kept no longer. The newest hundred of each source are remembered,
    /// across restarts.
    fn retire<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The revisions of a source that were retired, by their digests.
    fn retired<'a>(&'a self, source: &'a SourceKey) -> BoxFuture<'a, Result<Vec<Digest>, StoreError>>;

    /// Forgets which revisions of a source were retired, and the records of its blobs. The blobs stay.
    fn forget<'a>(&'a self, source: &'a SourceKey) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Writes a few bytes and reads them back: is the store usable right now?
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Where readers in this process tell what they missed.
    fn losses(&self) -> &Losses;

    /// Copies of small blobs, for who publishes them while the store fails.
    fn cache(&self) -> &Cache;
}

/// Bytes on their way into a store. Dropped before [`Upload::commit`], it leaves nothing behind.
pub trait Upload: Send {
    /// Appends bytes.
    fn write(&mut self, chunk: Bytes) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The digest of all bytes so far; once they are all, that of their key.
    fn digest(&self) -> Digest;

    /// Has a record of at most 64 KiB lie beside the blob, as [`Store::attach`] would put it there, by the time that it is
    /// committed.
    fn attach(&mut self, record: Bytes);

    /// Makes the bytes visible under `key`, durably and all at once, if they have the digest that it names. A blob
    /// that is there already is replaced: by the same bytes, or by whole ones if it was damaged.
    fn commit(self: Box<Self>, key: BlobKey) -> BoxFuture<'static, Result<BlobInfo, StoreError>>;

    /// Gives up, and waits until what was staged is gone.
    fn abort(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Opens `memory://`, `file:///absolute/path` or `s3://bucket/prefix`. Blocks for as long as it takes to sweep what a crash
/// left behind. The rest of what S3 needs comes from the environment, by the names of AWS.
pub fn open(url: &Url) -> Result<Arc<dyn Store>, StoreError> {
    open_cached(url, 0)
}

/// The same, with copies of small blobs that take `cache_limit` bytes at most. What is in memory anyway is not copied.
pub fn open_cached(url: &Url, cache_limit: u64) -> Result<Arc<dyn Store>, StoreError> {
    let refuse = |why| StoreError::Unsupported { address: without_credentials(url), why };
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("a store's address has no query and no fragment"));
    }
    match url.scheme() {
        "memory" if matches!(url.path(), "" | "/") && !url.has_host() => {
            Ok(Arc::new(Objects::new(Backend::memory(MEMORY_LIMIT))))
        }
        "memory" => Err(refuse("memory:// takes no host and no path")),
        "file" => {
            let path = url.to_file_path().map_err(|()| refuse("file:// takes an absolute local path"))?;
            Ok(Arc::new(Objects::new(Backend::directory(&path)?.with_cache(cache_limit))))
        }
        "s3" => Ok(Arc::new(Objects::new(Backend::s3(url)?.with_cache(cache_limit)))),
        _ => Err(refuse("known are memory://, file:///absolute/path and s3://bucket/prefix")),
    }
}

/// An address as logs and errors may show it: without user, password, query and fragment.
pub fn without_credentials(url: &Url) -> String {
    url[..Position::BeforeUsername].to_owned() + &url[Position::BeforeHost..Position::AfterPath]
}

/// Whether several processes may use the store at `url` at once. Memory and directories belong to one process.
pub fn shareable(url: &Url) -> bool {
    !matches!(url.scheme(), "memory" | "file")
}

/// The part of `range` that a blob of `size` bytes has; all of it if none is given.
fn existing(range: Option<&Range<u64>>, size: u64) -> Range<u64> {
    let Some(range) = range else { return 0..size };
    let start = range.start.min(size);
    start..range.end.clamp(start, size)
}

/// Runs what blocks on files where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|cut_off| Err(io::Error::other(cut_off)))
}

#[cfg(test)]
pub(crate) mod tests;
