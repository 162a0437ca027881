//! Fetch, pack and store as one stream: while one piece is received, the one before it is packed and the one before
//! that is stored.
//!
//! The async side moves bytes between network and store, one blocking thread computes (`assemble`); `stage` joins
//! them with pipes that hold a few pieces each way, so memory does not grow with the body. Small bodies are read to their
//! end before the thread is asked for, so that no slow source holds one, and are packed in one go. Nothing is visible in the store before everything
//! about the body is known to be right, and a pass that is dropped half-way leaves nothing behind.
mod assemble;
mod content;
mod pipe;
mod spool;
mod stage;

pub use crate::fetch::{Origin, SignedBy, Validators};

use crate::{
    BlobInfo, BlobKey, Digest, Error, SMALL, SourceKey, Store, TarDigest, Upload,
    egress::EgressPolicy,
    failpoint::{Step, reached},
    fetch::{Body, Fetcher, Head, Reply},
    generators::Ask,
    plan::Plan,
    provenance::Made,
    trace::{Event, tell},
    transform::{Ignored, Prepared, Transformer},
};
use assemble::{Assembled, Assembly};
use bytes::Bytes;
use content::Content;
use jiff::Timestamp;
use stage::Staged;
use std::{
    num::NonZero,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// What no source may exceed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub max_artifact_size: u64,
    /// The most that an archive may unpack to, in bytes.
    pub max_unpacked_size: u64,
}

/// The artifact that status knows, and whose blob exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The digest of the blob.
    pub digest: Digest,
    /// The digest of its tar, before compression, if status knows it.
    pub tar_digest: Option<TarDigest>,
}

/// One pass.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// Whose artifact it is.
    pub source: &'a SourceKey,
    /// What the last answer can be recognized by. Give them only while the inputs of the plan are the same as then;
    /// without `stored` they are not sent, since an answer of "not modified" would leave nothing to publish.
    pub validators: Option<&'a Validators>,
    /// What is published now.
    pub stored: Option<&'a Stored>,
    /// What the record beside the blob must tell of the pass; `None`: there is none.
    pub record: Option<Record>,
}

/// What the record of a pass needs to know besides what comes of it. It lies beside the blob before [`Pipeline::run`] returns.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// When the pass began.
    pub started: Timestamp,
    /// Whether what is stored was made from other inputs: then its record is another one, though the artifact may stay the same.
    pub renews: bool,
}

/// How a pass ended well.
#[expect(clippy::large_enum_variant, reason = "there is one a pass, and it is taken apart at once")]
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The source says that nothing changed since.
    NotModified {
        /// How long it asks to be left alone.
        pause: Option<Duration>,
        /// By what the stored bytes are recognized from now on, if it is something else than before.
        validators: Option<Validators>,
    },
    /// The source sent data.
    Fetched(Fetched),
}

/// What became of the data.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The blob that holds it.
    pub blob: BlobInfo,
    /// The digest of the archive before compression.
    pub tar_digest: TarDigest,
    /// The size of the archive before compression.
    pub tar_size: u64,
    /// The digest of the body as received.
    pub content_digest: Digest,
    /// The size of the body as received.
    pub content_size: u64,
    /// The media type that the source gave, without parameters.
    pub content_type: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// What the next request can be made conditional with.
    pub validators: Validators,
    /// How many links of an unpacked archive were left out.
    pub skipped_links: u64,
    /// Whether this is another artifact than the stored one. An equal tar is not, whatever its compression: the
    /// stored blob and its digest are kept.
    pub changed: bool,
    /// The hooks that failed and may.
    pub ignored: Vec<Ignored>,
    /// How long the source asks to be left alone.
    pub pause: Option<Duration>,
}

/// What is told of a pass beside what it stores.
struct Told {
    content_type: Option<String>,
    ignored: Vec<Ignored>,
}

/// Runs passes. Cheap to share, safe to run any number of passes at once.
pub struct Pipeline {
    fetcher: Arc<Fetcher>,
    store: Arc<dyn Store>,
    limits: Limits,
    transformer: Arc<Transformer>,
    /// Turns for packing what waits in memory: more at once than there are processors would only take memory.
    turns: Arc<Semaphore>,
}

impl Pipeline {
    /// A pipeline that reaches what `policy` opens and writes into `store`.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(policy: EgressPolicy, store: Arc<dyn Store>, limits: Limits) -> Result<Self, Error> {
        let fetcher = Arc::new(Fetcher::new(policy, limits.max_artifact_size)?);
        let turns = Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, NonZero::get)));
        let transformer = Arc::new(Transformer::new(limits.max_artifact_size));
        Ok(Self { fetcher, store, limits, transformer, turns })
    }

    /// The same, with hooks run by that executor.
    #[must_use]
    pub fn with_hooks(self, executor: hooks::Client) -> Self {
        Self { transformer: Arc::new(self.transformer.with_client(executor)), ..self }
    }

    /// The same, with evaluations of expressions counted there.
    #[must_use]
    pub fn counting_evaluations(self, metrics: expressions::Metrics) -> Self {
        Self { transformer: Arc::new(self.transformer.counting(metrics)), ..self }
    }

    /// The same in all else, guard and connections included, writing into another store.
    #[must_use]
    pub fn beside(&self, store: Arc<dyn Store>) -> Self {
        Self {
            fetcher: Arc::clone(&self.fetcher),
            store,
            limits: self.limits,
            transformer: Arc::clone(&self.transformer),
            turns: Arc::clone(&self.turns),
        }
    }

    /// Where artifacts are kept.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Fetches, packs and stores.
    ///
    /// Dropping the future ends the pass; nothing of it stays in the store.
    ///
    /// # Errors
    /// The first step that failed; what is stored already stays as it is.
    pub async fn run(&self, request: Request<'_>) -> Result<Outcome, Error> {
        let mut outcome = self.prepare(request).await?;
        if let Outcome::Fetched(fetched) = &mut outcome
            && !fetched.ignored.is_empty()
        {
            // What a hook failed on may go better the next time: the source must not pass for unchanged then.
            fetched.validators = Validators::default();
        }
        Ok(outcome)
    }

    async fn prepare(&self, request: Request<'_>) -> Result<Outcome, Error> {
        if request.plan.hooks.pre_request.is_empty() {
            return self.fetch(request, Vec::new()).await;
        }
        let Prepared { plan, moved, ignored } = self.transformer.prepare(request.plan).await?;
        let validators = request.validators.filter(|_| !moved);
        let mut outcome = self.fetch(Request { plan: &plan, validators, ..request }, ignored).await?;
        if let Outcome::Fetched(fetched) = &mut outcome
            && moved
        {
            // The next request may go elsewhere again, where they would be about something else.
            fetched.validators = Validators::default();
        }
        Ok(outcome)
    }

    async fn fetch(&self, request: Request<'_>, ignored: Vec<Ignored>) -> Result<Outcome, Error> {
        let validators = request.validators.filter(|_| request.stored.is_some());
        let ask = Ask { validators, bounds: self.fetcher.bounds(request.plan.timeout) };
        let fetcher = self.fetcher.confined(request.plan.hosts.clone());
        match request.plan.generator.fetch(&fetcher, ask).await? {
            Reply::NotModified { pause, validators } => Ok(Outcome::NotModified { pause, validators }),
            Reply::Data(head, body) => {
                let told = Told { content_type: head.content_type.clone(), ignored };
                self.transform(request, head, body, told).await.map(Outcome::Fetched)
            }
        }
    }

    async fn transform(
        &self,
        request: Request<'_>,
        head: Head,
        body: Body,
        mut told: Told,
    ) -> Result<Fetched, Error> {
        let (hooks, shape) = (&request.plan.hooks.post_request, &request.plan.shape);
        if hooks.is_empty() && shape.is_empty() {
            return self.keep(request, head, Content::Arriving(body), told).await;
        }
        let mut kept = self.transformer.transform(hooks, expressions::LARGEST_BODY, body).await?;
        if !shape.is_empty() {
            kept = self.transformer.shape(shape, &head, kept).await?;
        }
        told.ignored.append(&mut kept.ignored);
        // What the source said of its bytes does not hold for these; it is still told as what the source said.
        let head = Head { content_type: None, length: Some(kept.length), ..head };
        self.keep(request, head, Content::kept(&kept), told).await
    }

    async fn keep(
        &self,
        request: Request<'_>,
        head: Head,
        mut content: Content,
        Told { content_type, ignored }: Told,
    ) -> Result<Fetched, Error> {
        reached(Step::Answered);
        let (started, arrives) = (Instant::now(), matches!(content, Content::Arriving(_)));
        let whole = content.read_ahead(SMALL as u64).await?;
        let read = started.elapsed();
        let head = Head { length: whole.or(head.length), ..head };
        let upload = self.store.begin().await.map_err(Error::Store)?;
        let assembly = Assembly::new(request.plan, &head, self.limits.max_unpacked_size);
        let Staged { received, archive, upload } = match whole {
            Some(_) => {
                let _turn = self.turns.acquire().await.expect("nobody closes the turns");
                stage::at_once(content, assembly, upload).await?
            }
            None => stage::as_it_comes(content, assembly, upload).await?,
        };
        reached(Step::Staged);
        let took = started.elapsed();
        if arrives {
            let took = if whole.is_some() { read } else { took };
            tell(|| Event::Received { bytes: received.size, took });
        }
        let Assembled { tar_size, skipped_links, tar_digest } = archive;
        tell(|| Event::Packed { tar_bytes: tar_size, skipped_links, took: took - read });
        let made = Made {
            plan: request.plan,
            origin: &head.origin,
            content_type: content_type.as_deref(),
            received,
            ignored: &ignored,
            tar_digest,
        };
        let (blob, changed) = self.publish(request, upload, made).await?;
        Ok(Fetched {
            blob,
            tar_digest,
            tar_size,
            content_digest: received.digest,
            content_size: received.size,
            content_type,
            origin: head.origin,
            validators: head.validators,
            skipped_links,
            changed,
            ignored,
            pause: head.pause,
        })
    }

    /// Makes the upload and its record visible, unless its tar is the stored one's. The stored blob is looked at once more: it
    /// may have been lost while this one was on its way.
    async fn publish(
        &self,
        request: Request<'_>,
        mut upload: Box<dyn Upload>,
        made: Made<'_>,
    ) -> Result<(BlobInfo, bool), Error> {
        let key = |digest| BlobKey { source: request.source.clone(), digest };
        let told = |key: &BlobKey, record: Record| {
            Bytes::from(made.statement(key, record.started, Timestamp::now()))
        };
        if let Some(stored) = request.stored
            && stored.tar_digest == Some(made.tar_digest)
            && let Some(blob) = self.store.stat(&key(stored.digest)).await.map_err(Error::Store)?
        {
            upload.abort().await;
            if let Some(record) = request.record.filter(|record| record.renews) {
                self.store.attach(&blob.key, told(&blob.key, record)).await.map_err(Error::Store)?;
            }
            tell(|| Event::Stored { digest: stored.digest, bytes: blob.size, new: false });
            return Ok((blob, false));
        }
        let digest = upload.digest();
        let key = key(digest);
        if let Some(record) = request.record {
            upload.attach(told(&key, record));
        }
        let blob = upload.commit(key).await.map_err(Error::Store)?;
        let changed = request.stored.is_none_or(|stored| stored.digest != digest);
        tell(|| Event::Stored { digest, bytes: blob.size, new: true });
        Ok((blob, changed))
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("store", &self.store)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
