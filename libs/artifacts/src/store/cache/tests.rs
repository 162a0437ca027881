//! What is copied, what goes first, and that nothing wrong is ever kept.
use super::*;
use crate::store::SourceKey;
use jiff::Timestamp;

fn info(source: &str, bytes: &[u8]) -> BlobInfo {
    let source = SourceKey::new("apps", source).unwrap();
    let key = BlobKey { source, digest: Digest::of(bytes) };
    BlobInfo { key, size: bytes.len() as u64, stored_at: Timestamp::UNIX_EPOCH }
}

fn publish(cache: &Cache, source: &str, bytes: &'static [u8]) -> BlobKey {
    let info = info(source, bytes);
    cache.published(&info, &[Bytes::from_static(bytes)]);
    info.key
}

fn blob(info: &BlobInfo, bytes: &'static [u8]) -> Blob {
    let chunks = bytes.chunks(2).map(|chunk| Ok(Bytes::from_static(chunk)));
    let bytes = Pieces::Coming(stream::iter(chunks.collect::<Vec<_>>()).boxed());
    Blob { info: info.clone(), range: 0..info.size, bytes }
}

async fn read(blob: Blob) -> Vec<u8> {
    blob.bytes.try_collect::<Vec<_>>().await.unwrap().concat()
}

/// Room for `count` copies of five bytes each.
fn room(count: u64) -> Cache {
    Cache::new(count * (5 + OVERHEAD))
}

#[tokio::test]
async fn a_stored_blob_is_copied_and_any_part_of_it_is_read() {
    let cache = room(2);
    let key = publish(&cache, "one", b"again");
    let copy = cache.open(&key, Some(&(1..99))).expect("copied");
    assert_eq!((copy.range.clone(), read(copy).await), (1..5, b"gain".to_vec()));
}

#[tokio::test]
async fn a_copy_stands_for_its_blob_for_a_moment_after_the_store_was_seen_to_hold_it() {
    let cache = room(1);
    let (key, start) = (publish(&cache, "one", b"again"), Instant::now());
    cache.confirm(&key, start);
    let fresh = |now| cache.fresh(&key, None, now);
    assert_eq!(read(fresh(start).expect("just seen")).await, b"again");
    assert!(fresh(start + MOMENT).is_none() && cache.holds(&key));
    cache.confirm(&key, start + MOMENT);
    assert!(fresh(start + MOMENT).is_some());
    cache.forget(&key);
    assert!(fresh(start + MOMENT).is_none());
}

#[tokio::test]
async fn what_was_neither_published_nor_read_for_longest_goes_first() {
    let cache = room(2);
    let [first, second] = [publish(&cache, "one", b"11111"), publish(&cache, "two", b"22222")];
    assert_eq!(read(cache.open(&first, None).unwrap()).await, b"11111");
    let third = publish(&cache, "three", b"33333");
    assert_eq!([&first, &second, &third].map(|key| cache.holds(key)), [true, false, true]);
    assert_eq!(cache.used(), 2 * (5 + OVERHEAD));
    cache.forget(&first);
    cache.forget(&third);
    assert_eq!(cache.used(), 0);
}

#[tokio::test]
async fn what_a_reader_was_sent_is_copied_if_it_is_right() {
    let cache = room(2);
    let right = info("one", b"right");
    assert_eq!(read(cache.copying(blob(&right, b"right"))).await, b"right");
    assert!(cache.holds(&right.key));
    let wrong = BlobInfo { key: info("two", b"other").key, ..right };
    assert_eq!(read(cache.copying(blob(&wrong, b"right"))).await, b"right", "it is for others to judge");
    assert!(!cache.holds(&wrong.key));
}

#[tokio::test]
async fn no_part_and_nothing_large_is_copied() {
    let cache = Cache::new(u64::MAX);
    let whole = info("one", b"whole");
    let part = Blob { range: 0..2, ..blob(&whole, b"wh") };
    assert_eq!(read(cache.copying(part)).await, b"wh");
    let large = vec![0; LARGEST as usize + 1];
    cache.published(&info("one", &large), &[large.clone().into()]);
    cache.published(&info("two", &large[1..]), &[large[1..].to_vec().into()]);
    assert_eq!(cache.used(), LARGEST + OVERHEAD);
    let none = Cache::new(0);
    assert!(!none.holds(&publish(&none, "one", b"")));
}

#[tokio::test]
async fn many_readers_at_once_gather_for_a_few_copies_only() {
    let cache = room(100);
    let infos: Vec<_> = (0..GATHERING + 1).map(|n| info(&format!("n{n}"), b"bytes")).collect();
    let reading: Vec<_> = infos.iter().map(|info| cache.copying(blob(info, b"bytes"))).collect();
    for blob in reading {
        read(blob).await;
    }
    assert_eq!(infos.iter().filter(|info| cache.holds(&info.key)).count(), GATHERING);
}
