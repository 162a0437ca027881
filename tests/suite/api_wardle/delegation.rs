//! Whom the server believes and whom it asks, in a cluster that changes: other authorities, other rights, no kube-apiserver.
use super::registered::Registered;
use crate::{line::Line, pki::Authority, sources::PATIENCE};
use anyhow::{Context, Result};
use cluster::Cluster;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::{
    fs,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{sleep, timeout};

const CONFIGURATION: &str = "extension-apiserver-authentication";
const FLUNDERS: &str = "/apis/wardle.example.com/v1beta1/namespaces/default/flunders";
const JANE: &str = "X-Remote-User: jane\r\n";
const PAUSE: Duration = Duration::from_millis(200);
/// kube-apiserver looks at its files at least every minute.
const RELOAD: Duration = Duration::from_secs(90);

/// An authority that comes beside another one, and goes.
struct Successor<'a> {
    cluster: &'a Cluster,
    server: SocketAddrV4,
    /// Where kube-apiserver reads the old one, and under which key it publishes it.
    file: PathBuf,
    key: &'static str,
    old: String,
    certificate: String,
    /// What it signed.
    identity: String,
    /// What is sent along.
    headers: &'static str,
}

impl<'a> Successor<'a> {
    fn of(
        here: &'a Registered,
        (file, key): (&str, &'static str),
        (name, headers): (&str, &'static str),
    ) -> Result<Self> {
        let cluster = here.suite.own().context("it is our own")?;
        let file = cluster.directory().pki(file);
        let old = fs::read_to_string(&file)?;
        let (authority, certificate) = Authority::new("successor")?;
        let (server, identity) = (here.server.address(), authority.client(name)?);
        Ok(Self { cluster, server, file, key, old, certificate, identity, headers })
    }

    async fn open(&self) -> Result<Line> {
        let trusted = fs::read(self.cluster.directory().pki("kubernetes-ca.crt"))?;
        Line::open(self.server, &trusted, &self.identity).await
    }

    /// Returns once a new connection gets this code.
    async fn until(&self, code: u16, old: &mut Line, step: impl AsyncFn() -> Result<()>) -> Result<()> {
        let seen = async {
            while self.open().await?.get(FLUNDERS, self.headers).await? != code {
                // The old one is used meanwhile, for what asks for no proof: an idle connection is closed.
                old.get("/livez", "").await?;
                step().await?;
                sleep(PAUSE).await;
            }
            anyhow::Ok(())
        };
        timeout(RELOAD, seen).await.with_context(|| format!("no {code} with {}", self.key))?
    }

    async fn comes_and_goes(&self) -> Result<()> {
        let mut line = self.open().await?;
        assert_eq!(line.get("/livez", "").await?, 200);
        assert_eq!(self.open().await?.get(FLUNDERS, self.headers).await?, 401, "nobody knows it yet");

        replace(&self.file, &format!("{}{}", self.old, self.certificate))?;
        self.until(403, &mut line, async || Ok(())).await?;
        assert_eq!(line.get(FLUNDERS, self.headers).await?, 403, "jane is known on the open connection");

        replace(&self.file, &self.old)?;
        // kube-apiserver adds to the ConfigMap and takes nothing away: that is for whoever rotates.
        self.until(401, &mut line, async || self.retract().await).await?;
        assert_eq!(line.get(FLUNDERS, self.headers).await?, 401, "and unknown again");
        Ok(())
    }

    async fn retract(&self) -> Result<()> {
        let configuration: Api<ConfigMap> = Api::namespaced(self.cluster.client().clone(), "kube-system");
        let patch = json!({ "data": { self.key: self.old } });
        configuration.patch(CONFIGURATION, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        Ok(())
    }
}

/// Whole or not at all, as kube-apiserver may read at any moment.
fn replace(file: &Path, content: &str) -> Result<()> {
    let partial = file.with_added_extension("partial");
    fs::write(&partial, content)?;
    Ok(fs::rename(&partial, file)?)
}

#[tokio::test]
async fn an_authority_of_users_comes_and_goes_under_open_connections() -> Result<()> {
    let Some(here) = Registered::attach_alone().await? else { return Ok(()) };
    let place = ("kubernetes-ca.crt", "client-ca-file");
    Successor::of(&here, place, ("jane", ""))?.comes_and_goes().await
}

#[tokio::test]
async fn an_authority_of_the_front_proxy_comes_and_goes_under_open_connections() -> Result<()> {
    let Some(here) = Registered::attach_alone().await? else { return Ok(()) };
    let place = ("front-proxy-ca.crt", "requestheader-client-ca-file");
    Successor::of(&here, place, ("front-proxy-client", JANE))?.comes_and_goes().await
}

/// A connection of that user, past kube-apiserver.
async fn past_kube_apiserver(here: &Registered, user: &str) -> Result<Line> {
    let cluster = here.suite.own().context("it is our own")?;
    let pki = |file: &str| cluster.directory().pki(file);
    let authority = Authority::load(&pki("kubernetes-ca.crt"), &pki("kubernetes-ca.key"))?;
    let trusted = fs::read(pki("kubernetes-ca.crt"))?;
    Line::open(here.server.address(), &trusted, &authority.client(user)?).await
}

/// RBAC knows names, so it shows which name the authorizer is asked about.
#[tokio::test]
async fn a_right_to_one_name_is_a_right_to_select_that_name() -> Result<()> {
    let Some(here) = Registered::with_flunders().await? else { return Ok(()) };
    let only_a = ["--verb=get,list,watch", "--resource=flunders.wardle.example.com", "--resource-name=a"];
    here.kubectl(&[&["create", "role", "only-a"], &only_a[..]].concat()).await?;
    here.kubectl(&["create", "rolebinding", "only-a", "--role=only-a", "--user=ann"]).await?;
    let flunders = format!("/apis/wardle.example.com/v1beta1/namespaces/{}/flunders", here.namespace.name());
    let mut ann = past_kube_apiserver(&here, "ann").await?;
    let only_a = "fieldSelector=metadata.name%3Da";
    let known = async {
        // A refusal is remembered for ten seconds.
        while ann.get(&format!("{flunders}/a"), "").await? != 200 {
            sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, known).await.context("ann has no rights")??;
    for (rest, code) in [
        (format!("?{only_a}"), 200),
        (String::new(), 403),
        ("?fieldSelector=metadata.name%3Db".to_owned(), 403),
        ("?fieldSelector=metadata.name%21%3Db".to_owned(), 403),
        ("?watch=true&timeoutSeconds=1".to_owned(), 403),
        ("/b".to_owned(), 403),
    ] {
        assert_eq!(ann.get(&format!("{flunders}{rest}"), "").await?, code, "{rest}");
    }
    Ok(())
}

#[tokio::test]
async fn while_kube_apiserver_is_away_nobody_gets_in_on_trust() -> Result<()> {
    let Some(here) = Registered::attach_alone().await? else { return Ok(()) };
    let cluster = here.suite.own().context("it is our own")?;
    let (mut jane, mut stranger) =
        (past_kube_apiserver(&here, "jane-away").await?, past_kube_apiserver(&here, "bob-away").await?);
    cluster.kill_kube_apiserver().await?;
    let told = async {
        let token = "Authorization: Bearer e30.e30.e30\r\n";
        anyhow::Ok((jane.get(FLUNDERS, "").await?, stranger.get(FLUNDERS, token).await?))
    };
    let told = timeout(Duration::from_secs(60), told).await;
    cluster.start_kube_apiserver().await?;
    assert_eq!(told.context("no answer")??, (500, 500), "the certificate counts first");
    Ok(())
}
