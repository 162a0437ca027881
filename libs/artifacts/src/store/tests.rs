//! What every store promises, and what a directory promises when somebody else was at work in it.
mod attached;
mod directory;
mod disk;
mod remote;
mod retired;

use super::*;
use futures::TryStreamExt;

/// More than waits in memory before it is staged in a file.
const LARGE: usize = 1024 * 1024;

fn bytes(length: usize) -> Bytes {
    (0..length).map(|i| (i * i / 7) as u8).collect::<Vec<_>>().into()
}

fn key(bytes: &[u8]) -> BlobKey {
    BlobKey { source: SourceKey::new("apps", "podinfo").unwrap(), digest: Digest::of(bytes) }
}

/// A blob of `bytes`, out of a real store.
pub(crate) async fn stored(bytes: Vec<u8>) -> Blob {
    let memory = open(&"memory://".parse().unwrap()).unwrap();
    let info = store(&*memory, &Bytes::from(bytes)).await;
    memory.open(&info.key, None).await.unwrap().unwrap()
}

async fn staged(store: &dyn Store, bytes: &Bytes) -> Box<dyn Upload> {
    let mut upload = store.begin().await.unwrap();
    for chunk in bytes.chunks(100_000) {
        upload.write(bytes.slice_ref(chunk)).await.unwrap();
    }
    upload
}

async fn store(store: &dyn Store, bytes: &Bytes) -> BlobInfo {
    let upload = staged(store, bytes).await;
    let source = key(bytes).source;
    let digest = upload.digest();
    upload.commit(BlobKey { source, digest }).await.unwrap()
}

async fn read(blob: Blob) -> Result<Vec<u8>, StoreError> {
    blob.bytes.try_fold(Vec::new(), |all, chunk| async move { Ok([&all, chunk.as_ref()].concat()) }).await
}

async fn read_range(store: &dyn Store, key: &BlobKey, range: Option<Range<u64>>) -> (Range<u64>, Vec<u8>) {
    let blob = store.open(key, range).await.unwrap().expect("stored");
    (blob.range.clone(), read(blob).await.unwrap())
}

/// Runs `test` against each kind of store.
async fn on_each<F: Future<Output = ()>>(test: impl Fn(Arc<dyn Store>) -> F) {
    test(open(&Url::parse("memory://").unwrap()).unwrap()).await;
    let directory = tempfile::tempdir().unwrap();
    test(open(&Url::from_directory_path(directory.path()).unwrap()).unwrap()).await;
    test(Arc::new(remote::elsewhere())).await;
}

#[tokio::test]
async fn what_is_stored_is_read_back() {
    on_each(|stored| async move {
        for length in [0, 1, 300_000, LARGE] {
            let bytes = bytes(length);
            let info = store(&*stored, &bytes).await;
            assert_eq!((info.size, &info.key), (length as u64, &key(&bytes)));
            assert_eq!(stored.stat(&key(&bytes)).await.unwrap(), Some(info));
            assert_eq!(read_range(&*stored, &key(&bytes), None).await, (0..length as u64, bytes.to_vec()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_range_is_cut_to_the_blob() {
    on_each(|stored| async move {
        let bytes = bytes(LARGE);
        store(&*stored, &bytes).await;
        let size = LARGE as u64;
        for (asked, given) in [
            (0..1, 0..1),
            (5..300_000, 5..300_000),
            (size - 1..size, size - 1..size),
            (9..u64::MAX, 9..size),
            (size..size + 9, size..size),
            (u64::MAX - 1..u64::MAX, size..size),
        ] {
            let expected = bytes[given.start as usize..given.end as usize].to_vec();
            assert_eq!(read_range(&*stored, &key(&bytes), Some(asked)).await, (given, expected));
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_never_stored_is_absent() {
    on_each(|stored| async move {
        let key = key(b"never");
        assert_eq!(stored.stat(&key).await.unwrap(), None);
        assert!(stored.open(&key, None).await.unwrap().is_none());
        assert_eq!(stored.list(None).await.unwrap(), []);
        stored.remove(&key).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn bytes_of_another_digest_are_not_published() {
    on_each(|stored| async move {
        for length in [10, LARGE] {
            let bytes = bytes(length);
            let refused = staged(&*stored, &bytes).await.commit(key(b"other")).await.unwrap_err();
            let StoreError::DigestMismatch { key: named, found } = refused else { panic!("{refused}") };
            assert_eq!((named, found), (key(b"other"), Digest::of(&bytes)));
        }
        assert_eq!(stored.list(None).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_invisible_until_it_is_committed() {
    on_each(|stored| async move {
        let bytes = bytes(LARGE);
        let first = staged(&*stored, &bytes).await;
        let second = staged(&*stored, &bytes).await;
        assert_eq!(stored.list(None).await.unwrap(), []);
        assert_eq!(stored.stat(&key(&bytes)).await.unwrap(), None);
        drop(first);
        second.abort().await;
        assert_eq!(stored.list(None).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_list_is_sorted_and_can_be_one_source_s() {
    on_each(|stored| async move {
        let mut keys = Vec::new();
        for (namespace, name) in [("b", "x"), ("a", "y"), ("a", "y.z"), ("a", "y")] {
            let bytes = bytes(10 + keys.len());
            let source = SourceKey::new(namespace, name).unwrap();
            let key = BlobKey { source, digest: Digest::of(&bytes) };
            staged(&*stored, &bytes).await.commit(key.clone()).await.unwrap();
            keys.push(key);
        }
        let of_one = [keys[1].clone(), keys[3].clone()];
        keys.sort();
        let named = |list: Vec<BlobInfo>| list.into_iter().map(|blob| blob.key).collect::<Vec<_>>();
        assert_eq!(named(stored.list(None).await.unwrap()), keys);
        let mut one = named(stored.list(Some(&of_one[0].source)).await.unwrap());
        one.sort_by_key(|key| key != &of_one[0]);
        assert_eq!(one, of_one);
    })
    .await;
}

#[tokio::test]
async fn a_removed_blob_is_gone_and_can_be_stored_again() {
    on_each(|stored| async move {
        let bytes = bytes(1_000);
        store(&*stored, &bytes).await;
        stored.remove(&key(&bytes)).await.unwrap();
        assert_eq!(stored.stat(&key(&bytes)).await.unwrap(), None);
        store(&*stored, &bytes).await;
        assert_eq!(stored.list(None).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_stored_again_since_it_was_listed_is_not_collected() {
    on_each(|stored| async move {
        let bytes = bytes(100);
        let listed = store(&*stored, &bytes).await;
        let renewed =
            BlobInfo { stored_at: listed.stored_at - jiff::SignedDuration::from_secs(60), ..listed.clone() };
        assert!(!stored.collect(&renewed).await.unwrap());
        assert_eq!(stored.list(None).await.unwrap(), std::slice::from_ref(&listed));
        assert!(stored.collect(&listed).await.unwrap());
        assert_eq!(stored.list(None).await.unwrap(), []);
        assert!(!stored.collect(&listed).await.unwrap(), "it is gone");
    })
    .await;
}

#[tokio::test]
async fn storing_again_renews_the_age() {
    let directory = tempfile::tempdir().unwrap();
    for url in [Url::parse("memory://").unwrap(), Url::from_directory_path(directory.path()).unwrap()] {
        let stored = open(&url).unwrap();
        let first = store(&*stored, &bytes(100)).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let again = store(&*stored, &bytes(100)).await;
        assert!(again.stored_at > first.stored_at, "or a collector could take it before it is published");
        assert_eq!(stored.list(None).await.unwrap(), [again]);
    }
}

#[tokio::test]
async fn names_that_are_no_names_reach_no_backend() {
    on_each(|stored| async move {
        for name in ["..", ".", "", "a/b", "A", "a\0b"] {
            let source = SourceKey { namespace: "apps".into(), name: name.into() };
            let key = BlobKey { source: source.clone(), digest: Digest::of(b"") };
            let refused = |result: Result<(), StoreError>| matches!(result, Err(StoreError::InvalidKey(_)));
            assert!(refused(stored.stat(&key).await.map(drop)));
            assert!(refused(stored.open(&key, None).await.map(drop)));
            assert!(refused(stored.list(Some(&source)).await.map(drop)));
            assert!(refused(stored.remove(&key).await));
            let listed = BlobInfo { key: key.clone(), size: 0, stored_at: Timestamp::UNIX_EPOCH };
            assert!(refused(stored.collect(&listed).await.map(drop)));
            assert!(refused(stored.retire(&key).await));
            assert!(refused(stored.retired(&source).await.map(drop)));
            assert!(refused(stored.forget(&source).await));
            assert!(refused(stored.begin().await.unwrap().commit(key).await.map(drop)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_usable_store_says_so_and_stays_empty() {
    on_each(|stored| async move {
        stored.check().await.unwrap();
        assert_eq!(stored.list(None).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn memory_is_bounded_and_recovers() {
    let stored = Objects::new(Backend::memory(2 * LARGE as u64));
    store(&stored, &bytes(LARGE)).await;
    let mut second = staged(&stored, &bytes(LARGE)).await;
    let full = second.write(Bytes::from_static(b"one more")).await.unwrap_err();
    assert_eq!(full.reason(), crds::reasons::STORE_FULL);
    assert_eq!(full.to_string(), "the store has no room left while storing a blob");
    let refused = second.commit(key(&bytes(LARGE))).await.unwrap_err();
    assert_eq!(refused.to_string(), "the store failed while storing a blob", "a write is missing");
    stored.remove(&key(&bytes(LARGE))).await.unwrap();
    store(&stored, &bytes(2 * LARGE)).await;
}

#[tokio::test]
async fn a_store_shows_where_it_is_and_not_what_it_holds() {
    on_each(|stored| async move {
        store(&*stored, &Bytes::from_static(b"secret")).await;
        let shown = format!("{stored:?} {:?}", stored.open(&key(b"secret"), None).await.unwrap());
        assert!(shown.contains("InMemory") || shown.contains("LocalFileSystem(file:///"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    })
    .await;
}

#[test]
fn only_known_addresses_are_opened() {
    for (address, why) in [
        ("ftp://host/path", "known are memory://, file:///absolute/path and s3://bucket/prefix"),
        ("https://user:secret@host/path?token=secret", "a store's address has no query and no fragment"),
        (
            "https://user:secret@host/path",
            "known are memory://, file:///absolute/path and s3://bucket/prefix",
        ),
        ("memory://host", "memory:// takes no host and no path"),
        ("file://host/path", "file:// takes an absolute local path"),
        ("file:///path#1", "a store's address has no query and no fragment"),
    ] {
        let refused = open(&Url::parse(address).unwrap()).unwrap_err().to_string();
        assert!(refused.ends_with(why) && !refused.contains("secret"), "{refused}");
        let host = Url::parse(address).unwrap().host_str().unwrap_or_default().to_owned();
        assert!(refused.contains(&host), "{refused}");
    }
}

#[test]
fn an_address_is_shown_without_what_proves_who_asks() {
    for (given, shown) in [
        ("s3://user:word@bucket/prefix?key=word#word", "s3://bucket/prefix"),
        ("file:///var/lib/postern", "file:///var/lib/postern"),
        ("memory://", "memory://"),
        ("http://postern.svc:8080", "http://postern.svc:8080/"),
    ] {
        assert_eq!(without_credentials(&given.parse().expect("an address")), shown);
    }
}

#[test]
fn memory_and_directories_are_not_shared() {
    for (address, shared) in [("memory://", false), ("file:///path", false), ("s3://bucket", true)] {
        assert_eq!(shareable(&Url::parse(address).unwrap()), shared, "{address}");
    }
}
