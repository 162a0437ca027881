//! The sources of the cluster as this replica knows them, and the views that follow from them.
use crate::{
    artifact::{self, Artifact},
    feed::{self, Guarded},
    source_view::{self, SourceView},
};
use artifacts::{BlobKey, SourceKey};
use crds::{
    ExternalSource,
    annotations::REQUESTED_AT,
    conditions::{self, READY},
    rules::{FieldError, Rules},
};
use extension_apiserver::{
    object::{Key, Version},
    status::Status,
    view::View,
};
use futures::FutureExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::watch;

/// Everything that is served follows from this. Clones share their content.
#[derive(Clone)]
pub(crate) struct Sources {
    known: Arc<RwLock<HashMap<Key, Known>>>,
    /// The version up to which everything is known. Sent to those who wait for a source to change.
    version: Arc<watch::Sender<Version>>,
    pub(crate) views: View<SourceView>,
    pub(crate) artifacts: View<Artifact>,
}

/// What is kept of a source.
#[derive(Clone)]
pub(crate) struct Known {
    /// The source, without what nobody asks for here.
    pub(crate) source: Arc<ExternalSource>,
    /// What is wrong with its spec, if it was written before the rules.
    pub(crate) broken: Vec<FieldError>,
    /// The value of the annotation that asks for a pass.
    pub(crate) requested: Option<String>,
    /// The digest that must stay published.
    pub(crate) pin: Option<String>,
    /// Whether nothing is fetched.
    pub(crate) is_suspended: bool,
}

impl Sources {
    pub(crate) fn new() -> Self {
        let version = Arc::new(watch::Sender::new(Version::default()));
        Self { known: Arc::default(), version, views: View::mirrored(), artifacts: View::derived() }
    }

    /// Where the memory of the views ends, they are made anew from what kube-apiserver remembers.
    pub(crate) fn remembered_by(self, api: &Api<Guarded>) -> Self {
        let (one, other) = (api.clone(), api.clone());
        let view = |source: &ExternalSource| vec![source_view::of(source)];
        let views = self.views.rebuilt_by(move |version| past(one.clone(), version, view).boxed());
        let artifacts =
            self.artifacts.rebuilt_by(move |version| past(other.clone(), version, artifact::of).boxed());
        Self { views, artifacts, ..self }
    }

    /// Takes the result of a list.
    pub(crate) fn replace(&self, version: Version, sources: Vec<ExternalSource>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = sources.into_iter().map(|source| (Key::of(&source), Known::new(source))).collect();
        let derived = known.iter().map(|(key, known)| (key.clone(), artifact::of(&known.source)));
        self.artifacts.replace(version, derived);
        let views = known.iter().map(|(key, known)| (key.clone(), vec![source_view::of(&known.source)]));
        self.views.replace(version, views);
        self.version.send_replace(version);
    }

    /// Takes a write to one source.
    pub(crate) fn apply(&self, version: Version, source: ExternalSource) {
        let key = Key::of(&source);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let now = Known::after(known.get(&key), source);
        // The views change while the lock is held, so that nobody sees them ahead of what they follow from.
        self.artifacts.apply(version, &key, artifact::of(&now.source));
        self.views.apply(version, &key, vec![source_view::of(&now.source)]);
        known.insert(key, now);
        self.version.send_replace(version);
    }

    /// Takes the deletion of a source.
    pub(crate) fn remove(&self, version: Version, key: &Key) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(key);
        self.artifacts.remove(version, key);
        self.views.remove(version, key);
        self.version.send_replace(version);
    }

    /// Takes a bookmark.
    pub(crate) fn advance(&self, version: Version) {
        self.artifacts.advance(version);
        self.views.advance(version);
        self.version.send_replace(version);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.views.is_ready() && self.artifacts.is_ready()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<ExternalSource>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).map(|known| known.source.clone())
    }

    /// All that is kept of a source.
    pub(crate) fn known(&self, key: &Key) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned()
    }

    /// Changes whenever anything may have changed; holds the version up to which everything is known.
    pub(crate) fn changes(&self) -> watch::Receiver<Version> {
        self.version.subscribe()
    }

    /// The rules that a source breaks.
    pub(crate) fn violations(&self, key: &Key) -> Vec<FieldError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).map(|known| known.broken.clone()).unwrap_or_default()
    }

    /// Whether another source of the same namespace has stored a revision whose digest begins with these digits.
    pub(crate) fn has_another(&self, key: &Key, digits: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let others =
            known.iter().filter(|(other, _)| other.namespace == key.namespace && other.name != key.name);
        others.flat_map(|(_, known)| artifact::of(&known.source)).any(|stored| stored.begins_with(digits))
    }

    /// Whether this blob is what its source publishes now.
    pub(crate) fn publishes(&self, blob: &BlobKey) -> bool {
        let key = Key { namespace: blob.source.namespace.clone(), name: blob.source.name.clone() };
        let Some(source) = self.get(&key) else { return false };
        let artifact = source.status.as_ref().and_then(|status| status.artifact.as_ref());
        artifact.is_some_and(|artifact| artifact.digest.parse() == Ok(blob.digest))
    }

    /// Whether the status of this source says that it is ready.
    pub(crate) fn is_called_ready(&self, source: &SourceKey) -> bool {
        let key = Key { namespace: source.namespace.clone(), name: source.name.clone() };
        let Some(source) = self.get(&key) else { return false };
        let conditions = source.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default();
        conditions::find(conditions, READY).is_some_and(|ready| ready.status == "True")
    }
}

impl Known {
    pub(crate) fn new(source: ExternalSource) -> Self {
        let broken = source.spec.violations();
        Self::judged(source, broken)
    }

    /// Most writes leave the spec as it was, and what is wrong with it, too.
    fn after(before: Option<&Self>, source: ExternalSource) -> Self {
        let judged = before.filter(|known| {
            let (then, now) = (&known.source.metadata, &source.metadata);
            now.generation.is_some() && (&then.uid, then.generation) == (&now.uid, now.generation)
        });
        match judged {
            Some(known) => Self::judged(source, known.broken.clone()),
            None => Self::new(source),
        }
    }

    fn judged(source: ExternalSource, broken: Vec<FieldError>) -> Self {
        let is_suspended = source.spec.suspend == Some(true);
        let pin = source.spec.pinned_digest().map(str::to_owned);
        let requested = source.metadata.annotations.as_ref().and_then(|all| all.get(REQUESTED_AT)).cloned();
        Self { source: Arc::new(slim(source)), broken, requested, pin, is_suspended }
    }

    /// What an answer about it is called: as the source is, and nothing else of its metadata.
    pub(crate) fn answered_as(&self) -> ObjectMeta {
        let ObjectMeta { name, namespace, .. } = &self.source.metadata;
        ObjectMeta { name: name.clone(), namespace: namespace.clone(), ..ObjectMeta::default() }
    }

    /// The revision that is published.
    pub(crate) fn revision(&self) -> Option<String> {
        Some(self.source.status.as_ref()?.artifact.as_ref()?.revision.clone())
    }

    /// The version of its last write.
    pub(crate) fn version(&self) -> Version {
        let version = self.source.metadata.resource_version.as_deref();
        version.and_then(|version| version.parse().ok()).unwrap_or_default()
    }
}

/// Everything that follows from the sources as they were at a version.
async fn past<T>(
    api: Api<Guarded>,
    version: Version,
    derive: fn(&ExternalSource) -> Vec<T>,
) -> Result<Vec<(Key, Vec<T>)>, Status> {
    let sources = feed::at(api, version).await?;
    let derived = |source: ExternalSource| (Key::of(&source), derive(&slim(source)));
    Ok(sources.into_iter().map(derived).collect())
}

/// What nobody asks for here takes no memory.
fn slim(mut source: ExternalSource) -> ExternalSource {
    source.metadata.annotations = None;
    source.spec = crds::ExternalSourceSpec::default();
    source
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::external_source::{ExternalSourceStatus, StoredRevision};

    fn source(version: &str, digits: &[&str]) -> ExternalSource {
        let mut source = ExternalSource::new("one", crds::ExternalSourceSpec::default());
        source.metadata.namespace = Some("default".into());
        source.metadata.uid = Some("u".into());
        source.metadata.resource_version = Some(version.into());
        let stored = |digit: &&str| {
            let digest = format!("sha256:{}", digit.repeat(64));
            StoredRevision { revision: format!("latest@{digest}"), digest, ..StoredRevision::default() }
        };
        let history = digits.iter().map(stored).collect();
        source.status = Some(ExternalSourceStatus { history, ..ExternalSourceStatus::default() });
        source
    }

    #[test]
    fn a_spec_is_judged_anew_where_it_is_another() {
        let broken = |generation, interval: &str, before: Option<&Known>| {
            let mut source = source("1", &[]);
            source.metadata.generation = generation;
            source.spec.interval = interval.to_owned();
            Known::after(before, source)
        };
        let first = broken(Some(1), "nonsense", None);
        assert!(!first.broken.is_empty());
        assert_eq!(broken(Some(1), "10m", Some(&first)).broken, first.broken, "nobody looks again");
        assert_ne!(broken(Some(2), "10m", Some(&first)).broken, first.broken);
        assert_ne!(broken(None, "10m", Some(&broken(None, "nonsense", None))).broken, first.broken);
    }

    fn key() -> Key {
        Key { namespace: "default".into(), name: "one".into() }
    }

    #[test]
    fn nothing_is_ready_before_the_first_list() {
        let sources = Sources::new();
        assert!(!sources.is_ready());
        sources.replace(Version(1), Vec::new());
        assert!(sources.is_ready());
        sources.apply(Version(2), source("2", &["a"]));
        sources.remove(Version(3), &key());
        assert!(sources.get(&key()).is_none());
    }
}
