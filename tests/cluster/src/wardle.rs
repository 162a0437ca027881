//! Servers of `wardle.example.com`: the library's, and k8s.io/sample-apiserver, by which the library is measured. Both
//! run as the same ServiceAccount and serve with the same certificate, on a port that the bridge's address has.
mod registration;

use crate::{
    cluster::Cluster,
    control_plane,
    kubeconfig::{self, Credential},
    network::free_port,
    postern::{program, token},
    process::Process,
};
use anyhow::Result;
use kube::Client;
use std::{net::SocketAddrV4, path::PathBuf, process::Command, time::Duration};

const MANIFESTS: &str = include_str!("../manifests/wardle.yaml");
const NAMESPACE: &str = "wardle";

/// Who wrote the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// `tests/wardle`, written with `libs/extension-apiserver`; objects live in its memory.
    Postern,
    /// k8s.io/sample-apiserver, written with k8s.io/apiserver; objects live in the cluster's etcd.
    Kubernetes,
}

/// One server of `wardle.example.com`.
#[derive(Clone)]
pub struct Wardle {
    cluster: Cluster,
    maker: Maker,
    name: String,
    /// Where it listens, with TLS.
    pub address: SocketAddrV4,
}

impl Wardle {
    /// One that was prepared already.
    pub fn at(cluster: &Cluster, maker: Maker, name: &str, address: SocketAddrV4) -> Self {
        Self { cluster: cluster.clone(), maker, name: name.to_owned(), address }
    }

    pub(crate) async fn prepare(cluster: &Cluster, maker: Maker, name: &str) -> Result<Self> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "--filename", "-"];
        cluster.kubectl().run_with_input(&arguments, MANIFESTS).await?;
        let preferred = match maker {
            Maker::Postern => 7543,
            // Its golden answers tell of this port.
            Maker::Kubernetes => 7443,
        };
        let address = free_port(cluster.network().address(), preferred)?;
        let wardle = Self::at(cluster, maker, name, address);
        let token = token(cluster.client(), NAMESPACE, "wardle").await?;
        let server = cluster.endpoints().kube_apiserver;
        let directory = cluster.directory();
        kubeconfig::write(directory, &wardle.kubeconfig(), server, &Credential::Token(&token))?;
        let admin = Credential::Certificate("admin");
        kubeconfig::write(directory, &wardle.direct_kubeconfig(), address, &admin)?;
        Ok(wardle)
    }

    /// Starts it, and returns once its `/readyz` says yes.
    ///
    /// # Errors
    /// The program is not there and cannot be built, or does not become ready.
    pub async fn start(&self) -> Result<()> {
        self.launch().await?;
        let client = self.client().await?;
        let ready = async || {
            let request = http::Request::get("/readyz").body(Vec::new());
            client.request_text(request.expect("a literal path is a valid request")).await.is_ok()
        };
        self.process().until_ready(Duration::from_secs(60), ready).await
    }

    /// Starts it, and leaves it to the caller to see when it is ready.
    ///
    /// # Errors
    /// The program is not there and cannot be built.
    pub async fn launch(&self) -> Result<()> {
        let mut command = match self.maker {
            Maker::Postern => self.ours()?,
            Maker::Kubernetes => self.theirs().await?,
        };
        self.process().start(&mut command)
    }

    /// Ends it as an operator would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn stop(&self) -> Result<()> {
        self.process().stop(Duration::from_secs(10)).await
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn kill(&self) -> Result<()> {
        self.process().kill().await
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.process().pid().map(nix::unistd::Pid::as_raw)
    }

    /// The administrator's client, straight to the server and past kube-apiserver.
    ///
    /// # Errors
    /// The kubeconfig is gone.
    pub async fn client(&self) -> Result<Client> {
        control_plane::client(&self.direct_kubeconfig()).await
    }

    fn ours(&self) -> Result<Command> {
        let mut command = Command::new(program("WARDLE_BIN", "wardle")?);
        command.arg(format!("--kubeconfig={}", self.kubeconfig().display()));
        command.arg(format!("--listen={}", self.address)).args(self.certificate());
        Ok(command)
    }

    async fn theirs(&self) -> Result<Command> {
        let program = tokio::task::spawn_blocking(tools::sample_apiserver).await??;
        let mut command = Command::new(program);
        for flag in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
            command.arg(format!("--{flag}={}", self.kubeconfig().display()));
        }
        let (directory, endpoints) = (self.cluster.directory(), self.cluster.endpoints());
        command
            .arg(format!("--bind-address={}", self.address.ip()))
            .arg(format!("--secure-port={}", self.address.port()))
            .args(self.certificate())
            // As many as ours; its own default is 100.
            .arg("--http2-max-streams-per-connection=1000")
            .arg(format!("--etcd-servers=https://{}", endpoints.etcd))
            .arg(format!("--etcd-prefix=/registry/{}", self.name))
            .arg(format!("--etcd-cafile={}", directory.pki("etcd-ca.crt").display()))
            .arg(format!("--etcd-certfile={}", directory.pki("etcd-client.crt").display()))
            .arg(format!("--etcd-keyfile={}", directory.pki("etcd-client.key").display()));
        Ok(command)
    }

    fn certificate(&self) -> [String; 2] {
        let directory = self.cluster.directory();
        [
            format!("--tls-cert-file={}", directory.pki("wardle.crt").display()),
            format!("--tls-private-key-file={}", directory.pki("wardle.key").display()),
        ]
    }

    fn process(&self) -> Process<'_> {
        Process::new(self.cluster.directory(), &self.name)
    }

    /// What the server itself uses.
    fn kubeconfig(&self) -> PathBuf {
        self.cluster.directory().kubeconfig_of(&self.name)
    }

    fn direct_kubeconfig(&self) -> PathBuf {
        self.cluster.directory().kubeconfig_of(&format!("{}-direct", self.name))
    }
}
