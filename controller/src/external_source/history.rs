//! Which revisions are kept. Pure.
use crds::{
    ExternalSourceSpec, duration,
    external_source::{Artifact, DEFAULT_HISTORY_LIMIT, StoredRevision},
};
use jiff::Timestamp;
use std::time::Duration;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    limit: usize,
    max_age: Option<Duration>,
}

impl Keep {
    /// What the spec says, or the defaults where it says nothing sensible.
    pub(super) fn new(spec: &ExternalSourceSpec) -> Self {
        let limit = spec.history.as_ref().map_or(DEFAULT_HISTORY_LIMIT, |history| history.limit).max(1);
        let max_age = spec.history.as_ref().and_then(|history| history.max_age.as_deref());
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            max_age: max_age.and_then(|age| duration::parse(age).ok()),
        }
    }
}

/// What always stays; mostly these are the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Current<'a> {
    pub(super) newest: &'a Artifact,
    pub(super) published: &'a Artifact,
}

/// The history with the newest in front, and without what is too old or too much. What is published always stays.
pub(super) fn trimmed(
    history: &[StoredRevision],
    Current { newest, published }: Current<'_>,
    keep: Keep,
    now: Timestamp,
) -> Vec<StoredRevision> {
    let is_published = |stored: &StoredRevision| stored.digest == published.digest;
    let young = |stored: &&StoredRevision| {
        let (Some(most), Some(time)) = (keep.max_age, &stored.last_update_time) else { return true };
        Duration::try_from(now.duration_since(time.0)).unwrap_or_default() <= most
    };
    let others = history.iter().filter(|stored| stored.digest != newest.digest);
    let others = others.filter(|stored| is_published(stored) || young(stored)).cloned();
    let mut kept: Vec<_> = std::iter::once(listed(newest)).chain(others).take(keep.limit).collect();
    if !kept.iter().any(is_published) {
        kept.push(listed(published));
    }
    kept
}

fn listed(artifact: &Artifact) -> StoredRevision {
    StoredRevision {
        revision: artifact.revision.clone(),
        digest: artifact.digest.clone(),
        size: artifact.size,
        last_update_time: artifact.last_update_time.clone(),
    }
}

/// The digests that were listed, and are no longer.
pub(super) fn retired<'a>(
    before: &'a [StoredRevision],
    after: &'a [StoredRevision],
) -> impl Iterator<Item = &'a str> {
    let stays = |digest: &str| after.iter().any(|stored| stored.digest == digest);
    before.iter().map(|stored| &*stored.digest).filter(move |digest| !stays(digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external_source::artifact::{
        describe,
        tests::{base, fetched},
    };
    use crds::external_source::History;

    fn artifact(content: &str, second: i64) -> Artifact {
        describe(&fetched(content, second), &base())
    }

    fn keep(limit: i64, max_age: Option<&str>) -> Keep {
        let history = History { limit, max_age: max_age.map(str::to_owned) };
        Keep::new(&ExternalSourceSpec { history: Some(history), ..Default::default() })
    }

    /// What is newest is published.
    fn alone(artifact: &Artifact) -> Current<'_> {
        Current { newest: artifact, published: artifact }
    }

    /// The history after those contents came one after the other, a minute apart.
    fn after(contents: &[&str], keep: Keep) -> Vec<StoredRevision> {
        let mut history = Vec::new();
        for (minute, content) in (0..).zip(contents) {
            let now = Timestamp::from_second(minute * 60).unwrap();
            history = trimmed(&history, alone(&artifact(content, minute * 60)), keep, now);
        }
        history
    }

    fn digests(contents: &[&str]) -> Vec<String> {
        contents.iter().map(|content| artifact(content, 0).digest).collect()
    }

    fn kept(history: &[StoredRevision]) -> Vec<String> {
        history.iter().map(|stored| stored.digest.clone()).collect()
    }

    #[test]
    fn the_newest_stands_first_and_the_oldest_goes() {
        let history = after(&["a", "b", "c", "d"], keep(3, None));
        assert_eq!(kept(&history), digests(&["d", "c", "b"]));
    }

    #[test]
    fn content_that_comes_back_is_listed_once() {
        assert_eq!(kept(&after(&["a", "b", "a"], keep(5, None))), digests(&["a", "b"]));
    }

    #[test]
    fn what_leaves_is_named_and_what_comes_back_is_not() {
        let before = after(&["a", "b", "c"], keep(5, None));
        let now = after(&["a", "b", "c", "d", "a"], keep(2, None));
        assert_eq!(retired(&before, &now).collect::<Vec<_>>(), digests(&["c", "b"]));
    }

    #[test]
    fn age_takes_all_but_the_current_one() {
        let history = after(&["a", "b", "c"], keep(5, Some("1m")));
        assert_eq!(kept(&history), digests(&["c", "b"]));
        let much_later = Timestamp::from_second(1_000_000).unwrap();
        let history = trimmed(&history, alone(&artifact("c", 120)), keep(5, Some("1m")), much_later);
        assert_eq!(kept(&history), digests(&["c"]));
    }

    #[test]
    fn what_is_published_stays_however_old_and_whatever_came_after_it() {
        let (newest, published) = (artifact("d", 180), artifact("a", 0));
        let history = after(&["a", "b", "c"], keep(5, None));
        let current = Current { newest: &newest, published: &published };
        let much_later = Timestamp::from_second(1_000_000).unwrap();
        let kept_of = |keep| kept(&trimmed(&history, current, keep, much_later));
        assert_eq!(kept_of(keep(5, Some("1m"))), digests(&["d", "a"]));
        assert_eq!(kept_of(keep(2, None)), digests(&["d", "c", "a"]));
        assert_eq!(kept(&trimmed(&[], current, keep(1, None), much_later)), digests(&["d", "a"]));
    }

    #[test]
    fn what_makes_no_sense_counts_as_unset() {
        assert_eq!(after(&["a", "b"], keep(-3, Some("soon"))).len(), 1);
        assert_eq!(Keep::new(&ExternalSourceSpec::default()).limit, 5);
    }
}
