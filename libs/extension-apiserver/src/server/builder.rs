//! Describing a server.
use super::{
    Inner, Server,
    health::Health,
    routes::{Endpoints, ResourceRoute, Routes},
    verbs::ResourceVerbs,
};
use crate::{
    access::{Authenticate, Authorize},
    api::Resource,
    namespaces::Namespaces,
};
use std::{collections::BTreeSet, sync::Arc};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// Describes a server. It can be built once it has an authenticator `A` and an authorizer `Z`: without them `build`
/// does not exist.
pub struct Builder<A = (), Z = ()> {
    authenticator: A,
    authorizer: Z,
    health: Health,
    namespaces: Option<Arc<dyn Namespaces>>,
    shutdown: CancellationToken,
    resources: Vec<ResourceRoute>,
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
}

impl BuildError {
    /// A stable word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::DuplicateResource { .. } => "DuplicateResource",
            Self::DuplicateVerb { .. } => "DuplicateVerb",
            Self::NoVerb { .. } => "NoVerb",
        }
    }
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            authenticator: (),
            authorizer: (),
            health: Health::default(),
            namespaces: None,
            shutdown: CancellationToken::new(),
            resources: Vec::new(),
        }
    }
}

impl<A, Z> Builder<A, Z> {
    /// Says who callers are.
    pub fn authenticator<N: Authenticate>(self, authenticator: N) -> Builder<N, Z> {
        let Self { authorizer, health, namespaces, shutdown, resources, .. } = self;
        Builder { authenticator, authorizer, health, namespaces, shutdown, resources }
    }

    /// Says what callers may do.
    pub fn authorizer<N: Authorize>(self, authorizer: N) -> Builder<A, N> {
        let Self { authenticator, health, namespaces, shutdown, resources, .. } = self;
        Builder { authenticator, authorizer, health, namespaces, shutdown, resources }
    }

    /// Holds everything back with 503 while `check` is false, and fails `/readyz` under this name. A server that
    /// answers 404 before it knows its objects makes the garbage collector delete what depends on them.
    #[must_use]
    pub fn ready_when(
        mut self,
        name: impl Into<String>,
        check: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        self.health.require(name.into(), Box::new(check));
        self
    }

    /// Refuses to create anything in namespaces that are missing or being deleted. Without it whatever is created while
    /// a namespace is being deleted may outlive it.
    #[must_use]
    pub fn namespaces(mut self, namespaces: impl Namespaces) -> Self {
        self.namespaces = Some(Arc::new(namespaces));
        self
    }

    /// Ends all watches once the token is cancelled, so that clients go to another replica at once.
    #[must_use]
    pub fn shutdown(mut self, token: CancellationToken) -> Self {
        self.shutdown = token;
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
        Ok(Server(Arc::new(Inner {
            authenticator: Box::new(self.authenticator),
            authorizer: Box::new(self.authorizer),
            health: self.health,
            namespaces: self.namespaces,
            shutdown: self.shutdown,
            routes: Routes::new(self.resources),
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
