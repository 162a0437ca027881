//! A store whose operations are counted by how they ended. `artifacts` itself knows no metrics.
use artifacts::{
    Blob, BlobInfo, BlobKey, Digest, SourceKey, Store, StoreError, Upload,
    store::{Cache, Losses, StagedKey, Stored},
};
use futures::{FutureExt as _, future::BoxFuture};
use hyper::body::Bytes;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family},
};
use std::{ops::Range, sync::Arc};
use telemetry::metrics::Registry;

/// The counters. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Operations(Family<Labels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: Operation,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Operation {
    Write,
    Stat,
    Open,
    List,
    Remove,
    Note,
    Check,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Succeeded,
    /// There is no such blob, or for `Stat` no whole one.
    Absent,
    Damaged,
    Full,
    ReadOnly,
    Denied,
    Failed,
}

impl Operations {
    pub(super) fn register(registry: &mut Registry) -> Self {
        use Operation::{Check, List, Note, Open, Remove, Stat, Write};
        let operations = Self(Family::default());
        let help = "Operations of the store, by how they ended";
        registry.register("store_operations", help, operations.0.clone());
        // A series that is there from the start shows its first event as a change.
        for operation in [Write, Stat, Open, List, Remove, Note, Check] {
            drop(operations.0.get_or_create(&Labels { operation, outcome: Outcome::Succeeded }));
        }
        operations
    }

    fn count(&self, operation: Operation, outcome: Outcome) {
        self.0.get_or_create(&Labels { operation, outcome }).inc();
    }

    fn done<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        work: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        work.inspect(move |result| self.count(operation, outcome(result))).boxed()
    }

    fn sought<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        work: BoxFuture<'a, Result<Option<T>, StoreError>>,
    ) -> BoxFuture<'a, Result<Option<T>, StoreError>> {
        let found = move |result: &Result<Option<T>, StoreError>| match result {
            Ok(None) => self.count(operation, Outcome::Absent),
            result => self.count(operation, outcome(result)),
        };
        work.inspect(found).boxed()
    }
}

fn outcome<T>(result: &Result<T, StoreError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Succeeded,
        Err(StoreError::Corrupt { .. }) => Outcome::Damaged,
        Err(StoreError::Full { .. }) => Outcome::Full,
        Err(StoreError::ReadOnly { .. }) => Outcome::ReadOnly,
        Err(StoreError::AccessDenied { .. }) => Outcome::Denied,
        Err(_) => Outcome::Failed,
    }
}

/// The store.
#[derive(Debug)]
pub(super) struct Counted {
    store: Arc<dyn Store>,
    operations: Operations,
}

impl Counted {
    pub(super) fn new(store: Arc<dyn Store>, operations: Operations) -> Self {
        Self { store, operations }
    }
}

impl Store for Counted {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Upload>, StoreError>> {
        let begun = async {
            let upload = self.store.begin().await?;
            let counted: Box<dyn Upload> =
                Box::new(CountedUpload { upload, operations: self.operations.clone() });
            Ok(counted)
        };
        begun.boxed()
    }

    fn stat<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Option<BlobInfo>, StoreError>> {
        self.operations.sought(Operation::Stat, self.store.stat(key))
    }

    fn open<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        self.operations.sought(Operation::Open, self.store.open(key, range))
    }

    fn list<'a>(&'a self, source: Option<&'a SourceKey>) -> BoxFuture<'a, Result<Vec<BlobInfo>, StoreError>> {
        self.operations.done(Operation::List, self.store.list(source))
    }

    fn attach<'a>(&'a self, key: &'a BlobKey, record: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        self.operations.done(Operation::Note, self.store.attach(key, record))
    }

    fn attached<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.operations.sought(Operation::Open, self.store.attached(key))
    }

    fn remove<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.operations.done(Operation::Remove, self.store.remove(key))
    }

    fn collect<'a>(&'a self, blob: &'a BlobInfo) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.operations.done(Operation::Remove, self.store.collect(blob))
    }

    fn staged(&self) -> BoxFuture<'_, Result<Vec<Stored<StagedKey>>, StoreError>> {
        self.operations.done(Operation::List, self.store.staged())
    }

    fn unstage<'a>(&'a self, left: &'a Stored<StagedKey>) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.operations.done(Operation::Remove, self.store.unstage(left))
    }

    fn retire<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.operations.done(Operation::Note, self.store.retire(key))
    }

    fn retired<'a>(&'a self, source: &'a SourceKey) -> BoxFuture<'a, Result<Vec<Digest>, StoreError>> {
        self.operations.done(Operation::List, self.store.retired(source))
    }

    fn forget<'a>(&'a self, source: &'a SourceKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.operations.done(Operation::Note, self.store.forget(source))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.operations.done(Operation::Check, self.store.check())
    }

    fn losses(&self) -> &Losses {
        self.store.losses()
    }

    fn cache(&self) -> &Cache {
        self.store.cache()
    }
}

/// An upload is one operation: it ends when it is committed, or with the first write that fails.
struct CountedUpload {
    upload: Box<dyn Upload>,
    operations: Operations,
}

impl Upload for CountedUpload {
    fn write(&mut self, chunk: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        let Self { upload, operations } = self;
        let counted = |result: &Result<(), StoreError>| {
            if result.is_err() {
                operations.count(Operation::Write, outcome(result));
            }
        };
        upload.write(chunk).inspect(counted).boxed()
    }

    fn digest(&self) -> Digest {
        self.upload.digest()
    }

    fn attach(&mut self, record: Bytes) {
        self.upload.attach(record);
    }

    fn commit(self: Box<Self>, key: BlobKey) -> BoxFuture<'static, Result<BlobInfo, StoreError>> {
        let Self { upload, operations } = *self;
        let counted = move |result: &_| operations.count(Operation::Write, outcome(result));
        upload.commit(key).inspect(counted).boxed()
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.upload.abort()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;

    fn key(bytes: &[u8]) -> BlobKey {
        BlobKey { source: SourceKey::new("apps", "podinfo").unwrap(), digest: Digest::of(bytes) }
    }

    #[tokio::test]
    async fn operations_are_counted_by_how_they_ended() {
        let mut registry = Registry::default();
        let store = artifacts::store::open(&"memory://".parse().unwrap()).unwrap();
        let store = Counted::new(store, Operations::register(&mut registry));
        let mut upload = store.begin().await.unwrap();
        upload.write(Bytes::from_static(b"one")).await.unwrap();
        upload.commit(key(b"one")).await.unwrap();
        store.begin().await.unwrap().commit(key(b"two")).await.unwrap_err();
        store.stat(&key(b"one")).await.unwrap().expect("stored");
        store.stat(&key(b"two")).await.unwrap();
        store.remove(&key(b"one")).await.unwrap();
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for (operation, outcome, count) in [
            ("Write", "Succeeded", 1),
            ("Write", "Failed", 1),
            ("Stat", "Succeeded", 1),
            ("Stat", "Absent", 1),
            ("Remove", "Succeeded", 1),
            ("Check", "Succeeded", 0),
        ] {
            let line = format!(r#"{{operation="{operation}",outcome="{outcome}"}} {count}"#);
            assert!(text.contains(&line), "{line} in\n{text}");
        }
    }
}
