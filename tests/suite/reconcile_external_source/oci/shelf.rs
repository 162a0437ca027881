//! A registry with artifacts in it, and a namespace whose source follows one of them.
use crate::{scene::Scene, upstream::Answer};
use anyhow::{Context, Result, ensure};
use artifacts::Digest;
use cluster::{
    Entry, OciRegistry,
    suite::{skip, to_its_end},
};
use flate2::{Compression, write::GzEncoder};
use reqwest::{Certificate, Client, Identity, Method, RequestBuilder, header};
use serde_json::{Value, json};
use std::fs;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(super) struct Shelf {
    pub(super) scene: Scene,
    pub(super) registry: OciRegistry,
    pusher: Pusher,
    client: Client,
}

/// As whom artifacts are pushed.
pub(super) enum Pusher {
    Anybody,
    /// By this header `Authorization`.
    Authorized(String),
    /// By this client certificate and its key, in PEM.
    Certified(String),
}

/// A file, as archives are read.
pub(super) fn file(name: &str, body: &str) -> (String, String) {
    (name.to_owned(), body.to_owned())
}

impl Shelf {
    /// Passes over the test where there is no machine of ours to start a registry on.
    pub(super) async fn lend(
        name: &str,
        entry: Entry,
        test: impl AsyncFnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        let scene = Scene::without_source(Answer::data("")).await?;
        Self::lend_to(scene, name, entry, Pusher::Anybody, test).await
    }

    /// The same beside a scene that is there already.
    pub(super) async fn lend_to(
        scene: Scene,
        name: &str,
        entry: Entry,
        pusher: Pusher,
        test: impl AsyncFnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        let Some(cluster) = scene.suite.own() else {
            return skip("this cluster is not ours to start a registry in");
        };
        let registry = cluster.oci_registry(name, entry)?;
        registry.start().await?;
        let mut client = Client::builder();
        if let Ok(authority) = fs::read(registry.authority()) {
            client = client.tls_certs_only([Certificate::from_pem(&authority)?]);
        }
        if let Pusher::Certified(pem) = &pusher {
            client = client.identity(Identity::from_pem(pem.as_bytes())?);
        }
        let shelf = Self { scene, registry, pusher, client: client.build()? };
        let outcome = to_its_end(test(&shelf)).await;
        shelf.registry.kill().await?;
        outcome
    }

    /// Pushes files as `flux push artifact` does, and answers with the digest of the manifest.
    pub(super) async fn push(&self, repository: &str, tag: &str, files: &[(&str, &str)]) -> Result<String> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (name, body) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(body.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, body.as_bytes())?;
        }
        let layer = archive.into_inner()?.finish()?;
        let config = b"{}".to_vec();
        let of = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": of("application/vnd.cncf.flux.config.v1+json", &config),
            "layers": [of("application/vnd.cncf.flux.content.v1.tar+gzip", &layer)],
        })
        .to_string();
        for blob in [layer, config] {
            self.upload(repository, blob).await?;
        }
        let digest = Digest::of(manifest.as_bytes());
        let path = format!("{repository}/manifests/{tag}");
        let put =
            self.ask(Method::PUT, &self.address(&path)).header(header::CONTENT_TYPE, MANIFEST).body(manifest);
        put.send().await?.error_for_status()?;
        Ok(digest.to_string())
    }

    /// The digest, in hexadecimal digits, of the only layer of an artifact.
    pub(super) async fn layer(&self, repository: &str, digest: &str) -> Result<String> {
        let path = format!("{repository}/manifests/{digest}");
        let got = self.ask(Method::GET, &self.address(&path)).header(header::ACCEPT, MANIFEST).send().await?;
        let manifest: Value = serde_json::from_slice(&got.error_for_status()?.bytes().await?)?;
        let digest = manifest["layers"][0]["digest"].as_str().context("a digest")?;
        Ok(digest.trim_start_matches("sha256:").to_owned())
    }

    async fn upload(&self, repository: &str, blob: Vec<u8>) -> Result<()> {
        let begun =
            self.ask(Method::POST, &self.address(&format!("{repository}/blobs/uploads/"))).send().await?;
        let begun = begun.error_for_status()?;
        let location = begun.headers().get(header::LOCATION).context("where to put it")?.to_str()?;
        let address = format!("{location}&digest={}", Digest::of(&blob));
        let put = self.ask(Method::PUT, &address).header(header::CONTENT_TYPE, "application/octet-stream");
        put.body(blob).send().await?.error_for_status()?;
        Ok(())
    }

    fn ask(&self, method: Method, address: &str) -> RequestBuilder {
        let request = self.client.request(method, address);
        match &self.pusher {
            Pusher::Authorized(authorization) => request.header(header::AUTHORIZATION, authorization),
            Pusher::Anybody | Pusher::Certified(_) => request,
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}/v2/{path}", self.registry.endpoint())
    }

    /// Applies the source; `more` goes below `spec.generator.oci`, each line but the first with six spaces in front.
    pub(super) async fn source(&self, repository: &str, more: &str) -> Result<()> {
        let host = self.registry.host();
        let insecure = self.registry.endpoint().starts_with("http:");
        let settings = format!("url: oci://{host}/{repository}\n      insecure: {insecure}\n      {more}\n");
        self.scene.apply_of("oci", &settings).await
    }

    /// Applies a Secret.
    pub(super) async fn secret(&self, name: &str, data: &[(&str, &str)]) -> Result<()> {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let secret =
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": data });
        self.scene.namespace.apply(&secret.to_string()).await?;
        Ok(())
    }

    /// The files of what is published.
    pub(super) async fn files(&self) -> Result<Vec<(String, String)>> {
        self.scene.files().await
    }

    /// What is told of where the published artifact came from.
    pub(super) async fn provenance(&self) -> Result<Value> {
        let namespace = self.scene.namespace.name();
        let path = format!(
            "/apis/subresources.postern.dev/v1alpha1/namespaces/{namespace}/externalsources/one/provenance"
        );
        let text = self.scene.namespace.kubectl(&["get", "--raw", &path]).await?;
        let statement: Value = serde_json::from_str(&text)?;
        ensure!(statement["_type"] == "https://in-toto.io/Statement/v1", "{text}");
        Ok(statement["predicate"]["buildDefinition"]["resolvedDependencies"][0].clone())
    }
}
