//! What the expressions of a source make of what it serves.
use crate::{
    archive,
    scene::Scene,
    sources::{revision, until},
    upstream::Answer,
};
use anyhow::{Context, Result};
use aws_lc_rs::digest;
use cluster::suite::{Suite, skip};
use http::header;
use serde_json::{Value, json};

mod languages;

const SETTINGS: &str =
    r#"{"replicas": 2, "apps": [{"name": "web", "port": 80}, {"name": "api", "port": 8080}]}"#;

/// More than a second in any build.
const ENDLESS: &str = "[1,1,1,1,1,1,1,1,1,1].all(a, [1,1,1,1,1,1,1,1,1,1].all(b, [1,1,1,1,1,1,1,1,1,1].all(c, \
     [1,1,1,1,1,1,1,1,1,1].all(d, [1,1,1,1,1,1,1,1,1,1].all(e, [1,1,1,1,1,1,1,1,1,1].all(f, \
     [1,1,1,1,1,1,1,1,1,1].all(g, [1,1,1,1,1,1,1,1,1,1].all(h, a < 2))))))))";

impl Scene {
    async fn with_expressions(answer: Answer) -> Result<Self> {
        Self::empty(Suite::attach().await?, "cel", answer).await
    }
}

fn manifest(n: usize) -> String {
    format!(
        "{{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {{'name': body.apps[{n}].name}}, \
         'data': {{'port': string(body.apps[{n}].port), 'replicas': string(body.replicas)}}}}"
    )
}

fn two_manifests() -> Value {
    json!([{ "path": "web/config.json", "cel": manifest(0) }, { "path": "api.json", "cel": manifest(1) }])
}

#[tokio::test]
async fn one_document_becomes_several_manifests() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    scene
        .apply_changed(|spec| {
            spec["destinationPath"] = "apps".into();
            spec["layout"] = two_manifests();
        })
        .await?;
    let source = scene.ready().await?;
    let of = |name: &str, port: &str| {
        format!(
            r#"{{"apiVersion":"v1","data":{{"port":"{port}","replicas":"2"}},"kind":"ConfigMap","metadata":{{"name":"{name}"}}}}"#
        )
    };
    let expected = [
        ("apps/api.json".to_owned(), of("api", "8080")),
        ("apps/web/config.json".to_owned(), of("web", "80")),
    ];
    assert_eq!(scene.files().await?, expected);
    let artifact = source.status.and_then(|status| status.artifact).context("artifact")?;
    assert_eq!(
        artifact.metadata["contentHash"],
        archive::digest(SETTINGS.as_bytes()),
        "the body as received"
    );
    Ok(())
}

#[tokio::test]
async fn a_transformation_sees_the_answer_and_makes_what_is_stored() -> Result<()> {
    let answer = Answer::data(SETTINGS).with(header::CONTENT_LANGUAGE, "de");
    let scene = Scene::with_expressions(answer).await?;
    let text =
        "'%s %d: '.format([headers['content-language'], status]) + body.apps.map(app, app.name).join(' ')";
    scene.apply_changed(|spec| spec["transform"] = json!({ "cel": text })).await?;
    scene.ready().await?;
    assert_eq!(scene.files().await?, [("data".to_owned(), "de 200: web api".to_owned())]);
    // Files are made of what the transformation makes.
    scene
        .apply_changed(|spec| {
            spec["transform"] = json!({ "cel": "body.apps" });
            spec["layout"] = json!([{ "path": "first", "cel": "body[0].name" }]);
        })
        .await?;
    until(&scene.sources, "one", |source| {
        source.status.as_ref().is_some_and(|s| s.observed_generation == Some(2))
    })
    .await?;
    assert_eq!(scene.files().await?, [("first".to_owned(), "web".to_owned())]);
    Ok(())
}

#[tokio::test]
async fn a_transformation_may_make_an_archive_that_is_unpacked() -> Result<()> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let packed = BASE64_STANDARD.encode(archive::tar(&[("a.yaml", "a: 1\n"), ("b/c", "2")]));
    let scene = Scene::with_expressions(Answer::data(json!({ "packed": packed }).to_string())).await?;
    scene
        .apply_changed(|spec| {
            spec["transform"] = json!({ "cel": "base64.decode(body.packed)" });
            spec["generator"]["http"]["unpack"] = "Always".into();
        })
        .await?;
    scene.ready().await?;
    let names: Vec<String> = scene.files().await?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.yaml", "b/c"]);
    Ok(())
}

#[tokio::test]
async fn another_expression_is_another_artifact_though_the_source_has_not_changed() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    let apply =
        |text: &'static str| scene.apply_changed(move |spec| spec["transform"] = json!({ "cel": text }));
    apply("body.replicas").await?;
    let before = revision(&scene.ready().await?);
    let same = revision(&scene.request("same").await?);
    assert_eq!((same, scene.upstream.downloads()), (before.clone(), 1), "asked for conditionally");
    apply("body.replicas + 1").await?;
    until(&scene.sources, "one", |source| revision(source).is_some_and(|new| Some(new) != before)).await?;
    assert_eq!(scene.files().await?, [("data".to_owned(), "3".to_owned())]);
    Ok(())
}

#[tokio::test]
async fn an_expression_over_its_budget_leaves_the_last_artifact() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    scene.apply_changed(|spec| spec["layout"] = two_manifests()).await?;
    let before = revision(&scene.ready().await?);
    let files = scene.files().await?;
    scene
        .apply_changed(|spec| {
            spec["layout"] = two_manifests();
            spec["layout"][1]["cel"] = ENDLESS.into();
        })
        .await?;
    let told = scene.failed("ExpressionOverBudget").await?;
    assert!(told.starts_with("spec.layout[1].cel: takes more than 100 ms of processor time"), "{told}");
    assert_eq!(revision(&scene.sources.get("one").await?), before);
    assert_eq!(scene.files().await?, files);
    // So does data that an expression has no value for; nothing of it is told.
    scene.upstream.answer(Answer::data(r#"{"apps": "canary-91c4"}"#));
    scene.apply_changed(|spec| spec["layout"] = two_manifests()).await?;
    let told = scene.failed("ExpressionFailed").await?;
    assert!(told.starts_with("spec.layout[0].cel: ") && !told.contains("canary"), "{told}");
    assert_eq!(scene.files().await?, files);
    let Some(urls) = scene.suite.urls() else { return skip("the admin port is out of reach") };
    let metrics = reqwest::get(format!("{}/metrics", urls.admin)).await?.error_for_status()?.text().await?;
    for outcome in ["Succeeded", "OverBudget", "Failed"] {
        let none = format!("postern_expression_evaluations_total{{outcome=\"{outcome}\"}} 0\n");
        assert!(
            !metrics.contains(&none) && metrics.contains(none.trim_end_matches("0\n")),
            "{outcome} is not counted"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_goes_over_a_map_makes_the_same_artifact_of_the_same_data() -> Result<()> {
    let settings: serde_json::Map<String, Value> =
        (0..20).map(|n| (format!("KEY_{n:02}"), n.into())).collect();
    let answer = Answer::data(Value::from(settings).to_string()).without(header::ETAG);
    let scene = Scene::with_expressions(answer).await?;
    let lines = r"body.map(key, key + '=' + string(body[key])).join('\n')";
    scene.apply_changed(|spec| spec["transform"] = json!({ "cel": lines })).await?;
    let first = revision(&scene.ready().await?);
    let [(_, made)] = &scene.files().await?[..] else { panic!("one file") };
    assert!(made.starts_with("KEY_00=0\nKEY_01=1\n") && made.ends_with("\nKEY_19=19"), "{made}");
    for token in ["again", "and-again"] {
        assert_eq!(revision(&scene.request(token).await?), first);
    }
    assert_eq!(scene.upstream.downloads(), 3, "each pass has evaluated anew");
    Ok(())
}

#[tokio::test]
async fn what_is_no_expression_is_refused_with_its_place() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    let refused = scene
        .apply_changed(|spec| {
            spec["transform"] = json!({ "cel": "body.apps.map(app, app.name" });
            spec["layout"] = json!([
                { "path": "a", "cel": "body.apps[0]" },
                { "path": "../b", "cel": "body" },
                { "path": "a/c", "cel": "bdy" },
            ]);
        })
        .await
        .expect_err("it is refused");
    let said = format!("{refused:#}");
    for part in [
        r#"spec.transform.cel: Invalid value: "body.apps.map(app, app.name": line 1, column 28: "#,
        "spec.layout[1].path: Invalid value: \"../b\": it has a step",
        "spec.layout[2].path: Invalid value: \"a/c\": must be another file than spec.layout[0].path",
        "spec.layout[2].cel: Invalid value: \"bdy\": there is no variable bdy; there are body, headers and status",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    let refused = scene
        .apply_changed(|spec| {
            spec["layout"] = json!([{ "path": "a", "cel": "body" }]);
            spec["generator"]["http"]["unpack"] = "Auto".into();
        })
        .await
        .expect_err("it is refused");
    let said = format!("{refused:#}");
    assert!(
        said.contains("spec.layout: Forbidden: may not be set together with spec.generator.http.unpack"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn the_provenance_names_every_expression_by_its_digest() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    scene
        .apply_changed(|spec| {
            spec["transform"] = json!({ "cel": "body.apps" });
            spec["layout"] = json!([{ "path": "first", "cel": "body[0].name" }]);
        })
        .await?;
    scene.ready().await?;
    let path = scene.path("externalsources/one/provenance");
    let raw = scene.suite.kubectl().run(&["get", "--raw", &path]).await?;
    let statement: Value = serde_json::from_str(&raw)?;
    let sha256 = |text: &str| {
        let bytes = digest::digest(&digest::SHA256, text.as_bytes());
        bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let expected = json!([
        { "name": "transform", "language": "cel", "digest": { "sha256": sha256("body.apps") } },
        { "name": "layout", "language": "cel", "path": "first", "digest": { "sha256": sha256("body[0].name") } },
    ]);
    assert_eq!(statement["predicate"]["buildDefinition"]["internalParameters"]["expressions"], expected);
    Ok(())
}

#[tokio::test]
async fn the_example_is_admitted_and_makes_what_it_says() -> Result<()> {
    let apps = r#"{"apps": [{"name": "web", "port": 80, "enabled": true}, {"name": "old", "port": 1, "enabled": false},
        {"name": "api", "port": 8080, "enabled": true}]}"#;
    let answer = Answer::data(apps).with(header::CONTENT_TYPE, "application/json");
    let scene = Scene::with_expressions(answer).await?;
    let text = std::fs::read_to_string(crate::tree::root().join("examples/expressions.yaml"))?;
    let here = text
        .replace("https://config.example.com/apps.json", &scene.upstream.url())
        .replace("name: apps", "name: one");
    scene.namespace.apply(&here).await?;
    scene.ready().await?;
    let files = scene.files().await?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["api/config.json", "names.txt", "web/config.json"]);
    assert_eq!(files[1].1, "web\napi");
    Ok(())
}
