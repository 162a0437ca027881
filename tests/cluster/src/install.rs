//! What a cluster gets before and after Postern runs: the CRDs, the shipped manifests of `deploy/`, Flux's CRDs.
use crate::{endpoints::PosternEndpoints, kubectl::Kubectl, replica::Slice};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const NAMESPACE: &str = include_str!("../../../deploy/namespace.yaml");
const ROLES: &str = include_str!("../../../deploy/roles.yaml");
const USER_ROLES: &str = include_str!("../../../deploy/user-roles.yaml");
const SERVICE: &str = include_str!("../../../deploy/service.yaml");
const REGISTRATION: &str = include_str!("../../../deploy/registration.yaml");

/// Applies everything that Postern needs to start, and the Service through which it is reached.
pub(crate) async fn prepare(kubectl: &Kubectl, postern: &PosternEndpoints) -> Result<()> {
    let crds = crds::manifests::yaml().context("failed to print the CRDs")?;
    let service = serde_saphyr::to_string(&service_without_selector()?)?;
    let slice = serde_saphyr::to_string(&endpoint_slice("postern", postern, true))?;
    let all = [NAMESPACE, ROLES, USER_ROLES, &service, &slice, &crds].join("\n---\n");
    kubectl.apply(&all).await?;
    let established = ["wait", "--for=condition=Established", "crd/externalsources.source.flux.oddkin.co"];
    kubectl.run(&established).await.map(drop)
}

/// Applies the CRDs of Flux's source-controller.
pub(crate) async fn flux_crds(kubectl: &Kubectl) -> Result<()> {
    apply_folder(kubectl, &tokio::task::spawn_blocking(tools::flux_crds).await??).await
}

/// Applies all manifests of a folder.
pub(crate) async fn apply_folder(kubectl: &Kubectl, folder: &Path) -> Result<()> {
    let folder = folder.display().to_string();
    kubectl.run(&["apply", "--server-side", "--force-conflicts", "--filename", &folder]).await.map(drop)
}

/// Makes kube-apiserver call Postern, and returns once it does: the resources are in discovery as a client that never
/// asked before sees it, and the webhook answers.
pub(crate) async fn register(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(REGISTRATION).await?;
    until("the aggregated API is in discovery", async || discovered(kubectl).await).await?;
    until("the webhook answers", async || admitted(kubectl).await).await
}

/// Lets Postern read the Secrets of one namespace.
pub(crate) async fn bind_secrets(client: &Client, namespace: &str) -> Result<()> {
    let account = |name| json!({ "kind": "ServiceAccount", "name": name, "namespace": "postern-system" });
    let subjects = ["postern", "postern-controller"].map(account);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": "postern-secrets" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "postern-secrets" },
        "subjects": subjects,
    });
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
    bindings
        .patch("postern-secrets", &PatchParams::apply("postern-cluster"), &Patch::Apply(&binding))
        .await?;
    Ok(())
}

/// The shipped Service, but for its selector: Postern is a process of this machine, not a Pod.
fn service_without_selector() -> Result<Value> {
    let mut service: Value = serde_saphyr::from_str(SERVICE).context("failed to read deploy/service.yaml")?;
    service["spec"].as_object_mut().context("deploy/service.yaml has no spec")?.remove("selector");
    Ok(service)
}

/// What the endpoint controller would write about one Postern.
pub(crate) fn endpoint_slice(name: &str, postern: &PosternEndpoints, is_ready: bool) -> Value {
    let PosternEndpoints { apiserver, webhook, artifacts, controller, .. } = postern;
    let slice = Slice {
        name,
        namespace: "postern-system",
        service: "postern",
        address: *apiserver.ip(),
        ports: vec![
            ("apiserver", apiserver.port()),
            ("webhook", webhook.port()),
            ("artifacts", artifacts.port()),
            ("controller", controller.port()),
        ],
        is_ready,
    };
    slice.manifest()
}

pub(crate) async fn until(what: &str, check: impl AsyncFn() -> Result<()>) -> Result<()> {
    let began = Instant::now();
    loop {
        match check().await {
            Ok(()) => return Ok(()),
            Err(error) if began.elapsed() > Duration::from_secs(60) => {
                return Err(error.context(format!("waited a minute until {what}")));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn discovered(kubectl: &Kubectl) -> Result<()> {
    let fresh = Kubectl { cache: kubectl.cache.join("fresh"), ..kubectl.clone() };
    let _absent_is_fine = std::fs::remove_dir_all(&fresh.cache);
    // Discovery is collected now and then; this request goes through to Postern each time.
    fresh.run(&["get", "--raw", "/apis/subresources.postern.dev/v1alpha1"]).await?;
    let known =
        fresh.run(&["api-resources", "--api-group=subresources.postern.dev", "--output=name"]).await?;
    ensure!(known.contains("artifacts.subresources.postern.dev"), "discovery knows {known:?}");
    Ok(())
}

/// A valid source is let through by kube-apiserver only once it trusts the webhook.
async fn admitted(kubectl: &Kubectl) -> Result<()> {
    let source = json!({
        "apiVersion": "source.flux.oddkin.co/v1alpha1",
        "kind": "ExternalSource",
        "metadata": { "name": "probe", "namespace": "postern-system" },
        "spec": { "interval": "1h", "generator": { "type": "http", "http": { "url": "https://source.example" } } },
    });
    let arguments = ["create", "--dry-run=server", "--filename", "-"];
    kubectl.run_with_input(&arguments, &source.to_string()).await.map(drop)
}
