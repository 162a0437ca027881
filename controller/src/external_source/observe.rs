//! What there is to know before deciding. Reads only.
use super::{
    ExternalSources, artifact, failure,
    flux::Published,
    key,
    pin::{self, Pin},
};
use crate::reconcile::Failure;
use artifacts::{BlobInfo, BlobKey, plan::Secrets, provenance};
use crds::ExternalSource;
use installation::Ruling;
use jiff::Timestamp;
use kube::ResourceExt;
use std::collections::BTreeSet;

/// What was read.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The Secrets that the spec names; one that does not exist is left out.
    pub secrets: Result<Secrets, Failure>,
    /// The blob of the newest artifact, if it is here and whole.
    pub blob: Option<BlobInfo>,
    /// What `spec.pin` names.
    pub pin: Option<Pin>,
    /// Why the ExternalArtifact of this name must be left alone.
    pub taken: Option<String>,
    /// `requestedAt` on the ExternalArtifact, where Flux's receivers put it, if that is the source's.
    pub flux_request: Option<String>,
    /// What the operator allows this source now.
    pub allowed: Ruling,
    /// Since when this process reconciles.
    pub since: Timestamp,
}

pub(super) async fn observe(sources: &ExternalSources, source: &ExternalSource) -> Result<Seen, Failure> {
    sources.flux.known().await?;
    let published = sources.flux.find(source);
    let taken = published.as_ref().and_then(|found| found.taken_from(source));
    let blob = newest(sources, source).await?;
    Ok(Seen {
        secrets: secrets(sources, source).await,
        pin: pin(sources, source, blob.as_ref()).await?,
        blob,
        flux_request: published.filter(|_| taken.is_none()).as_ref().and_then(Published::requested_at),
        taken,
        allowed: sources.policies.now(&source.namespace().unwrap_or_default()),
        since: sources.since,
    })
}

async fn secrets(sources: &ExternalSources, source: &ExternalSource) -> Result<Secrets, Failure> {
    let (namespace, name) = (source.namespace().unwrap_or_default(), source.name_any());
    let named: BTreeSet<&str> = source.spec.generator.secrets().into_iter().collect();
    sources.secrets.follow(&namespace, &name, &named);
    let mut found = Vec::new();
    for secret in named {
        found.extend(sources.secrets.read(&namespace, secret, &name).await?);
    }
    Ok(found.into_iter().collect())
}

async fn newest(sources: &ExternalSources, source: &ExternalSource) -> Result<Option<BlobInfo>, Failure> {
    let artifact = source.status.as_ref().and_then(pin::newest);
    let owner = key(&source.metadata)?;
    let Some(blob) = artifact.and_then(|artifact| artifact::blob(artifact, &owner)) else { return Ok(None) };
    stat(sources, source, &blob).await
}

async fn pin(
    sources: &ExternalSources,
    source: &ExternalSource,
    newest: Option<&BlobInfo>,
) -> Result<Option<Pin>, Failure> {
    let Some(digest) = source.spec.pinned_digest().and_then(|digest| digest.parse().ok()) else {
        return Ok(None);
    };
    if let Some(same) = newest.filter(|newest| newest.key.digest == digest) {
        return Ok(Some(Pin { digest, blob: Some(same.clone()), record: None }));
    }
    let blob = BlobKey { source: key(&source.metadata)?, digest };
    let stored = stat(sources, source, &blob).await?;
    let record = match source.status.as_ref().is_some_and(|status| pin::is_published(status, &digest)) {
        true => None,
        // Without it less is told of the artifact, and nothing else is missing.
        false => sources.pipeline.store().attached(&blob).await.ok().flatten(),
    };
    let record = record.and_then(|record| provenance::read(&record, &blob));
    Ok(Some(Pin { digest, blob: stored, record }))
}

async fn stat(
    sources: &ExternalSources,
    source: &ExternalSource,
    blob: &BlobKey,
) -> Result<Option<BlobInfo>, Failure> {
    let store = sources.pipeline.store();
    let published = source.status.as_ref().and_then(|status| status.artifact.as_ref());
    let published = published.and_then(|artifact| artifact::blob(artifact, &blob.source));
    let is_copied = published.is_some_and(|published| store.cache().holds(&published));
    store.stat(blob).await.map_err(|error| failure::from_failing_store(&error, is_copied))
}
