//! Attacks that need a whole cluster: past kube-apiserver, through it, and while its controllers work.
use super::registered::Registered;
use crate::{pki::Authority, sources::PATIENCE};
use anyhow::{Context, Result, ensure};
use attackers::tls;
use cluster::{Cluster, suite::skip};
use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use kube::{Api, Client, api::DeleteParams, runtime::wait::await_condition};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

/// What somebody who may only get flunders here is told for these requests, sent at once over one connection.
async fn told(cluster: &Cluster, requests: &str) -> Result<String> {
    let pki = |file: &str| cluster.directory().pki(file);
    let authority = Authority::load(&pki("kubernetes-ca.crt"), &pki("kubernetes-ca.key"))?;
    let viewer = authority.client("viewer")?;
    let trusted = std::fs::read(pki("kubernetes-ca.crt"))?;
    let tls = tls::connector(&trusted, Some(viewer.as_bytes()), Some("http/1.1"))?;
    let mut line = tls::connect(&tls, cluster.endpoints().kube_apiserver).await?;
    line.write_all(requests.as_bytes()).await?;
    let mut answers = Vec::new();
    // Whether it is closed properly or cut off, what was said until then counts.
    let _cut_off = timeout(PATIENCE, line.read_to_end(&mut answers)).await.context("it stays open")?;
    Ok(String::from_utf8_lossy(&answers).into_owned())
}

#[tokio::test]
async fn cve_2018_1002105_a_refused_upgrade_leaves_no_tunnel() -> Result<()> {
    let Some(here) = Registered::with_flunders().await? else { return Ok(()) };
    let Some(cluster) = here.suite.own() else {
        return skip("it knows the authorities of our own cluster only");
    };
    here.kubectl(&["create", "role", "look", "--verb=get", "--resource=flunders.wardle.example.com"]).await?;
    here.kubectl(&["create", "rolebinding", "viewer", "--role=look", "--user=viewer"]).await?;
    let flunders = format!("/apis/wardle.example.com/v1beta1/namespaces/{}/flunders", here.namespace.name());
    let host = "Host: kubernetes\r\n";
    let allowed = format!("GET {flunders}/a HTTP/1.1\r\n{host}");
    let known = async {
        while !told(cluster, &format!("{allowed}Connection: close\r\n\r\n")).await?.contains(" 200 ") {}
        anyhow::Ok(())
    };
    timeout(PATIENCE, known).await.context("viewer has no rights")??;

    // Were the first answered by a tunnel, the second would reach the server as kube-apiserver's own word.
    let upgrade = format!("{allowed}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let forged = "X-Remote-User: root\r\nX-Remote-Group: system:masters\r\n";
    let second = format!("GET {flunders} HTTP/1.1\r\n{host}{forged}Connection: close\r\n\r\n");
    let answers = told(cluster, &format!("{upgrade}{second}")).await?;
    assert!(!answers.contains(" 101 ") && !answers.contains("FlunderList"), "{answers}");
    Ok(())
}

/// What would end a server or lay it open, in one framework or another.
const DANGEROUS: [&str; 16] = [
    "/shutdown",
    "/quitquitquit",
    "/abortabortabort",
    "/exit",
    "/stop",
    "/-/quit",
    "/-/reload",
    "/actuator/shutdown",
    "/debug/pprof/",
    "/debug/pprof/heap",
    "/debug/flags/v",
    "/debug/vars",
    "/configz",
    "/env",
    "/logs",
    "/metrics",
];

#[tokio::test]
async fn cve_2024_40632_no_path_ends_or_opens_a_server_for_strangers() -> Result<()> {
    let Some(here) = Registered::attach().await? else { return Ok(()) };
    let Some(urls) = here.suite.urls() else { return skip("the ports of this Postern are not known here") };
    let cluster = here.suite.own().context("it is our own")?;
    let pids = || (here.server.pid(), cluster.postern().pid());
    let before = pids();
    let directory = cluster.directory();
    let trusted = ["kubernetes-ca.crt", "ca.crt"].map(|file| directory.pki(file));
    let trusted = [std::fs::read(&trusted[0])?, std::fs::read(&trusted[1]).unwrap_or_default()].concat();
    let stranger = reqwest::Client::builder()
        .tls_certs_only(Certificate::from_pem_bundle(&trusted)?)
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .build()?;
    let wardle = format!("https://{}", here.server.address());
    for (url, open) in [
        (&wardle, &[][..]),
        (&urls.apiserver, &[]),
        (&urls.webhook, &[]),
        (&urls.artifacts, &[]),
        (&urls.admin, &["/metrics"]),
    ] {
        for path in DANGEROUS {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                let is_open = open.contains(&path) && method == Method::GET;
                let status = stranger.request(method.clone(), format!("{url}{path}")).send().await?.status();
                let refused = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
                ensure!(is_open || refused.contains(&status), "{method} {url}{path}: {status}");
            }
        }
    }
    assert_eq!(pids(), before);
    Ok(())
}

/// Makes flunders as fast as it can, until the namespace is gone. How many it made.
async fn make_flunders(client: Client, namespace: String, maker: usize) -> Result<usize> {
    let path = format!("/apis/wardle.example.com/v1beta1/namespaces/{namespace}/flunders");
    for number in 0.. {
        let name = format!("maker-{maker}-{number}");
        let body = json!({ "metadata": { "name": name } }).to_string();
        let request = http::Request::post(&path).header("content-type", "application/json");
        match client.request_text(request.body(body.into_bytes())?).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 403 && number > 0 => {}
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(number),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(0)
}

#[tokio::test]
async fn cve_2024_7598_nothing_is_left_of_what_was_made_while_its_namespace_went() -> Result<()> {
    let Some(here) = Registered::attach().await? else { return Ok(()) };
    let (client, name) = (here.suite.client().clone(), here.namespace.name().to_owned());
    let makers: Vec<_> =
        (0..4).map(|maker| tokio::spawn(make_flunders(client.clone(), name.clone(), maker))).collect();
    let made = async || -> Result<usize> {
        let list: Value = serde_json::from_str(&here.kubectl(&["get", "flunders", "--output=json"]).await?)?;
        Ok(list["items"].as_array().map_or(0, Vec::len))
    };
    timeout(PATIENCE, async {
        while made().await? < 20 {}
        anyhow::Ok(())
    })
    .await
    .context("none is made")??;

    let namespaces: Api<NamespaceObject> = Api::all(client.clone());
    namespaces.delete(&name, &DeleteParams::default()).await?;
    let gone = |object: Option<&NamespaceObject>| object.is_none();
    timeout(Duration::from_secs(120), await_condition(namespaces, &name, gone))
        .await
        .context("it stays")??;
    for maker in makers {
        ensure!(timeout(PATIENCE, maker).await.context("it goes on")??? > 0, "a maker made nothing");
    }
    let left = here.suite.kubectl().run(&["get", "flunders", "--all-namespaces"]).await?;
    ensure!(!left.contains(&name), "{left}");
    Ok(())
}
