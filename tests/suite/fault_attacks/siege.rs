//! One attack: who is served meanwhile, and what it may cost.
use crate::{
    load::Load,
    process::{self, ATTACK_GROWTH, Peak},
    scene::Scene,
};
use anyhow::{Context, Result, ensure};
use attackers::{
    sockets::{Held, Slow},
    tls,
};
use bytes::Bytes;
use cluster::{
    Cluster,
    endpoints::PosternEndpoints,
    suite::{Urls, skip},
};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use reqwest::{Certificate, RequestBuilder};
use std::{net::SocketAddrV4, time::Duration};
use tokio::time;

/// How long the usual load runs alone first.
const CALM: Duration = Duration::from_secs(1);

/// The running Postern with its usual load, under attack.
pub(super) struct Siege {
    scene: Scene,
    cluster: Cluster,
    urls: Urls,
    bundle: Vec<u8>,
    held: Vec<Held>,
    load: Load,
    pid: i32,
    memory: Peak,
}

impl Siege {
    /// Begins; nothing where the attack would hit somebody else's Postern.
    pub(super) async fn lay() -> Result<Option<Self>> {
        process::raise_file_limit()?;
        let scene = Scene::alone().await?;
        let (Some(cluster), Some(urls)) = (scene.suite.own().cloned(), scene.suite.urls()) else {
            skip("this Postern is not ours to attack")?;
            return Ok(None);
        };
        let secrets: Api<Secret> = Api::namespaced(cluster.client().clone(), "postern-system");
        let authority = secrets.get("postern-ca").await?.data.unwrap_or_default();
        let bundle = authority.get("ca.crt").context("a bundle")?.0.clone();
        let load = load(&scene).await?;
        time::sleep(CALM).await;
        let pid = cluster.postern().pid().context("Postern runs")?;
        let (memory, held) = (Peak::of(pid)?, Vec::new());
        Ok(Some(Self { scene, cluster, urls, bundle, held, load, pid, memory }))
    }

    /// Ends.
    ///
    /// # Errors
    /// A user was not served, Postern crashed, or it took too much memory.
    pub(super) async fn lift(self) -> Result<()> {
        ensure!(self.held.iter().all(Held::is_complete), "the attack was weaker than it should be");
        let served = self.load.end().await?;
        ensure!(self.cluster.postern().pid() == Some(self.pid), "Postern crashed");
        eprintln!("memory grew by {} KiB; {served:?}", self.memory.grown() >> 10);
        self.memory.has_grown_by_at_most(ATTACK_GROWTH)
    }

    /// Holds connections from now on.
    pub(super) fn hold(&mut self, count: u64, port: SocketAddrV4, beginning: impl Into<Bytes>) {
        self.held.push(Held::new(count, &Slow { port, tls: None, beginning: beginning.into() }));
    }

    /// Holds connections whose handshake is done.
    pub(super) fn hold_tls(
        &mut self,
        count: u64,
        port: SocketAddrV4,
        beginning: impl Into<Bytes>,
    ) -> Result<()> {
        let tls = tls::connector(&self.bundle, None, None)?;
        self.held.push(Held::new(count, &Slow { port, tls: Some(tls), beginning: beginning.into() }));
        Ok(())
    }

    pub(super) fn endpoints(&self) -> &PosternEndpoints {
        &self.cluster.endpoints().postern
    }

    pub(super) fn tls_ports(&self) -> [SocketAddrV4; 2] {
        [self.endpoints().apiserver, self.endpoints().webhook]
    }

    pub(super) fn plain_ports(&self) -> [SocketAddrV4; 2] {
        [self.endpoints().artifacts, self.endpoints().admin]
    }

    pub(super) fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Where the artifact is served to Flux.
    pub(super) async fn artifact(&self) -> Result<String> {
        self.scene.url().await
    }

    /// A client that trusts Postern.
    pub(super) fn client(&self) -> Result<reqwest::Client> {
        let trusted = Certificate::from_pem_bundle(&self.bundle)?;
        Ok(reqwest::Client::builder().tls_certs_only(trusted).no_proxy().build()?)
    }
}

/// The usual load, and what Flux, Prometheus and the kubelet ask for.
async fn load(scene: &Scene) -> Result<Load> {
    let urls = scene.suite.urls().context("Postern is ours")?;
    let asked = |url: String| move || get(url.clone());
    Ok(Load::usual(scene)
        .await?
        .of("an artifact, fetched", asked(scene.url().await?))
        .of("the metrics", asked(format!("{}/metrics", urls.admin)))
        .of("the health", asked(format!("{}/readyz", urls.admin))))
}

async fn get(url: String) -> Result<()> {
    reqwest::get(url).await?.error_for_status()?.bytes().await?;
    Ok(())
}

/// The status of the answer; nothing if the connection was closed over it.
pub(super) async fn answered(request: RequestBuilder) -> Result<Option<u16>> {
    match request.send().await {
        Ok(response) => Ok(Some(response.status().as_u16())),
        Err(error) if error.is_request() || error.is_body() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
