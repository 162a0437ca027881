//! What a store promises that several processes share: here over object_store's own memory, by the same conditional writes,
//! parts and conditional reads; over a real S3 the suite shows it.
use super::*;
use crate::store::{
    backend::{Backend, Location},
    parts::Parts,
};
use object_store::{ObjectStoreExt, memory::InMemory, multipart::MultipartStore, path::Path};

/// More than one part.
const PARTS: usize = (17 << 20) + 5;

/// A store whose objects lie elsewhere.
pub(super) fn elsewhere() -> Objects {
    Objects::new(Backend::remote(InMemory::new()))
}

#[tokio::test]
async fn blobs_of_any_number_of_parts_come_back_whole() {
    let stored = elsewhere();
    for length in [8 << 20, (8 << 20) + 1, PARTS] {
        let bytes = bytes(length);
        let info = store(&stored, &bytes).await;
        assert_eq!(info.size, length as u64);
        assert!(read_range(&stored, &key(&bytes), None).await.1 == bytes, "{length}");
        let middle = length as u64 / 2..length as u64 / 2 + 9;
        let (range, read) = read_range(&stored, &key(&bytes), Some(middle.clone())).await;
        assert_eq!(
            (range, read),
            (middle.clone(), bytes[middle.start as usize..middle.end as usize].to_vec())
        );
    }
}

/// Where the parts of uploads go.
fn parts(stored: &Objects) -> Arc<dyn MultipartStore> {
    let Location::Remote(parts) = &stored.0.location else { panic!("it lies elsewhere") };
    Arc::clone(parts)
}

#[tokio::test]
async fn the_parts_of_a_process_that_was_killed_go_by_its_marker() {
    let stored = elsewhere();
    let (parts, path) = (parts(&stored), Path::from(key(b"").path()));
    let upload = Parts::begin(&parts, path.clone()).await.unwrap();
    let id = upload.marker().upload_id;
    stored.0.mark(upload.marker()).await.unwrap();
    parts.put_part(&path, &id, 0, Bytes::from_static(b"part").into()).await.unwrap();
    // What is killed does nothing any more.
    std::mem::forget(upload);
    let staged = stored.staged().await.unwrap();
    assert_eq!(stored.list(None).await.unwrap(), [], "nobody sees it");
    assert!(stored.unstage(&staged[0]).await.unwrap());
    assert_eq!((staged.len(), stored.staged().await.unwrap().len()), (1, 0));
    parts.put_part(&path, &id, 1, Bytes::new().into()).await.expect_err("there is no such upload");
}

#[tokio::test]
async fn nothing_is_left_of_an_upload_that_is_complete() {
    let stored = elsewhere();
    store(&stored, &bytes(PARTS)).await;
    stored.check().await.unwrap();
    assert_eq!(stored.staged().await.unwrap(), []);
}

#[tokio::test]
async fn what_waits_in_a_directory_is_not_for_others_to_remove() {
    let directory = tempfile::tempdir().unwrap();
    let stored = Objects::new(Backend::directory(directory.path()).unwrap());
    let _waits = staged(&stored, &bytes(LARGE)).await;
    assert!(std::fs::read_dir(directory.path().join(".staging")).unwrap().next().is_some());
    assert_eq!(stored.staged().await.unwrap(), []);
}

#[tokio::test]
async fn what_another_process_has_just_stored_is_not_stored_again() {
    let stored = elsewhere();
    for length in [100, PARTS] {
        let bytes = bytes(length);
        let uploads = futures::future::join_all((0..4).map(|_| staged(&stored, &bytes))).await;
        let commits = uploads.into_iter().map(|upload| upload.commit(key(&bytes)));
        let first = store(&stored, &bytes).await;
        for committed in futures::future::join_all(commits).await {
            assert_eq!(committed.unwrap(), first, "one wins, and all are told of its blob");
        }
    }
}

#[tokio::test]
async fn a_damaged_object_counts_as_absent_until_it_is_stored_again() {
    let stored = elsewhere();
    for length in [100, PARTS] {
        let bytes = bytes(length);
        store(&stored, &bytes).await;
        let mut damaged = bytes.to_vec();
        damaged[length / 2] ^= 1;
        stored.0.objects.put(&Path::from(key(&bytes).path()), damaged.into()).await.unwrap();
        assert_eq!(stored.stat(&key(&bytes)).await.unwrap(), None);
        let refused = stored.open(&key(&bytes), Some(0..1)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
        store(&stored, &bytes).await;
        assert!(read_range(&stored, &key(&bytes), None).await.1 == bytes);
    }
}

#[tokio::test]
async fn an_object_that_is_replaced_while_it_is_opened_gives_no_byte() {
    let stored = elsewhere();
    let bytes = bytes(100);
    store(&stored, &bytes).await;
    let found = stored.0.content(&key(&bytes)).await.unwrap().expect("stored");
    stored.0.objects.put(&Path::from(key(&bytes).path()), vec![0; 100].into()).await.unwrap();
    let read = found.guarded(key(&bytes), 0..100).try_next().await;
    assert_eq!(read.unwrap_err().to_string(), "the store failed while reading a blob");
}
