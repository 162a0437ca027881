//! An example server of `libs/extension-apiserver`: as a ServiceAccount of its own, with the manifests that lie beside it,
//! behind a Service that leads to this machine.
use crate::{
    cluster::Cluster,
    control_plane,
    kubeconfig::{self, Credential},
    network::free_port,
    postern::{program, token},
    process::Process,
};
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use kube::Client;
use serde_json::{Value, json};
use std::{net::SocketAddrV4, path::PathBuf, process::Command, time::Duration};

/// Where all of them live. Their serving certificates are for services in it.
pub(crate) const NAMESPACE: &str = "examples";

/// One example server.
#[derive(Clone)]
pub struct Example {
    cluster: Cluster,
    name: &'static str,
    /// Where it listens, with TLS.
    pub address: SocketAddrV4,
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
        let example = Self { cluster: cluster.clone(), name, address };
        let (registration, rest) = example.read(manifests)?;
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
        example.apply(&namespace).await?;
        for object in rest {
            example.apply(&object).await?;
        }
        let token = token(cluster.client(), NAMESPACE, name).await?;
        let server = cluster.endpoints().kube_apiserver;
        kubeconfig::write(cluster.directory(), &example.kubeconfig(), server, &Credential::Token(&token))?;
        let direct = example.direct_kubeconfig();
        kubeconfig::write(cluster.directory(), &direct, address, &Credential::Certificate("admin"))?;
        example.run().await?;
        example.apply(&registration).await?;
        let available = format!("apiservice/v1.{name}.example.com");
        let wait = ["wait", "--for=condition=Available", "--timeout=60s", &available];
        cluster.kubectl().run(&wait).await?;
        Ok(example)
    }

    /// Takes back the registration, and ends the server as an operator would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn stop(&self) -> Result<()> {
        let registration = format!("apiservice/v1.{}.example.com", self.name);
        self.cluster.kubectl().run(&["delete", &registration]).await?;
        self.process().stop(Duration::from_secs(10)).await
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

    async fn run(&self) -> Result<()> {
        let directory = self.cluster.directory();
        // Processes of the harness get no environment, so that they behave alike everywhere.
        let mut command = Command::new("env");
        command
            .arg(format!("KUBECONFIG={}", self.kubeconfig().display()))
            .arg(program("POSTERN_EXAMPLES", &format!("examples/{}", self.name))?)
            .arg(format!("--listen={}", self.address))
            .arg(format!("--certificate={}", directory.pki("examples.crt").display()))
            .arg(format!("--key={}", directory.pki("examples.key").display()));
        self.process().start(&mut command)?;
        let client = self.client().await?;
        let ready = async || {
            let request = http::Request::get("/readyz").body(Vec::new());
            client.request_text(request.expect("a literal path is a valid request")).await.is_ok()
        };
        self.process().until_ready(Duration::from_secs(30), ready).await
    }

    /// The APIService, with the authority of the harness, and everything else, with the Service led here.
    fn read(&self, manifests: &str) -> Result<(Value, Vec<Value>)> {
        let mut registration = None;
        let mut rest = Vec::new();
        for text in manifests.split("\n---\n") {
            let mut object: Value = serde_saphyr::from_str(text).context("failed to read a manifest")?;
            match object["kind"].as_str() {
                Some("APIService") => {
                    let authority = std::fs::read(self.cluster.directory().pki("kubernetes-ca.crt"))?;
                    object["spec"]["caBundle"] = BASE64_STANDARD.encode(authority).into();
                    registration = Some(object);
                    continue;
                }
                Some("Service") => {
                    object["spec"].as_object_mut().context("a Service without a spec")?.remove("selector");
                    rest.push(self.slice());
                }
                _ => {}
            }
            rest.push(object);
        }
        Ok((registration.context("no APIService")?, rest))
    }

    fn slice(&self) -> Value {
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "labels": { "kubernetes.io/service-name": self.name },
            },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": [self.address.ip()], "conditions": { "ready": true } }],
            "ports": [{ "name": "https", "port": self.address.port(), "protocol": "TCP" }],
        })
    }

    async fn apply(&self, object: &Value) -> Result<()> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "--filename", "-"];
        self.cluster.kubectl().run_with_input(&arguments, &object.to_string()).await.map(drop)
    }

    fn process(&self) -> Process<'_> {
        Process::new(self.cluster.directory(), self.name)
    }

    /// What the server itself uses.
    fn kubeconfig(&self) -> PathBuf {
        self.cluster.directory().kubeconfig_of(self.name)
    }

    fn direct_kubeconfig(&self) -> PathBuf {
        self.cluster.directory().kubeconfig_of(&format!("{}-direct", self.name))
    }
}
