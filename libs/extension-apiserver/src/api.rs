//! What the author of a resource writes: one small trait a verb.
//!
//! A [`Resource`] says which objects it serves; [`Get`], [`List`] and [`Watch`] say how they are read, [`Create`],
//! [`Update`], [`Patch`], [`Delete`] and [`DeleteCollection`] how they are changed. A [`Subresource`] is a resource
//! that also names its parent, and uses the same verbs, or [`Connect`], which speaks whatever protocol it likes. What is advertised follows from the verbs that are registered
//! with [`crate::server::Builder::resource`], which takes only verbs that are implemented.
mod connect;
mod warnings;
mod write;

use crate::{
    access::UserInfo,
    object::{Item, Key, Object, Scope, Version},
    query::Query,
    request::RequestInfo,
    selectors::{FieldSelector, LabelSelector},
    serve::Body,
    status::Status,
};
use futures::stream::BoxStream;
use http::{HeaderMap, Method, Response};
use std::future::Future;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use connect::{Connect, ConnectMethod, Exchange};
pub use warnings::Warnings;
pub use write::{
    Create, CreateNamed, Delete, DeleteCollection, DeleteOptions, Deleted, Patch, Update, WriteOptions,
};

/// Something that serves objects of one kind.
pub trait Resource: Send + Sync + 'static {
    /// The kind of object that it answers with.
    type Object: Object;
}

/// A resource below each object of another one, such as `artifact` in `externalsources/podinfo/artifact`.
///
/// A subresource that answers with bytes instead of objects names its parent's kind as [`Resource::Object`], as
/// `pods/log` does.
pub trait Subresource: Resource {
    /// The kind of object that it belongs to; it can be registered below a resource of that kind only.
    type Parent: Object;

    /// Its name in the URL.
    const NAME: &'static str;

    /// What it reads from the query string, for those who read the OpenAPI document.
    const PARAMETERS: &'static [Parameter] = &[];
}

/// A parameter in the query string of a subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub description: &'static str,
}

/// Answers `GET …/NAME`.
pub trait Get: Resource {
    /// The object; for a subresource, `key` names its parent.
    fn get(&self, call: &Call, key: &Key) -> impl Future<Output = Result<Item<Self::Object>, Status>> + Send;
}

/// Answers `GET …/NAME` with a response of its own making: bytes in any media type, with `Range` and `ETag` if it likes.
///
/// The response is passed on as it is, never compressed; it must not be HTML, which kube-apiserver's proxy rewrites,
/// and must not redirect, which it refuses.
///
/// It is cut off after 58 s, shortly before kube-apiserver would do that, but for a subresource with a name that kube-apiserver
/// lets run on: `log`, say. Such an answer holds no seat among the requests that run, is counted and audited as a watch is, and
/// should end when [`Call::shutdown`] says so, or by a time of its own.
pub trait GetRaw: Resource {
    /// The response; for a subresource, `key` names its parent.
    fn get_raw(&self, call: &Call, key: &Key) -> impl Future<Output = Result<Response<Body>, Status>> + Send;
}

/// Answers `GET` on the collection.
pub trait List: Resource {
    /// All objects in a namespace (empty: in all) at one version. Selecting, sorting, paging and encoding are done by
    /// the server, which asks again for each page, with [`At::Exactly`] the version of the first.
    fn list(
        &self,
        call: &Call,
        selection: &Selection,
        at: At,
    ) -> impl Future<Output = Result<Snapshot<Self::Object>, Status>> + Send;
}

/// Answers `GET …?watch=1` on the collection.
pub trait Watch: List {
    /// Every change after version `from`, in order, for as long as the client stays. Initial objects, bookmarks,
    /// selectors, time limits and encoding are done by the server. Changes outside the selection may be left out.
    fn watch(
        &self,
        call: &Call,
        selection: &Selection,
        from: Version,
    ) -> impl Future<Output = Result<Changes<Self::Object>, Status>> + Send;
}

/// The changes of a watch. An error ends it, told to the client as an `ERROR` event.
pub type Changes<T> = BoxStream<'static, Result<Change<T>, Status>>;

/// One change. The version of each is the resource version of its newest object.
#[derive(Debug)]
pub enum Change<T> {
    /// The object came to be.
    Added(Item<T>),
    /// The object changed.
    Modified {
        /// As it was.
        before: Item<T>,
        /// As it is.
        after: Item<T>,
    },
    /// The object is gone: its last state, with the version of its deletion.
    Deleted(Item<T>),
    /// Nothing changed up to this version.
    Progress(Version),
}

impl<T> Clone for Change<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Added(object) => Self::Added(object.clone()),
            Self::Modified { before, after } => {
                Self::Modified { before: before.clone(), after: after.clone() }
            }
            Self::Deleted(object) => Self::Deleted(object.clone()),
            Self::Progress(version) => Self::Progress(*version),
        }
    }
}

/// The state of a collection at one version.
#[derive(Debug)]
pub struct Snapshot<T> {
    /// The version from which a watch continues without loss.
    pub version: Version,
    /// The objects, in any order.
    pub items: Vec<Item<T>>,
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self { version: self.version, items: self.items.clone() }
    }
}

/// Which state of a collection a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest.
    Newest,
    /// Any.
    Any,
    /// This version or a newer one.
    NotOlderThan(Version),
    /// This version; 410 if it is no longer known.
    Exactly(Version),
}

/// Which objects of a collection a client wants. The server filters by it in any case; a resource may use it to look
/// at less.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Namespace; empty is all.
    pub namespace: String,
    /// Label selector.
    pub labels: LabelSelector,
    /// Field selector; its fields are known ones.
    pub fields: FieldSelector,
}

impl Selection {
    /// Whether an object is wanted.
    pub fn matches<T: Object>(&self, object: &T) -> bool {
        let meta = object.meta();
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let field = |path: &str| match path {
            "metadata.name" => meta.name.as_deref().unwrap_or_default().into(),
            "metadata.namespace" => namespace.into(),
            path => object.selectable_field(path),
        };
        (self.namespace.is_empty() || self.namespace == namespace)
            && self.labels.matches(meta.labels.as_ref())
            && self.fields.matches(field)
    }

    /// The one object that can be wanted, if its name is given: no others have to be looked at.
    pub fn only<T: Object>(&self) -> Option<Key> {
        let is_placed = !<T::Scope as Scope>::NAMESPACED || !self.namespace.is_empty();
        let name = self.fields.exact("metadata.name").filter(|_| is_placed)?;
        Some(Key { namespace: self.namespace.clone(), name: name.to_owned() })
    }

    /// Whether it asks for labels or fields, beyond the namespace.
    pub fn is_partial(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty()
    }
}

/// One authenticated and authorized request, as a resource sees it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asks.
    pub user: UserInfo,
    /// What is asked.
    pub request: RequestInfo,
    /// The HTTP method: `GET` or `HEAD` for verb `get`; the body of the answer to a `HEAD` is dropped.
    pub method: Method,
    /// The headers, without credentials and without those of the front proxy.
    pub headers: HeaderMap,
    /// The query string.
    pub query: Query,
    /// The audit id, the same in kube-apiserver's audit log.
    pub audit_id: String,
    /// When the client will have gone: kube-apiserver cuts every request but watches after 60 s.
    pub deadline: Instant,
    /// Cancelled when the server stops: answers that would last longer end then.
    pub shutdown: CancellationToken,
    /// What the client should know besides the answer.
    pub warnings: Warnings,
}

impl Call {
    /// Namespace and name that the request is about.
    pub fn key(&self) -> Key {
        Key { namespace: self.request.namespace.clone(), name: self.request.name.clone() }
    }

    /// 404 for the object that the request is about.
    pub fn not_found(&self) -> Status {
        Status::not_found(&self.request, &self.request.name)
    }
}
