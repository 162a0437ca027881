//! Single looks, one after the other.
use super::*;
use crate::{
    Digest,
    store::{BlobInfo, SourceKey, Stored},
};
use jiff::SignedDuration;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const GRACE: Duration = Duration::from_secs(60);

fn blob(name: &str) -> BlobInfo {
    let key = BlobKey { source: SourceKey::new("apps", name).unwrap(), digest: Digest::of(name.as_bytes()) };
    BlobInfo { key, size: 1, stored_at: NOW - SignedDuration::from_secs(1_000_000) }
}

fn after(seconds: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(seconds)
}

/// What goes of those that are stored, some of which are kept.
fn gone(marks: &mut Marks, stored: &[&BlobInfo], keep: &[&BlobInfo], seconds: i64) -> Vec<BlobInfo> {
    let stored: Vec<_> = stored.iter().map(|blob| (*blob).clone()).collect();
    let keep = keep.iter().map(|blob| blob.key.clone()).collect();
    marks.look(&stored, &keep, GRACE, after(seconds)).gone
}

#[test]
fn what_is_kept_stays_however_old() {
    let (mut marks, kept, orphan) = (Marks::default(), blob("kept"), blob("orphan"));
    assert_eq!(gone(&mut marks, &[&kept, &orphan], &[&kept], 0), []);
    assert_eq!(gone(&mut marks, &[&kept, &orphan], &[&kept], 61), [orphan]);
}

#[test]
fn a_blob_has_its_grace_from_when_nobody_kept_it_however_old() {
    let (mut marks, old) = (Marks::default(), blob("old"));
    assert_eq!(gone(&mut marks, &[&old], &[&old], 0), []);
    for seconds in [100, 130, 160] {
        assert_eq!(gone(&mut marks, &[&old], &[], seconds), [], "{seconds}");
    }
    assert_eq!(gone(&mut marks, &[&old], &[], 161), [old]);
}

#[test]
fn a_blob_that_is_kept_again_or_stored_again_has_a_grace_of_its_own() {
    let (mut marks, first) = (Marks::default(), blob("one"));
    assert_eq!(gone(&mut marks, &[&first], &[], 0), []);
    assert_eq!(gone(&mut marks, &[&first], &[&first], 59), []);
    assert_eq!(gone(&mut marks, &[&first], &[], 61), [], "kept meanwhile");
    let again = BlobInfo { stored_at: after(100), ..first };
    assert_eq!(gone(&mut marks, &[&again], &[], 122), [], "stored meanwhile");
    assert_eq!(gone(&mut marks, &[&again], &[], 161), [], "marked now");
    assert_eq!(gone(&mut marks, &[&again], &[], 222), [again]);
}

#[test]
fn a_young_blob_stays_for_its_publisher() {
    let mut marks = Marks::default();
    let young = BlobInfo { stored_at: after(0), ..blob("young") };
    let look = marks.look(std::slice::from_ref(&young), &HashSet::new(), GRACE, after(10));
    assert_eq!(look, Look { gone: vec![], again: Some(after(60)) });
    assert_eq!(marks, Marks::default(), "it may yet be published");
}

#[test]
fn an_upload_that_is_noted_again_within_its_grace_stays_and_a_silent_one_goes() {
    // The clock of the store is an hour behind, or ahead, of ours.
    for ahead in [-3600, 0, 30] {
        let mut marks = Marks::default();
        let noted = |seconds: i64| Stored { key: "7", size: 1, stored_at: after(ahead + seconds) };
        let mut gone = |noted, seconds| {
            marks.look(std::slice::from_ref(&noted), &HashSet::new(), GRACE, after(seconds)).gone
        };
        for seconds in (0..1000).step_by(20) {
            let last = seconds - seconds % 55;
            assert_eq!(gone(noted(last), seconds), [], "{ahead} {seconds}");
        }
        let last = noted(1000);
        for seconds in [1010, 1065] {
            assert_eq!(gone(last.clone(), seconds), [], "{ahead} {seconds}");
        }
        gone(last.clone(), 1100);
        assert_eq!(gone(last.clone(), 1161), [last], "{ahead}");
    }
}

#[test]
fn a_clock_that_was_set_back_gives_another_grace() {
    let (mut marks, one) = (Marks::default(), blob("one"));
    assert_eq!(gone(&mut marks, &[&one], &[], 1_000_000), []);
    assert_eq!(gone(&mut marks, &[&one], &[], 0), []);
    assert_eq!(gone(&mut marks, &[&one], &[], 61), [one]);
}

#[test]
fn a_look_tells_when_the_next_is_worth_while() {
    let (mut marks, first, second) = (Marks::default(), blob("first"), blob("second"));
    let mut again =
        |stored: &[BlobInfo], seconds| marks.look(stored, &HashSet::new(), GRACE, after(seconds)).again;
    assert_eq!(again(&[], 0), None);
    assert_eq!(again(std::slice::from_ref(&first), 10), Some(after(70)));
    assert_eq!(again(&[first.clone(), second.clone()], 30), Some(after(70)));
    assert_eq!(again(&[first, second], 71), Some(after(90)), "the first may go already");
}

#[test]
fn a_digest_kept_for_one_source_is_not_kept_for_another() {
    let (mut marks, mine) = (Marks::default(), blob("mine"));
    let theirs = BlobInfo {
        key: BlobKey { source: SourceKey::new("apps", "theirs").unwrap(), digest: mine.key.digest },
        ..mine.clone()
    };
    assert_eq!(gone(&mut marks, &[&mine, &theirs], &[&mine], 0), []);
    assert_eq!(gone(&mut marks, &[&mine, &theirs], &[&mine], 61), [theirs]);
}
