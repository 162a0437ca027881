//! The `ExternalArtifacts` of the cluster as the watch shows them, and whether Flux's CRD is there at all.
use super::ExternalSources;
use crate::reconcile::{Failure, Guarded, Newest, Queue, Retry, back_off, listing, prune};
use artifacts::Digest;
use crds::{
    Decoded, ExternalArtifact, ExternalSource,
    annotations::REQUESTED_AT,
    external_artifact::{FluxArtifact, SourceReference},
    reasons,
};
use futures::StreamExt;
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use std::{
    collections::{HashMap, HashSet},
    mem,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{debug, info};

/// How often a missing CRD is looked for.
const RECHECK: Duration = Duration::from_secs(3);
/// How long a pass waits until it is known what there is.
const PATIENCE: Duration = Duration::from_secs(10);

/// An `ExternalArtifact`, or why it cannot be read: other producers may write what this version does not know.
pub(super) type GuardedArtifact = Decoded<ExternalArtifact>;

/// The `ExternalArtifacts` of the cluster.
pub(crate) struct FluxArtifacts {
    artifacts: Store<GuardedArtifact>,
    newest: Newest<ExternalArtifact>,
    installed: watch::Receiver<Option<bool>>,
}

/// The other end, for [`follow`].
pub(crate) struct Follower {
    writer: Writer<GuardedArtifact>,
    /// What was there when the watch began anew.
    before: Versions,
    /// Told by `follow` to everybody who asks; `None`: not known yet.
    installed: watch::Sender<Option<bool>>,
}

/// An `ExternalArtifact` of a source's name.
#[derive(Clone, Debug)]
pub(super) struct Published(pub Arc<GuardedArtifact>);

impl FluxArtifacts {
    pub(crate) fn new() -> (Arc<Self>, Follower) {
        let (artifacts, writer) = reflector::store();
        let (installed_tx, installed_rx) = watch::channel(None);
        let follower = Follower { writer, before: Versions::new(), installed: installed_tx };
        let newest = Newest::new(artifacts.clone());
        (Arc::new(Self { artifacts, newest, installed: installed_rx }), follower)
    }

    /// Waits until it is known what there is.
    pub(super) async fn known(&self) -> Result<(), Failure> {
        let mut installed = self.installed.clone();
        let known = timeout(PATIENCE, installed.wait_for(Option::is_some)).await;
        if matches!(known, Ok(Ok(_))) { Ok(()) } else { Err(unknown()) }
    }

    /// Whether the CRD is there.
    pub(super) fn is_installed(&self) -> bool {
        *self.installed.borrow() == Some(true)
    }

    /// What there is of the source's name.
    pub(super) fn find(&self, source: &ExternalSource) -> Option<Published> {
        let reference = ObjectRef::new(&source.name_any()).within(&source.namespace().unwrap_or_default());
        self.newest.of(&reference, Instant::now()).map(Published)
    }

    /// Remembers what a write returned.
    pub(super) fn wrote(&self, artifact: ExternalArtifact) {
        self.newest.wrote(artifact, Instant::now());
    }
}

impl Published {
    /// The artifact that it names.
    fn artifact(&self) -> Option<&FluxArtifact> {
        self.0.0.as_ref().ok()?.status.as_ref()?.artifact.as_ref()
    }

    /// The digest of that artifact.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.artifact()?.digest.parse().ok()
    }

    /// The revision of that artifact.
    pub(super) fn revision(&self) -> Option<String> {
        Some(self.artifact()?.revision.clone())
    }

    /// Why it must be left alone, if it is not the source's: only its controller may change it. One that lost its
    /// controller, to an edit or a restore, still says by its spec what it was made from.
    pub(super) fn taken_from(&self, source: &ExternalSource) -> Option<String> {
        let Some(owner) = self.0.owner_references().iter().find(|owner| owner.controller == Some(true))
        else {
            return (!self.is_made_from(source)).then(|| "was not made by this source".to_owned());
        };
        let is_owned = Some(&owner.uid) == source.metadata.uid.as_ref();
        (!is_owned).then(|| format!("belongs to {} {}", owner.kind, owner.name))
    }

    fn is_made_from(&self, source: &ExternalSource) -> bool {
        self.0.0.as_ref().is_ok_and(|known| known.spec.source_ref.as_ref() == Some(&origin(source)))
    }

    /// The value of `requestedAt`, where Flux's receivers put it.
    pub(super) fn requested_at(&self) -> Option<String> {
        self.0.annotations().get(REQUESTED_AT).cloned()
    }
}

/// How an artifact tells what it is made from.
pub(super) fn origin(source: &ExternalSource) -> SourceReference {
    SourceReference {
        api_version: ExternalSource::api_version(&()).into_owned(),
        kind: ExternalSource::kind(&()).into_owned(),
        name: source.name_any(),
        namespace: source.namespace().unwrap_or_default(),
    }
}

/// Publishing without knowing what is there could take what belongs to somebody else.
fn unknown() -> Failure {
    let message = "the ExternalArtifacts of this cluster cannot be listed";
    Failure { retry: Retry::Soon, ..Failure::stalled(reasons::KUBERNETES_ERROR, message) }
}

/// Keeps [`FluxArtifacts`] true, and wakes sources whose artifact was changed by somebody else. Never returns.
pub(crate) async fn follow(
    client: Client,
    artifacts: Arc<FluxArtifacts>,
    mut follower: Follower,
    (queue, sources): (Queue, Store<Guarded<ExternalSources>>),
) {
    loop {
        let api: Api<GuardedArtifact> = Api::all(client.clone());
        let mut events = pin!(watcher(api, listing()).backoff(back_off()).modify(prune));
        while let Some(event) = events.next().await {
            let installed = match event {
                Ok(event) => {
                    for (namespace, name) in follower.apply(&artifacts, &event) {
                        queue.wake(&namespace, &name).await;
                    }
                    matches!(event, Event::InitDone).then_some(true)
                }
                Err(error) if is_missing(&error) => Some(false),
                Err(error) => {
                    debug!(error = %telemetry::Chain(&error), "the watch of ExternalArtifacts broke; it starts again");
                    None
                }
            };
            let Some(installed) = installed else { continue };
            if follower.installed.send_replace(Some(installed)) != Some(installed) {
                info!(installed, "looked for Flux's ExternalArtifact");
                wake_all(&queue, &sources).await;
            }
            if !installed {
                break;
            }
        }
        // What was there went with its definition.
        follower.apply(&artifacts, &Event::Init);
        follower.apply(&artifacts, &Event::InitDone);
        sleep(RECHECK).await;
    }
}

impl Follower {
    /// Takes in an event, and says which artifacts somebody else has changed.
    fn apply(&mut self, artifacts: &FluxArtifacts, event: &Event<GuardedArtifact>) -> Vec<(String, String)> {
        if matches!(event, Event::Init) {
            self.before = versions(&artifacts.artifacts);
        }
        self.writer.apply_watcher_event(event);
        match event {
            Event::Apply(artifact) if !artifacts.newest.seen(artifact) => key(artifact).into_iter().collect(),
            Event::Delete(artifact) => {
                artifacts.newest.deleted(&ObjectRef::from_obj(artifact));
                key(artifact).into_iter().collect()
            }
            // While the watch was away, anything may have happened.
            Event::InitDone => differing(&mem::take(&mut self.before), &versions(&artifacts.artifacts)),
            Event::Apply(_) | Event::Init | Event::InitApply(_) => Vec::new(),
        }
    }
}

/// Namespace and name to resource version.
type Versions = HashMap<(String, String), Option<String>>;

fn versions(artifacts: &Store<GuardedArtifact>) -> Versions {
    let version = |artifact: Arc<GuardedArtifact>| Some((key(&artifact)?, artifact.resource_version()));
    artifacts.state().into_iter().filter_map(version).collect()
}

fn differing(before: &Versions, after: &Versions) -> Vec<(String, String)> {
    let keys: HashSet<_> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

fn key(artifact: &GuardedArtifact) -> Option<(String, String)> {
    Some((artifact.namespace()?, artifact.name_any()))
}

async fn wake_all(queue: &Queue, sources: &Store<Guarded<ExternalSources>>) {
    for source in sources.state() {
        queue.wake(&source.namespace().unwrap_or_default(), &source.name_any()).await;
    }
}

/// Whether there is no such kind.
fn is_missing(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, WatchStartFailed};
    matches!(
        error,
        InitialListFailed(kube::Error::Api(status)) | WatchStartFailed(kube::Error::Api(status)) if status.code == 404
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(name: &str, version: u32) -> GuardedArtifact {
        let mut artifact = ExternalArtifact::new(name, Default::default());
        artifact.metadata.namespace = Some("apps".into());
        artifact.metadata.resource_version = Some(version.to_string());
        Decoded(Ok(artifact))
    }

    fn woken(
        follower: &mut Follower,
        artifacts: &FluxArtifacts,
        events: &[Event<GuardedArtifact>],
    ) -> Vec<String> {
        let mut names: Vec<_> =
            events.iter().flat_map(|event| follower.apply(artifacts, event)).map(|(_, name)| name).collect();
        names.sort();
        names
    }

    #[test]
    fn what_happened_while_the_watch_was_away_wakes_its_sources() {
        let (artifacts, mut follower) = FluxArtifacts::new();
        let listed = |versions: &[(&str, u32)]| {
            let applied = versions.iter().map(|(name, version)| Event::InitApply(artifact(name, *version)));
            [Event::Init].into_iter().chain(applied).chain([Event::InitDone]).collect::<Vec<_>>()
        };
        woken(&mut follower, &artifacts, &listed(&[("same", 1), ("altered", 2), ("deleted", 3)]));
        let names = woken(&mut follower, &artifacts, &listed(&[("same", 1), ("altered", 9), ("new", 8)]));
        assert_eq!(names, ["altered", "deleted", "new"]);
    }

    #[test]
    fn only_what_others_do_wakes_a_source() {
        let (artifacts, mut follower) = FluxArtifacts::new();
        let Decoded(Ok(own)) = artifact("podinfo", 5) else { unreachable!("built above") };
        artifacts.wrote(own);
        let mut hear = |event| woken(&mut follower, &artifacts, &[event]);
        assert_eq!(hear(Event::Apply(artifact("podinfo", 5))), [""; 0]);
        assert_eq!(hear(Event::Apply(artifact("podinfo", 6))), ["podinfo"]);
        assert_eq!(hear(Event::Delete(artifact("podinfo", 7))), ["podinfo"]);
    }
}
