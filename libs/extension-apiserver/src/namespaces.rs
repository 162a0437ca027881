//! Which namespaces take new objects.
//!
//! kube-apiserver runs no admission for what an extension server serves. Without a check of its own, objects that are
//! created while their namespace is being deleted may outlive it.
mod watched;

use crate::{
    api::Call,
    status::{Cause, Details, Status},
};
use futures::future::BoxFuture;
use http::StatusCode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

pub use watched::WatchedNamespaces;

/// What is known of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It takes new objects.
    Active,
    /// It is being deleted, with everything in it.
    Terminating,
    /// There is none of this name.
    Missing,
}

/// Says which namespaces take new objects. [`WatchedNamespaces`] asks kube-apiserver.
pub trait Namespaces: Send + Sync + 'static {
    /// The phase of a namespace; an error refuses the request.
    fn phase<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<Phase, Status>>;
}

/// Lets a new object into its namespace.
pub(crate) async fn admit(
    namespaces: Option<&dyn Namespaces>,
    call: &Call,
    meta: &ObjectMeta,
) -> Result<(), Status> {
    let namespace = call.request.namespace.as_str();
    let Some(namespaces) = namespaces.filter(|_| !namespace.is_empty()) else { return Ok(()) };
    match namespaces.phase(namespace).await? {
        Phase::Active => Ok(()),
        Phase::Terminating => Err(terminating(call, namespace, meta)),
        Phase::Missing => Err(missing(namespace)),
    }
}

fn terminating(call: &Call, namespace: &str, meta: &ObjectMeta) -> Status {
    let given = [Some(&call.request.name), meta.name.as_ref(), meta.generate_name.as_ref()];
    let name = given.into_iter().flatten().find(|name| !name.is_empty());
    let mut request = call.request.clone();
    request.name = name.cloned().unwrap_or_else(|| "Unknown".to_owned());
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let status = Status::forbidden(&request, &why);
    let cause = Cause {
        reason: "NamespaceTerminating",
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".to_owned(),
    };
    let details = Details { causes: vec![cause], ..status.details().cloned().unwrap_or_default() };
    status.with_details(details)
}

fn missing(namespace: &str) -> Status {
    let details = Details { name: namespace.to_owned(), kind: "namespaces".to_owned(), ..Details::default() };
    let message = format!("namespaces {namespace:?} not found");
    Status::new(StatusCode::NOT_FOUND, "NotFound", message).with_details(details)
}
