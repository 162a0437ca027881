//! Roles apart, and the sources shared between controllers: the one apiserver role has for each source the controller that works on it.
use super::{KEY, RECOVERY, Upstream};
use crate::{
    fault_external_source::{
        holder::{Liar, advertising},
        s3::Bucket,
    },
    scene::Scene,
    sources::{revision, until_in},
    upstream::Answer,
};
use anyhow::{Context, Result};
use cluster::{Postern, suite::to_its_end};
use crds::{ExternalSource, conditions::PINNED};
use http::StatusCode;
use serde_json::{Value, json};

/// What says that controllers are at work, and none of them on this source.
const OF_OTHERS: &str = "has a --watch-label-selector that matches the labels of this source";

/// The controllers, each of a shard called as it is.
struct Controllers {
    a: Postern,
    b: Postern,
}

impl Controllers {
    /// The aggregated API asks `a` for previews, whatever the shard, and finds `b` by its Lease alone.
    fn new(bucket: &Bucket<'_>) -> Result<Self> {
        let own = bucket.cluster.postern().endpoints;
        let controller = |shard: &str| -> Result<Postern> {
            let another = bucket.cluster.another_postern(&format!("shard-{shard}"))?;
            let mut controller = bucket.shard(another, &format!("{KEY}={shard}"));
            controller.role = "controller";
            controller.endpoints.artifacts = own.artifacts;
            Ok(controller)
        };
        let mut a = controller("a")?;
        a.endpoints.controller = own.controller;
        Ok(Self { a: advertising(a), b: advertising(controller("b")?) })
    }
}

#[tokio::test]
async fn an_apiserver_that_runs_apart_reaches_the_sources_of_every_shard() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "shards-apart", async |bucket| {
        let mut apiserver = bucket.uses(bucket.cluster.postern());
        apiserver.role = "apiserver";
        let mut webhook = bucket.uses(bucket.cluster.another_postern("shards-webhook")?);
        webhook.role = "webhook";
        webhook.endpoints.webhook = apiserver.endpoints.webhook;
        apiserver.restart().await?;
        let controllers = Controllers::new(bucket)?;
        let outcome = async {
            tokio::try_join!(webhook.start(), controllers.a.start(), controllers.b.start())?;
            bucket.cluster.postern().touch_slice().await?;
            asked_for(&scene, &controllers).await
        };
        let outcome = to_its_end(outcome).await;
        for postern in [&controllers.a, &controllers.b, &webhook] {
            postern.stop().await?;
        }
        outcome
    })
    .await
}

async fn asked_for(scene: &Scene, controllers: &Controllers) -> Result<()> {
    let (a, b) = (scene.sharded("a", "a").await?, scene.sharded("b", "b").await?);
    for (name, upstream) in [("a", &a), ("b", &b)] {
        everything_works(scene, name, upstream).await.with_context(|| format!("shard {name}"))?;
    }
    lied_to(scene).await?;

    // A source of nobody: what takes its controller is refused, and a preview, which any controller makes, is not.
    scene.label("b", &format!("{KEY}=nobody")).await?;
    scene.until_refused("b", OF_OTHERS).await?;
    let before = scene.sources.get("b").await?;
    for (what, body) in [("refresh", json!({})), ("rollback", json!({ "revision": oldest(&before)? }))] {
        let (code, said) = scene.asked("b", what, &body).await?;
        let message = said["message"].as_str().unwrap_or_default();
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{what}: {said}");
        assert!(message.contains(OF_OTHERS) && message.ends_with("nothing was asked"), "{what}: {message}");
    }
    let (code, preview) = scene.asked("b", "preview", &json!({})).await?;
    assert_eq!((code, &preview["status"]["changed"]), (StatusCode::CREATED, &json!(false)), "{preview}");
    assert_eq!(scene.sources.get("b").await?, before, "nobody has touched it");

    // A shard that is gone takes no other one with it; the controller that previews were asked of is gone as well.
    scene.label("b", &format!("{KEY}=b")).await?;
    controllers.a.stop().await?;
    scene.until_refused("a", OF_OTHERS).await?;
    scene.renewed("b", &b, "b: 3\n").await?;
    let (code, said) = scene.asked("b", "preview", &json!({})).await?;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{said}");
    controllers.b.stop().await?;
    scene.until_refused("b", "no controller of Postern is at work").await
}

/// A refresh, a preview, the log, a rollback and its end.
async fn everything_works(scene: &Scene, name: &str, upstream: &Upstream) -> Result<()> {
    let is_published = |source: &ExternalSource| revision(source).is_some();
    let first = revision(&until_in(RECOVERY, &scene.sources, name, is_published).await?);
    let second = scene.renewed(name, upstream, "renewed: true\n").await?.revision;
    assert_ne!(first.as_ref(), Some(&second));

    upstream.answer(Answer::data("tried: true\n"));
    let (code, preview) = scene.asked(name, "preview", &json!({})).await?;
    assert_eq!(code, StatusCode::CREATED, "{preview}");
    let tried = &preview["status"];
    assert_eq!((&tried["changed"], &tried["diff"]["from"]), (&json!(true), &json!(second)), "{preview}");
    upstream.answer(Answer::data("renewed: true\n"));

    let (code, told) = scene.log_of(name).await?;
    assert!(code == StatusCode::OK && told.contains(&format!("GET {}", upstream.url())), "{code}: {told}");

    rolled_back(scene, name, &json!(first), &json!(first)).await?;
    let pinned = scene.sources.get(name).await?;
    assert_eq!((revision(&pinned), pinned.spec.pin.as_ref()), (first.clone(), first.as_ref()));
    assert!(crate::sources::condition(&pinned, PINNED).is_some(), "the condition tells of it");
    rolled_back(scene, name, &json!(""), &json!(second)).await
}

/// No token goes where a Lease leads that lies. The aggregated API looks behind the Service then, where it finds the one controller of two.
async fn lied_to(scene: &Scene) -> Result<()> {
    let liar = Liar::begin(scene.leases()).await?;
    let answered = (scene.log_of("a").await, scene.log_of("b").await);
    liar.end().await?.heard_nothing()?;
    let ((a, told), (b, said)) = (answered.0?, answered.1?);
    assert_eq!((a, b), (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE), "{told}{said}");
    assert!(said.contains("does not work on this object now"), "{said}");
    Ok(())
}

async fn rolled_back(scene: &Scene, name: &str, to: &Value, published: &Value) -> Result<()> {
    let (code, rollback) = scene.asked(name, "rollback", &json!({ "revision": to })).await?;
    assert_eq!((code, &rollback["published"]), (StatusCode::CREATED, published), "{rollback}");
    Ok(())
}

fn oldest(source: &ExternalSource) -> Result<&str> {
    let history = source.status.as_ref().map(|status| &*status.history).unwrap_or_default();
    Ok(&history.last().context("a history")?.revision)
}
