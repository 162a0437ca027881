//! Flux's controllers as processes of this machine, with the accounts and the roles that Flux's installation gives them.
//! One of each serves the whole cluster, as it does elsewhere.
use crate::{
    cluster::Cluster,
    install,
    kubeconfig::{self, Credential},
    network::free_port,
    postern::{is_ready, token},
    process::Process,
};
use anyhow::{Context, Result};
use nix::unistd::Pid;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tokio::sync::Mutex;

const MANIFESTS: &str = include_str!("../manifests/flux.yaml");
const NAMESPACE: &str = "flux-system";

static START: Mutex<()> = Mutex::const_new(());

/// One of Flux's controllers.
struct Controller {
    /// Of its process and its account.
    name: &'static str,
    program: fn() -> Result<PathBuf>,
    crds: fn() -> Result<PathBuf>,
    /// One of its CRDs.
    kind: &'static str,
}

const KUSTOMIZE: Controller = Controller {
    name: "kustomize-controller",
    program: tools::kustomize_controller,
    crds: tools::kustomize_crds,
    kind: "crd/kustomizations.kustomize.toolkit.fluxcd.io",
};

const NOTIFICATION: Controller = Controller {
    name: "notification-controller",
    program: tools::notification_controller,
    crds: tools::notification_crds,
    kind: "crd/alerts.notification.toolkit.fluxcd.io",
};

const SOURCE: Controller = Controller {
    name: "source-controller",
    program: tools::source_controller,
    crds: tools::flux_crds,
    kind: "crd/buckets.source.toolkit.fluxcd.io",
};

/// A running source-controller.
pub struct SourceController {
    /// Its process id.
    pub pid: i32,
    /// Where it serves the files of its storage, over http.
    pub address: SocketAddrV4,
    /// The folder of its storage.
    pub storage: PathBuf,
}

/// Installs and starts source-controller, so many reconciliations at once; it ends with the cluster.
pub(crate) async fn start_source_controller(cluster: &Cluster, concurrent: u16) -> Result<SourceController> {
    let address = free_port(Ipv4Addr::LOCALHOST, 19_790)?;
    let storage = cluster.directory().file("source-controller-storage");
    fs::create_dir_all(&storage).with_context(|| format!("failed to create {}", storage.display()))?;
    let flags = [
        format!("--storage-path={}", storage.display()),
        format!("--storage-addr={address}"),
        format!("--storage-adv-addr={address}"),
        format!("--concurrent={concurrent}"),
        // It would wait for its own limits, and not for work.
        "--kube-api-qps=2000".to_owned(),
        "--kube-api-burst=4000".to_owned(),
        "--log-level=error".to_owned(),
    ];
    let pid = SOURCE.start(cluster, &flags).await?;
    Ok(SourceController { pid: pid.as_raw(), address, storage })
}

/// Ends it.
pub(crate) async fn stop_source_controller(cluster: &Cluster) -> Result<()> {
    Process::new(cluster.directory(), SOURCE.name).stop(Duration::from_secs(10)).await
}

/// Installs and starts kustomize-controller, if it does not run yet; it ends with the cluster.
pub(crate) async fn start_kustomize_controller(cluster: &Cluster) -> Result<()> {
    let flags = [
        // Off by default: a Kustomization of an ExternalArtifact would be stalled.
        "--feature-gates=ExternalArtifact=true".to_owned(),
        // How soon it asks again for an artifact that was not there; its default of 30 s would only make tests wait.
        "--requeue-dependency=2s".to_owned(),
    ];
    KUSTOMIZE.start(cluster, &flags).await.map(drop)
}

/// Installs and starts notification-controller, and returns where it takes events; it ends with the cluster.
pub(crate) async fn start_notification_controller(cluster: &Cluster) -> Result<SocketAddrV4> {
    let [events, receivers] = [19_090, 19_292].map(|port| free_port(Ipv4Addr::LOCALHOST, port));
    let (events, receivers) = (events?, receivers?);
    let flags = [format!("--events-addr={events}"), format!("--receiverAddr={receivers}")];
    NOTIFICATION.start(cluster, &flags).await?;
    Ok(events)
}

impl Controller {
    async fn start(&self, cluster: &Cluster, flags: &[String]) -> Result<Pid> {
        let _one_at_a_time = START.lock().await;
        let process = Process::new(cluster.directory(), self.name);
        if let Some(pid) = process.pid() {
            return Ok(pid);
        }
        let program = tokio::task::spawn_blocking(self.program).await??;
        let kubeconfig = self.install(cluster).await?;
        let metrics = free_port(Ipv4Addr::LOCALHOST, 19_080)?;
        let health = free_port(Ipv4Addr::LOCALHOST, 19_080)?;
        process.start(command(&program, &kubeconfig, metrics, health).args(flags))?;
        let ready =
            async || tokio::task::spawn_blocking(move || is_ready(health)).await.is_ok_and(|ready| ready);
        process.until_ready(Duration::from_secs(60), ready).await?;
        process.pid().context("it ended at once")
    }

    /// The CRDs, the account, its roles, and a kubeconfig with its token.
    async fn install(&self, cluster: &Cluster) -> Result<PathBuf> {
        let kubectl = cluster.kubectl();
        install::apply_folder(&kubectl, &tokio::task::spawn_blocking(self.crds).await??).await?;
        kubectl.apply(MANIFESTS).await?;
        kubectl.run(&["wait", "--for=condition=Established", self.kind]).await?;
        let kubeconfig = cluster.directory().kubeconfig_of(self.name);
        let token = token(cluster.client(), NAMESPACE, self.name).await?;
        let server = cluster.endpoints().kube_apiserver;
        kubeconfig::write(cluster.directory(), &kubeconfig, server, &Credential::Token(&token))?;
        Ok(kubeconfig)
    }
}

fn command(program: &Path, kubeconfig: &Path, metrics: SocketAddrV4, health: SocketAddrV4) -> Command {
    // Processes of the harness get no environment, so that they behave alike everywhere.
    let mut command = Command::new("env");
    command
        .arg(format!("KUBECONFIG={}", kubeconfig.display()))
        .arg(format!("RUNTIME_NAMESPACE={NAMESPACE}"))
        .arg(program)
        .arg(format!("--metrics-addr={metrics}"))
        .arg(format!("--health-addr={health}"));
    command
}
