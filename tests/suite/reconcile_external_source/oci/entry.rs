//! Registries that want to know who asks.
use super::{
    shelf::{Pusher, Shelf, file},
    tunnel::Tunnel,
};
use crate::{pki::Authority, scene::Scene, upstream::Answer};
use anyhow::{Context, Result, ensure};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use cluster::{Entry, OciRegistry};
use http::header;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fs;

const REFERENCES: &str = "secretRef: { name: pull }\n      certSecretRef: { name: authority }";

#[tokio::test]
async fn a_registry_that_wants_a_password_is_told_it_and_says_when_it_is_wrong() -> Result<()> {
    let scene = Scene::without_source(Answer::data("")).await?;
    let [user, password] = ["postern", "not-a-secret-of-anybody"];
    let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let pusher = Pusher::Authorized(format!("Basic {basic}"));
    Shelf::lend_to(scene, "oci-password", Entry::Password, pusher, async |shelf| {
        ensure!(shelf.registry.credentials() == [user, password]);
        shelf.push("team/app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        shelf.secret("authority", &[("ca.crt", &fs::read_to_string(shelf.registry.authority())?)]).await?;
        shelf.source("team/app", "certSecretRef: { name: authority }").await?;
        let message = shelf.scene.failed("Unauthorized").await?;
        ensure!(message.contains("asks for credentials; name a Secret that holds them"), "{message}");

        shelf.secret("pull", &[("username", user), ("password", "canary-41ce")]).await?;
        shelf.source("team/app", REFERENCES).await?;
        shelf.scene.request("wrong").await?;
        let message = shelf.scene.failed("Unauthorized").await?;
        ensure!(message.ends_with("does not accept key password of Secret pull"), "{message}");
        let source = shelf.scene.sources.get("one").await?;
        ensure!(!serde_json::to_string(&source)?.contains("canary-41ce"));
        let log = shelf.scene.suite.own().context("it is ours")?.postern().log();
        ensure!(!fs::read_to_string(log)?.contains("canary-41ce"), "the log shows the password");

        let docker = json!({ "auths": { shelf.registry.host(): { "auth": basic } } }).to_string();
        shelf.secret("docker", &[(".dockerconfigjson", &docker)]).await?;
        shelf.source("team/app", &REFERENCES.replace("pull", "docker")).await?;
        shelf.scene.ready().await?;
        ensure!(shelf.files().await? == [file("app.yaml", "one: 1\n")]);
        Ok(())
    })
    .await
}

/// What tokens are signed with.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Result<Self> {
        Ok(Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?))
    }

    fn keys(&self) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let key = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": x, "y": y });
        json!({ "keys": [key] }).to_string()
    }

    fn token(&self, actions: &[&str]) -> Result<String> {
        let now = Timestamp::now().as_second();
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": "one" });
        let claims = json!({
            "iss": OciRegistry::SERVICE, "aud": OciRegistry::SERVICE, "sub": "me", "jti": "1",
            "iat": now, "nbf": now - 60, "exp": now + 600,
            "access": [{ "type": "repository", "name": "app", "actions": actions }],
        });
        let signed =
            [header, claims].map(|part: Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The registry judges the tokens; what gives them out is this test.
#[tokio::test]
async fn a_registry_that_wants_a_token_says_where_to_ask_for_it() -> Result<()> {
    let issuer = Issuer::new()?;
    let answer = json!({ "token": issuer.token(&["pull"])? }).to_string();
    let scene = Scene::without_source(Answer::data(answer)).await?;
    let entry = Entry::Token { realm: scene.upstream.url(), keys: issuer.keys() };
    let pusher = Pusher::Authorized(format!("Bearer {}", issuer.token(&["pull", "push"])?));
    Shelf::lend_to(scene, "oci-token", entry, pusher, async |shelf| {
        shelf.push("app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        shelf.secret("pull", &[("username", "me"), ("password", "canary-41ce")]).await?;
        shelf.source("app", "secretRef: { name: pull }").await?;
        shelf.scene.ready().await?;
        ensure!(shelf.files().await? == [file("app.yaml", "one: 1\n")]);
        let asked = shelf.scene.upstream.asked();
        let sent = asked[0].headers.get(header::AUTHORIZATION).context("who asks")?;
        ensure!(*sent == format!("Basic {}", BASE64_STANDARD.encode("me:canary-41ce")));

        // What `docker login` keeps in place of a password is sent there as well, and nowhere else.
        let login = json!({ "auths": { shelf.registry.host(): { "auth": "bWU6", "identitytoken": "canary-9d1f" } } });
        shelf.secret("login", &[(".dockerconfigjson", &login.to_string())]).await?;
        shelf.source("app", "secretRef: { name: login }").await?;
        shelf.scene.request("identity").await?;
        shelf.scene.ready().await?;
        let asked = shelf.scene.upstream.asked();
        let asked = asked.last().context("a token is asked for")?;
        let form = String::from_utf8(asked.body.to_vec())?;
        let service = OciRegistry::SERVICE;
        let expected = format!(
            "grant_type=refresh_token&client_id=postern&service={service}&scope=repository%3Aapp%3Apull&refresh_token=canary-9d1f"
        );
        ensure!(form == expected, "{form}");
        ensure!(!asked.headers.contains_key(header::AUTHORIZATION), "{:?}", asked.headers);
        shelf.source("app", "secretRef: { name: pull }").await?;

        // One for another repository is one that the registry refuses.
        shelf.scene.upstream.answer(Answer::data(r#"{"token":"e30.e30.e30"}"#));
        shelf.scene.request("refused").await?;
        let message = shelf.scene.failed("Unauthorized").await?;
        ensure!(message.ends_with("does not accept key password of Secret pull"), "{message}");
        Ok(())
    })
    .await
}

/// The registry lets in by certificate, and is reached by nobody but through a proxy that knows its guests.
#[tokio::test]
async fn a_registry_that_wants_a_certificate_is_shown_it_through_a_proxy_that_sees_nothing_of_it()
-> Result<()> {
    let scene = Scene::without_source(Answer::data("")).await?;
    let (authority, certificate) = Authority::new("registry-clients")?;
    let entry = Entry::Certificate { authorities: certificate };
    let pusher = Pusher::Certified(authority.client("pusher")?);
    Shelf::lend_to(scene, "oci-certificate", entry, pusher, async |shelf| {
        shelf.push("app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        let tunnel = Tunnel::open("me:canary-41ce").await?;
        let trusted = fs::read_to_string(shelf.registry.authority())?;
        let (shown, key) = authority.client_pair("postern")?;
        shelf.secret("stranger", &[("ca.crt", &trusted)]).await?;
        shelf.secret("known", &[("ca.crt", &trusted), ("tls.crt", &shown), ("tls.key", &key)]).await?;
        let proxy = async |password| {
            let keys = [("address", &*tunnel.address()), ("username", "me"), ("password", password)];
            shelf.secret("proxy", &keys).await
        };
        proxy("canary-other").await?;
        let through =
            |name| format!("certSecretRef: {{ name: {name} }}\n      proxySecretRef: {{ name: proxy }}");

        shelf.source("app", &through("known")).await?;
        let message = shelf.scene.failed("ProxyFailed").await?;
        ensure!(message.contains(&tunnel.host()) && !message.contains("canary"), "{message}");
        proxy("canary-41ce").await?;
        shelf.source("app", &through("stranger")).await?;
        shelf.scene.request("stranger").await?;
        let message = shelf.scene.failed("TLSFailed").await?;
        ensure!(message.contains("certificate"), "{message}");

        shelf.source("app", &through("known")).await?;
        shelf.scene.ready().await?;
        ensure!(shelf.files().await? == [file("app.yaml", "one: 1\n")]);
        let seen = tunnel.seen();
        let host = shelf.registry.host();
        ensure!(
            !seen.is_empty() && seen.iter().all(|line| *line == format!("CONNECT {host} HTTP/1.1")),
            "{seen:?}"
        );
        Ok(())
    })
    .await
}
