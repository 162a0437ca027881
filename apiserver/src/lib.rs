//! Answers kubectl: artifact, content, differences and provenance of a source, passes over it and their log, what another spec
//! would give, its way back to an earlier revision, and the artifacts view; and Flux: the plain artifact listener.
//!
//! It imports `extension-apiserver` for the contract, `artifacts` for the store, `previews` to ask a
//! controller, and `crds` for the types. Start with
//! [`Apiserver::new`], which registers every resource; `resources/` has a file each. Everything but content, differences,
//! provenance and what the controller is asked for is answered from memory: `feed` keeps [`sources`] current, and the views
//! follow from them.
pub mod artifact;
pub mod artifact_listener;
pub mod diff;
mod download;
mod feed;
mod leader;
mod origin;
mod outlook;
pub mod preview;
pub mod refresh;
mod resources;
pub mod rollback;
mod shelf;
pub mod source_view;
mod sources;

pub use artifact_listener::ArtifactListener;

use artifacts::Store;
use extension_apiserver::{
    access::{Authenticate, Authorize},
    audit::JsonLines,
    metrics::Metrics,
    server::{BuildError, Builder, Lifecycle, Server, SubresourceVerbs, VersionInfo},
};
use kube::{Api, Client};
use leader::Leader;
use origin::Origin;
use previews::{Previewer, logs::Keeper};
use resources::{
    artifact::NamedArtifact, content::Content, diff::Comparing, follow::Follow, log::Log,
    preview::Previewing, provenance::Provenance, refresh::Refreshing, rollback::RollingBack,
};
use shelf::Shelf;
use sources::Sources;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What the role needs.
pub struct Config<N, Z> {
    /// Lists and watches sources, and asks for passes over them; retries as kube's clients do.
    pub client: Client,
    /// The namespace where controllers elect a leader; `None` if they do not, and one is taken for granted.
    pub elected_in: Option<String>,
    /// Where artifacts are kept.
    pub store: Arc<dyn Store>,
    /// Who tells what another spec would give.
    pub previewer: Arc<dyn Previewer>,
    /// Who tells what passes did.
    pub keeper: Arc<dyn Keeper>,
    /// Who is asking.
    pub authenticator: N,
    /// Whether they may.
    pub authorizer: Z,
    /// Takes a record of each request.
    pub audit: Option<JsonLines>,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// How the server ends: watches, and the task that keeps it current, with it.
    pub lifecycle: Lifecycle,
}

/// The aggregated API, and the task that keeps it current.
pub struct Apiserver {
    /// Answers requests; 503 until the sources are known.
    pub server: Server,
    client: Client,
    sources: Sources,
    shelf: Shelf,
    shutdown: CancellationToken,
}

impl Apiserver {
    /// Registers every resource.
    ///
    /// # Errors
    /// Resources that contradict each other, which the tests of this crate exclude.
    pub fn new<N: Authenticate, Z: Authorize + Clone>(config: Config<N, Z>) -> Result<Self, BuildError> {
        let sources = Sources::new().remembered_by(&Api::all(config.client.clone()));
        let shutdown = config.lifecycle.draining().clone();
        let origin = Origin::new(config.client.clone());
        let previewing = Previewing {
            origin: origin.clone(),
            rights: Arc::new(config.authorizer.clone()),
            previewer: config.previewer,
        };
        let mut run = Server::builder()
            .authenticator(config.authenticator)
            .authorizer(config.authorizer)
            .metrics(config.metrics)
            .version(VersionInfo::of(env!("CARGO_PKG_VERSION")))
            .shutdown(config.lifecycle);
        if let Some(audit) = config.audit {
            run = run.audit(audit);
        }
        let shelf = Shelf::new(config.store, sources.clone());
        let leader = config
            .elected_in
            .as_deref()
            .map_or_else(Leader::assumed, |namespace| Leader::elected(config.client.clone(), namespace));
        let log = Log { sources: sources.clone(), leader: leader.clone(), keeper: config.keeper };
        let follow = Follow { sources: sources.clone(), origin, leader };
        let server = serving(run, (&sources, &shelf), (follow, previewing, log))?;
        Ok(Self { server, client: config.client, sources, shelf, shutdown })
    }

    /// The plain listener that Flux fetches from, over the same store.
    pub fn artifact_listener(&self) -> ArtifactListener {
        ArtifactListener::new(self.shelf.clone())
    }

    /// Whether the sources are known.
    pub fn is_ready(&self) -> bool {
        self.sources.is_ready()
    }

    /// Keeps the sources current until the server drains.
    pub async fn feed(&self) {
        feed::run(Api::all(self.client.clone()), self.sources.clone(), self.shutdown.clone()).await;
    }
}

/// The table of resources.
fn serving<N: Authenticate, Z: Authorize>(
    run: Builder<N, Z>,
    (sources, shelf): (&Sources, &Shelf),
    (follow, previewing, log): (Follow, Previewing, Log),
) -> Result<Server, BuildError> {
    let known = sources.clone();
    let named = NamedArtifact { sources: sources.clone(), shelf: shelf.clone() };
    let content = Content { sources: sources.clone(), shelf: shelf.clone() };
    let provenance = Provenance { sources: sources.clone(), shelf: shelf.clone() };
    let comparing = Comparing::new(sources.clone(), shelf.clone());
    let refreshing = Refreshing(follow.clone());
    let rolling_back = RollingBack { follow, shelf: shelf.clone() };
    run.ready_when("sources", move || known.is_ready())
        .resource(sources.views.clone(), |verbs| {
            verbs
                .get()
                .watch()
                .subresource(named, SubresourceVerbs::get)
                .subresource(content, SubresourceVerbs::get_raw)
                .subresource(comparing, SubresourceVerbs::get)
                .subresource(provenance, SubresourceVerbs::get_raw)
                .subresource(log, SubresourceVerbs::get_raw)
                .subresource(previewing, SubresourceVerbs::create_named)
                .subresource(refreshing, SubresourceVerbs::create_named)
                .subresource(rolling_back, SubresourceVerbs::create_named)
        })
        .resource(sources.artifacts.clone(), |verbs| verbs.get().watch())
        .build()
}

#[cfg(test)]
mod tests;
