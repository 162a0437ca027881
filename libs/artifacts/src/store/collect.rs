//! Which blobs may go. Pure: the stored blobs, those to keep and the time come from outside.
use super::{BlobInfo, BlobKey, SourceKey};
use jiff::Timestamp;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

/// The blobs that nobody keeps, once `grace` has passed: those that fell out of a source's history, and orphans of
/// sources that are gone.
///
/// The grace counts from when a blob was stored, for the pass that has yet to publish it; and again from when the next
/// blob of its source was stored, for the reader who was told of it just before.
pub fn doomed(stored: &[BlobInfo], keep: &HashSet<BlobKey>, grace: Duration, now: Timestamp) -> Vec<BlobKey> {
    let mut times: HashMap<&SourceKey, BTreeSet<Timestamp>> = HashMap::new();
    for blob in stored {
        times.entry(&blob.key.source).or_default().insert(blob.stored_at);
    }
    let in_use_until = |blob: &BlobInfo| {
        let replaced_at = times[&blob.key.source].range((Excluded(blob.stored_at), Unbounded)).next();
        *replaced_at.unwrap_or(&blob.stored_at)
    };
    let is_over =
        |since: Timestamp| Duration::try_from(now.duration_since(since)).is_ok_and(|age| age > grace);
    let goes = |blob: &&BlobInfo| !keep.contains(&blob.key) && is_over(in_use_until(blob));
    stored.iter().filter(goes).map(|blob| blob.key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;
    use jiff::SignedDuration;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const GRACE: Duration = Duration::from_secs(300);

    fn blob(name: &str, age_seconds: i64) -> BlobInfo {
        let key =
            BlobKey { source: SourceKey::new("apps", name).unwrap(), digest: Digest::of(name.as_bytes()) };
        BlobInfo { key, size: 1, stored_at: NOW - SignedDuration::from_secs(age_seconds) }
    }

    #[test]
    fn what_is_kept_stays_however_old() {
        let kept = blob("kept", 1_000_000);
        let keep = HashSet::from([kept.key.clone()]);
        let orphan = blob("orphan", 1_000_000);
        assert_eq!(doomed(&[kept, orphan.clone()], &keep, GRACE, NOW), [orphan.key]);
    }

    #[test]
    fn a_young_blob_stays_for_its_readers_and_its_publisher() {
        let blobs = [blob("young", 299), blob("just-in-time", 300), blob("old", 301)];
        assert_eq!(doomed(&blobs, &HashSet::new(), GRACE, NOW), [blobs[2].key.clone()]);
    }

    #[test]
    fn a_blob_that_was_just_replaced_stays_for_who_was_told_of_it() {
        let [first, second, third] = [(b"1", 9_000), (b"2", 301), (b"3", 299)].map(|(bytes, age)| {
            let mut blob = blob("podinfo", age);
            blob.key.digest = Digest::of(bytes);
            blob
        });
        let keep = HashSet::from([third.key.clone()]);
        assert_eq!(doomed(&[first.clone(), second, third], &keep, GRACE, NOW), [first.key]);
    }

    #[test]
    fn a_blob_from_the_future_stays() {
        assert_eq!(doomed(&[blob("clock-was-set-back", -1_000_000)], &HashSet::new(), GRACE, NOW), []);
    }

    #[test]
    fn a_digest_kept_for_one_source_is_not_kept_for_another() {
        let mine = blob("mine", 1_000);
        let theirs = BlobInfo {
            key: BlobKey { source: SourceKey::new("apps", "theirs").unwrap(), digest: mine.key.digest },
            ..mine.clone()
        };
        let keep = HashSet::from([mine.key.clone()]);
        assert_eq!(doomed(&[mine, theirs.clone()], &keep, GRACE, NOW), [theirs.key]);
    }
}
