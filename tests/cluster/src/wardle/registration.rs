//! How kube-apiserver comes to pass requests on to a server of `wardle.example.com`.
use super::{NAMESPACE, Wardle};
use crate::{install, replica};
use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};

const GROUP: &str = "wardle.example.com";
const VERSIONS: [&str; 2] = ["v1alpha1", "v1beta1"];

impl Wardle {
    /// Makes kube-apiserver pass requests on to it, and returns once both versions are available.
    ///
    /// # Errors
    /// kube-apiserver refuses the registration, or does not reach the server.
    pub async fn register(&self) -> Result<()> {
        let ca = std::fs::read(self.replica.cluster.directory().pki("kubernetes-ca.crt"))?;
        let mut documents = vec![service(), self.replica.slice().manifest()];
        documents.extend(VERSIONS.map(|version| api_service(version, &ca)));
        let documents: Result<Vec<_>, _> = documents.iter().map(serde_saphyr::to_string).collect();
        let kubectl = self.replica.cluster.kubectl();
        kubectl.apply(&documents?.join("\n---\n")).await?;
        install::until("the versions of wardle.example.com are available", async || {
            for version in VERSIONS {
                kubectl.run(&["get", "--raw", &format!("/apis/{GROUP}/{version}")]).await?;
            }
            let known = kubectl.run(&["api-resources", "--cached=false", "--api-group", GROUP]).await?;
            ensure!(known.contains("flunders"), "discovery knows {known:?}");
            // Until kube-apiserver has read them, kubectl explains no kind, and takes the server for one that cannot
            // validate fields.
            let documents = kubectl.run(&["get", "--raw", "/openapi/v3"]).await?;
            for version in VERSIONS {
                let path = format!("apis/{GROUP}/{version}");
                ensure!(documents.contains(&path), "OpenAPI does not know {path}");
            }
            Ok(())
        })
        .await
    }

    /// Takes the registration away.
    ///
    /// # Errors
    /// kube-apiserver refuses.
    pub async fn unregister(&self) -> Result<()> {
        let services: Api<APIService> = Api::all(self.replica.cluster.client().clone());
        for version in VERSIONS {
            let name = format!("{version}.{GROUP}");
            services
                .delete(&name, &DeleteParams::default())
                .await
                .context("failed to delete an APIService")?;
        }
        Ok(())
    }

    /// Makes kube-apiserver look again at once: a restarted process changes nothing that it watches.
    ///
    /// # Errors
    /// The API refuses the patch.
    pub async fn touch_slice(&self) -> Result<()> {
        replica::touch(self.replica.cluster.client(), NAMESPACE, NAMESPACE).await
    }
}

fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": NAMESPACE, "namespace": NAMESPACE },
        "spec": { "ports": [{ "name": "https", "port": 443, "protocol": "TCP" }] },
    })
}

fn api_service(version: &str, ca: &[u8]) -> Value {
    json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": { "name": format!("{version}.{GROUP}") },
        "spec": {
            "group": GROUP,
            "version": version,
            "groupPriorityMinimum": 1000,
            "versionPriority": if version == "v1beta1" { 20 } else { 15 },
            "caBundle": BASE64_STANDARD.encode(ca),
            "service": { "name": NAMESPACE, "namespace": NAMESPACE, "port": 443 },
        },
    })
}
