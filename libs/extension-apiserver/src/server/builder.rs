//! Describing a server.
use super::{
    Inner, Lifecycle, MaxInFlight, Server, VersionInfo,
    documents::{Documents, Paths},
    fairness::Fairness,
    goaway::{Chance, HIGHEST},
    health::Health,
    record::Observers,
    routes::{Endpoints, ResourceRoute, Routes},
    verbs::ResourceVerbs,
};
use crate::{
    access::{Authenticate, Authorize},
    api::Resource,
    audit::Sink,
    metrics::Metrics,
    namespaces::Namespaces,
};
use prometheus_client::registry::Registry;
use std::{collections::BTreeSet, sync::Arc};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// Describes a server. It can be built once it has an authenticator `A` and an authorizer `Z`: without them `build`
/// does not exist.
pub struct Builder<A = (), Z = ()> {
    authenticator: A,
    authorizer: Z,
    operation: Operation,
    namespaces: Option<Arc<dyn Namespaces>>,
    resources: Vec<ResourceRoute>,
}

/// How the server is run, whatever it serves.
struct Operation {
    health: Health,
    lifecycle: Lifecycle,
    version: Option<VersionInfo>,
    max_in_flight: MaxInFlight,
    goaway_chance: f64,
    observers: Observers,
    registry: Option<Arc<Registry>>,
}

impl Default for Operation {
    fn default() -> Self {
        Self {
            health: Health::default(),
            lifecycle: CancellationToken::new().into(),
            version: None,
            max_in_flight: MaxInFlight::default(),
            goaway_chance: 0.0,
            observers: Observers::default(),
            registry: None,
        }
    }
}

/// Why a description makes no server.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Two resources have the same name in the same group and version.
    #[error("resource {resource} is registered twice")]
    DuplicateResource {
        /// `plural.version.group`.
        resource: String,
    },
    /// Two subresources of a resource have the same name, or one verb has two implementations.
    #[error("{verb} of {resource} is registered twice")]
    DuplicateVerb {
        /// `plural.version.group`, and the subresource if it is about one.
        resource: String,
        /// The verb.
        verb: String,
    },
    /// Nothing can be done with it, so clients would not see it.
    #[error("resource {resource} has no verb")]
    NoVerb {
        /// `plural.version.group`, and the subresource if it is about one.
        resource: String,
    },
    /// Connections would hardly live long enough to be worth opening.
    #[error("the GOAWAY chance must be between 0 and {HIGHEST}")]
    GoawayChance,
}

impl BuildError {
    /// A stable word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::DuplicateResource { .. } => "DuplicateResource",
            Self::DuplicateVerb { .. } => "DuplicateVerb",
            Self::NoVerb { .. } => "NoVerb",
            Self::GoawayChance => "GoawayChance",
        }
    }
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            authenticator: (),
            authorizer: (),
            operation: Operation::default(),
            namespaces: None,
            resources: Vec::new(),
        }
    }
}

impl<A, Z> Builder<A, Z> {
    /// Says who callers are.
    pub fn authenticator<N: Authenticate>(self, authenticator: N) -> Builder<N, Z> {
        let Self { authorizer, operation, namespaces, resources, .. } = self;
        Builder { authenticator, authorizer, operation, namespaces, resources }
    }

    /// Says what callers may do.
    pub fn authorizer<N: Authorize>(self, authorizer: N) -> Builder<A, N> {
        let Self { authenticator, operation, namespaces, resources, .. } = self;
        Builder { authenticator, authorizer, operation, namespaces, resources }
    }

    /// Holds everything back with 503 while `check` is false, and fails `/readyz` under this name. A server that
    /// answers 404 before it knows its objects makes the garbage collector delete what depends on them.
    #[must_use]
    pub fn ready_when(
        mut self,
        name: impl Into<String>,
        check: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        self.operation.health.require(name.into(), Box::new(check));
        self
    }

    /// Refuses to create anything in namespaces that are missing or being deleted. Without it whatever is created while
    /// a namespace is being deleted may outlive it.
    #[must_use]
    pub fn namespaces(mut self, namespaces: impl Namespaces) -> Self {
        self.namespaces = Some(Arc::new(namespaces));
        self
    }

    /// How the server comes to its end: `/readyz` fails first, and watches end when it drains, so that clients go to
    /// another replica. A bare token makes both happen at once.
    #[must_use]
    pub fn shutdown(mut self, lifecycle: impl Into<Lifecycle>) -> Self {
        self.operation.lifecycle = lifecycle.into();
        self
    }

    /// Serves `/version` with this.
    #[must_use]
    pub fn version(mut self, version: VersionInfo) -> Self {
        self.operation.version = Some(version);
        self
    }

    /// How many requests run at once.
    #[must_use]
    pub fn max_in_flight(mut self, limits: MaxInFlight) -> Self {
        self.operation.max_in_flight = limits;
        self
    }

    /// The chance with which an HTTP/2 client is asked to connect anew after a request, and may so come to another
    /// replica; at most 0.02. A thousandth is a good start for several replicas, 0 for one.
    #[must_use]
    pub fn goaway_chance(mut self, chance: f64) -> Self {
        self.operation.goaway_chance = chance;
        self
    }

    /// Counts requests in these.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.operation.observers.metrics = Some(metrics);
        self
    }

    /// Serves `/metrics` with what is in a registry, to whoever may get that path.
    #[must_use]
    pub fn serve_metrics(mut self, registry: Arc<Registry>) -> Self {
        self.operation.registry = Some(registry);
        self
    }

    /// Records every request here.
    #[must_use]
    pub fn audit(mut self, sink: impl Sink) -> Self {
        self.operation.observers.audit = Some(Arc::new(sink));
        self
    }

    /// Serves a resource with the verbs named in the closure: `|verbs| verbs.get().watch()`.
    #[must_use]
    pub fn resource<R: Resource>(
        mut self,
        resource: R,
        verbs: impl FnOnce(ResourceVerbs<R>) -> ResourceVerbs<R>,
    ) -> Self {
        let registered = verbs(ResourceVerbs::new(resource));
        let route = ResourceRoute::new::<R>(registered.endpoints, registered.subresources);
        self.resources.push(route);
        self
    }
}

impl<A: Authenticate, Z: Authorize> Builder<A, Z> {
    /// The server. All documents are made here, once: discovery answers with every backend down.
    ///
    /// # Errors
    /// A name that is used twice, or a resource without a verb.
    ///
    /// # Panics
    /// If the schema of a type cannot be made structural: the doc comments of `kube::core::schema` name the cases.
    pub fn build(self) -> Result<Server, BuildError> {
        check(&self.resources)?;
        let Operation { mut health, lifecycle, version, goaway_chance, .. } = self.operation;
        if !(0.0..=HIGHEST).contains(&goaway_chance) {
            return Err(BuildError::GoawayChance);
        }
        let stopping = lifecycle.stopping().clone();
        health.stop_when(move || stopping.is_cancelled());
        let described: Vec<_> = self.resources.iter().map(|route| route.described.clone()).collect();
        let paths = Paths { health: health.paths(), registry: self.operation.registry };
        let routes = Routes::new(self.resources);
        if let Some(metrics) = &self.operation.observers.metrics {
            routes.places().iter().for_each(|place| metrics.expect(place));
        }
        Ok(Server(Arc::new(Inner {
            authenticator: Box::new(self.authenticator),
            authorizer: Box::new(self.authorizer),
            health,
            namespaces: self.namespaces,
            lifecycle,
            fairness: Fairness::new(self.operation.max_in_flight),
            goaway: Chance::new(goaway_chance),
            observers: Arc::new(self.operation.observers),
            documents: Documents::new(&described, version.as_ref(), paths),
            routes,
        })))
    }
}

fn check(resources: &[ResourceRoute]) -> Result<(), BuildError> {
    let mut names = BTreeSet::new();
    for route in resources {
        let described = &route.described;
        let resource = format!("{}.{}.{}", described.plural, described.kind.version, described.kind.group);
        if !names.insert(resource.clone()) {
            return Err(BuildError::DuplicateResource { resource });
        }
        check_verbs(resource.clone(), &route.endpoints)?;
        for subresource in &route.subresources {
            let name = format!("{resource}/{}", subresource.described.name);
            if !names.insert(name.clone()) {
                return Err(BuildError::DuplicateResource { resource: name });
            }
            check_verbs(name, &subresource.endpoints)?;
        }
    }
    Ok(())
}

fn check_verbs(resource: String, endpoints: &Endpoints) -> Result<(), BuildError> {
    if let Some(verb) = endpoints.duplicates.first() {
        return Err(BuildError::DuplicateVerb { resource, verb: (*verb).to_owned() });
    }
    if endpoints.verbs().is_empty() {
        return Err(BuildError::NoVerb { resource });
    }
    Ok(())
}
