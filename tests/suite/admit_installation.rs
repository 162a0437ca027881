//! What this installation allows beyond what is right anywhere: the hosts of a namespace, from admission to the last redirect.
use crate::{aggregated::post_object, scene::Scene, upstream::Answer};
use anyhow::{Context, Result};
use cluster::suite::{Suite, skip};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// The same server by a name, which namespaces that begin with `walled` may not reach.
fn by_name(scene: &Scene) -> String {
    format!("http://localhost:{}/data", scene.upstream.address().port())
}

#[tokio::test]
async fn a_walled_namespace_leads_to_no_host_that_is_not_listed() -> Result<()> {
    let suite = Suite::attach().await?;
    if suite.own().is_none() {
        return skip("the hosts that this Postern allows are not known here");
    }
    let scene = Scene::empty(suite, "walled", Answer::data("1")).await?;
    let elsewhere = by_name(&scene);
    let lead = |spec: &mut Value| spec["generator"]["http"]["url"] = elsewhere.clone().into();
    let refused = format!("{:#}", scene.apply_changed(lead).await.expect_err("the host is not listed"));
    for part in
        ["spec.generator.http.url: Forbidden", scene.namespace.name(), "localhost", "--allowed-hosts-file"]
    {
        assert!(refused.contains(part), "{part} is not in {refused}");
    }

    scene.apply("").await?;
    scene.ready().await?;
    let path = scene.path("externalsources/one/preview");
    let spec = json!({ "interval": "10m", "generator": { "type": "http", "http": { "url": elsewhere } } });
    let trial = json!({
        "apiVersion": "subresources.postern.dev/v1alpha1", "kind": "ExternalSourcePreview", "spec": spec,
    });
    let tried = post_object(scene.suite.client(), &path, &[], &trial).await?;
    assert_eq!(tried.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let asked = scene.upstream.asked().len();

    let mut redirect = Answer::data("");
    redirect.status = StatusCode::FOUND;
    redirect.headers.insert(header::LOCATION, HeaderValue::from_str(&elsewhere)?);
    scene.upstream.answer(redirect);
    scene.request("to-a-redirect").await?;
    let said = scene.failed("NotAllowed").await?;
    assert!(said.contains("localhost") && said.contains("redirected from 127.0.0.1"), "{said}");
    assert_eq!(scene.upstream.asked().len(), asked + 1, "the redirect is not followed");

    let patch = json!([{ "op": "replace", "path": "/url", "value": elsewhere }]);
    let hook = json!([{ "name": "lead", "command": "sh", "args": ["-c", format!("echo '{patch}'")] }]);
    scene.apply_changed(|spec| spec["hooks"]["preRequest"] = hook).await?;
    scene.request("to-what-a-hook-says").await?;
    let said = scene.failed("NotAllowed").await?;
    assert!(said.contains("localhost") && !said.contains("redirected"), "{said}");
    assert_eq!(scene.upstream.asked().len(), asked + 1);
    Ok(())
}

/// The file of allowed hosts. Dropped, it is as it was.
struct AllowedHosts {
    path: PathBuf,
    before: String,
}

impl AllowedHosts {
    fn write(&self, entries: &str) -> Result<()> {
        fs::write(&self.path, format!("{entries}{}", self.before))
            .context("failed to write the allowed hosts")
    }
}

impl Drop for AllowedHosts {
    fn drop(&mut self) {
        fs::write(&self.path, &self.before).expect("it was there before");
    }
}

#[tokio::test]
async fn a_changed_list_of_hosts_counts_at_once_and_what_was_published_stays() -> Result<()> {
    let suite = Suite::attach().await?;
    let Some(path) = suite.own().map(|cluster| cluster.postern().allowed_hosts()) else {
        return skip("the file of this Postern is not ours to change");
    };
    let hosts = AllowedHosts { before: fs::read_to_string(&path)?, path };
    let scene = Scene::empty(suite, "moving", Answer::data("1")).await?;
    scene.apply("").await?;
    scene.ready().await?;

    hosts.write(&format!("- namespaces: [{}]\n  hosts: [example.com]\n", scene.namespace.name()))?;
    let said = scene.failed("NotAllowed").await?;
    assert!(said.contains("spec.generator.http.url") && said.contains("--allowed-hosts-file"), "{said}");
    let asked = scene.upstream.asked().len();
    assert_eq!(reqwest::get(scene.url().await?).await?.status(), StatusCode::OK, "what was published stays");
    scene.request("while-it-is-not-allowed").await?;
    assert_eq!(scene.upstream.asked().len(), asked, "nothing is asked meanwhile");

    hosts.write("")?;
    scene.ready().await?;
    Ok(())
}
