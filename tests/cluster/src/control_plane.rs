//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler: how they are started, awaited and ended.
mod commands;

use crate::{
    directory::Directory,
    endpoints::Endpoints,
    kubeconfig::{self, Credential},
    network::Network,
    pki, privilege,
    process::Process,
};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use nix::unistd::Pid;
use std::{os::unix::fs::symlink, path::Path, time::Duration};
use tools::Programs;

const ETCD: &str = "etcd";
const KUBE_APISERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const SCHEDULER: &str = "kube-scheduler";
/// Every process of a control plane.
pub(crate) const PROCESSES: [&str; 4] = [ETCD, KUBE_APISERVER, CONTROLLER_MANAGER, SCHEDULER];
/// Cold disks and busy machines included.
const START: Duration = Duration::from_secs(90);

/// The processes of one cluster's control plane.
#[derive(Debug)]
pub(crate) struct ControlPlane<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) network: &'a Network,
    pub(crate) endpoints: &'a Endpoints,
}

impl ControlPlane<'_> {
    /// Writes everything that the processes read.
    pub(crate) fn prepare(&self, programs: &Programs) -> Result<()> {
        pki::generate(self.directory, self.network)?;
        let policy = self.directory.file("audit-policy.yaml");
        self.directory.write(&policy, include_str!("../manifests/audit-policy.yaml"))?;
        let server = self.endpoints.kube_apiserver;
        let admin = Credential::Certificate("admin");
        kubeconfig::write(self.directory, &self.directory.kubeconfig(), server, &admin)?;
        for name in [CONTROLLER_MANAGER, SCHEDULER] {
            let path = self.directory.kubeconfig_of(name);
            kubeconfig::write(self.directory, &path, server, &Credential::Certificate(name))?;
        }
        self.link(programs)
    }

    /// Starts etcd and kube-apiserver together (it waits for etcd by itself), and returns once requests are served.
    pub(crate) async fn start_api(&self) -> Result<Client> {
        Process::new(self.directory, ETCD).start(&mut self.etcd())?;
        self.start_kube_apiserver().await
    }

    /// Starts kube-apiserver alone.
    pub(crate) async fn start_kube_apiserver(&self) -> Result<Client> {
        let process = Process::new(self.directory, KUBE_APISERVER);
        process.start(&mut self.kube_apiserver())?;
        let client = client(&self.directory.kubeconfig()).await?;
        let ready = async || {
            let request = http_get("/readyz");
            client.request_text(request).await.is_ok()
        };
        process.until_ready(START, ready).await?;
        Ok(client)
    }

    /// Starts the controllers, and the scheduler if asked; they are awaited by [`Self::controllers_ready`].
    pub(crate) fn start_controllers(&self, scheduler: Option<&Path>) -> Result<()> {
        Process::new(self.directory, CONTROLLER_MANAGER).start(&mut self.controller_manager())?;
        if let Some(program) = scheduler {
            self.place(SCHEDULER, program)?;
            Process::new(self.directory, SCHEDULER).start(&mut self.scheduler())?;
        }
        Ok(())
    }

    /// Returns once the controllers do their work: the first ServiceAccount exists.
    pub(crate) async fn controllers_ready(&self, client: &Client) -> Result<()> {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
        let ready = async || matches!(accounts.get_opt("default").await, Ok(Some(_)));
        Process::new(self.directory, CONTROLLER_MANAGER).until_ready(START, ready).await
    }

    /// Ends kube-apiserver as a crash would.
    pub(crate) async fn kill_kube_apiserver(&self) -> Result<()> {
        Process::new(self.directory, KUBE_APISERVER).kill().await
    }

    fn link(&self, programs: &Programs) -> Result<()> {
        self.place(ETCD, &programs.etcd)?;
        self.place(KUBE_APISERVER, &programs.kube_apiserver)?;
        self.place(CONTROLLER_MANAGER, &programs.kube_controller_manager)?;
        self.place("kubectl", &programs.kubectl)?;
        offer(self.directory, "kubectl", &programs.kubectl)
    }

    /// Makes a program one of this cluster's.
    fn place(&self, name: &str, program: &Path) -> Result<()> {
        let link = self.directory.file("programs").join(name);
        symlink(program, &link).with_context(|| format!("failed to link {}", link.display()))
    }
}

/// Puts a program where the cluster's PATH leads.
pub(crate) fn offer(directory: &Directory, name: &str, program: &Path) -> Result<()> {
    let entrance = directory.file("bin").join(name);
    if privilege::is_inside() {
        return privilege::write_entrance(directory, program, &entrance);
    }
    symlink(program, &entrance).with_context(|| format!("failed to link {}", entrance.display()))
}

/// Ends the control plane that a folder records. Whoever watches must go first: kube-apiserver waits up to a minute for
/// its watchers. The data is thrown away, so nobody gets long.
pub(crate) async fn stop(directory: &Directory) -> Result<()> {
    let patience = Duration::from_secs(1);
    let (managers, scheduler) =
        (Process::new(directory, CONTROLLER_MANAGER), Process::new(directory, SCHEDULER));
    tokio::try_join!(managers.stop(patience), scheduler.stop(patience))?;
    Process::new(directory, KUBE_APISERVER).stop(patience).await?;
    Process::new(directory, ETCD).stop(patience).await
}

/// The process in whose network namespace a folder's cluster lives, while it runs.
pub(crate) fn etcd_pid(directory: &Directory) -> Option<i32> {
    Process::new(directory, ETCD).pid().map(Pid::as_raw)
}

/// A client as a kubeconfig describes it.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    Ok(Client::try_from(config(kubeconfig).await?)?)
}

/// A client that takes an answer of 503 or 504 for what it is, instead of asking again.
pub(crate) async fn client_without_retries(kubeconfig: &Path) -> Result<Client> {
    let mut config = config(kubeconfig).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn config(kubeconfig: &Path) -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

fn http_get(path: &str) -> http::Request<Vec<u8>> {
    http::Request::get(path).body(Vec::new()).expect("a literal path is a valid request")
}
