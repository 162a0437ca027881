//! What a client began at one Postern it goes on with at the next, whose own memory begins later.
use crate::{scene::Scene, upstream::Answer};
use anyhow::{Context, Result};
use cluster::suite::{Suite, skip};
use http::StatusCode;
use serde_json::Value;

#[tokio::test]
async fn pages_and_watches_go_on_after_a_restart() -> Result<()> {
    let scene = Scene::empty(Suite::attach_alone().await?, "fault", Answer::data("1")).await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to restart") };
    scene.apply("").await?;
    scene.ready().await?;
    scene.caught_up().await?;
    let before = json(&scene, "artifacts").await?;
    let first = names(&before);
    scene.upstream.answer(Answer::data("2"));
    scene.request("second").await?;
    scene.caught_up().await?;
    let whole = json(&scene, "artifacts").await?;
    let page = json(&scene, "artifacts?limit=1").await?;
    scene.upstream.answer(Answer::data("3"));
    scene.request("third").await?;
    scene.caught_up().await?;

    cluster.postern().restart().await?;
    scene.caught_up().await?;

    let token = page["metadata"]["continue"].as_str().context("a second page")?;
    let rest = json(&scene, &format!("artifacts?limit=1&continue={token}")).await?;
    assert_eq!([names(&page), names(&rest)].concat(), names(&whole), "the list as it was");
    assert_eq!(rest["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);

    let version = before["metadata"]["resourceVersion"].as_str().context("a version")?;
    let watched = scene.get(&format!("artifacts?watch=1&resourceVersion={version}&timeoutSeconds=1")).await?;
    assert_eq!(watched.status(), StatusCode::OK);
    let events = serde_json::Deserializer::from_slice(watched.body()).into_iter::<Value>();
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let added: Vec<_> = events.iter().filter(|event| event["type"] == "ADDED").map(name).collect();
    let mut new = names(&json(&scene, "artifacts").await?);
    new.retain(|name| !first.contains(name));
    assert_eq!(added.len(), 2, "{events:?}");
    assert!(new.iter().all(|name| added.contains(name)), "{added:?} are not {new:?}");

    let ancient = scene.get("artifacts?watch=1&resourceVersion=1024&timeoutSeconds=1").await?;
    let told: Value = serde_json::from_slice(ancient.body())?;
    let code = if ancient.status() == StatusCode::OK { &told["object"]["code"] } else { &told["code"] };
    assert_eq!(code, 410, "{told}");
    Ok(())
}

async fn json(scene: &Scene, path: &str) -> Result<Value> {
    let answer = scene.get(path).await?;
    assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", String::from_utf8_lossy(answer.body()));
    Ok(serde_json::from_slice(answer.body())?)
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| text(&item["metadata"]["name"])).collect()
}

fn name(event: &Value) -> String {
    text(&event["object"]["metadata"]["name"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
