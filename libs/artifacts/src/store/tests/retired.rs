//! What a store remembers of revisions that it no longer holds.
use super::{super::retired::REMEMBERED, *};

fn numbered(number: usize) -> BlobKey {
    key(number.to_string().as_bytes())
}

#[tokio::test]
async fn a_note_tells_of_a_revision_and_is_no_blob() {
    on_each(|stored| async move {
        let bytes = bytes(100);
        let kept = store(&*stored, &bytes).await;
        stored.retire(&numbered(1)).await.unwrap();
        stored.retire(&numbered(1)).await.unwrap();
        assert_eq!(stored.retired(&kept.key.source).await.unwrap(), [numbered(1).digest]);
        assert_eq!(stored.list(None).await.unwrap(), [kept]);
        assert_eq!(stored.stat(&numbered(1)).await.unwrap(), None);
        let another = SourceKey::new("apps", "podinfo-2").unwrap();
        assert_eq!(stored.retired(&another).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn notes_are_forgotten_with_their_source_and_blobs_are_not() {
    on_each(|stored| async move {
        let bytes = bytes(100);
        let kept = store(&*stored, &bytes).await;
        stored.retire(&numbered(1)).await.unwrap();
        stored.forget(&kept.key.source).await.unwrap();
        assert_eq!(stored.retired(&kept.key.source).await.unwrap(), []);
        assert_eq!(stored.list(None).await.unwrap(), [kept]);
    })
    .await;
}

#[tokio::test]
async fn only_the_newest_notes_are_kept() {
    on_each(|stored| async move {
        for number in 0..REMEMBERED {
            stored.retire(&numbered(number)).await.unwrap();
        }
        // Times have the grain of the kernel's clock tick.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        stored.retire(&numbered(REMEMBERED)).await.unwrap();
        let retired = stored.retired(&numbered(0).source).await.unwrap();
        assert_eq!((retired.len(), retired.last()), (REMEMBERED, Some(&numbered(REMEMBERED).digest)));
    })
    .await;
}

#[tokio::test]
async fn a_new_process_remembers() {
    let directory = tempfile::tempdir().unwrap();
    let first = Objects::new(Backend::directory(directory.path()).unwrap());
    first.retire(&numbered(1)).await.unwrap();
    drop(first);
    let again = Objects::new(Backend::directory(directory.path()).unwrap());
    assert_eq!(again.retired(&numbered(1).source).await.unwrap(), [numbered(1).digest]);
}
