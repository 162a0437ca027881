//! Releases: an API that lists them, and files that lie at another host.
use crate::{
    scene::Scene,
    sources::{revision, until},
    upstream::{Answer, Upstream},
};
use anyhow::Result;
use http::StatusCode;
use serde_json::{Value, json};

const TOKEN: &str = "canary-8e21";

/// What Gitea answers: releases whose assets lie at `files`.
fn releases(files: &Upstream, tags: &[&str]) -> Answer {
    let asset = |id: usize, name: &str| json!({ "id": id, "uuid": name, "size": 1, "name": name, "browser_download_url": files.url() });
    let release = |(number, tag): (usize, &&str)| {
        let assets = [asset(2 * number, "app.yaml"), asset(2 * number + 1, "crds.yaml")];
        json!({ "tag_name": tag, "draft": false, "prerelease": false, "assets": assets })
    };
    Answer::data(tags.iter().enumerate().map(release).collect::<Value>().to_string())
}

fn generator(scene: &Scene, more: &Value) -> Value {
    let mut release = json!({
        "provider": "gitea", "repository": "acme/shop", "url": scene.upstream.url(), "semver": "1", "secretRef": { "name": "api" },
    });
    release.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    json!({ "type": "release", "release": release })
}

#[tokio::test]
async fn the_asset_of_the_newest_good_release_is_the_artifact() -> Result<()> {
    let files = Upstream::start(Answer::data("first")).await;
    let scene = Scene::without_source(releases(&files, &["v1.0.0", "v2.0.0", "latest"])).await?;
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "api" }, "stringData": { "token": TOKEN } });
    scene.namespace.apply(&secret.to_string()).await?;
    scene.apply_changed(|spec| spec["generator"] = generator(&scene, &json!({ "asset": "app.*" }))).await?;
    let before = revision(&scene.ready().await?);
    assert_eq!(scene.files().await?, [("data".to_owned(), "first".to_owned())]);
    // What is known already is not asked for again.
    let listed = scene.upstream.asked().len();
    assert_eq!(revision(&scene.request("same").await?), before);
    assert_eq!(files.asked().len(), 1);
    let again: Vec<_> = scene.upstream.asked()[listed..].iter().map(|asked| asked.answered).collect();
    assert_eq!(again, [StatusCode::NOT_MODIFIED], "a pass that finds nothing new is one request");
    files.answer(Answer::data("second"));
    scene.upstream.answer(releases(&files, &["v1.0.0", "v1.10.0", "v1.9.0", "v2.0.0"]));
    scene.request("newer").await?;
    assert_eq!(scene.files().await?, [("data".to_owned(), "second".to_owned())]);
    let shown = |upstream: &Upstream| {
        let of = |asked: &crate::upstream::Asked| format!("{:?}", asked.headers).contains(TOKEN);
        upstream.asked().iter().filter(|asked| of(asked)).count()
    };
    assert_eq!((shown(&scene.upstream), shown(&files)), (scene.upstream.asked().len(), 0));
    // Several are files of one artifact.
    let many = json!({ "assets": ["*.yaml"] });
    scene.apply_changed(|spec| spec["generator"] = generator(&scene, &many)).await?;
    until(&scene.sources, "one", |source| {
        source.status.as_ref().is_some_and(|status| status.observed_generation == Some(2))
    })
    .await?;
    let names: Vec<String> = scene.files().await?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["app.yaml", "crds.yaml"]);
    Ok(())
}

#[tokio::test]
async fn a_release_that_is_not_there_keeps_the_artifact_and_what_is_wrong_is_refused() -> Result<()> {
    let files = Upstream::start(Answer::data("data")).await;
    let scene = Scene::without_source(releases(&files, &["v1.0.0"])).await?;
    let open = |more: Value| {
        let mut generator = generator(&scene, &more);
        generator["release"].as_object_mut().expect("an object").remove("secretRef");
        generator
    };
    scene.apply_changed(|spec| spec["generator"] = open(json!({ "asset": "app.yaml" }))).await?;
    let before = revision(&scene.ready().await?);
    scene.upstream.answer(releases(&files, &["v2.0.0"]));
    scene.request("gone").await?;
    let told = scene.failed("NotFound").await?;
    assert!(told.contains("has no release with a version that is wanted"), "{told}");
    assert_eq!(revision(&scene.sources.get("one").await?), before);
    let bad = json!({ "repository": "shop", "semver": "one", "semverFilter": "(", "asset": "a/b" });
    let refused = scene.apply_changed(|spec| spec["generator"] = open(bad)).await.expect_err("it is refused");
    let said = format!("{refused:#}");
    for field in ["repository", "semver", "semverFilter", "asset"] {
        assert!(
            said.contains(&format!("spec.generator.release.{field}: Invalid value")),
            "{field} in {said}"
        );
    }
    Ok(())
}
