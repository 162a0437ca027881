//! Who may see and read what, through kube-apiserver and at our own port.
use crate::{
    aggregated::{GROUP, get},
    legacy_token::LegacyAccount,
    scene::Scene,
    sources::PATIENCE,
};
use anyhow::{Context, Result};
use cluster::suite::{Suite, Urls, skip};
use http::StatusCode;
use k8s_openapi::{
    api::authentication::v1::{TokenReview, TokenReviewSpec},
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{Api, api::PostParams};
use reqwest::{Certificate, Identity};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// A user with that ClusterRole in the scene's namespace, and no other.
pub(super) async fn with_role(scene: &Scene, user: &str, role: &str) -> Result<()> {
    let binding = format!("{user}-{role}");
    let (role, user) = (format!("--clusterrole={role}"), format!("--user={user}"));
    scene.namespace.kubectl(&["create", "rolebinding", &binding, &role, &user]).await?;
    // kube-apiserver sees it a moment later, and Postern remembers what was denied before.
    let seen = async {
        let list = ["auth", "can-i", "--list", &user.replace("--user", "--as")];
        while !scene.namespace.kubectl(&list).await?.contains("subresources.postern.dev") {
            sleep(PAUSE).await;
        }
        Ok(())
    };
    timeout(PATIENCE, seen).await.context("the role is never seen")?
}

#[tokio::test]
async fn seeing_a_source_is_not_reading_its_content() -> Result<()> {
    let scene = Scene::with_files().await?;
    with_role(&scene, "viewer", "postern-view").await?;
    let as_viewer =
        async |arguments: &[&str]| scene.namespace.kubectl(&[&["--as=viewer"], arguments].concat()).await;
    as_viewer(&["get", "externalsource", "one"]).await?;
    as_viewer(&["get", "srcview", "one", "--subresource=artifact"]).await?;
    as_viewer(&["get", "artifacts"]).await?;
    let refused = as_viewer(&["get", "--raw", &scene.path("externalsources/one/content")]).await;
    let refused = format!("{:#}", refused.expect_err("content has its own permission"));
    assert!(refused.contains("Forbidden") && refused.contains("externalsources/content"), "{refused}");

    let may = async |subresource: &str| {
        let subresource = format!("--subresource={subresource}");
        let object = "externalsources.subresources.postern.dev/one";
        as_viewer(&["auth", "can-i", "get", object, &subresource]).await.is_ok()
    };
    assert!(may("artifact").await && !may("content").await);
    with_role(&scene, "viewer", "postern-content-reader").await?;
    assert!(may("content").await);
    as_viewer(&["get", "--raw", &scene.path("externalsources/one/content")]).await?;
    Ok(())
}

#[tokio::test]
async fn a_user_without_rights_gets_a_status_that_says_so() -> Result<()> {
    let scene = Scene::with_files().await?;
    for path in
        ["externalsources", "externalsources/one/artifact", "externalsources/one/content", "artifacts"]
    {
        let as_nobody = [("Impersonate-User", "nobody")];
        let response = get(scene.suite.client(), &scene.path(path), &as_nobody).await?;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        let status: serde_json::Value = serde_json::from_slice(response.body())?;
        assert_eq!((status["kind"].as_str(), status["reason"].as_str()), (Some("Status"), Some("Forbidden")));
    }
    Ok(())
}

/// Our own port, past kube-apiserver, with or without a client certificate.
struct Direct {
    urls: Urls,
    pki: PathBuf,
    /// What kube-apiserver trusts us by.
    ca: Vec<u8>,
}

impl Direct {
    async fn of(suite: &Suite) -> Result<Option<Self>> {
        let (Some(cluster), Some(urls)) = (suite.own(), suite.urls()) else {
            skip("the ports of this Postern are not known here")?;
            return Ok(None);
        };
        let services: Api<APIService> = Api::all(suite.client().clone());
        let service = services.get("v1alpha1.subresources.postern.dev").await?;
        let ca = service.spec.and_then(|spec| spec.ca_bundle).context("a CA bundle")?.0;
        Ok(Some(Self { urls, pki: cluster.directory().path().join("pki"), ca }))
    }

    fn client(&self, identity: Option<Identity>) -> Result<reqwest::Client> {
        let trusted = Certificate::from_pem_bundle(&self.ca)?;
        let client = reqwest::Client::builder().tls_certs_only(trusted).no_proxy();
        let client = identity.into_iter().fold(client, reqwest::ClientBuilder::identity);
        Ok(client.build()?)
    }

    /// What the front-proxy headers of an administrator get, together with this certificate.
    async fn as_admin(&self, path: &str, identity: Option<Identity>) -> Result<StatusCode> {
        let request = self.client(identity)?.get(format!("{}{path}", self.urls.apiserver));
        let request = request.header("X-Remote-User", "root").header("X-Remote-Group", "system:masters");
        Ok(request.send().await?.status())
    }

    fn front_proxy(&self) -> Result<Identity> {
        identity(&self.pki.join("front-proxy-client.crt"), &self.pki.join("front-proxy-client.key"))
    }
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity> {
    let pem = [std::fs::read(certificate)?, std::fs::read(key)?].concat();
    Ok(Identity::from_pem(&pem)?)
}

#[tokio::test]
async fn the_front_proxy_is_believed_only_with_its_certificate() -> Result<()> {
    let scene = Scene::with_files().await?;
    let Some(direct) = Direct::of(&scene.suite).await? else { return Ok(()) };
    let path = scene.path("externalsources/one/content");
    assert_eq!(direct.as_admin(&path, Some(direct.front_proxy()?)).await?, StatusCode::OK);
    let spoofed = direct.as_admin(&path, None).await?;
    assert_eq!(spoofed, StatusCode::FORBIDDEN, "headers without a certificate are an anonymous request");
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_the_right_ca_with_another_name_is_refused() -> Result<()> {
    let scene = Scene::with_files().await?;
    let Some(direct) = Direct::of(&scene.suite).await? else { return Ok(()) };
    let pki = &direct.pki;
    let ca = crate::pki::Authority::load(&pki.join("front-proxy-ca.crt"), &pki.join("front-proxy-ca.key"))?;
    let wrong = Identity::from_pem(ca.client("system:admin")?.as_bytes())?;
    let path = scene.path("externalsources/one/content");
    assert_eq!(direct.as_admin(&path, Some(wrong)).await?, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn a_client_certificate_counts_as_itself_and_a_wrong_token_as_nobody() -> Result<()> {
    let scene = Scene::with_files().await?;
    let Some(direct) = Direct::of(&scene.suite).await? else { return Ok(()) };
    let url = format!("{}{}", direct.urls.apiserver, scene.path("artifacts"));
    let wrong = direct.client(None)?.get(&url).bearer_auth("no-such-token").send().await?;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let ca = crate::pki::Authority::load(
        &direct.pki.join("kubernetes-ca.crt"),
        &direct.pki.join("kubernetes-ca.key"),
    )?;
    let user = Identity::from_pem(ca.client("viewer-by-certificate")?.as_bytes())?;
    let client = direct.client(Some(user))?;
    assert_eq!(client.get(&url).send().await?.status(), StatusCode::FORBIDDEN);
    with_role(&scene, "viewer-by-certificate", "postern-view").await?;
    let allowed = async || -> Result<bool> { Ok(client.get(&url).send().await?.status() == StatusCode::OK) };
    // A refusal is remembered for ten seconds.
    timeout(PATIENCE, async {
        while !allowed().await? {
            sleep(PAUSE).await;
        }
        anyhow::Ok(())
    })
    .await??;
    Ok(())
}

#[tokio::test]
async fn a_token_is_reviewed_by_kube_apiserver() -> Result<()> {
    let scene = Scene::with_files().await?;
    let Some(direct) = Direct::of(&scene.suite).await? else { return Ok(()) };
    let token = scene.namespace.kubectl(&["create", "token", "default"]).await?;
    let account = format!("--serviceaccount={}:default", scene.namespace.name());
    let grant = ["create", "rolebinding", "default-view", "--clusterrole=postern-view", &account];
    scene.namespace.kubectl(&grant).await?;
    let url = format!("{}{}", direct.urls.apiserver, scene.path("artifacts"));
    let response = direct.client(None)?.get(&url).bearer_auth(token.trim()).send().await?;
    assert_eq!(response.status(), StatusCode::OK);
    let impersonating =
        direct.client(None)?.get(&url).bearer_auth(token.trim()).header("Impersonate-User", "root");
    assert_eq!(impersonating.send().await?.status(), StatusCode::FORBIDDEN);
    Ok(())
}

/// Token reuse: what kube-apiserver no longer vouches for is remembered for ten seconds at most.
#[tokio::test]
async fn a_revoked_token_is_dead_ten_seconds_after_kube_apiserver_says_so() -> Result<()> {
    const REMEMBERED: Duration = Duration::from_secs(10);
    let scene = Scene::with_files().await?;
    let Some(direct) = Direct::of(&scene.suite).await? else { return Ok(()) };
    scene.namespace.kubectl(&["create", "serviceaccount", "dismissed"]).await?;
    let token = scene.namespace.kubectl(&["create", "token", "dismissed"]).await?.trim().to_owned();
    let client = direct.client(None)?;
    let url = format!("{}{}", direct.urls.apiserver, scene.path("artifacts"));
    let asked = async || anyhow::Ok(client.get(&url).bearer_auth(&token).send().await?.status());
    assert_eq!(asked().await?, StatusCode::FORBIDDEN, "known, and without rights");

    scene.namespace.kubectl(&["delete", "serviceaccount", "dismissed"]).await?;
    let reviews = Api::<TokenReview>::all(scene.suite.client().clone());
    let spec = TokenReviewSpec { token: token.clone(), ..TokenReviewSpec::default() };
    let question = TokenReview { spec, ..TokenReview::default() };
    let disowned = async {
        loop {
            asked().await?;
            let answer = reviews.create(&PostParams::default(), &question).await?.status.unwrap_or_default();
            if answer.authenticated != Some(true) {
                return anyhow::Ok(());
            }
            sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, disowned).await.context("kube-apiserver goes on to vouch for it")??;
    let dead = async {
        while asked().await? != StatusCode::UNAUTHORIZED {
            sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    timeout(REMEMBERED + Duration::from_secs(1), dead).await.context("the token still works")?
}

/// Token reuse the other way: what kube-apiserver did not know is refused for ten seconds at most.
#[tokio::test]
async fn a_token_that_comes_to_be_known_is_believed_after_ten_seconds() -> Result<()> {
    let scene = Scene::with_files().await?;
    let Some(direct) = Direct::of(&scene.suite).await? else { return Ok(()) };
    let namespace = scene.namespace.name();
    let uid = ["get", "serviceaccount", "default", "--output=jsonpath={.metadata.uid}"];
    let account = LegacyAccount { namespace, name: "default", uid: &scene.namespace.kubectl(&uid).await? };
    let token = account.token("late", &fs::read(direct.pki.join("service-accounts.key"))?)?;
    let client = direct.client(None)?;
    let url = format!("{}{}", direct.urls.apiserver, scene.path("artifacts"));
    let asked = async || anyhow::Ok(client.get(&url).bearer_auth(&token).send().await?.status());
    assert_eq!(asked().await?, StatusCode::UNAUTHORIZED, "there is no such Secret");

    let literal = format!("--from-literal=token={token}");
    scene.namespace.kubectl(&["create", "secret", "generic", "late", &literal]).await?;
    let known = async {
        while asked().await? != StatusCode::FORBIDDEN {
            sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, known).await.context("the refusal is kept for ever")?
}

#[tokio::test]
async fn an_anonymous_request_sees_discovery_only_as_far_as_rbac_allows() -> Result<()> {
    let suite = Suite::attach().await?;
    let Some(direct) = Direct::of(&suite).await? else { return Ok(()) };
    let client = direct.client(None)?;
    let status = async |path: &str| -> Result<StatusCode> {
        Ok(client.get(format!("{}{path}", direct.urls.apiserver)).send().await?.status())
    };
    assert_eq!(status("/readyz").await?, StatusCode::OK);
    assert_eq!(status(GROUP).await?, StatusCode::FORBIDDEN);
    assert_eq!(status("/apis/../../etc/passwd").await?, StatusCode::FORBIDDEN);
    Ok(())
}
