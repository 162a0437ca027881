//! object_store, and what it lacks for memory and for a local directory.
use super::{
    BlobInfo, BlobKey, Losses, SourceKey, StoreError, blocking,
    budget::Budget,
    cache::Cache,
    content::{Content, timestamp},
    directory::{Directory, FileEntry, STAGING},
    key::ROOT,
    s3,
    turns::Turns,
    verdicts::Verdicts,
};
use crate::failpoint::{Step, reached};
use aws_lc_rs::rand;
use bytes::Bytes;
use futures::TryStreamExt;
use jiff::Timestamp;
use object_store::{
    ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, memory::InMemory,
    multipart::MultipartStore, path::Path,
};
use std::{
    fmt, io,
    path::Path as FilePath,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use url::Url;

/// What a store is made of.
pub(super) struct Backend {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) location: Location,
    pub(super) budget: Budget,
    pub(super) losses: Losses,
    pub(super) cache: Cache,
    verdicts: Verdicts,
    pub(super) turns: Turns,
    staged: AtomicU64,
}

/// Where the objects lie.
#[derive(Clone)]
pub(super) enum Location {
    /// In this process.
    Memory,
    /// In a local directory that is this process's own.
    Directory(Arc<Directory>),
    /// Elsewhere, where other processes use them too; large ones get there in parts.
    Remote(Arc<dyn MultipartStore>),
}

/// Says where the objects lie; those in memory would otherwise show their bytes.
impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.objects)
    }
}

impl Backend {
    /// Objects in memory, `limit` bytes at most.
    pub(super) fn memory(limit: u64) -> Self {
        Self::new(Arc::new(InMemory::new()), Location::Memory, Budget::new(Some(limit)))
    }

    /// Objects in a local directory, which this process owns from now on.
    pub(super) fn directory(path: &FilePath) -> Result<Self, StoreError> {
        let directory = Directory::open(path)?;
        let objects = LocalFileSystem::new_with_prefix(directory.root());
        let objects = objects.map_err(|error| StoreError::read("opening its directory", error))?;
        let objects = objects.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self::new(Arc::new(objects), Location::Directory(Arc::new(directory)), Budget::new(None)))
    }

    /// Objects in S3.
    pub(super) fn s3(url: &Url) -> Result<Self, StoreError> {
        Ok(Self::remote(s3::open(url)?))
    }

    /// Objects that other processes use too.
    pub(super) fn remote(objects: impl ObjectStore + MultipartStore) -> Self {
        let objects = Arc::new(objects);
        Self::new(Arc::clone(&objects) as Arc<dyn ObjectStore>, Location::Remote(objects), Budget::new(None))
    }

    fn new(objects: Arc<dyn ObjectStore>, location: Location, budget: Budget) -> Self {
        Self {
            objects,
            location,
            budget,
            losses: Losses::default(),
            cache: Cache::new(0),
            verdicts: Verdicts::default(),
            turns: Turns::default(),
            staged: AtomicU64::new(first_number()),
        }
    }

    /// The same, with copies that take `limit` bytes at most.
    #[must_use]
    pub(super) fn with_cache(self, limit: u64) -> Self {
        Self { cache: Cache::new(limit), ..self }
    }

    /// Whether other processes use the objects too.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.location, Location::Remote(_))
    }

    /// A name in the staging place that nobody else uses, ready to be written.
    pub(super) async fn stage(&self) -> Result<Path, StoreError> {
        let path = format!("{STAGING}/{}", self.staged.fetch_add(1, Relaxed));
        self.prepare(&path).await?;
        Ok(Path::from(path))
    }

    /// Creates the directories above `path`.
    pub(super) async fn prepare(&self, path: &str) -> Result<(), StoreError> {
        let path = path.to_owned();
        let prepared = self.in_directory((), move |directory| directory.prepare(&path)).await;
        prepared.map_err(|error| StoreError::write("creating a directory", error))
    }

    /// Writes an object whole, in one step; in a directory durably, for nobody else to read. There, what was written.
    pub(super) async fn write(
        &self,
        path: &Path,
        pieces: Vec<Bytes>,
        attempt: &'static str,
    ) -> Result<Option<Content>, StoreError> {
        if let Location::Directory(directory) = &self.location {
            let (directory, path) = (Arc::clone(directory), path.to_string());
            let written = blocking(move || directory.write(&path, &pieces).and_then(Content::file)).await;
            return written.map(Some).map_err(|error| StoreError::write(attempt, error));
        }
        let written = self.objects.put(path, PutPayload::from_iter(pieces)).await;
        written.map(|_| None).map_err(|error| StoreError::write(attempt, error))
    }

    /// Takes the rights to an object from everybody else.
    pub(super) async fn make_private(&self, path: &Path) -> Result<(), StoreError> {
        let path = path.to_string();
        let made = self.in_directory((), move |directory| directory.make_private(&path)).await;
        made.map_err(|error| StoreError::write("protecting a blob", error))
    }

    /// Opens a blob.
    pub(super) async fn content(&self, key: &BlobKey) -> Result<Option<Content>, StoreError> {
        const ATTEMPT: &str = "opening a blob";
        key.source.check()?;
        if let Location::Directory(directory) = &self.location {
            let (directory, path) = (Arc::clone(directory), key.path());
            let opened = blocking(move || directory.file(&path)?.map(Content::file).transpose()).await;
            return opened.map_err(|error| StoreError::read(ATTEMPT, error));
        }
        let path = Path::from(key.path());
        if self.is_remote() {
            return match self.objects.head(&path).await {
                Ok(found) => Ok(Some(Content::remote(Arc::clone(&self.objects), found))),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(StoreError::read("looking for a blob", error)),
            };
        }
        match self.objects.get(&path).await {
            Ok(opened) => Content::memory(opened).await.map(Some),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(StoreError::read(ATTEMPT, error)),
        }
    }

    /// Whether an opened blob is what its key says.
    pub(super) async fn judge(&self, key: &BlobKey, content: &Content) -> Result<bool, StoreError> {
        self.verdicts.judge(key, content).await
    }

    /// Looks at a blob that was just written, and whose bytes are known to be right.
    pub(super) async fn published(
        &self,
        key: BlobKey,
        written: Option<Content>,
    ) -> Result<BlobInfo, StoreError> {
        let found = match written {
            Some(content) => Some(content),
            None => self.content(&key).await?,
        };
        let Some(content) = found else {
            return Err(StoreError::Corrupt { key });
        };
        self.verdicts.record(key.clone(), content.fingerprint, true);
        Ok(BlobInfo { key, size: content.size, stored_at: content.stored_at })
    }

    /// All blobs, or those of one source, in the order of their keys. What is no blob is passed over.
    pub(super) async fn list(&self, source: Option<&SourceKey>) -> Result<Vec<BlobInfo>, StoreError> {
        let blob = |FileEntry { path, size, stored_at }| {
            path.parse().ok().map(|key| BlobInfo { key, size, stored_at })
        };
        let mut blobs: Vec<_> = self.entries(source).await?.into_iter().filter_map(blob).collect();
        blobs.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(blobs)
    }

    /// Everything that lies there, blob or not, in no order.
    pub(super) async fn entries(&self, source: Option<&SourceKey>) -> Result<Vec<FileEntry>, StoreError> {
        let below = match source {
            Some(source) => source.check().map(|()| source.path())?,
            None => ROOT.to_owned(),
        };
        match self.location {
            Location::Directory(_) => self.files(below).await,
            Location::Memory | Location::Remote(_) => self.all_objects(&Path::from(below)).await,
        }
    }

    /// Removes an object, if it is there.
    pub(super) async fn delete(&self, path: &Path, attempt: &'static str) -> Result<(), StoreError> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::write(attempt, error)),
        }
    }

    /// Removes a blob, if it is there, and its record: that first, since nobody would look for it without the blob.
    pub(super) async fn remove(&self, key: &BlobKey) -> Result<(), StoreError> {
        key.source.check()?;
        self.detach(key).await?;
        reached(Step::Unrecorded);
        if self.holds(&key.source, &key.path()).await? {
            self.delete(&Path::from(key.path()), "removing a blob").await?;
        }
        reached(Step::Removed);
        self.budget.release(key);
        self.verdicts.forget(key);
        self.cache.forget(key);
        Ok(())
    }

    /// Removes a blob, if it is still the one that was listed.
    pub(super) async fn collect(&self, blob: &BlobInfo) -> Result<bool, StoreError> {
        let _turn = self.turns.take(&blob.key).await;
        let found = self.content(&blob.key).await?;
        let is_unchanged = found.is_some_and(|content| self.is_same_time(content.stored_at, blob.stored_at));
        if is_unchanged {
            reached(Step::Doomed);
            self.remove(&blob.key).await?;
        }
        Ok(is_unchanged)
    }

    /// Whether an object is as old as it was when it was listed. S3 tells the age of an object in whole seconds, and that of
    /// those in a list in milliseconds, where a server has them.
    pub(super) fn is_same_time(&self, found: Timestamp, listed: Timestamp) -> bool {
        if self.is_remote() { found.as_second() == listed.as_second() } else { found == listed }
    }

    /// Whether something of that source may lie there. Symlinks, pipes and whatever else somebody planted do not count.
    pub(super) async fn holds(&self, source: &SourceKey, path: &str) -> Result<bool, StoreError> {
        source.check()?;
        let path = path.to_owned();
        let held = self.in_directory(true, move |directory| directory.holds(&path)).await;
        held.map_err(|error| StoreError::read("looking for a blob", error))
    }

    async fn files(&self, below: String) -> Result<Vec<FileEntry>, StoreError> {
        let files = self.in_directory(Vec::new(), move |directory| directory.files(&below)).await;
        files.map_err(|error| StoreError::read("listing blobs", error))
    }

    pub(super) async fn all_objects(&self, below: &Path) -> Result<Vec<FileEntry>, StoreError> {
        let objects = self.objects.list(Some(below)).map_ok(|object| FileEntry {
            path: object.location.to_string(),
            size: object.size,
            stored_at: timestamp(&object),
        });
        objects.try_collect().await.map_err(|error| StoreError::read("listing blobs", error))
    }

    async fn in_directory<T: Send + 'static>(
        &self,
        otherwise: T,
        work: impl FnOnce(&Directory) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let Location::Directory(directory) = &self.location else {
            return Ok(otherwise);
        };
        let directory = Arc::clone(directory);
        blocking(move || work(&directory)).await
    }
}

/// Where this process begins to count what it stages, so that no other that shares the store uses the same names.
fn first_number() -> u64 {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).expect("this platform has randomness, or TLS would not work either");
    u64::from_le_bytes(bytes)
}
