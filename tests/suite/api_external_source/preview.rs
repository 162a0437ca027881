//! What another spec would give, without a trace of it afterwards.
mod apart;

use super::access::with_role;
use crate::{
    aggregated::post_object,
    archive,
    scene::Scene,
    sources::revision,
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result};
use http::StatusCode;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, io::ErrorKind, path::Path, sync::Arc};
use tokio::sync::Semaphore;

const CANARY: &str = "canary-51e0b7";

/// The body that tries a spec of that address; `change` makes it another one.
fn trial(url: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut spec = json!({ "interval": "10m", "generator": { "type": "http", "http": { "url": url } } });
    change(&mut spec);
    json!({ "spec": spec })
}

fn unpacked(spec: &mut Value) {
    spec["generator"]["http"]["unpack"] = json!("Always");
}

impl Scene {
    /// Tries a spec as that user, or as the administrator: the status code, and what was said.
    async fn preview(&self, name: &str, user: Option<&str>, body: &Value) -> Result<(StatusCode, Value)> {
        let path = self.path(&format!("externalsources/{name}/preview"));
        let headers = user.map(|user| ("Impersonate-User", user));
        let client = self.suite.client_without_retries().await?;
        let response = post_object(&client, &path, headers.as_slice(), body).await?;
        Ok((response.status(), serde_json::from_slice(response.body())?))
    }

    /// Everything that could show that something was stored: the files of this namespace, and the version of the source.
    async fn traces(&self) -> Result<(BTreeSet<String>, Option<String>)> {
        let version = self.sources.get_opt("one").await?.and_then(|source| source.metadata.resource_version);
        let mut files = BTreeSet::new();
        if let Some(cluster) = self.suite.own() {
            let store = cluster.directory().file("store").join("externalsource").join(self.namespace.name());
            collect(&store, &mut files)?;
        }
        Ok((files, version))
    }
}

fn collect(folder: &Path, files: &mut BTreeSet<String>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => {
                files.insert(path.display().to_string());
            }
        }
    }
    Ok(())
}

fn message(status: &Value) -> &str {
    status["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_source_that_does_not_exist_is_tried_and_still_does_not_exist() -> Result<()> {
    let scene = Scene::with_files().await?;
    let before = scene.traces().await?;
    let (code, preview) = scene.preview("two", None, &trial(&scene.upstream.url(), unpacked)).await?;
    assert_eq!(code, StatusCode::CREATED, "{preview}");
    assert_eq!(
        (&preview["kind"], &preview["metadata"]["name"]),
        (&"ExternalSourcePreview".into(), &"two".into())
    );
    let status = &preview["status"];
    let files = json!([
        { "path": "a.yaml", "size": 5 }, { "path": "b/index.html", "size": 8 }, { "path": "c.json", "size": 2 },
    ]);
    assert_eq!(
        (&status["files"], &status["unlisted"], &status["changed"]),
        (&files, &0.into(), &true.into())
    );
    assert!(status["diff"].is_null(), "nothing is published under that name: {status}");
    let published = revision(&scene.sources.get("one").await?);
    assert_eq!(status["revision"].as_str(), published.as_deref(), "the same data gives the same revision");

    assert_eq!(scene.sources.get_opt("two").await?, None);
    assert_eq!(scene.traces().await?, before);
    Ok(())
}

#[tokio::test]
async fn another_spec_is_compared_with_what_is_published() -> Result<()> {
    let scene = Scene::with_files().await?;
    let before = scene.traces().await?;
    let other = Upstream::start(Answer::data(archive::tar(&[("a.yaml", "a: 2\n"), ("d.txt", "d")]))).await;
    let (code, preview) = scene.preview("one", None, &trial(&other.url(), unpacked)).await?;
    assert_eq!(code, StatusCode::CREATED, "{preview}");
    let (status, diff) = (&preview["status"], &preview["status"]["diff"]);
    assert_eq!(
        (&diff["added"], &diff["removed"], &diff["changed"]),
        (&1.into(), &2.into(), &1.into()),
        "{diff}"
    );
    assert_eq!(diff["from"].as_str(), revision(&scene.sources.get("one").await?).as_deref());
    assert_eq!((&diff["to"], &status["changed"]), (&status["revision"], &true.into()));
    let patch = diff["files"][0]["patch"].as_str().context("a patch")?;
    assert!(patch.contains("-a: 1") && patch.contains("+a: 2"), "{patch}");
    assert_eq!(scene.traces().await?, before, "nothing is stored, and the source is as it was");
    Ok(())
}

#[tokio::test]
async fn without_a_spec_the_sources_own_is_tried() -> Result<()> {
    let scene = Scene::with_files().await?;
    let path = scene.path("externalsources/one/preview");
    let raw = ["create", "--raw", &path, "--filename", "-"];
    let said = scene.suite.kubectl().run_with_input(&raw, "{}").await?;
    let preview: Value = serde_json::from_str(&said)?;
    assert_eq!(preview["status"]["changed"], false, "{preview}");
    let diff = &preview["status"]["diff"];
    assert_eq!((&diff["files"], &diff["from"]), (&json!([]), &diff["to"]), "{diff}");

    scene.upstream.answer(Answer::data(archive::tar(&[("a.yaml", "a: 2\n")])));
    let (code, preview) = scene.preview("one", None, &json!({})).await?;
    assert_eq!((code, &preview["status"]["diff"]["changed"]), (StatusCode::CREATED, &1.into()), "{preview}");
    let (code, status) = scene.preview("none", None, &json!({})).await?;
    assert_eq!(code, StatusCode::NOT_FOUND, "{status}");
    Ok(())
}

#[tokio::test]
async fn a_preview_sends_what_secrets_hold_and_never_shows_it() -> Result<()> {
    let scene = Scene::with_files().await?;
    let body = trial(&scene.upstream.url(), |spec| {
        spec["generator"]["http"]["headersSecretRef"] = json!({ "name": "token" });
    });
    let (code, status) = scene.preview("two", None, &body).await?;
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{status}");
    assert!(message(&status).contains("SecretNotFound: Secret token does not exist"), "{status}");

    let secret = format!("stringData: {{ Authorization: Bearer {CANARY} }}");
    let secret = format!("apiVersion: v1\nkind: Secret\nmetadata: {{ name: token }}\n{secret}\n");
    scene.namespace.apply(&secret).await?;
    let (code, preview) = scene.preview("two", None, &body).await?;
    assert_eq!(code, StatusCode::CREATED, "{preview}");
    let sent = scene.upstream.asked().last().context("a request")?.headers["authorization"].clone();
    assert_eq!(sent, format!("Bearer {CANARY}"));
    scene.upstream.answer(Answer::status(StatusCode::UNAUTHORIZED));
    let (code, status) = scene.preview("two", None, &body).await?;
    assert_eq!(code, StatusCode::BAD_GATEWAY, "{status}");
    assert!(!preview.to_string().contains(CANARY) && !status.to_string().contains(CANARY));
    if let Some(cluster) = scene.suite.own() {
        let log = fs::read_to_string(cluster.postern().log())?;
        assert!(log.contains(scene.namespace.name()) && !log.contains(CANARY));
    }
    Ok(())
}

#[tokio::test]
async fn a_preview_is_refused_for_the_causes_that_admission_names() -> Result<()> {
    let scene = Scene::with_files().await?;
    let body = trial(&scene.upstream.url(), |spec| {
        spec["interval"] = json!("59s");
        spec["timeout"] = json!("1h");
        spec["destinationPath"] = json!("../../etc/passwd");
        spec["hooks"] = json!({ "preRequest": [{ "name": "a", "command": "rm" }] });
        spec["generator"]["http"]["headersSecretRef"] = json!({ "name": "other/token" });
    });
    let object = json!({
        "apiVersion": "source.flux.oddkin.co/v1alpha1", "kind": "ExternalSource",
        "metadata": { "name": "two" }, "spec": body["spec"],
    });
    let collection =
        format!("/apis/source.flux.oddkin.co/v1alpha1/namespaces/{}/externalsources", scene.namespace.name());
    let refused = post_object(scene.suite.client(), &collection, &[], &object).await?;
    let admission: Value = serde_json::from_slice(refused.body())?;
    let (code, status) = scene.preview("two", None, &body).await?;
    assert_eq!((code, &status["reason"]), (StatusCode::UNPROCESSABLE_ENTITY, &"Invalid".into()), "{status}");
    assert_eq!(status["details"]["causes"], admission["details"]["causes"]);
    assert!(status["details"]["causes"].as_array().is_some_and(|causes| causes.len() >= 5), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_preview_needs_its_own_right_and_the_right_to_write() -> Result<()> {
    let scene = Scene::with_files().await?;
    let grant = async |user: &str, verbs: &str, resource: &str| -> Result<()> {
        let (verbs, resource) = (format!("--verb={verbs}"), format!("--resource={resource}"));
        scene.namespace.kubectl(&["create", "role", user, &verbs, &resource]).await?;
        let (role, user) = (format!("--role={user}"), format!("--user={user}"));
        scene.namespace.kubectl(&["create", "rolebinding", &user[7..], &role, &user]).await.map(drop)
    };
    grant("trier", "create", "externalsources.subresources.postern.dev/preview").await?;
    grant("writer", "create,update", "externalsources.source.flux.oddkin.co").await?;
    for (user, role) in
        [("viewer", "postern-view"), ("reader", "postern-content-reader"), ("keeper", "postern-admin")]
    {
        with_role(&scene, user, role).await?;
    }
    let body = trial(&scene.upstream.url(), unpacked);
    for (user, name, why) in [
        ("viewer", "one", r#"cannot create resource "externalsources/preview""#),
        ("reader", "one", r#"cannot create resource "externalsources/preview""#),
        ("writer", "one", r#"cannot create resource "externalsources/preview""#),
        ("trier", "one", r#"cannot update resource "externalsources" in API group "source.flux.oddkin.co""#),
        ("trier", "two", r#"cannot create resource "externalsources" in API group "source.flux.oddkin.co""#),
    ] {
        let asked = scene.upstream.asked().len();
        let (code, status) = scene.preview(name, Some(user), &body).await?;
        assert_eq!(
            (code, &status["reason"]),
            (StatusCode::FORBIDDEN, &"Forbidden".into()),
            "{user} {status}"
        );
        assert!(message(&status).contains(why), "{user}: {status}");
        assert_eq!(scene.upstream.asked().len(), asked, "nothing is fetched for {user}");
    }
    for name in ["one", "two"] {
        let (code, preview) = scene.preview(name, Some("keeper"), &body).await?;
        assert_eq!(code, StatusCode::CREATED, "{preview}");
    }
    Ok(())
}

#[tokio::test]
async fn a_preview_reaches_no_further_than_a_source_may() -> Result<()> {
    let scene = Scene::with_files().await?;
    for closed in ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/latest", "http://0.0.0.0/"] {
        let (code, status) = scene.preview("two", None, &trial(closed, |_| {})).await?;
        assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{status}");
        assert!(message(&status).contains("AddressRefused"), "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn a_source_that_answers_badly_is_told_in_the_words_of_its_condition() -> Result<()> {
    let scene = Scene::with_files().await?;
    let before = scene.traces().await?;
    let body = trial(&scene.upstream.url(), |_| {});
    for (answer, why) in [(404, "NotFound: "), (500, "ServerError: "), (429, "RateLimited: ")] {
        scene.upstream.answer(Answer::status(StatusCode::from_u16(answer)?));
        let (code, status) = scene.preview("one", None, &body).await?;
        assert_eq!((code, &status["reason"]), (StatusCode::BAD_GATEWAY, &"BadGateway".into()), "{status}");
        assert!(message(&status).starts_with(why), "{status}");
        assert!(message(&status).contains(&format!("answered {answer}")), "{status}");
    }
    assert_eq!(scene.traces().await?, before);
    Ok(())
}

#[tokio::test]
async fn a_preview_that_takes_too_long_is_given_up() -> Result<()> {
    let scene = Scene::with_files().await?;
    let gate = Arc::new(Semaphore::new(0));
    scene.upstream.answer(Answer::data("1").behind(&gate));
    let body = trial(&scene.upstream.url(), |_| {});
    let (code, status) = scene
        .preview(
            "two",
            None,
            &trial(&scene.upstream.url(), |spec| {
                spec["timeout"] = json!("1s");
            }),
        )
        .await?;
    assert_eq!(code, StatusCode::BAD_GATEWAY, "{status}");
    assert!(message(&status).starts_with("TimedOut: "), "{status}");

    let path = scene.path("externalsources/two/preview?timeout=2s");
    let response = post_object(&scene.suite.client_without_retries().await?, &path, &[], &body).await?;
    let status: Value = serde_json::from_slice(response.body())?;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT, "{status}");
    gate.close();
    Ok(())
}

#[tokio::test]
async fn of_a_huge_source_a_part_is_shown_and_the_rest_is_counted() -> Result<()> {
    let scene = Scene::with_files().await?;
    let names: Vec<String> = (0..1200).map(|number| format!("{number:04}.txt")).collect();
    let text = "line\n".repeat(1000);
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*text)).collect();
    scene.upstream.answer(Answer::data(archive::tar(&files)));
    let (code, preview) = scene.preview("one", None, &json!({})).await?;
    assert_eq!(code, StatusCode::CREATED, "{}", message(&preview));
    let (status, diff) = (&preview["status"], &preview["status"]["diff"]);
    let length = |list: &Value| list.as_array().map_or(0, Vec::len);
    assert_eq!((length(&status["files"]), &status["unlisted"]), (1000, &200.into()));
    assert_eq!(
        (length(&diff["files"]), &diff["added"], &diff["unlisted"]),
        (1000, &1200.into(), &203.into())
    );
    let size = preview.to_string().len();
    assert!(size < 3 << 20, "{size} bytes");
    Ok(())
}
