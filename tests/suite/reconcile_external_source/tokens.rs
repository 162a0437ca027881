//! Tokens of ServiceAccounts: made only where that was granted, for the source alone, and never good for anybody whom it could ask.
use crate::{
    scene::Scene,
    sources::{PATIENCE, manifest, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result};
use http::{StatusCode, header};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::{Api, api::PostParams};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{sleep, timeout};

const AUDIENCE: &str = "config.example.com";

fn reference(audience: &str) -> String {
    format!("      serviceAccountTokenRef: {{ audience: {audience:?} }}\n")
}

/// What kube-apiserver says of a token, asked as somebody with that audience, or as itself.
async fn review(scene: &Scene, token: &str, audience: Option<&str>) -> Result<TokenReviewStatus> {
    let audiences = audience.map(|audience| vec![audience.to_owned()]);
    let spec = TokenReviewSpec { token: token.to_owned(), audiences };
    let reviews = Api::<TokenReview>::all(scene.suite.client().clone());
    let review = TokenReview { spec, ..TokenReview::default() };
    Ok(reviews.create(&PostParams::default(), &review).await?.status.unwrap_or_default())
}

/// The tokens that the source was shown.
fn shown(scene: &Scene) -> Vec<String> {
    let header = |asked: crate::upstream::Asked| {
        let value = asked.headers.get("authorization")?.to_str().ok()?;
        value.strip_prefix("Bearer ").map(str::to_owned)
    };
    scene.upstream.asked().into_iter().filter_map(header).collect()
}

async fn allow(scene: &Scene) -> Result<()> {
    let role = "--clusterrole=postern-service-account-tokens";
    let account = "--serviceaccount=postern-system:postern";
    scene.namespace.kubectl(&["create", "rolebinding", "postern-tokens", role, account]).await.map(drop)
}

#[tokio::test]
async fn a_source_sees_a_token_that_is_made_for_it_alone() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    scene.apply(&reference(AUDIENCE)).await?;
    let message = scene.failed("TokenForbidden").await?;
    assert_eq!(scene.upstream.asked().len(), 0, "nothing is asked for without it");
    let line = message.find("kubectl create rolebinding").map(|at| message[at..].trim());
    let line = line.context("the line that grants it")?;
    let words: Vec<_> = line.split_whitespace().skip(1).collect();
    scene.suite.kubectl().run(&words).await?;
    scene.ready().await?;

    let tokens = shown(&scene);
    let token = tokens.first().context("no token came")?;
    let known = review(&scene, token, Some(AUDIENCE)).await?;
    let user = known.user.and_then(|user| user.username);
    let account = format!("system:serviceaccount:{}:default", scene.namespace.name());
    assert_eq!((known.authenticated, user), (Some(true), Some(account)));
    assert_ne!(review(&scene, token, None).await?.authenticated, Some(true), "kube-apiserver believes it");

    scene.upstream.answer(Answer::data("2"));
    scene.request("again").await?;
    let tokens = shown(&scene);
    assert!(tokens.len() == 2 && tokens[0] == tokens[1], "a token is kept while it is good");
    Ok(())
}

#[tokio::test]
async fn no_source_is_shown_a_token_that_kube_apiserver_or_postern_would_believe() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    allow(&scene).await?;
    let own = scene.namespace.kubectl(&["create", "token", "default"]).await?;
    let audiences = review(&scene, own.trim(), None).await?.audiences.context("audiences")?;
    for audience in audiences.iter().map(String::as_str).chain(["controller.postern.dev"]) {
        scene.apply(&reference(audience)).await?;
        let message = scene.failed("AudienceRefused").await?;
        assert!(message.contains(audience), "{message}");
        scene.namespace.kubectl(&["delete", "externalsource", "one"]).await?;
    }
    assert_eq!(scene.upstream.asked().len(), 0);
    Ok(())
}

#[tokio::test]
async fn an_account_that_is_missing_and_two_credentials_are_told() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    allow(&scene).await?;
    let missing = format!("      serviceAccountTokenRef: {{ name: robot, audience: {AUDIENCE} }}\n");
    scene.apply(&missing).await?;
    let message = scene.failed("ServiceAccountNotFound").await?;
    assert_eq!(message, "ServiceAccount robot does not exist");
    scene.namespace.kubectl(&["create", "serviceaccount", "robot"]).await?;
    scene.ready().await?;

    let literal = "--from-literal=authorization=Basic hunter2";
    scene.namespace.kubectl(&["create", "secret", "generic", "headers", literal]).await?;
    scene.apply(&format!("{missing}      headersSecretRef: {{ name: headers }}\n")).await?;
    let message = scene.failed("InvalidHeader").await?;
    assert!(message.contains("serviceAccountTokenRef") && !message.contains("hunter2"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once_and_not_again_and_again() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    allow(&scene).await?;
    scene.apply(&reference(AUDIENCE)).await?;
    scene.ready().await?;

    // The one that was kept is refused, and a new one is tried without anybody asking for it.
    scene.upstream.answer(Answer::status(StatusCode::UNAUTHORIZED));
    scene.request("refused").await?;
    let replaced = async {
        while shown(&scene).len() < 3 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, replaced).await.context("no other token is tried")?;
    // The next pass that is asked for begins with a new one, and is the only one.
    scene.request("refused-again").await?;
    scene.upstream.answer(Answer::data("2"));
    scene.request("taken").await?;
    scene.ready().await?;

    let tokens = shown(&scene);
    let [kept, refused, rest @ ..] = &*tokens else { anyhow::bail!("{} tokens", tokens.len()) };
    assert!(kept == refused, "it is kept until it is refused");
    let different: BTreeSet<_> = tokens.iter().collect();
    assert_eq!((rest.len(), different.len()), (3, 4), "a token that is refused is never shown again");
    assert_eq!(scene.upstream.asked().len(), 5, "each was shown once");
    Ok(())
}

#[tokio::test]
async fn a_redirect_carries_no_token_to_another_host() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    allow(&scene).await?;
    let other = Upstream::start_at("127.0.0.2:0".parse()?, Answer::data("2")).await;
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT] {
        // Another port is another origin, and another address another host.
        for landed in [&scene.upstream, &other] {
            let name = format!("led-{}-to-{}", status.as_u16(), landed.address().port());
            let first = Upstream::start(Answer::status(status).with(header::LOCATION, &landed.url())).await;
            let more = reference(AUDIENCE) + "      followRedirects: true\n";
            scene.namespace.apply(&manifest(&name, &first.url(), &more)).await?;
            until_ready(&scene.sources, &name).await?;
            let asked = first.asked();
            assert!(asked.len() == 1 && asked[0].headers.contains_key(header::AUTHORIZATION), "{name}");
        }
    }
    for landed in [&other, &scene.upstream] {
        let asked = landed.asked();
        let bare = asked.iter().all(|asked| !format!("{:?}", asked.headers).contains("eyJ"));
        assert!(asked.len() == 2 && bare, "{} requests, and none has a token", asked.len());
    }
    Ok(())
}
