//! jq, templates and YAML, from a manifest to the files of an artifact.
use super::SETTINGS;
use crate::{
    scene::Scene,
    sources::{revision, until},
    upstream::Answer,
};
use anyhow::Result;
use http::header;
use serde_json::json;

const YAML: &str = "replicas: 2\napps:\n  - {name: web, port: 80}\n  - {name: api, port: 8080}\n";

#[tokio::test]
async fn jq_makes_what_is_stored_and_several_files_of_it() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    scene
        .apply_changed(|spec| {
            spec["transform"] = json!({ "jq": ".apps | map(select(.port > 80))" });
            spec["layout"] = json!([
                { "path": "names", "jq": ".[].name" },
                { "path": "first.json", "jq": "{port: .[0].port, name: .[0].name, $status}" },
                { "path": "count", "cel": "size(body)" },
                { "path": "list.txt", "template": "{% for app in body %}\n* {{ app.name }}\n{% endfor %}\n" },
            ]);
        })
        .await?;
    scene.ready().await?;
    let expected = [
        ("count", "1"),
        ("first.json", r#"{"name":"api","port":8080,"status":200}"#),
        ("list.txt", "* api\n"),
        ("names", "api"),
    ];
    assert_eq!(scene.files().await?, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    Ok(())
}

#[tokio::test]
async fn a_template_makes_a_manifest_of_yaml() -> Result<()> {
    let answer = Answer::data(YAML).with(header::CONTENT_TYPE, "application/yaml");
    let scene = Scene::with_expressions(answer).await?;
    let template = "# {{ headers['content-type'] }}\napps:\n{% for app in body.apps %}\n  {{ app.name }}: {{ app.port }}\n{% endfor %}\n";
    scene.apply_changed(|spec| spec["transform"] = json!({ "template": template })).await?;
    let before = revision(&scene.ready().await?);
    let made = "# application/yaml\napps:\n  web: 80\n  api: 8080\n";
    assert_eq!(scene.files().await?, [("data".to_owned(), made.to_owned())]);
    // What is not there makes nothing: the last artifact stays.
    scene.apply_changed(|spec| spec["transform"] = json!({ "template": "{{ body.missing }}" })).await?;
    let told = scene.failed("ExpressionFailed").await?;
    assert!(
        told.starts_with("spec.transform.template: line 1: undefined value (body is of type map)"),
        "{told}"
    );
    assert_eq!(revision(&scene.sources.get("one").await?), before);
    Ok(())
}

#[tokio::test]
async fn yaml_is_a_value_in_cel() -> Result<()> {
    let answer = Answer::data(format!("{YAML}---\nkind: Second\n")).with(header::CONTENT_TYPE, "text/yaml");
    let scene = Scene::with_expressions(answer).await?;
    let text = "body[0].apps.map(app, app.name).join(' ') + ' ' + body[1].kind";
    scene.apply_changed(|spec| spec["transform"] = json!({ "cel": text })).await?;
    scene.ready().await?;
    assert_eq!(scene.files().await?, [("data".to_owned(), "web api Second".to_owned())]);
    Ok(())
}

#[tokio::test]
async fn the_same_text_in_another_language_is_another_artifact() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    scene.apply_changed(|spec| spec["transform"] = json!({ "template": "1 + 1" })).await?;
    let before = revision(&scene.ready().await?);
    assert_eq!(scene.files().await?, [("data".to_owned(), "1 + 1".to_owned())]);
    scene.apply_changed(|spec| spec["transform"] = json!({ "jq": "1 + 1" })).await?;
    until(&scene.sources, "one", |source| revision(source).is_some_and(|new| Some(new) != before)).await?;
    assert_eq!(scene.files().await?, [("data".to_owned(), "2".to_owned())]);
    Ok(())
}

#[tokio::test]
async fn what_is_malformed_in_any_language_is_refused_with_its_place_and_what_to_do() -> Result<()> {
    let scene = Scene::with_expressions(Answer::data(SETTINGS)).await?;
    let layout = json!([
        { "path": "a", "jq": ".apps | now" },
        { "path": "b", "jq": "[.apps[] | .name" },
        { "path": "c", "template": "a\n{% for app in body.apps %}" },
        { "path": "d", "template": "{{ bdy.name }}" },
        { "path": "e", "jq": "import \"a\" as a; ." },
        { "path": "f", "jq": "(".repeat(4096) },
        { "path": "g", "template": "{{ ".to_owned() + &"(".repeat(4000) },
        { "path": "h" },
        { "path": "i", "cel": "body", "template": "x" },
        { "path": "j", "template": "a\n{% if status > 900 %}{{ body | uper }}{% endif %}" },
        { "path": "k", "template": "{{ body is maping }}" },
    ]);
    let refused = scene.apply_changed(|spec| spec["layout"] = layout).await.expect_err("it is refused");
    let said = format!("{refused:#}");
    for part in [
        "spec.layout[0].jq: Invalid value: \".apps | now\": line 1, column 9: now is left out: what is made follows from the data alone",
        "spec.layout[1].jq: Invalid value: \"[.apps[] | .name\": line 1, column 17: closing bracket is expected",
        "line 2: unexpected end of input",
        "spec.layout[3].template: Invalid value: \"{{ bdy.name }}\": there is no variable bdy; there are body, headers and status",
        "line 1, column 9: there are no modules to import or include",
        "spec.layout[5].jq: Invalid value: ",
        "line 1: template exceeds maximum recursion limits",
        "spec.layout[7]: Required value: set one of cel, jq and template",
        "spec.layout[8].template: Forbidden: may not be set together with cel; keep one of them",
        "line 2: unknown filter uper",
        "line 1: unknown test maping",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    Ok(())
}
