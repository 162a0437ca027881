//! The verbs that change something.
//!
//! The server does what is the same for everybody: it decodes and checks the body, applies a patch to the object as it
//! is, compares preconditions, fills in and protects the metadata that belongs to the system, and tries again when
//! somebody else was faster and the client did not insist on a version. What is left for the author is to check and
//! keep an object; [`crate::collection::Collection`] keeps objects in memory.
use super::{Call, Get, List, Resource};
use crate::{
    object::{Item, Key},
    status::Status,
};
use serde::de::DeserializeOwned;
use std::future::Future;

/// What a client asks of a write, besides the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Answer as if, and keep nothing.
    pub dry_run: bool,
    /// Who writes, at most 128 printable characters; the name of the program if the client does not say.
    pub field_manager: String,
}

/// Answers `POST` on the collection.
pub trait Create: Get<Object: DeserializeOwned> {
    /// Keeps a new object, and answers with it as it was kept, under its first resource version.
    ///
    /// Name, namespace, uid and creation time are set already. An object that is refused gets
    /// [`Status::invalid`], one cause a field; one whose name is taken [`Status::already_exists`].
    fn create(
        &self,
        call: &Call,
        object: Self::Object,
        options: &WriteOptions,
    ) -> impl Future<Output = Result<Item<Self::Object>, Status>> + Send;
}

/// Answers `POST …/NAME/SUBRESOURCE`: something that is asked for with an object and answered with one, such as a token.
pub trait CreateNamed: Resource<Object: DeserializeOwned> {
    /// Does it; `key` names the parent. A body is decoded as for [`Create`]; an empty one is an object without fields.
    fn create_named(
        &self,
        call: &Call,
        key: &Key,
        object: Self::Object,
        options: &WriteOptions,
    ) -> impl Future<Output = Result<Item<Self::Object>, Status>> + Send;
}

/// Answers `PUT …/NAME`.
pub trait Update: Get<Object: DeserializeOwned> {
    /// Keeps `after` in place of `before`, and answers with it as it was kept, under its new resource version (or under
    /// the old one if nothing changed).
    ///
    /// If what is kept is no longer `before`, [`Status::modified`]: the server then asks [`Get`] again, and repeats the
    /// change if the client left the version open.
    fn update(
        &self,
        call: &Call,
        before: &Item<Self::Object>,
        after: Self::Object,
        options: &WriteOptions,
    ) -> impl Future<Output = Result<Item<Self::Object>, Status>> + Send;

    /// Whether a client may replace an object without saying which version it has seen. If not, it is told to (422); a
    /// patch always may, since it is applied to the object as it is.
    fn allow_unconditional_update(&self) -> bool {
        true
    }
}

/// Answers `PATCH …/NAME` (JSON patch and JSON merge patch): a patch is an update whose `after` the server computes.
pub trait Patch: Update {}

/// Answers `DELETE …/NAME`.
pub trait Delete: Get {
    /// Removes an object, and answers with its last state.
    ///
    /// If what is kept is no longer `object`, [`Status::modified`]: the server then asks [`Get`] again, compares the
    /// client's preconditions, and repeats.
    fn delete(
        &self,
        call: &Call,
        object: &Item<Self::Object>,
        options: &DeleteOptions,
    ) -> impl Future<Output = Result<Deleted<Self::Object>, Status>> + Send;
}

/// Answers `DELETE` on the collection, by deleting each object of a list.
pub trait DeleteCollection: Delete + List {}

/// What a client asks of a deletion. Preconditions have been compared by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Answer as if, and remove nothing.
    pub dry_run: bool,
    /// Seconds that the object may take to end; `None` leaves it to the resource.
    pub grace_period_seconds: Option<i64>,
    /// What becomes of the objects that it owns: `Orphan`, `Background` or `Foreground`; `None` leaves it to the
    /// resource.
    pub propagation_policy: Option<String>,
}

/// What became of a deletion.
#[derive(Debug)]
pub enum Deleted<T> {
    /// The object is gone: its last state.
    Gone(Item<T>),
    /// The object is on its way out (finalizers, a grace period): its state now.
    Going(Item<T>),
}

impl<T> Clone for Deleted<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Gone(item) => Self::Gone(item.clone()),
            Self::Going(item) => Self::Going(item.clone()),
        }
    }
}
