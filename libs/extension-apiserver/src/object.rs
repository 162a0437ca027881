//! Objects as the API shows them: the [`Object`] trait, their names and versions, and [`Item`], which encodes once.
mod item;

use crate::table::Column;
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use schemars::JsonSchema;
use serde::Serialize;
use std::{borrow::Cow, fmt, num::ParseIntError, str::FromStr};

pub use item::Item;

/// A kind of object that the API shows.
///
/// Group, version, kind, plural and scope come from [`kube::Resource`], which `#[derive(CustomResource)]` implements;
/// for kinds whose fields lie at the root, add `#[kube(no_spec)]`. Objects must serialize with `apiVersion` and `kind`,
/// as the derived ones and those of k8s-openapi do.
pub trait Object:
    kube::Resource<DynamicType = (), Scope: Scope> + Serialize + JsonSchema + Clone + Send + Sync + 'static
{
    /// Short names for the command line, such as `po` for pods.
    const SHORT_NAMES: &'static [&'static str] = &[];

    /// Groups of resources that it belongs to, such as `all`.
    const CATEGORIES: &'static [&'static str] = &[];

    /// Why clients should not go on using this version, such as "lights.example.com/v1 Lamp is deprecated in v1.3+,
    /// unavailable in v1.10+"; they are told with every answer, as a warning.
    const DEPRECATION: Option<&'static str> = None;

    /// Fields that clients may select by, besides `metadata.name` and `metadata.namespace`.
    const SELECTABLE_FIELDS: &'static [&'static str] = &[];

    /// Fills in what a client left out, right after its object, or what its patch made, was decoded: what the type's own
    /// `Default`s cannot say, such as a field that follows from another.
    fn set_defaults(&mut self) {}

    /// The value of one of [`Self::SELECTABLE_FIELDS`].
    fn selectable_field(&self, _path: &str) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    /// What the rows of its table show, where it is shown as several: for each row an object that holds what is in that
    /// row. As a rule an object is one row.
    fn rows(&self) -> Option<Vec<Self>> {
        None
    }

    /// What `kubectl get` shows, in this order. A table without columns would be empty: the default is name and age.
    fn columns() -> Vec<Column<Self>> {
        vec![Column::name(), Column::age()]
    }
}

/// Whether objects live in namespaces; decided by the type, so that no URL of the wrong form can be registered.
pub trait Scope: sealed::Sealed {
    /// Whether objects live in namespaces.
    const NAMESPACED: bool;
}

impl Scope for NamespaceResourceScope {
    const NAMESPACED: bool = true;
}

impl Scope for ClusterResourceScope {
    const NAMESPACED: bool = false;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for k8s_openapi::NamespaceResourceScope {}
    impl Sealed for k8s_openapi::ClusterResourceScope {}
}

/// Namespace and name of an object; ordered as lists are.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of an object.
    pub fn of<T: kube::Resource>(object: &T) -> Self {
        let meta = object.meta();
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }
}

/// A resource version. Opaque to clients but for equality and, since Kubernetes 1.35, order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}
