//! One cluster as its users see it: started or found again, asked, disturbed, ended.
use crate::{
    control_plane::{self, ControlPlane},
    directory::Directory,
    endpoints::{Endpoints, PosternEndpoints},
    example::Example,
    flux::{self, SourceController},
    hook_executor::HookExecutor,
    install,
    kubectl::Kubectl,
    network::Network,
    oci_registry::{Entry, OciRegistry},
    postern::Postern,
    process::Process,
    s3_gateway::S3Gateway,
    wardle::{Maker, Wardle},
};
use anyhow::{Context, Result};
use kube::Client;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::net::SocketAddrV4;
use std::time::Duration;
use tools::Programs;

/// The process that started a cluster; while it lives, nobody takes the network for abandoned.
const BUILDER: &str = "builder";

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Start and register Postern; otherwise the cluster is ready for one that is started by hand.
    pub postern: bool,
    /// More flags for Postern.
    pub postern_flags: Vec<String>,
    /// Install the CRDs of Flux.
    pub flux_crds: bool,
    /// Start kube-scheduler. There is no node to schedule to, so tests do without.
    pub scheduler: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { postern: true, postern_flags: Vec::new(), flux_crds: true, scheduler: false }
    }
}

/// What is written down, so that another process finds the cluster again.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    network: Network,
    endpoints: Endpoints,
    postern_flags: Vec<String>,
}

impl Record {
    fn write(&self, directory: &Directory) -> Result<()> {
        directory.write(&directory.file("cluster.json"), serde_json::to_vec_pretty(self)?)
    }
}

/// A cluster whose processes are ours.
#[derive(Clone)]
pub struct Cluster {
    directory: Directory,
    record: Record,
    client: Client,
}

impl Cluster {
    /// Starts a cluster in this folder; on failure nothing of it is left but its logs.
    ///
    /// # Errors
    /// A program that is missing or does not get ready; the message holds the last lines of its log.
    pub async fn start(directory: Directory, options: &Options) -> Result<Self> {
        let started = Self::build(&directory, options).await;
        if started.is_err() {
            stop(&directory).await.context("failed to end what was started")?;
            directory.clear()?;
        }
        started
    }

    /// The running cluster that a folder records.
    ///
    /// # Errors
    /// There is none.
    pub async fn open(directory: Directory) -> Result<Self> {
        let path = directory.file("cluster.json");
        let text =
            std::fs::read(&path).with_context(|| format!("no cluster in {}", directory.path().display()))?;
        let record =
            serde_json::from_slice(&text).with_context(|| format!("failed to read {}", path.display()))?;
        let client = control_plane::client(&directory.kubeconfig()).await?;
        Ok(Self { directory, record, client })
    }

    /// Ends every process, and removes the bridge; the logs stay.
    ///
    /// # Errors
    /// A process that does not end.
    pub async fn stop(self) -> Result<()> {
        stop(&self.directory).await
    }

    /// The administrator's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where its files lie.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Its addresses.
    pub fn network(&self) -> &Network {
        &self.record.network
    }

    /// Where its servers listen.
    pub fn endpoints(&self) -> &Endpoints {
        &self.record.endpoints
    }

    /// kubectl with the administrator's kubeconfig.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl {
            program: self.directory.file("programs").join("kubectl"),
            kubeconfig: self.directory.kubeconfig(),
            cache: self.directory.file("kube-cache"),
        }
    }

    /// As [`Self::kubectl`], one minor version older than the control plane.
    ///
    /// # Errors
    /// It is not there and cannot be built.
    pub async fn older_kubectl(&self) -> Result<Kubectl> {
        let program = tokio::task::spawn_blocking(tools::older_kubectl).await??;
        Ok(Kubectl { program, cache: self.directory.file("kube-cache-older"), ..self.kubectl() })
    }

    /// Its Postern.
    pub fn postern(&self) -> Postern {
        self.postern_at("postern", self.record.endpoints.postern.clone())
    }

    /// A store in S3, started. Its processes end with the cluster.
    ///
    /// # Errors
    /// As for [`S3Gateway::start`]; no port is free.
    pub async fn s3_gateway(&self, name: &str) -> Result<S3Gateway> {
        let gateway = self.s3_gateway_to_be(name)?;
        gateway.start().await?;
        Ok(gateway)
    }

    /// The same, not started yet.
    ///
    /// # Errors
    /// No port is free.
    pub fn s3_gateway_to_be(&self, name: &str) -> Result<S3Gateway> {
        S3Gateway::new(&self.directory, name)
    }

    /// An OCI registry, with a folder of its own, not started yet.
    ///
    /// # Errors
    /// No port is free.
    pub fn oci_registry(&self, name: &str, entry: Entry) -> Result<OciRegistry> {
        OciRegistry::new(&self.directory, name, entry)
    }

    /// What runs the hooks of every Postern here.
    pub fn hook_executor(&self) -> HookExecutor {
        HookExecutor::of(&self.directory)
    }

    /// One more Postern, with its own ports and store, not started yet. It is not in the EndpointSlice.
    ///
    /// # Errors
    /// No port is free.
    pub fn another_postern(&self, name: &str) -> Result<Postern> {
        Ok(self.postern_at(name, PosternEndpoints::choose(&self.record.network)?))
    }

    /// A server of `wardle.example.com`, not started yet. `name` is that of its log and record.
    ///
    /// # Errors
    /// No port is free, or kube-apiserver refuses what the server needs: a ServiceAccount and its roles.
    pub async fn wardle(&self, maker: Maker, name: &str) -> Result<Wardle> {
        Wardle::prepare(self, maker, name).await
    }

    /// An example server of `libs/extension-apiserver` with the manifests beside it, started and registered. It
    /// listens at this port, or the next free one.
    ///
    /// # Errors
    /// It is not built, does not become ready, or kube-apiserver does not find it available.
    pub async fn example(&self, name: &'static str, port: u16, manifests: &str) -> Result<Example> {
        Example::start(self, name, port, manifests).await
    }

    /// Ends kube-apiserver as a crash would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn kill_kube_apiserver(&self) -> Result<()> {
        self.control_plane().kill_kube_apiserver().await
    }

    /// Starts kube-apiserver again, and returns once it serves.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start_kube_apiserver(&self) -> Result<()> {
        self.control_plane().start_kube_apiserver().await.map(drop)
    }

    /// Registers Postern with the API again, as a test that took the registration away must.
    ///
    /// # Errors
    /// kubectl fails, or Postern is not discovered.
    pub async fn register_postern(&self) -> Result<()> {
        install::register(&self.kubectl()).await
    }

    /// Installs the CRDs of Flux, as somebody does who comes to like it.
    ///
    /// # Errors
    /// kubectl fails.
    pub async fn install_flux_crds(&self) -> Result<()> {
        install::flux_crds(&self.kubectl()).await
    }

    /// Lets Postern read the Secrets of a namespace.
    ///
    /// # Errors
    /// The API refuses it.
    pub async fn let_read_secrets(&self, namespace: &str) -> Result<()> {
        install::bind_secrets(&self.client, namespace).await
    }

    /// Installs and starts Flux's kustomize-controller, if it does not run yet; it ends with the cluster.
    ///
    /// # Errors
    /// It is not there and cannot be built, or does not become ready.
    pub async fn start_kustomize_controller(&self) -> Result<()> {
        flux::start_kustomize_controller(self).await
    }

    /// Installs and starts Flux's source-controller, so many reconciliations at once; it ends with the cluster.
    ///
    /// # Errors
    /// It runs already, is not there and cannot be built, or does not become ready.
    pub async fn start_source_controller(&self, concurrent: u16) -> Result<SourceController> {
        flux::start_source_controller(self, concurrent).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn stop_source_controller(&self) -> Result<()> {
        flux::stop_source_controller(self).await
    }

    /// Installs and starts Flux's notification-controller, and returns where it takes events; it ends with the cluster.
    ///
    /// # Errors
    /// It runs already, is not there and cannot be built, or does not become ready.
    pub async fn start_notification_controller(&self) -> Result<SocketAddrV4> {
        flux::start_notification_controller(self).await
    }

    /// Applies the shipped manifests again and restarts Postern, as it is built now, with these flags from now on.
    pub(crate) async fn renew(&mut self, postern_flags: &[String]) -> Result<()> {
        postern_flags.clone_into(&mut self.record.postern_flags);
        self.record.write(&self.directory)?;
        install::prepare(&self.kubectl(), &self.record.endpoints.postern).await?;
        self.hook_executor().stop().await?;
        self.hook_executor().start().await?;
        self.postern().restart().await?;
        install::register(&self.kubectl()).await
    }

    /// Lets go of a cluster that is to outlive this process.
    pub(crate) fn release(&self) {
        Process::new(&self.directory, BUILDER).forget();
    }

    async fn build(directory: &Directory, options: &Options) -> Result<Self> {
        let wanted = options.scheduler;
        let provide =
            move || anyhow::Ok((Programs::provide()?, wanted.then(tools::kube_scheduler).transpose()?));
        let (programs, scheduler) = tokio::task::spawn_blocking(provide).await??;
        directory.create()?;
        stop(directory).await?;
        directory.clear()?;
        directory.clear_logs()?;
        directory.create()?;
        Process::new(directory, BUILDER).record(Pid::this())?;
        let network = Network::acquire(directory)?;
        let endpoints = Endpoints::choose(&network)?;
        let record = Record { network, endpoints, postern_flags: options.postern_flags.clone() };
        record.write(directory)?;
        let control_plane =
            ControlPlane { directory, network: &record.network, endpoints: &record.endpoints };
        control_plane.prepare(&programs)?;
        let client = control_plane.start_api().await?;
        control_plane.start_controllers(scheduler.as_deref())?;
        let cluster = Self { directory: directory.clone(), client, record };
        cluster.install(options).await?;
        Ok(cluster)
    }

    async fn install(&self, options: &Options) -> Result<()> {
        let kubectl = self.kubectl();
        install::prepare(&kubectl, &self.record.endpoints.postern).await?;
        let postern = self.postern();
        postern.write_kubeconfigs(self.record.endpoints.kube_apiserver).await?;
        let flux = async { if options.flux_crds { install::flux_crds(&kubectl).await } else { Ok(()) } };
        let start = async {
            if !options.postern {
                return Ok(());
            }
            self.hook_executor().start().await?;
            postern.start().await
        };
        tokio::try_join!(flux, start)?;
        if options.postern {
            install::register(&kubectl).await?;
        }
        self.control_plane().controllers_ready(&self.client).await
    }

    fn control_plane(&self) -> ControlPlane<'_> {
        let Record { network, endpoints, .. } = &self.record;
        ControlPlane { directory: &self.directory, network, endpoints }
    }

    fn postern_at(&self, name: &str, endpoints: PosternEndpoints) -> Postern {
        Postern {
            directory: self.directory.clone(),
            network: self.record.network,
            client: self.client.clone(),
            name: name.to_owned(),
            role: "all",
            endpoints,
            flags: self.record.postern_flags.clone(),
            environment: Vec::new(),
            names: Vec::new(),
        }
    }
}

/// Ends whatever a folder records, running or half started.
///
/// # Errors
/// A process that does not end.
pub async fn stop(directory: &Directory) -> Result<()> {
    let others = Process::recorded(directory);
    let others =
        others.iter().filter(|name| *name != BUILDER && !control_plane::PROCESSES.contains(&name.as_str()));
    let patience = Duration::from_secs(1);
    futures::future::try_join_all(
        others.map(async |name| Process::new(directory, name).stop(patience).await),
    )
    .await?;
    control_plane::stop(directory).await?;
    Network::release(directory)?;
    Process::new(directory, BUILDER).forget();
    Ok(())
}
