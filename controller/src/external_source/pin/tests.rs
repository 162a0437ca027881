//! What is published and what waits, as revisions come and pins with them.
use super::*;
use crate::external_source::artifact::{
    describe,
    tests::{base, fetched},
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn artifact(content: &str) -> Artifact {
    describe(&fetched(content, 60), &base())
}

/// A pin to that content, which is stored.
fn pin(content: &str) -> Pin {
    let blob = fetched(content, 60).blob;
    Pin { digest: blob.key.digest, blob: Some(blob), record: None }
}

/// A pin to that content, which is not stored.
fn lost(content: &str) -> Pin {
    Pin { blob: None, ..pin(content) }
}

/// That content is published, and nothing waits.
fn status(content: &str) -> ExternalSourceStatus {
    ExternalSourceStatus { artifact: Some(artifact(content)), ..Default::default() }
}

/// The digests of what is published and of what waits, for those contents.
fn shelf(published: &str, waiting: Option<&str>) -> (Option<String>, Option<String>) {
    (Some(artifact(published).digest), waiting.map(|waiting| artifact(waiting).digest))
}

fn shelf_of(status: &ExternalSourceStatus) -> (Option<String>, Option<String>) {
    let digest = |artifact: &Option<Artifact>| artifact.as_ref().map(|artifact| artifact.digest.clone());
    (digest(&status.artifact), digest(&status.waiting_artifact))
}

fn told(status: &mut ExternalSourceStatus, pin: Option<&Pin>, looked: bool) -> Result<(), Failure> {
    tell(status, pin, looked, (Some(2), NOW))
}

#[test]
fn a_pin_brings_an_older_revision_back_and_the_newest_waits() {
    let mut status = status("b");
    let note = obey(&mut status, Some(&pin("a")), &base()).expect("something else is published");
    assert_eq!((note.reason, shelf_of(&status)), (reasons::REVISION_SWITCHED, shelf("a", Some("b"))));
    assert!(!place(&mut status, artifact("c"), Some(&pin("a"))), "nothing newer is published");
    assert_eq!(shelf_of(&status), shelf("a", Some("c")));
    obey(&mut status, Some(&pin("b")), &base());
    assert_eq!(shelf_of(&status), shelf("b", Some("c")));
    obey(&mut status, Some(&pin("c")), &base());
    assert_eq!(shelf_of(&status), shelf("c", None));
}

#[test]
fn without_a_pin_what_waited_is_published() {
    let mut status = ExternalSourceStatus { waiting_artifact: Some(artifact("b")), ..status("a") };
    assert!(is_due(&status, None, true));
    assert!(!is_due(&status, None, false), "its blob is gone: it is fetched again first");
    obey(&mut status, None, &base()).expect("something else is published");
    assert_eq!(shelf_of(&status), shelf("b", None));
    assert_eq!(obey(&mut status, None, &base()), None);
    assert!(!is_due(&status, None, true));
}

#[test]
fn the_condition_names_what_waits_and_goes_with_the_pin() {
    let mut status = status("b");
    obey(&mut status, Some(&pin("a")), &base());
    assert!(is_due(&status, Some(&pin("a")), true), "it is not told yet");
    told(&mut status, Some(&pin("a")), false).expect("kept");
    let condition = conditions::find(&status.conditions, PINNED).expect("told").clone();
    assert_eq!((&*condition.status, condition.observed_generation), ("True", Some(2)));
    for revision in [artifact("a").revision, artifact("b").revision] {
        assert!(condition.message.contains(&revision), "{}", condition.message);
    }
    assert!(!is_due(&status, Some(&pin("a")), true));
    assert!(is_due(&status, Some(&pin("b")), true));

    obey(&mut status, None, &base());
    assert!(is_due(&status, None, true), "the condition still speaks of a pin");
    told(&mut status, None, false).expect("nothing is pinned");
    assert_eq!(conditions::find(&status.conditions, PINNED), None);
}

#[test]
fn a_pin_to_what_is_not_stored_is_a_failure_and_what_is_published_stays() {
    let mut status = status("b");
    assert!(!is_due(&status, Some(&lost("a")), true), "there is nothing to publish");
    assert!(!place(&mut status, artifact("b"), Some(&lost("a"))));
    assert_eq!(shelf_of(&status), shelf("b", None));
    place(&mut status, artifact("c"), Some(&lost("a")));
    assert_eq!(shelf_of(&status), shelf("b", Some("c")));
    let failure = told(&mut status, Some(&lost("a")), true).expect_err("it is not there");
    assert_eq!((failure.reason, failure.retry), ("PinnedRevisionMissing", Retry::AtInterval));
    assert!(failure.message.contains(&artifact("a").digest), "{failure}");
    assert_eq!(conditions::find(&status.conditions, PINNED).map(|told| &*told.status), Some("False"));
}

#[test]
fn a_source_that_serves_the_pinned_revision_heals_it() {
    let mut status = ExternalSourceStatus { waiting_artifact: Some(artifact("b")), ..status("a") };
    told(&mut status, Some(&lost("a")), true).expect_err("published, and not stored any more");
    assert!(place(&mut status, artifact("a"), Some(&lost("a"))));
    assert_eq!(shelf_of(&status), shelf("a", None));
    told(&mut status, Some(&lost("a")), true).expect("the source gave it");
    told(&mut status, Some(&lost("a")), false).expect_err("nothing was fetched");
}
