//! The certificates of the running Postern: taken away, awaited, and what tells clients to trust them.
use crate::{load::Load, pki, scene::Scene, sources::PATIENCE};
use anyhow::{Context, Result, ensure};
use cluster::{Cluster, authority, suite::Urls};
use k8s_openapi::{
    api::{
        admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
        core::v1::Secret,
    },
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams},
};
use reqwest::{Certificate, tls::TlsInfo};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::{fmt::Debug, path::Path, time::Duration};
use tokio::time;
use tokio_util::task::AbortOnDropHandle;

type Authorities = Vec<CertificateDer<'static>>;

/// The certificates of the running Postern, and what tells clients to trust them.
pub(super) struct Rotation<'a> {
    cluster: &'a Cluster,
    urls: Urls,
    secrets: Api<Secret>,
}

impl<'a> Rotation<'a> {
    pub(super) fn of(cluster: &'a Cluster, urls: Urls) -> Self {
        let secrets = Api::namespaced(cluster.client().clone(), "postern-system");
        Self { cluster, urls, secrets }
    }

    /// Requests through kube-apiserver to both servers, and to each over new connections that trust `pki/ca.crt` as
    /// `make up` mirrors it.
    pub(super) async fn load(&self, scene: &Scene) -> Result<(AbortOnDropHandle<Result<()>>, Load)> {
        let cluster = self.cluster.clone();
        let mirror = tokio::spawn(async move { authority::mirror(&cluster).await });
        let bundle = self.cluster.directory().pki("ca.crt");
        time::timeout(PATIENCE, async {
            while !bundle.is_file() {
                time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await?;
        let (apiserver, webhook) = (self.urls.apiserver.clone(), self.urls.webhook.clone());
        let other_bundle = bundle.clone();
        let load = Load::usual(scene)
            .await?
            .of("the aggregated API, directly", move || {
                let url = format!("{apiserver}/readyz");
                let bundle = bundle.clone();
                async move { directly(&url, 200, &bundle).await.map(drop) }
            })
            .of("the webhook, directly", move || {
                let url = format!("{webhook}/nothing");
                let bundle = other_bundle.clone();
                async move { directly(&url, 404, &bundle).await.map(drop) }
            });
        Ok((AbortOnDropHandle::new(mirror), load))
    }

    /// The leaf that is served now.
    pub(super) async fn served(&self) -> Result<Vec<u8>> {
        let bundle = self.cluster.directory().pki("ca.crt");
        directly(&format!("{}/nothing", self.urls.webhook), 404, &bundle).await
    }

    /// The CA that signs now; nothing while its Secret is lost.
    pub(super) async fn authority(&self) -> Result<Option<CertificateDer<'static>>> {
        let Some(secret) = self.secrets.get_opt("postern-ca").await? else { return Ok(None) };
        let pem = &secret.data.as_ref().and_then(|data| data.get("tls.crt")).context("a certificate")?.0;
        Ok(Some(CertificateDer::from_pem_slice(pem)?))
    }

    /// Takes a Secret away, which is what makes Postern issue what was in it anew.
    pub(super) async fn lose(&self, secret: &str) -> Result<()> {
        self.secrets.delete(secret, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Lets the time pass that a new CA is given to become known before a leaf of it is served.
    pub(super) async fn age_authority(&self) -> Result<()> {
        let secret = self.secrets.get("postern-ca").await?;
        let key = &secret.data.as_ref().and_then(|data| data.get("tls.key")).context("a key")?.0;
        let aged = pki::aged_authority(std::str::from_utf8(key)?)?;
        let patch = Patch::Merge(json!({ "stringData": { "tls.crt": aged } }));
        self.secrets.patch("postern-ca", &PatchParams::default(), &patch).await?;
        Ok(())
    }

    pub(super) async fn until_served_other_than(&self, before: &[u8]) -> Result<Vec<u8>> {
        until("another leaf is served", async || Ok(Some(self.served().await?).filter(|now| now != before)))
            .await
    }

    /// Waits until there is a CA after `before`, and all of kube-apiserver's bundles hold both.
    pub(super) async fn until_published(
        &self,
        before: &CertificateDer<'static>,
    ) -> Result<CertificateDer<'static>> {
        let next = async || Ok(self.authority().await?.filter(|now| now != before));
        let next = until("there is another CA", next).await?;
        self.until_all_bundles(|bundle| bundle.contains(&next) && bundle.contains(before)).await?;
        Ok(next)
    }

    /// Waits until each bundle that kube-apiserver trusts us by is as `wanted` says.
    pub(super) async fn until_all_bundles(
        &self,
        wanted: impl Fn(&Authorities) -> bool,
    ) -> Result<Vec<Authorities>> {
        let bundles = async || {
            let bundles = bundles(self.cluster.client()).await?;
            Ok(bundles.iter().all(&wanted).then_some(bundles))
        };
        until("all bundles are so", bundles).await
    }
}

/// Looks again and again until there is something.
pub(super) async fn until<T>(what: &str, check: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let search = async {
        loop {
            if let Some(found) = check().await? {
                return Ok(found);
            }
            time::sleep(Duration::from_millis(50)).await;
        }
    };
    time::timeout(PATIENCE, search).await.with_context(|| format!("waited {PATIENCE:?} until {what}"))?
}

/// What kube-apiserver trusts our servers by.
async fn bundles(client: &Client) -> Result<Vec<Authorities>> {
    let service: APIService = read(client, "v1alpha1.subresources.postern.dev").await?;
    let mutating: MutatingWebhookConfiguration = read(client, "postern").await?;
    let validating: ValidatingWebhookConfiguration = read(client, "postern").await?;
    let mutating = mutating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config.ca_bundle);
    let validating = validating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config.ca_bundle);
    let service = service.spec.and_then(|spec| spec.ca_bundle);
    mutating
        .chain(validating)
        .chain([service])
        .map(|bundle| authorities(&bundle.context("a bundle")?.0))
        .collect()
}

async fn read<K>(client: &Client, name: &str) -> Result<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    Ok(Api::all(client.clone()).get(name).await?)
}

fn authorities(pem: &[u8]) -> Result<Authorities> {
    Ok(CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?)
}

/// Asks over a connection of its own, and returns the certificate that the server showed.
async fn directly(url: &str, expected: u16, bundle: &Path) -> Result<Vec<u8>> {
    let trusted = Certificate::from_pem_bundle(&tokio::fs::read(bundle).await?)?;
    let client = reqwest::Client::builder().tls_certs_only(trusted).tls_info(true).no_proxy().build()?;
    let response = client.get(url).send().await?;
    ensure!(response.status() == expected, "{url} answered {}", response.status());
    let shown = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    Ok(shown.context("a certificate")?.to_vec())
}
