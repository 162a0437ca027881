//! Servers of `wardle.example.com`: the library's, and k8s.io/sample-apiserver, by which the library is measured. Both
//! run as the same ServiceAccount and serve with the same certificate, on a port that the bridge's address has.
mod registration;

use crate::{cluster::Cluster, network::free_port, postern::program, replica::Replica};
use anyhow::Result;
use kube::Client;
use std::{net::SocketAddrV4, process::Command};

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
    replica: Replica,
    maker: Maker,
}

impl Wardle {
    /// One that was prepared already.
    pub fn at(cluster: &Cluster, maker: Maker, name: &str, address: SocketAddrV4) -> Self {
        let replica = Replica {
            cluster: cluster.clone(),
            name: name.to_owned(),
            namespace: NAMESPACE,
            service: NAMESPACE,
            address,
        };
        Self { replica, maker }
    }

    pub(crate) async fn prepare(cluster: &Cluster, maker: Maker, name: &str) -> Result<Self> {
        cluster.kubectl().apply(MANIFESTS).await?;
        let preferred = match maker {
            Maker::Postern => 7543,
            // Its golden answers tell of this port.
            Maker::Kubernetes => 7443,
        };
        let address = free_port(cluster.network().address(), preferred)?;
        let wardle = Self::at(cluster, maker, name, address);
        wardle.replica.write_kubeconfigs().await?;
        Ok(wardle)
    }

    /// Where it listens, with TLS.
    pub fn address(&self) -> SocketAddrV4 {
        self.replica.address
    }

    /// Starts it, and returns once its `/readyz` says yes.
    ///
    /// # Errors
    /// The program is not there and cannot be built, or does not become ready.
    pub async fn start(&self) -> Result<()> {
        self.launch().await?;
        self.replica.until_ready().await
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
        self.replica.start(&mut command)
    }

    /// Ends it as an operator would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn stop(&self) -> Result<()> {
        self.replica.stop().await
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn kill(&self) -> Result<()> {
        self.replica.kill().await
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.replica.pid()
    }

    /// The administrator's client, straight to the server and past kube-apiserver.
    ///
    /// # Errors
    /// The kubeconfig is gone.
    pub async fn client(&self) -> Result<Client> {
        self.replica.client().await
    }

    fn ours(&self) -> Result<Command> {
        let mut command = Command::new(program("WARDLE_BIN", "wardle")?);
        command.arg(format!("--kubeconfig={}", self.replica.kubeconfig().display()));
        command.arg(format!("--listen={}", self.replica.address)).args(self.certificate());
        Ok(command)
    }

    async fn theirs(&self) -> Result<Command> {
        let program = tokio::task::spawn_blocking(tools::sample_apiserver).await??;
        let mut command = Command::new(program);
        for flag in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
            command.arg(format!("--{flag}={}", self.replica.kubeconfig().display()));
        }
        let (directory, endpoints) = (self.replica.cluster.directory(), self.replica.cluster.endpoints());
        command
            .arg(format!("--bind-address={}", self.replica.address.ip()))
            .arg(format!("--secure-port={}", self.replica.address.port()))
            .args(self.certificate())
            // As many as ours; its own default is 100.
            .arg("--http2-max-streams-per-connection=1000")
            .arg(format!("--etcd-servers=https://{}", endpoints.etcd))
            .arg(format!("--etcd-prefix=/registry/{}", self.replica.name))
            .arg(format!("--etcd-cafile={}", directory.pki("etcd-ca.crt").display()))
            .arg(format!("--etcd-certfile={}", directory.pki("etcd-client.crt").display()))
            .arg(format!("--etcd-keyfile={}", directory.pki("etcd-client.key").display()));
        Ok(command)
    }

    fn certificate(&self) -> [String; 2] {
        let directory = self.replica.cluster.directory();
        [
            format!("--tls-cert-file={}", directory.pki("wardle.crt").display()),
            format!("--tls-private-key-file={}", directory.pki("wardle.key").display()),
        ]
    }
}
