//! What `spec.pin` keeps published, and what waits meanwhile. Pure.
//!
//! The status always tells the newest artifact: it is the published one, or the one that waits.
use super::artifact;
use crate::reconcile::{Failure, Note, Retry};
use artifacts::{BlobInfo, Digest, provenance::Recorded};
use crds::{
    ExternalSourceStatus,
    conditions::{self, PINNED, Said},
    external_source::Artifact,
    reasons,
};
use jiff::Timestamp;
use url::Url;

/// The revision that `spec.pin` names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pin {
    /// Its digest.
    pub digest: Digest,
    /// Its blob, if that is here and whole.
    pub blob: Option<BlobInfo>,
    /// What its record tells, if there is one; read where it is not published yet.
    pub record: Option<Recorded>,
}

/// The newest artifact, published or not.
pub(super) fn newest(status: &ExternalSourceStatus) -> Option<&Artifact> {
    status.waiting_artifact.as_ref().or(status.artifact.as_ref())
}

/// Whether another stored revision must be published, or something else be said of the pin, without any fetch.
pub(super) fn is_due(status: &ExternalSourceStatus, pin: Option<&Pin>, newest_is_whole: bool) -> bool {
    let told = conditions::find(&status.conditions, PINNED);
    match pin {
        Some(pin) => {
            let is_told = told.is_some_and(|told| told.status == "True");
            pin.blob.is_some() && !(is_told && is_published(status, &pin.digest))
        }
        None if status.waiting_artifact.is_some() => newest_is_whole,
        None => told.is_some(),
    }
}

/// Publishes what the pin names, or, without one, the newest. Both are stored.
pub(super) fn obey(status: &mut ExternalSourceStatus, pin: Option<&Pin>, base: &Url) -> Option<Note> {
    let before = status.artifact.as_ref().map(|artifact| artifact.revision.clone());
    let newest = newest(status).cloned();
    match pin {
        None => (status.artifact, status.waiting_artifact) = (newest, None),
        Some(Pin { digest, blob: Some(blob), record }) if !is_published(status, digest) => {
            let (pinned, waiting) = match newest {
                Some(newest) if is(&newest, digest) => (newest, None),
                newest => (artifact::restored(blob, record.clone(), base), newest),
            };
            (status.artifact, status.waiting_artifact) = (Some(pinned), waiting);
        }
        Some(_) => {}
    }
    let after = status.artifact.as_ref().map(|artifact| &artifact.revision)?;
    let why = if pin.is_some() { "names it" } else { "is gone" };
    let message = format!("published stored revision {after}, since spec.pin {why}");
    (before.as_ref() != Some(after)).then(|| Note::normal(reasons::REVISION_SWITCHED, message))
}

/// Takes in the newest artifact. Whether it is published now.
pub(super) fn place(status: &mut ExternalSourceStatus, newest: Artifact, pin: Option<&Pin>) -> bool {
    let is_free = pin.is_none_or(|pin| is(&newest, &pin.digest));
    if is_free {
        (status.artifact, status.waiting_artifact) = (Some(newest), None);
    } else {
        // It may be what was published before the pin named something that is not stored.
        let stays = status.artifact.as_ref().is_some_and(|published| published.digest == newest.digest);
        status.waiting_artifact = (!stays).then_some(newest);
    }
    is_free
}

/// Says what the pin has come to. `looked`: the source gave what the newest artifact is, so its blob is whole.
///
/// # Errors
/// What it names is not stored.
pub(super) fn tell(
    status: &mut ExternalSourceStatus,
    pin: Option<&Pin>,
    looked: bool,
    (generation, now): (Option<i64>, Timestamp),
) -> Result<(), Failure> {
    let Some(Pin { digest, blob, .. }) = pin else {
        if status.waiting_artifact.is_none() {
            conditions::remove(&mut status.conditions, PINNED);
        }
        return Ok(());
    };
    let is_healed = looked && newest(status).is_some_and(|newest| is(newest, digest));
    let is_kept = is_published(status, digest) && (blob.is_some() || is_healed);
    let (reason, message) = if is_kept {
        (reasons::PINNED, kept(status))
    } else {
        (reasons::PINNED_REVISION_MISSING, missing(digest))
    };
    let said = Said { type_: PINNED, status: is_kept, reason, message };
    conditions::set(&mut status.conditions, said, generation, now);
    if is_kept {
        return Ok(());
    }
    // The source may serve it again, and somebody may put the blob back.
    Err(Failure { retry: Retry::AtInterval, ..Failure::stalled(reason, missing(digest)) })
}

fn kept(status: &ExternalSourceStatus) -> String {
    let revision = |artifact: &Option<Artifact>| {
        artifact.as_ref().map(|artifact| artifact.revision.clone()).unwrap_or_default()
    };
    let published = revision(&status.artifact);
    match &status.waiting_artifact {
        Some(waiting) => {
            format!("spec.pin keeps {published} published; {} is newer, and waits", waiting.revision)
        }
        None => format!("spec.pin keeps {published} published; nothing newer waits"),
    }
}

fn missing(digest: &Digest) -> String {
    format!(
        "spec.pin names {digest}, which is not stored; status.history names what is, and what was published stays so"
    )
}

/// Whether that is what is published.
pub(super) fn is_published(status: &ExternalSourceStatus, digest: &Digest) -> bool {
    status.artifact.as_ref().is_some_and(|artifact| is(artifact, digest))
}

fn is(artifact: &Artifact, digest: &Digest) -> bool {
    artifact.digest == digest.to_string()
}

#[cfg(test)]
mod tests;
