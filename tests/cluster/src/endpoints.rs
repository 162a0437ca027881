//! Where each server of a cluster listens. Chosen once, so that a restarted one is found where it was.
use crate::network::{Network, free_port};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::net::SocketAddrV4;

/// The address of every server of one cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoints {
    /// kube-apiserver, what kubeconfigs name.
    pub kube_apiserver: SocketAddrV4,
    /// etcd, for clients.
    pub etcd: SocketAddrV4,
    /// etcd, for its peers; there are none.
    pub etcd_peer: SocketAddrV4,
    /// kube-controller-manager: health and metrics.
    pub controller_manager: SocketAddrV4,
    /// kube-scheduler: health and metrics.
    pub scheduler: SocketAddrV4,
    /// Postern, or the first of its processes.
    pub postern: PosternEndpoints,
}

/// The listeners of one Postern.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PosternEndpoints {
    /// The aggregated API, https.
    pub apiserver: SocketAddrV4,
    /// The admission webhook, https.
    pub webhook: SocketAddrV4,
    /// Artifacts, http.
    pub artifacts: SocketAddrV4,
    /// What a controller that runs apart is asked on, https.
    pub controller: SocketAddrV4,
    /// Health and metrics, http, loopback only.
    pub admin: SocketAddrV4,
}

impl Endpoints {
    pub(crate) fn choose(network: &Network) -> Result<Self> {
        let local = |preferred| free_port(network.loopback(), preferred);
        Ok(Self {
            kube_apiserver: local(6443)?,
            etcd: local(2379)?,
            etcd_peer: local(2380)?,
            controller_manager: local(10257)?,
            scheduler: local(10259)?,
            postern: PosternEndpoints::choose(network)?,
        })
    }
}

impl PosternEndpoints {
    /// Free ports for one more Postern in this network.
    ///
    /// # Errors
    /// No port is free.
    pub fn choose(network: &Network) -> Result<Self> {
        Ok(Self {
            apiserver: free_port(network.address(), 6443)?,
            webhook: free_port(network.address(), 9443)?,
            artifacts: free_port(network.address(), 8080)?,
            controller: free_port(network.address(), 9444)?,
            admin: free_port(network.loopback(), 9090)?,
        })
    }
}
