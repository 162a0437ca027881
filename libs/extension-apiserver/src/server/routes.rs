//! Which endpoint answers which request. What is found here is also what discovery and OpenAPI say.
use super::fairness::LargeBodies;
use crate::{
    api::{Call, Parameter, Resource, Subresource},
    decode::Decoder,
    encode::Form,
    metrics::{self, Place},
    namespaces::Namespaces,
    object::{Object, Scope},
    request::RequestInfo,
    serve::{Body, Upgrade},
    status::Status,
};
use futures::{FutureExt, future::BoxFuture};
use http::Response;
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, LazyLock},
};

/// Answers one verb of one resource or subresource.
pub(super) type Endpoint =
    Box<dyn Fn(Arc<Call>, Incoming) -> BoxFuture<'static, Result<Response<Body>, Status>> + Send + Sync>;

/// What only those verbs look at that write or connect.
pub(super) struct Incoming {
    /// The body of the request.
    pub(super) body: Body,
    /// The client's offer to go on in another protocol.
    pub(super) upgrade: Option<Upgrade>,
    /// Says which namespaces take new objects; without it all do.
    pub(super) namespaces: Option<Arc<dyn Namespaces>>,
    /// Where a body that becomes large gets its place.
    pub(super) large_bodies: LargeBodies,
}

/// The endpoint that answers with an async function, which has no use for the body of the request.
pub(super) fn endpoint<R, F>(served: &Served<R>, answer: fn(Served<R>, Arc<Call>) -> F) -> Endpoint
where
    R: Resource,
    F: Future<Output = Result<Response<Body>, Status>> + Send + 'static,
{
    let served = served.clone();
    Box::new(move |call, _| answer(served.clone(), call).boxed())
}

/// The endpoint that answers with an async function, which reads the body of the request.
pub(super) fn writing<R, F>(served: &Served<R>, answer: fn(Served<R>, Arc<Call>, Incoming) -> F) -> Endpoint
where
    R: Resource,
    F: Future<Output = Result<Response<Body>, Status>> + Send + 'static,
{
    let served = served.clone();
    Box::new(move |call, incoming| answer(served.clone(), call, incoming).boxed())
}

/// A resource, and how its objects are shown and read.
pub(super) struct Served<R: Resource> {
    pub(super) resource: Arc<R>,
    pub(super) form: Arc<Form<R::Object>>,
    /// Made for the first object that is written.
    pub(super) decoder: Arc<LazyLock<Decoder>>,
}

impl<R: Resource> Served<R> {
    pub(super) fn new(resource: R) -> Self {
        Self {
            resource: Arc::new(resource),
            form: Arc::new(Form::new()),
            decoder: Arc::new(LazyLock::new(Decoder::of::<R::Object>)),
        }
    }
}

impl<R: Resource> Clone for Served<R> {
    fn clone(&self) -> Self {
        Self {
            resource: Arc::clone(&self.resource),
            form: Arc::clone(&self.form),
            decoder: Arc::clone(&self.decoder),
        }
    }
}

/// The endpoints of one resource or subresource, by verb.
#[derive(Default)]
pub(super) struct Endpoints {
    by_verb: BTreeMap<&'static str, Endpoint>,
    /// Whether they answer with bytes instead of objects.
    pub(super) are_raw: bool,
    /// Verbs whose answer may take over the connection.
    pub(super) connecting: Vec<&'static str>,
    /// Verbs that were registered twice; the server refuses to be built with any.
    pub(super) duplicates: Vec<&'static str>,
}

impl Endpoints {
    pub(super) fn add(&mut self, verb: &'static str, endpoint: Endpoint) {
        if self.by_verb.insert(verb, endpoint).is_some() {
            self.duplicates.push(verb);
        }
    }

    pub(super) fn verbs(&self) -> Vec<&'static str> {
        self.by_verb.keys().copied().collect()
    }
}

/// Where a request has come to.
pub(super) struct Found<'a> {
    pub(super) answer: &'a Endpoint,
    /// Whether the connection may be taken over.
    pub(super) connects: bool,
    /// Why clients should not go on using this version, if they should not.
    pub(super) deprecation: Option<&'static str>,
}

/// Group, version and kind of what an endpoint answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl Kind {
    /// Group and version, as objects carry them.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    pub(crate) fn of<T: Object>() -> Self {
        Self {
            group: T::group(&()).into_owned(),
            version: T::version(&()).into_owned(),
            kind: T::kind(&()).into_owned(),
        }
    }
}

/// One resource with everything below it.
pub(super) struct ResourceRoute {
    pub(super) described: Described,
    pub(super) endpoints: Endpoints,
    pub(super) subresources: Vec<SubresourceRoute>,
    labels: metrics::Resource,
}

/// One subresource.
pub(super) struct SubresourceRoute {
    pub(super) described: DescribedSubresource,
    pub(super) endpoints: Endpoints,
}

/// What clients are told about a resource.
#[derive(Clone)]
pub(crate) struct Described {
    pub(crate) kind: Kind,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) is_namespaced: bool,
    pub(crate) short_names: &'static [&'static str],
    pub(crate) categories: &'static [&'static str],
    pub(crate) deprecation: Option<&'static str>,
    pub(crate) verbs: Vec<&'static str>,
    pub(crate) schema: fn() -> serde_json::Value,
    pub(crate) subresources: Vec<DescribedSubresource>,
}

/// What clients are told about a subresource.
#[derive(Clone)]
pub(crate) struct DescribedSubresource {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) verbs: Vec<&'static str>,
    pub(crate) is_raw: bool,
    pub(crate) connecting: Vec<&'static str>,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) schema: fn() -> serde_json::Value,
}

impl Described {
    /// The verbs of the resource and of all its subresources.
    pub(crate) fn all_verbs(&self) -> impl Iterator<Item = &'static str> {
        let below = self.subresources.iter().flat_map(|subresource| &subresource.verbs);
        self.verbs.iter().chain(below).copied()
    }
}

impl SubresourceRoute {
    pub(super) fn new<S: Subresource>(endpoints: Endpoints) -> Self {
        let described = DescribedSubresource {
            name: S::NAME,
            kind: Kind::of::<S::Object>(),
            verbs: endpoints.verbs(),
            is_raw: endpoints.are_raw,
            connecting: endpoints.connecting.clone(),
            parameters: S::PARAMETERS,
            schema: crate::openapi::schema_of::<S::Object>,
        };
        Self { described, endpoints }
    }
}

impl ResourceRoute {
    pub(super) fn new<R: Resource>(endpoints: Endpoints, subresources: Vec<SubresourceRoute>) -> Self {
        let kind = Kind::of::<R::Object>();
        let plural = <R::Object as kube::Resource>::plural(&()).into_owned();
        let labels = metrics::Resource {
            group: kind.group.as_str().into(),
            version: kind.version.as_str().into(),
            resource: plural.as_str().into(),
        };
        let described = Described {
            plural,
            singular: kind.kind.to_lowercase(),
            kind,
            is_namespaced: <<R::Object as kube::Resource>::Scope as Scope>::NAMESPACED,
            short_names: R::Object::SHORT_NAMES,
            categories: R::Object::CATEGORIES,
            deprecation: R::Object::DEPRECATION,
            verbs: endpoints.verbs(),
            schema: crate::openapi::schema_of::<R::Object>,
            subresources: subresources.iter().map(|route| route.described.clone()).collect(),
        };
        Self { described, endpoints, subresources, labels }
    }

    fn endpoint(&self, request: &RequestInfo) -> Result<Found<'_>, Status> {
        if !self.has(request) {
            return Err(Status::unknown_resource());
        }
        if !self.takes(request) {
            return Err(Status::method_not_allowed());
        }
        let (verb, endpoints) = (request.verb.as_str(), self.endpoints(request)?);
        let answer = endpoints.by_verb.get(verb).ok_or_else(Status::method_not_allowed)?;
        let connects = endpoints.connecting.contains(&verb);
        Ok(Found { answer, connects, deprecation: self.described.deprecation })
    }

    fn endpoints(&self, request: &RequestInfo) -> Result<&Endpoints, Status> {
        if request.subresource.is_empty() {
            return Ok(&self.endpoints);
        }
        let mut subresources = self.subresources.iter();
        let route = subresources.find(|route| route.described.name == request.subresource);
        route.map(|route| &route.endpoints).ok_or_else(Status::unknown_resource)
    }

    /// Whether there is such a path: no part too many, and a namespace where a name needs one.
    fn has(&self, request: &RequestInfo) -> bool {
        let fits = match request.verb.as_str() {
            // A list may be pinned to a name by its field selector.
            "list" | "watch" if request.subresource.is_empty() => true,
            "deletecollection" => true,
            _ => request.name.is_empty() || !self.is_across_namespaces(request),
        };
        fits && !request.has_subpath && (request.namespace.is_empty() || self.described.is_namespaced)
    }

    /// Whether the verb can be meant for what the path names: one object, or a collection.
    fn takes(&self, request: &RequestInfo) -> bool {
        match request.verb.as_str() {
            "list" | "watch" if request.subresource.is_empty() => true,
            "deletecollection" => !self.is_across_namespaces(request),
            "create" if request.subresource.is_empty() => {
                request.name.is_empty() && !self.is_across_namespaces(request)
            }
            _ => !request.name.is_empty(),
        }
    }

    fn is_across_namespaces(&self, request: &RequestInfo) -> bool {
        self.described.is_namespaced && request.namespace.is_empty()
    }
}

/// Everything that the server serves.
pub(super) struct Routes {
    /// By group, version and plural.
    resources: BTreeMap<String, BTreeMap<String, BTreeMap<String, ResourceRoute>>>,
}

impl Routes {
    pub(super) fn new(routes: Vec<ResourceRoute>) -> Self {
        let mut resources: BTreeMap<_, BTreeMap<_, BTreeMap<_, _>>> = BTreeMap::new();
        for route in routes {
            let Kind { group, version, .. } = route.described.kind.clone();
            let versions = resources.entry(group).or_default();
            versions.entry(version).or_default().insert(route.described.plural.clone(), route);
        }
        Self { resources }
    }

    pub(super) fn endpoint(&self, request: &RequestInfo) -> Result<Found<'_>, Status> {
        if !self.resources.contains_key(&request.group) {
            return Err(Status::page_not_found());
        }
        self.route(request).ok_or_else(Status::unknown_resource)?.endpoint(request)
    }

    fn route(&self, request: &RequestInfo) -> Option<&ResourceRoute> {
        self.resources.get(&request.group)?.get(&request.version)?.get(&request.resource)
    }

    /// How metrics name the request: by what is registered, never by what a client made up.
    pub(super) fn place(&self, request: &RequestInfo) -> Place {
        let route = self.route(request);
        let subresources = route.iter().flat_map(|route| &route.subresources);
        let below = subresources.map(|route| &route.described).find(|it| it.name == request.subresource);
        let connects = below.is_some_and(|it| it.connecting.contains(&request.verb.as_str()));
        Place {
            verb: if connects { CONNECT } else { verb(&request.verb) },
            resource: route.map(|route| route.labels.clone()).unwrap_or_default(),
            subresource: below.map(|it| it.name).unwrap_or_default(),
            scope: scope(request),
            component: "apiserver",
        }
    }

    /// Everywhere that a request can come to.
    pub(super) fn places(&self) -> Vec<Place> {
        let versions = self.resources.values().flat_map(BTreeMap::values);
        versions.flat_map(BTreeMap::values).flat_map(ResourceRoute::places).collect()
    }
}

impl ResourceRoute {
    fn places(&self) -> Vec<Place> {
        let place = |verb, subresource, scope| Place {
            verb,
            resource: self.labels.clone(),
            subresource,
            scope,
            component: "apiserver",
        };
        let scopes = |verb: &str| match verb {
            "list" | "watch" | "deletecollection" if self.described.is_namespaced => {
                &["namespace", "cluster"][..]
            }
            "list" | "watch" | "deletecollection" => &["cluster"][..],
            _ => &["resource"][..],
        };
        let own = self.described.verbs.iter();
        let own = own.flat_map(|name| scopes(name).iter().map(|scope| place(verb(name), "", scope)));
        let below = self.described.subresources.iter().flat_map(|subresource| {
            subresource.verbs.iter().map(|name| {
                let verb = if subresource.connecting.contains(name) { CONNECT } else { verb(name) };
                place(verb, subresource.name, "resource")
            })
        });
        own.chain(below).collect()
    }
}

/// What dashboards leave out, as they do watches: it lasts as long as it is wanted.
const CONNECT: &str = "CONNECT";

fn verb(verb: &str) -> &'static str {
    match verb {
        "get" | "head" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" | "post" => "POST",
        "update" | "put" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        _ => "other",
    }
}

fn scope(request: &RequestInfo) -> &'static str {
    match request {
        RequestInfo { is_resource: false, .. } => "",
        RequestInfo { name, verb, .. } if !name.is_empty() || verb == "create" => "resource",
        RequestInfo { namespace, .. } if !namespace.is_empty() => "namespace",
        _ => "cluster",
    }
}
