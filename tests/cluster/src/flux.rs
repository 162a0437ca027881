//! Flux's kustomize-controller as a process of this machine, with the account and the roles that Flux's installation
//! gives it. One serves the whole cluster, as it does elsewhere.
use crate::{
    cluster::Cluster,
    install,
    kubeconfig::{self, Credential},
    network::free_port,
    postern::{is_ready, token},
    process::Process,
};
use anyhow::Result;
use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tokio::sync::Mutex;

const MANIFESTS: &str = include_str!("../manifests/flux.yaml");
const NAMESPACE: &str = "flux-system";
const NAME: &str = "kustomize-controller";

static START: Mutex<()> = Mutex::const_new(());

/// Installs and starts it, if it does not run yet; it ends with the cluster.
pub(crate) async fn start_kustomize_controller(cluster: &Cluster) -> Result<()> {
    let _one_at_a_time = START.lock().await;
    let process = Process::new(cluster.directory(), NAME);
    if process.pid().is_some() {
        return Ok(());
    }
    let program = tokio::task::spawn_blocking(tools::kustomize_controller).await??;
    let kubeconfig = install(cluster).await?;
    let metrics = free_port(Ipv4Addr::LOCALHOST, 19_080)?;
    let health = free_port(Ipv4Addr::LOCALHOST, 19_080)?;
    process.start(&mut command(&program, &kubeconfig, metrics, health))?;
    let ready = async || tokio::task::spawn_blocking(move || is_ready(health)).await.is_ok_and(|ready| ready);
    process.until_ready(Duration::from_secs(60), ready).await
}

/// The CRDs, the account, its roles, and a kubeconfig with its token.
async fn install(cluster: &Cluster) -> Result<PathBuf> {
    let kubectl = cluster.kubectl();
    install::apply_folder(&kubectl, &tokio::task::spawn_blocking(tools::kustomize_crds).await??).await?;
    kubectl.apply(MANIFESTS).await?;
    let established = "crd/kustomizations.kustomize.toolkit.fluxcd.io";
    kubectl.run(&["wait", "--for=condition=Established", established]).await?;
    let kubeconfig = cluster.directory().kubeconfig_of(NAME);
    let token = token(cluster.client(), NAMESPACE, NAME).await?;
    let server = cluster.endpoints().kube_apiserver;
    kubeconfig::write(cluster.directory(), &kubeconfig, server, &Credential::Token(&token))?;
    Ok(kubeconfig)
}

fn command(program: &Path, kubeconfig: &Path, metrics: SocketAddrV4, health: SocketAddrV4) -> Command {
    // Processes of the harness get no environment, so that they behave alike everywhere.
    let mut command = Command::new("env");
    command
        .arg(format!("KUBECONFIG={}", kubeconfig.display()))
        .arg(format!("RUNTIME_NAMESPACE={NAMESPACE}"))
        .arg(program)
        .arg(format!("--metrics-addr={metrics}"))
        .arg(format!("--health-addr={health}"))
        // Off by default: a Kustomization of an ExternalArtifact would be stalled.
        .arg("--feature-gates=ExternalArtifact=true")
        // How soon it asks again for an artifact that was not there; its default of 30 s would only make tests wait.
        .arg("--requeue-dependency=2s");
    command
}
