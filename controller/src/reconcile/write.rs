//! The writes of the loop, each by server-side apply under one field manager and bound to the object's UID: what is
//! meant for an object never lands on a later one of the same name.
use super::{Guarded, Kind, StatusOf};
use crate::FIELD_MANAGER;
use crds::Decoded;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    core::{ObjectMeta, object::HasStatus},
};
use serde::{Serialize, de::Error as _};
use serde_json::json;
use std::borrow::Cow;

/// Where objects of `K` in `namespace` are written.
pub(super) fn api<K: Kind>(client: &Client, namespace: &str) -> Api<Guarded<K>> {
    Api::namespaced(client.clone(), namespace)
}

/// What came back from a write.
///
/// # Errors
/// This version cannot read it, though it wrote it.
pub(crate) fn returned<K>(written: Result<Decoded<K>, kube::Error>) -> Result<K, kube::Error> {
    written?.0.map_err(|unreadable| kube::Error::SerdeError(serde_json::Error::custom(unreadable.error)))
}

/// The apply of a status. Not as `json!`, which would copy all of it into a tree first: it is written with nearly every pass.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Applied<'a, S> {
    api_version: Cow<'a, str>,
    kind: Cow<'a, str>,
    metadata: Bound<'a>,
    status: &'a S,
}

/// The one object that is meant.
#[derive(Debug, Serialize)]
struct Bound<'a> {
    name: &'a str,
    uid: Option<String>,
}

/// Writes the whole status, and returns the object as it is now.
pub(super) async fn status<K: Kind>(
    client: &Client,
    object: &K::Object,
    status: &StatusOf<K>,
) -> Result<K::Object, kube::Error> {
    let api = api::<K>(client, &object.namespace().unwrap_or_default());
    let (name, uid) = (object.name_any(), object.uid());
    let (api_version, kind) = (K::Object::api_version(&()), K::Object::kind(&()));
    let body = Applied { api_version, kind, metadata: Bound { name: &name, uid }, status };
    let mut written = returned(api.patch_status(&name, &params(), &Patch::Apply(body)).await)?;
    if written.status() != Some(status) {
        // Something that another manager put there stayed, since an apply only takes away what is its own. Left
        // alone it would be a reason to write at each pass.
        *written.status_mut() = Some(status.clone());
        let replace = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let api: Api<K::Object> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
        written = api.replace_status(&name, &replace, &written).await?;
    }
    Ok(written)
}

/// Adds the finalizer.
pub(super) async fn add_finalizer<K: Kind>(
    client: &Client,
    meta: &ObjectMeta,
) -> Result<K::Object, kube::Error> {
    let body = json!({
        "apiVersion": K::Object::api_version(&()),
        "kind": K::Object::kind(&()),
        "metadata": { "name": meta.name, "uid": meta.uid, "finalizers": [K::FINALIZER] },
    });
    let api = api::<K>(client, meta.namespace.as_deref().unwrap_or_default());
    returned(api.patch(meta.name.as_deref().unwrap_or_default(), &params(), &Patch::Apply(body)).await)
}

/// Takes the finalizer off, whoever put it there: an apply could take away only our own. Bound to the version that was
/// read, so that no finalizer of somebody else is lost.
pub(super) async fn remove_finalizer<K: Kind>(client: &Client, meta: &ObjectMeta) -> Result<(), kube::Error> {
    let api = api::<K>(client, meta.namespace.as_deref().unwrap_or_default());
    let others: Vec<&String> =
        meta.finalizers.iter().flatten().filter(|name| *name != K::FINALIZER).collect();
    let body = json!({
        "metadata": { "uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": others },
    });
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    // Metadata alone is asked back: the object may be one that does not decode.
    match api.patch_metadata(meta.name.as_deref().unwrap_or_default(), &params, &Patch::Merge(body)).await {
        Err(error) if is_gone(&error) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The field manager of every apply of ours. Forced: what this controller says is its to say.
pub(crate) fn params() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

/// Whether the object is no longer there.
pub(crate) fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether somebody else wrote in between, or it is another object by now.
pub(crate) fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Whether the namespace is on its way out, and all that is in it goes as well, in no certain order: what a source refers to
/// often goes first. Asked before something is said or made that nobody would see.
pub(crate) async fn is_leaving(client: &Client, namespace: &str) -> bool {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = namespaces.get_metadata_opt(namespace).await;
    // Not to know is no reason to keep quiet.
    found.is_ok_and(|found| found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()))
}

/// Whether it was refused because the namespace is on its way out.
pub(crate) fn is_in_vain(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}
