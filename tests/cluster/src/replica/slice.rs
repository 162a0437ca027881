//! EndpointSlices as the endpoint controller would write them, if there were pods.
use anyhow::Result;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// What is said about one replica of a Service.
pub(crate) struct Slice<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) service: &'a str,
    pub(crate) address: Ipv4Addr,
    /// By the names that the Service gives them.
    pub(crate) ports: Vec<(&'a str, u16)>,
    pub(crate) is_ready: bool,
}

impl Slice<'_> {
    pub(crate) fn manifest(&self) -> Value {
        let port = |(name, port): &(&str, u16)| json!({ "name": name, "port": port, "protocol": "TCP" });
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": { "kubernetes.io/service-name": self.service },
            },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": [self.address], "conditions": { "ready": self.is_ready } }],
            "ports": self.ports.iter().map(port).collect::<Vec<_>>(),
        })
    }
}

/// A restarted process changes no EndpointSlice, and kube-apiserver's probe backs off to 30 s: a changed slice makes it
/// probe at once.
pub(crate) async fn touch(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let touched = json!({ "metadata": { "annotations": { "postern.dev/touched": jiff::Timestamp::now() } } });
    slices.patch(name, &PatchParams::default(), &Patch::Merge(&touched)).await?;
    Ok(())
}
