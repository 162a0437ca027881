//! A small API for the unit tests: sources, which are mirrored, and their revisions, which are derived.
use crate::{
    access::{Authorize, Decision, UserInfo},
    api::{Call, Get, GetRaw, Parameter, Resource, Subresource},
    object::{Item, Key, Object},
    query::Query,
    request::RequestInfo,
    serve::{Body, empty, full},
    server::{Builder, Server, SubresourceVerbs},
    status::Status,
    table::Column,
    view::View,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use http_body_util::BodyExt;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{borrow::Cow, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) const ROOT: &str = "/apis/sub.example.com/v1alpha1";

/// Where bytes come from.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(group = "sub.example.com", version = "v1alpha1", kind = "Source", namespaced, no_spec)]
pub(crate) struct SourceFields {
    /// Whether anything is fetched.
    pub(crate) suspend: Option<bool>,
}

/// What was stored once.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(group = "sub.example.com", version = "v1alpha1", kind = "Revision", namespaced, no_spec)]
pub(crate) struct RevisionFields {
    /// The source's name.
    pub(crate) source: String,
    /// Bytes.
    pub(crate) size: i64,
    /// How it was packed.
    pub(crate) packing: Option<Packing>,
}

/// How it was packed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
pub(crate) enum Packing {
    /// One file.
    Plain,
    /// Many.
    Archive,
}

impl Object for Source {
    const SHORT_NAMES: &'static [&'static str] = &["srcview"];
}

impl Object for Revision {
    const SELECTABLE_FIELDS: &'static [&'static str] = &["source"];
    const CATEGORIES: &'static [&'static str] = &["example"];

    fn selectable_field(&self, path: &str) -> Cow<'_, str> {
        if path == "source" { Cow::Borrowed(&self.spec.source) } else { Cow::Borrowed("") }
    }

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::name(),
            Column::text("Source", "Where it comes from.", |revision: &Self| revision.spec.source.clone()),
            Column::integer("Size", "Bytes.", |revision: &Self| revision.spec.size).wide(),
        ]
    }
}

/// `sources/NAME/revision`: the newest one.
pub(crate) struct Newest(pub(crate) View<Revision>);

impl Resource for Newest {
    type Object = Revision;
}

impl Subresource for Newest {
    type Parent = Source;
    const NAME: &'static str = "revision";
}

impl Get for Newest {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<Revision>, Status> {
        match key.name.as_str() {
            "panic" => panic!("asked to"),
            "slow" => std::future::pending().await,
            _ => self.0.object(key).ok_or_else(|| call.not_found()),
        }
    }
}

/// `sources/NAME/content`: bytes.
pub(crate) struct Content;

impl Resource for Content {
    type Object = Source;
}

impl Subresource for Content {
    type Parent = Source;
    const NAME: &'static str = "content";
    const PARAMETERS: &'static [Parameter] =
        &[Parameter { name: "path", description: "One file of the content." }];
}

impl GetRaw for Content {
    async fn get_raw(&self, call: &Call, key: &Key) -> Result<Response<Body>, Status> {
        let status = match key.name.as_str() {
            "moved" => StatusCode::FOUND,
            _ if call.headers.contains_key("range") => StatusCode::PARTIAL_CONTENT,
            _ => StatusCode::OK,
        };
        let answer = Response::builder().status(status).header("content-type", "application/gzip");
        Ok(answer.header("etag", "\"d\"").body(full(key.name.clone())).expect("a plain response"))
    }
}

/// A server with both views, everybody let in as jane, who may do everything but read `secret`.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) sources: View<Source>,
    pub(crate) revisions: View<Revision>,
}

impl Fixture {
    /// Both views are empty, and read.
    pub(crate) fn new() -> Self {
        Self::run(|builder| builder)
    }

    /// The views have not been read yet.
    pub(crate) fn unread() -> Self {
        Self::built(|builder| builder, authorize)
    }

    /// As [`Self::new`], run in another way.
    pub(crate) fn run(how: impl FnOnce(Builder) -> Builder) -> Self {
        Self::read(Self::built(how, authorize))
    }

    /// As [`Self::new`], with somebody else who says who may do what.
    pub(crate) fn under(authorizer: impl Authorize) -> Self {
        Self::read(Self::built(|builder| builder, authorizer))
    }

    fn read(fixture: Self) -> Self {
        fixture.sources.replace("1".parse().expect("a number"), []);
        fixture.revisions.replace("1".parse().expect("a number"), []);
        fixture
    }

    fn built(how: impl FnOnce(Builder) -> Builder, authorizer: impl Authorize) -> Self {
        let (sources, revisions) = (View::mirrored(), View::derived());
        let ready = revisions.clone();
        let server = how(Server::builder())
            .authenticator(authenticate)
            .authorizer(authorizer)
            .ready_when("views", move || ready.is_ready())
            .resource(sources.clone(), |verbs| {
                verbs
                    .get()
                    .watch()
                    .subresource(Newest(revisions.clone()), SubresourceVerbs::get)
                    .subresource(Content, SubresourceVerbs::get_raw)
            })
            .resource(revisions.clone(), |verbs| verbs.get().watch())
            .build()
            .expect("a server");
        Self { server, sources, revisions }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.server.handle(request.body(empty()).expect("a request")).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_vec() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[]).await
    }

    pub(crate) async fn get_as(&self, accept: &str, path: &str) -> Answer {
        self.send(Method::GET, path, &[("accept", accept)]).await
    }
}

/// A response, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let lines = self.text().lines();
        lines.map(|line| serde_json::from_str(line).expect("one event a line")).collect()
    }
}

pub(crate) fn source(name: &str) -> Source {
    named(Source::new(name, SourceFields::default()))
}

pub(crate) fn revision(name: &str, source: &str) -> Revision {
    let fields = RevisionFields { source: source.to_owned(), size: 7, packing: None };
    let mut revision = named(Revision::new(name, fields));
    revision.metadata.labels = Some([("source".to_owned(), source.to_owned())].into());
    revision
}

pub(crate) fn key(name: &str) -> Key {
    Key { namespace: "team-a".to_owned(), name: name.to_owned() }
}

fn named<T: Object>(mut object: T) -> T {
    let uid = format!("uid-{}", object.meta().name.clone().unwrap_or_default());
    object.meta_mut().namespace = Some("team-a".to_owned());
    object.meta_mut().uid = Some(uid);
    object
}

pub(crate) fn authenticate(parts: &mut Parts) -> Result<UserInfo, Status> {
    match parts.headers.remove("authorization") {
        Some(token) if token != "Bearer good" => Err(Status::unauthorized()),
        _ => Ok(UserInfo { name: "jane".to_owned(), ..UserInfo::default() }),
    }
}

pub(crate) fn authorize(_: &UserInfo, request: &RequestInfo) -> Decision {
    match request.name.as_str() {
        "secret" => Decision::Refuse(String::new()),
        _ => Decision::Allow,
    }
}

/// A request of jane's for a source in `team-a`, as a resource sees it.
pub(crate) fn call(method: &str, name: &str, query: &str) -> Call {
    let method: Method = method.parse().expect("a method");
    let query = Query::parse(query);
    let path = format!("{ROOT}/namespaces/team-a/sources/{name}");
    let request = RequestInfo::new(&method, path.trim_end_matches('/'), &query).expect("a path");
    Call {
        user: UserInfo { name: "jane".to_owned(), ..UserInfo::default() },
        request,
        method,
        headers: HeaderMap::new(),
        query,
        audit_id: String::new(),
        warnings: crate::api::Warnings::default(),
        deadline: Instant::now() + Duration::from_secs(58),
        shutdown: CancellationToken::new(),
    }
}
