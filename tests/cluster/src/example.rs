//! An example server of `libs/extension-apiserver`: as a ServiceAccount of its own, with the manifests that lie beside it,
//! behind a Service that leads to this machine.
use crate::{cluster::Cluster, network::free_port, postern::program, replica::Replica};
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use kube::Client;
use serde_json::{Value, json};
use std::process::Command;

/// Where all of them live. Their serving certificates are for services in it.
pub(crate) const NAMESPACE: &str = "examples";

/// One example server.
#[derive(Clone)]
pub struct Example {
    replica: Replica,
}

impl Example {
    /// `manifests` are those of the example; examples that start at once need ports that are far from each other.
    pub(crate) async fn start(
        cluster: &Cluster,
        name: &'static str,
        port: u16,
        manifests: &str,
    ) -> Result<Self> {
        let address = free_port(cluster.network().address(), port)?;
        let replica = Replica {
            cluster: cluster.clone(),
            name: name.to_owned(),
            namespace: NAMESPACE,
            service: name,
            address,
        };
        let example = Self { replica };
        let (registration, rest) = example.read(manifests)?;
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
        let kubectl = example.replica.cluster.kubectl();
        for object in [namespace].iter().chain(&rest) {
            kubectl.apply(&object.to_string()).await?;
        }
        example.replica.write_kubeconfigs().await?;
        example.run().await?;
        kubectl.apply(&registration.to_string()).await?;
        let available = format!("apiservice/v1.{name}.example.com");
        kubectl.run(&["wait", "--for=condition=Available", "--timeout=60s", &available]).await?;
        Ok(example)
    }

    /// Takes back the registration, and ends the server as an operator would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn stop(&self) -> Result<()> {
        let registration = format!("apiservice/v1.{}.example.com", self.replica.name);
        self.replica.cluster.kubectl().run(&["delete", &registration]).await?;
        self.replica.stop().await
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

    async fn run(&self) -> Result<()> {
        let directory = self.replica.cluster.directory();
        // Processes of the harness get no environment, so that they behave alike everywhere.
        let mut command = Command::new("env");
        command
            .arg(format!("KUBECONFIG={}", self.replica.kubeconfig().display()))
            .arg(program("POSTERN_EXAMPLES", &format!("examples/{}", self.replica.name))?)
            .arg(format!("--listen={}", self.replica.address))
            .arg(format!("--certificate={}", directory.pki("examples.crt").display()))
            .arg(format!("--key={}", directory.pki("examples.key").display()));
        self.replica.start(&mut command)?;
        self.replica.until_ready().await
    }

    /// The APIService, with the authority of the harness, and everything else, with the Service led here.
    fn read(&self, manifests: &str) -> Result<(Value, Vec<Value>)> {
        let mut registration = None;
        let mut rest = Vec::new();
        for text in manifests.split("\n---\n") {
            let mut object: Value = serde_saphyr::from_str(text).context("failed to read a manifest")?;
            match object["kind"].as_str() {
                Some("APIService") => {
                    let authority = std::fs::read(self.replica.cluster.directory().pki("kubernetes-ca.crt"))?;
                    object["spec"]["caBundle"] = BASE64_STANDARD.encode(authority).into();
                    registration = Some(object);
                    continue;
                }
                Some("Service") => {
                    object["spec"].as_object_mut().context("a Service without a spec")?.remove("selector");
                    rest.push(self.replica.slice().manifest());
                }
                _ => {}
            }
            rest.push(object);
        }
        Ok((registration.context("no APIService")?, rest))
    }
}
