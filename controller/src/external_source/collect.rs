//! Puts away blobs of a source that nobody keeps: what fell out of its history, and what passes that were cut off left behind.
//! They are marked by one look and go by a later one, as [`Marks`](artifacts::store::collect::Marks) says.
use super::{ExternalSources, failure, key, metrics::Why};
use crate::reconcile::{Failure, Note, Work};
use artifacts::{
    BlobKey, SourceKey,
    failpoint::grace,
    store::collect::{GRACE, Look},
};
use crds::{ExternalSource, ExternalSourceStatus, reasons};
use std::{collections::HashSet, mem};
use tracing::warn;

/// So much more of a grace, since it must be over, not just reached.
pub(super) const MOMENT: u32 = 60;

/// Notes what was published and leaves the history. It is done then, and not when the blobs go: by that time nobody
/// knows any more which of them were published and which a pass that was cut off left behind.
pub(super) async fn retire(
    sources: &ExternalSources,
    source: &SourceKey,
    digests: impl Iterator<Item = &str>,
) {
    for digest in digests.filter_map(|digest| digest.parse().ok()) {
        let key = BlobKey { source: source.clone(), digest };
        // Not worth a failed pass: who asks for that revision hears that it never was.
        if let Err(error) = sources.pipeline.store().retire(&key).await {
            warn!(error = %telemetry::Chain(&error), %digest, "could not note a revision that is kept no longer");
        }
    }
}

/// Removes blobs of this source that nobody keeps, if it is time to.
pub(super) async fn collect(
    sources: &ExternalSources,
    work: &mut Work<'_, ExternalSources>,
) -> Result<(), Failure> {
    let was_tidied = mem::replace(&mut work.memory.own.tidied, true);
    if !was_tidied || names_less(work.object.status.as_ref(), work.status) {
        // The time of its readers begins now.
        work.memory.chore = Some(work.moment.now);
    }
    if work.memory.chore.is_none_or(|time| time > work.moment.now) {
        return Ok(());
    }
    let (source, store) = (key(&work.object.metadata)?, sources.pipeline.store());
    let stored = store.list(Some(&source)).await.map_err(|error| failure::from_store(&error))?;
    let mut keep = kept(work.object, work.status, &source);
    // It is another one than that of the status where a pass was cut off in between, and cannot be written now.
    let published = sources.flux.find(work.object).and_then(|found| found.digest());
    keep.extend(published.map(|digest| BlobKey { source: source.clone(), digest }));
    let grace = grace(GRACE);
    let Look { gone, again } = work.memory.own.marks.look(&stored, &keep, grace, work.moment.now);
    let mut removed = 0;
    for blob in &gone {
        if store.collect(blob).await.map_err(|error| failure::from_store(&error))? {
            sources.metrics.collected(Why::Superseded);
            removed += 1;
        }
    }
    // What was stored again has a grace of its own.
    let renewed = (removed < gone.len()).then(|| work.moment.after(grace));
    work.memory.chore = again.or(renewed).map(|again| again.checked_add(grace / MOMENT).unwrap_or(again));
    if removed > 0 {
        let message = format!("removed {} that the history no longer holds", revisions(removed));
        work.notes.push(Note::normal(reasons::GARBAGE_COLLECTED, message));
    }
    Ok(())
}

fn revisions(count: usize) -> String {
    if count == 1 { "1 revision".to_owned() } else { format!("{count} revisions") }
}

/// Whether the status before this pass names a blob that it names no longer.
fn names_less(before: Option<&ExternalSourceStatus>, now: &ExternalSourceStatus) -> bool {
    before.is_some_and(|before| named(before).any(|digest| named(now).all(|kept| kept != digest)))
}

fn named(status: &ExternalSourceStatus) -> impl Iterator<Item = &str> {
    let told = status.artifact.iter().chain(&status.waiting_artifact).map(|artifact| &*artifact.digest);
    told.chain(status.history.iter().map(|stored| &*stored.digest))
}

/// Everything that the spec or the status speaks of. What is pinned stays, whatever the history says.
pub(super) fn kept(
    object: &ExternalSource,
    status: &ExternalSourceStatus,
    source: &SourceKey,
) -> HashSet<BlobKey> {
    let digests = named(status).chain(object.spec.pinned_digest());
    let blob = |digest: &str| Some(BlobKey { source: source.clone(), digest: digest.parse().ok()? });
    digests.filter_map(blob).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external_source::artifact::{
        describe,
        tests::{base, fetched},
    };
    use crds::{
        ExternalSourceSpec,
        external_source::{Artifact, StoredRevision},
    };

    fn source(pin: Option<String>) -> ExternalSource {
        ExternalSource::new("podinfo", ExternalSourceSpec { pin, ..Default::default() })
    }

    #[test]
    fn the_current_revision_and_the_whole_history_are_kept() {
        let (current, older) = (fetched("new", 60), fetched("old", 0));
        let digest = older.blob.key.digest.to_string();
        let status = ExternalSourceStatus {
            artifact: Some(describe(&current, &base())),
            history: vec![StoredRevision { digest, ..Default::default() }],
            ..Default::default()
        };
        let kept = kept(&source(None), &status, &current.blob.key.source);
        assert_eq!(kept, HashSet::from([current.blob.key, older.blob.key]));
    }

    #[test]
    fn what_is_pinned_and_what_waits_stay_whatever_the_history_says() {
        let (published, waiting, pinned) = (fetched("a", 0), fetched("b", 1), fetched("c", 2).blob.key);
        let status = ExternalSourceStatus {
            artifact: Some(describe(&published, &base())),
            waiting_artifact: Some(describe(&waiting, &base())),
            ..Default::default()
        };
        let kept = kept(&source(Some(format!("latest@{}", pinned.digest))), &status, &pinned.source);
        assert_eq!(kept, HashSet::from([published.blob.key, waiting.blob.key, pinned]));
    }

    #[test]
    fn a_status_names_less_only_where_something_fell_out_of_it() {
        let named = |digests: &[&str]| {
            let revision = |digest: &&str| StoredRevision { digest: (*digest).into(), ..Default::default() };
            ExternalSourceStatus { history: digests.iter().map(revision).collect(), ..Default::default() }
        };
        let before = ExternalSourceStatus {
            waiting_artifact: Some(Artifact { digest: "w".into(), ..Default::default() }),
            ..named(&["a"])
        };
        assert!(!names_less(None, &before));
        assert!(!names_less(Some(&before), &named(&["c", "w", "a"])), "what waited is listed");
        assert!(names_less(Some(&before), &named(&["c", "w"])));
        assert!(names_less(Some(&before), &named(&["c", "a"])));
    }

    #[test]
    fn a_history_that_was_edited_by_hand_keeps_what_it_still_names() {
        let bad = StoredRevision { digest: "sha256:nonsense".into(), ..Default::default() };
        let status = ExternalSourceStatus { history: vec![bad], ..Default::default() };
        assert!(kept(&source(None), &status, &SourceKey::new("apps", "podinfo").unwrap()).is_empty());
    }
}
