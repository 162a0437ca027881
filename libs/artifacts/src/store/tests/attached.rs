//! The record beside a blob.
use super::{super::attached::LARGEST, *};

#[tokio::test]
async fn a_record_is_read_as_it_was_written_and_goes_with_its_blob() {
    on_each(|stored| async move {
        let bytes = bytes(100);
        let kept = store(&*stored, &bytes).await;
        assert_eq!(stored.attached(&kept.key).await.unwrap(), None);
        for record in ["first", "second"] {
            stored.attach(&kept.key, Bytes::from(record)).await.unwrap();
            assert_eq!(stored.attached(&kept.key).await.unwrap(), Some(Bytes::from(record)));
        }
        assert_eq!(stored.list(None).await.unwrap(), std::slice::from_ref(&kept), "it is no blob");
        assert_eq!(stored.retired(&kept.key.source).await.unwrap(), [], "and no note");
        stored.remove(&kept.key).await.unwrap();
        assert_eq!(stored.attached(&kept.key).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_record_without_a_blob_goes_when_its_source_is_forgotten() {
    on_each(|stored| async move {
        let lost = key(b"lost");
        stored.attach(&lost, Bytes::from("record")).await.unwrap();
        stored.forget(&lost.source).await.unwrap();
        assert_eq!(stored.attached(&lost).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn records_are_small() {
    on_each(|stored| async move {
        let key = key(b"blob");
        let largest = usize::try_from(LARGEST).unwrap();
        stored.attach(&key, bytes(largest)).await.unwrap();
        let refused = stored.attach(&key, bytes(largest + 1)).await.unwrap_err();
        assert_eq!(refused.reason(), "StorageOperationFailed");
        assert_eq!(stored.attached(&key).await.unwrap(), Some(bytes(largest)), "the earlier one stays");
    })
    .await;
}

#[tokio::test]
async fn a_record_that_goes_with_an_upload_is_there_with_the_blob() {
    on_each(|stored| async move {
        for length in [0, 1, 100_000, 400_000] {
            let bytes = bytes(length);
            let mut upload = staged(&*stored, &bytes).await;
            let key = BlobKey { digest: upload.digest(), ..key(b"") };
            upload.attach(Bytes::from("record"));
            assert_eq!(stored.attached(&key).await.unwrap(), None, "nothing is seen of it before");
            assert_eq!(upload.commit(key.clone()).await.unwrap().size, length as u64);
            assert_eq!(stored.attached(&key).await.unwrap(), Some(Bytes::from("record")), "{length}");
        }
        let mut upload = staged(&*stored, &bytes(7)).await;
        upload.attach(bytes(usize::try_from(LARGEST).unwrap() + 1));
        let digest = upload.digest();
        let refused = upload.commit(BlobKey { digest, ..key(b"") }).await.unwrap_err();
        assert_eq!(refused.reason(), "StorageOperationFailed", "as without a blob");
    })
    .await;
}
