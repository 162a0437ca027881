//! `externalsources/artifact`, as `kubectl get … --subresource artifact` asks for it: how long an answer takes.
use crate::{
    fleet::Fleet,
    report::{Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::Source,
};
use anyhow::{Context, Result, ensure};
use cluster::Cluster;
use futures::future::try_join_all;
use http::header::{ACCEPT, HeaderMap, HeaderValue};
use k8s_openapi::api::{core::v1::Secret, rbac::v1::ClusterRoleBinding};
use kube::{
    Api,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use reqwest::{Certificate, Client, Identity};
use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};

const NAMESPACE: &str = "bench-subresource";
const USER: &str = "bench-viewer";
/// What kubectl asks for.
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
/// How many ask at once, each over a connection of its own that stays open.
const CLIENTS: u32 = 8;
/// How often each asks: together a thousand times a second.
const PACE: Duration = Duration::from_millis(8);
const REQUESTS: usize = 1_250;

/// Somebody who asks for the artifact of one source, at Postern's own port or through kube-apiserver.
struct Asker {
    client: Client,
    url: String,
}

/// Measures both ways.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    let fleet = Fleet::new(cluster, source, NAMESPACE).await?;
    fleet.apply(0..1).await?;
    allow(cluster).await?;
    let (mut direct, mut proxied) = (Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        direct.push(latencies(cluster, direct_asker).await?);
        proxied.push(latencies(cluster, proxied_asker).await?);
    }
    fleet.clear().await?;
    let each = |of: &[Samples], share| Samples::new(of.iter().map(|round| round.quantile(share)).collect());
    let rows = vec![
        Row::new("at Postern's port: p99", Unit::Milliseconds, each(&direct, 0.99)).goal(Goal::AtMost(0.002)),
        Row::new("… p50", Unit::Milliseconds, each(&direct, 0.5)),
        Row::new("… longest", Unit::Milliseconds, each(&direct, 1.0)),
        Row::new("through kube-apiserver: p99", Unit::Milliseconds, each(&proxied, 0.99)),
        Row::new("… p50", Unit::Milliseconds, each(&proxied, 0.5)),
    ];
    Ok(Section {
        title: "`kubectl get … --subresource artifact`".to_owned(),
        method: method(),
        rows,
        commands: commands(),
    })
}

fn method() -> String {
    "Eight clients, each over a connection of its own that stays open, ask for the Table that kubectl asks for, together \
     1,000 times a second, 10,000 times a round. At Postern's own port they are the front proxy (its client \
     certificate) and speak for a user who has the role `postern-view`; every answer is authenticated and authorized, \
     the decision of kube-apiserver being cached as in production. An answer that is not 200 fails the bench. Clients \
     and servers share the two processors."
        .to_owned()
}

fn commands() -> Vec<String> {
    [
        "make up && . .dev/env",
        "curl --cacert .dev/pki/ca.crt --cert .dev/pki/front-proxy-client.crt --key .dev/pki/front-proxy-client.key \\",
        "  --header 'X-Remote-User: bench-viewer' --write-out '%{time_starttransfer}\\n' \\",
        "  $POSTERN_URL/apis/subresources.postern.dev/v1alpha1/namespaces/default/externalsources/podinfo/artifact",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Gives the user the role for viewers, everywhere.
async fn allow(cluster: &Cluster) -> Result<()> {
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": { "name": USER },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "postern-view" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER }],
    }))?;
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client().clone());
    bindings.create(&PostParams::default(), &binding).await.context("failed to bind a role")?;
    Ok(())
}

/// How long each of a round's requests took.
async fn latencies(cluster: &Cluster, asker: impl AsyncFn(&Cluster) -> Result<Asker>) -> Result<Samples> {
    let askers = try_join_all((0..CLIENTS).map(|_| asker(cluster))).await?;
    let tasks = askers.into_iter().zip(0..).map(|(asker, number)| {
        // Spread over the pace, so that they do not all ask in the same instant.
        tokio::spawn(async move { asker.ask(PACE * number / CLIENTS).await })
    });
    let mut seconds = Vec::new();
    for of_one in try_join_all(tasks).await? {
        seconds.extend(of_one?);
    }
    Ok(Samples::new(seconds))
}

impl Asker {
    async fn ask(&self, delay: Duration) -> Result<Vec<f64>> {
        // Opens the connection and fills the caches; neither is what is measured.
        self.once().await?;
        tokio::time::sleep(delay).await;
        let mut pace = tokio::time::interval(PACE);
        let mut seconds = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            pace.tick().await;
            let began = Instant::now();
            self.once().await?;
            seconds.push(began.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    async fn once(&self) -> Result<()> {
        let answer = self.client.get(&self.url).send().await.context("failed to ask for an artifact")?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(status.is_success(), "{} answered {status}: {}", self.url, String::from_utf8_lossy(&body));
        Ok(())
    }
}

/// The front proxy, on behalf of the user.
async fn direct_asker(cluster: &Cluster) -> Result<Asker> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client().clone(), "postern-system");
    let secret = secrets.get("postern-ca").await?.data.unwrap_or_default();
    let authority = &secret.get("ca.crt").context("Secret postern-ca has no ca.crt")?.0;
    let file =
        |name| fs::read(cluster.directory().pki(name)).with_context(|| format!("failed to read {name}"));
    let identity = [file("front-proxy-client.crt")?, file("front-proxy-client.key")?].concat();
    let mut headers = kubectl_headers();
    headers.insert("x-remote-user", HeaderValue::from_static(USER));
    headers.insert("x-remote-group", HeaderValue::from_static("system:authenticated"));
    asker(authority, &identity, headers, &format!("https://{}", cluster.endpoints().postern.apiserver))
}

/// The administrator, as any client of the cluster.
async fn proxied_asker(cluster: &Cluster) -> Result<Asker> {
    let kubeconfig = Kubeconfig::read_from(cluster.directory().kubeconfig())?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let file =
        |name| fs::read(cluster.directory().pki(name)).with_context(|| format!("failed to read {name}"));
    let identity = [file("admin.crt")?, file("admin.key")?].concat();
    let server = config.cluster_url.to_string();
    asker(&file("kubernetes-ca.crt")?, &identity, kubectl_headers(), server.trim_end_matches('/'))
}

fn kubectl_headers() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(TABLE))])
}

fn asker(authority: &[u8], identity: &[u8], headers: HeaderMap, server: &str) -> Result<Asker> {
    let client = Client::builder()
        .tls_certs_only(Certificate::from_pem_bundle(authority)?)
        .identity(Identity::from_pem(identity)?)
        .default_headers(headers)
        .no_proxy()
        .build()?;
    let path = format!(
        "/apis/subresources.postern.dev/v1alpha1/namespaces/{NAMESPACE}/externalsources/source-0/artifact"
    );
    Ok(Asker { client, url: format!("{server}{path}") })
}
