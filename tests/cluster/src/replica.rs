//! A replica: a server of this machine that stands for a pod behind a Service. It runs as a ServiceAccount of the cluster,
//! serves its `/readyz` with TLS, and kube-apiserver reaches it through the EndpointSlice that leads to it.
mod slice;

pub(crate) use slice::{Slice, touch};

use crate::{
    cluster::Cluster,
    control_plane,
    kubeconfig::{self, Credential},
    postern::token,
    process::Process,
};
use anyhow::Result;
use kube::Client;
use std::{net::SocketAddrV4, path::PathBuf, process::Command, time::Duration};

#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) cluster: Cluster,
    /// Of its log, its record and its kubeconfigs.
    pub(crate) name: String,
    /// Where its Service and its ServiceAccount are.
    pub(crate) namespace: &'static str,
    /// What both are called.
    pub(crate) service: &'static str,
    pub(crate) address: SocketAddrV4,
}

impl Replica {
    /// Lets it speak to kube-apiserver as its ServiceAccount, which must be there, and the administrator to it.
    pub(crate) async fn write_kubeconfigs(&self) -> Result<()> {
        let (directory, kube_apiserver) = (self.cluster.directory(), self.cluster.endpoints().kube_apiserver);
        let token = token(self.cluster.client(), self.namespace, self.service).await?;
        kubeconfig::write(directory, &self.kubeconfig(), kube_apiserver, &Credential::Token(&token))?;
        let admin = Credential::Certificate("admin");
        kubeconfig::write(directory, &self.direct_kubeconfig(), self.address, &admin)
    }

    pub(crate) fn start(&self, command: &mut Command) -> Result<()> {
        self.process().start(command)
    }

    /// Returns once its `/readyz` says yes.
    pub(crate) async fn until_ready(&self) -> Result<()> {
        let client = self.client().await?;
        let ready = async || {
            let request = http::Request::get("/readyz").body(Vec::new());
            client.request_text(request.expect("a literal path is a valid request")).await.is_ok()
        };
        self.process().until_ready(Duration::from_secs(60), ready).await
    }

    /// Ends it as an operator would.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.process().stop(Duration::from_secs(10)).await
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(&self) -> Result<()> {
        self.process().kill().await
    }

    /// Its process id, while it runs.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.process().pid().map(nix::unistd::Pid::as_raw)
    }

    /// The administrator's client, straight to it and past kube-apiserver.
    pub(crate) async fn client(&self) -> Result<Client> {
        control_plane::client(&self.direct_kubeconfig()).await
    }

    /// What it uses itself.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.cluster.directory().kubeconfig_of(&self.name)
    }

    /// What leads the Service to it.
    pub(crate) fn slice(&self) -> Slice<'_> {
        Slice {
            name: self.service,
            namespace: self.namespace,
            service: self.service,
            address: *self.address.ip(),
            ports: vec![("https", self.address.port())],
            is_ready: true,
        }
    }

    fn direct_kubeconfig(&self) -> PathBuf {
        self.cluster.directory().kubeconfig_of(&format!("{}-direct", self.name))
    }

    fn process(&self) -> Process<'_> {
        Process::new(self.cluster.directory(), &self.name)
    }
}
