//! Reconciles `ExternalSource`: reads the Secrets, the store and the published `ExternalArtifact` ([`observe`]), decides
//! whether to fetch ([`decide`]), fetches and publishes ([`act`]).
mod act;
mod admitted;
mod artifact;
mod collect;
mod decide;
mod existing;
mod failure;
mod flux;
mod grant;
mod heal;
mod history;
mod hook_tries;
mod metrics;
mod observe;
mod pin;
mod preview;
mod publish;
mod refused_hooks;
mod secrets;
mod status;
mod sweep;
mod tell;
mod tokens;
mod verify;

pub(crate) use admitted::follow_policies;
pub(crate) use existing::Existing;
pub(crate) use flux::{FluxArtifacts, follow};
pub(crate) use heal::heal;
pub(crate) use metrics::Metrics;
pub(crate) use preview::Previewing;
pub(crate) use secrets::SecretWatches;
pub(crate) use sweep::sweep;
pub(crate) use tokens::Tokens;
pub(crate) use verify::{Damages, Verification};

use crate::{
    logs::Logs,
    moment::Moment,
    reconcile::{Done, Failure, Kind, Memory, Next, Related, Work},
};
use artifacts::{Digest, SourceKey, pipeline::Pipeline, store::collect::Marks};
use crds::{ExternalSource, duration, external_source::FINALIZER, schedule::Calendar};
use decide::Decision;
use installation::Policies;
use jiff::Timestamp;
use kube::{Client, Resource, core::ObjectMeta};
use observe::Seen;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The shortest interval that the rules allow; what is shorter, or no duration at all, is reported and not run.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);

/// What the three steps work with.
pub(crate) struct ExternalSources {
    pub client: Client,
    pub pipeline: Arc<Pipeline>,
    /// Where Flux finds the store.
    pub artifacts_url: Url,
    /// What the operator allows.
    pub policies: Policies,
    pub secrets: SecretWatches,
    pub tokens: Tokens,
    /// Where passes tell what they do.
    pub logs: Logs,
    pub flux: Arc<FluxArtifacts>,
    /// What the verification after the start has found.
    pub damages: Damages,
    /// Since when this process reconciles.
    pub since: Timestamp,
    pub metrics: Metrics,
}

/// What is remembered of a source between two passes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    /// The digest of what the last fetch was made from.
    inputs: Option<Digest>,
    /// The last fetch of this process.
    fetch: Option<LastFetch>,
    /// The request that an event has already called ignored.
    ignored_request: Option<String>,
    /// How many tries the hooks of this source have taken since its last good pass.
    hook_retries: i64,
    /// Whether the store holds nothing of this source that an earlier process, or a pass that was cut off, may have left.
    tidied: bool,
    /// The blobs that nobody keeps and that have their grace.
    marks: Marks,
}

/// What the last fetch was.
#[derive(Clone, Copy, Debug)]
struct LastFetch {
    /// When it began.
    at: Timestamp,
    failed: bool,
    /// It was to bring back bytes that the store has lost.
    restores: bool,
}

impl Kind for ExternalSources {
    type Object = ExternalSource;
    type Seen = Seen;
    type Decision = Decision;
    type Memory = Remembered;

    const NAME: &'static str = "ExternalSource";
    const FINALIZER: &'static str = FINALIZER;

    fn interval(&self, source: &ExternalSource) -> Duration {
        duration::parse(&source.spec.interval).unwrap_or(SHORTEST_INTERVAL).max(SHORTEST_INTERVAL)
    }

    /// What is tried again without asking the source may be tried at any time, and so may what brings lost bytes back.
    fn calendar(
        &self,
        source: &ExternalSource,
        memory: &Memory<Remembered>,
        failed: bool,
    ) -> Option<Calendar> {
        let restores = memory.own.fetch.is_some_and(|fetch| fetch.restores);
        let counts = !failed || !restores && decide::has_fetch_failed(source.status.as_ref(), memory);
        source.spec.calendar().filter(|_| counts)
    }

    async fn observe(&self, source: &ExternalSource, _: &Memory<Remembered>) -> Result<Seen, Failure> {
        observe::observe(self, source).await
    }

    fn decide(
        &self,
        source: &ExternalSource,
        seen: Seen,
        memory: &Memory<Remembered>,
        moment: Moment,
    ) -> Decision {
        decide::decide(source, &seen, memory, moment)
    }

    async fn act(&self, work: Work<'_, Self>, decision: Decision) -> Result<Done, Failure> {
        act::act(self, work, decision).await
    }

    fn related(&self, source: &ExternalSource) -> Option<Related> {
        let published = self.flux.find(source).filter(|found| found.taken_from(source).is_none())?;
        Some(Related { reference: published.0.object_ref(&()), revision: published.revision() })
    }

    fn let_go(&self, namespace: &str, name: &str) {
        self.secrets.follow(namespace, name, &Default::default());
        if let Ok(source) = SourceKey::new(namespace, name) {
            self.logs.forget(&source);
        }
    }

    fn ended(&self, meta: &ObjectMeta, outcome: &Result<Done, Failure>, next: Next) {
        if let Ok(source) = key(meta) {
            tell::end(&self.logs, &source, outcome, next);
        }
    }

    async fn clean_up(&self, meta: &ObjectMeta) -> Result<(), Failure> {
        act::clean_up(self, meta).await
    }
}

/// Where a source's blobs lie.
fn key(meta: &ObjectMeta) -> Result<SourceKey, Failure> {
    let (namespace, name) =
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    SourceKey::new(namespace, name)
        .map_err(|invalid| Failure::stalled(crds::reasons::INVALID_SPEC, invalid.to_string()))
}
