//! Everything in which Postern tells something, and to whom: a name, what was told, and a word that must be in it, since silence
//! proves nothing.
use super::{ASKED, AT_ONCE, Planted};
use crate::aggregated::{GROUP, get, post, post_object};
use anyhow::{Context, Result};
use cluster::{namespace::Namespace, suite::Suite};
use futures::{StreamExt, TryStreamExt, stream};
use http::Response;
use serde_json::{Value, json};
use std::fmt::Write;

/// What was told in one way.
pub(super) struct Outlet {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) control: String,
}

impl Outlet {
    pub(super) fn new(name: &'static str, text: String, control: &str) -> Self {
        Self { name, text, control: control.to_owned() }
    }
}

/// What admission says of each source: as it is, and with something wrong in every part of it.
pub(super) async fn admission(suite: &Suite, namespace: &str, planted: &[Planted]) -> Result<Outlet> {
    let client = suite.client_without_retries().await?;
    let path = format!(
        "/apis/source.flux.oddkin.co/v1alpha1/namespaces/{namespace}/externalsources?dryRun=All&fieldValidation=Warn"
    );
    let mut attempts = Vec::new();
    for one in planted.iter().filter(|one| one.ending == 0) {
        let source = one.draft.source();
        attempts.push(source.clone());
        attempts.extend(faults().into_iter().map(|fault| {
            let mut wrong = source.clone();
            fault(&mut wrong["spec"], &one.canary);
            wrong
        }));
    }
    let answers = stream::iter(&attempts).map(|source| post_object(&client, &path, &[], source));
    let answers = answers.buffer_unordered(AT_ONCE).try_fold(String::new(), async |mut text, answer| {
        for warning in answer.headers().get_all(http::header::WARNING) {
            writeln!(text, "{}", String::from_utf8_lossy(warning.as_bytes()))?;
        }
        // Who was let in gets the object back as it was sent.
        if !answer.status().is_success() {
            writeln!(text, "{}", String::from_utf8_lossy(answer.body()))?;
        }
        Ok(text)
    });
    Ok(Outlet::new("admission", answers.await?, "spec.interval"))
}

type Fault = fn(&mut Value, &str);

/// What people do wrong beside a secret, or with it.
fn faults() -> Vec<Fault> {
    vec![
        |spec, _| spec["interval"] = "1s".into(),
        |spec, canary| {
            spec["generator"]["http"] = json!({ "url": format!("https://me:{canary}@example.com/") });
        },
        |spec, canary| {
            spec["generator"]["http"] = json!({ "url": format!("ftp://{canary}@example.com/{canary}") });
        },
        |spec, canary| {
            spec["hooks"]["postRequest"] = json!([{
                "name": "a", "command": "rm", "args": [canary], "env": [{ "name": "A", "value": canary }],
            }]);
        },
        |spec, canary| {
            spec["hooks"]["preRequest"] = json!([{
                "name": "a", "command": "sed", "args": [canary], "env": [{ "name": "PATH", "value": canary }],
            }]);
        },
        |spec, canary| {
            spec["hooks"]["postRequest"] = json!([{
                "name": "a", "command": "cat", "env": [{ "name": "A", "value": format!("{canary}\0") }],
            }]);
        },
        |spec, canary| spec["generator"]["http"]["body"] = json!({ "not": canary }),
    ]
}

/// What the aggregated API says of each source, the bytes of its artifact apart.
pub(super) async fn api(suite: &Suite, namespace: &str, planted: &[Planted]) -> Result<Outlet> {
    let client = suite.client_without_retries().await?;
    let base = format!("{GROUP}/namespaces/{namespace}");
    let digest = "0".repeat(64);
    let asked = planted.iter().filter(|one| one.ending < ASKED).map(|one| {
        let source = format!("{base}/externalsources/{}", one.name);
        let (client, digest) = (&client, &digest);
        async move {
            let mut answers = Vec::new();
            for view in [
                "artifact".to_owned(),
                "provenance".to_owned(),
                format!("diff?from={digest}"),
                "content?path=nothing".to_owned(),
                format!("content?revision={digest}"),
            ] {
                answers.push(get(client, &format!("{source}/{view}"), &[]).await?);
            }
            answers.push(post(client, &format!("{source}/refresh"), &[]).await?);
            let revision = json!({ "revision": format!("latest@sha256:{digest}") });
            answers.push(post_object(client, &format!("{source}/rollback"), &[], &revision).await?);
            answers.iter().map(told).collect::<Result<String>>()
        }
    });
    let mut text: String = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    for list in [
        format!("{base}/artifacts"),
        GROUP.to_owned(),
        "/openapi/v3/apis/subresources.postern.dev/v1alpha1".to_owned(),
    ] {
        text += &told(&get(&client, &list, &[]).await?)?;
    }
    Ok(Outlet::new("api", text, "https://slsa.dev/provenance/v1"))
}

/// What all passes tell of themselves, however they ended.
pub(super) async fn logs(suite: &Suite, namespace: &str, planted: &[Planted]) -> Result<Outlet> {
    let client = suite.client_without_retries().await?;
    let asked = planted.iter().map(|one| {
        let path = format!("{GROUP}/namespaces/{namespace}/externalsources/{}/log", one.name);
        let client = &client;
        async move { told(&get(client, &path, &[]).await?) }
    });
    let text = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(Outlet::new("log of passes", text, " ended with exit code 0 after "))
}

/// Code, headers and body.
fn told(answer: &Response<Vec<u8>>) -> Result<String> {
    let body = std::str::from_utf8(answer.body()).context("it must be no content")?;
    Ok(format!("{} {:?} {body}\n", answer.status(), answer.headers()))
}

/// What anybody reads who may read objects: all of it but the specs of sources and the Secrets, which people wrote.
pub(super) async fn objects(suite: &Suite, namespace: &Namespace) -> Result<Vec<Outlet>> {
    let list = async |kind: &str| -> Result<Value> {
        Ok(serde_json::from_str(&namespace.kubectl(&["get", kind, "--output=json"]).await?)?)
    };
    let mut sources = list("externalsources").await?;
    for source in sources["items"].as_array_mut().context("a list")? {
        source.as_object_mut().context("an object")?.remove("spec");
    }
    let table = namespace.kubectl(&["get", "externalsources", "--output=wide"]).await?;
    let own = ["get", "lease,configmap,event", "--namespace=postern-system", "--output=json"];
    Ok(vec![
        Outlet::new("sources", sources.to_string() + &table, "Unauthorized"),
        Outlet::new("external artifacts", list("externalartifacts").await?.to_string(), "header-succeeds"),
        Outlet::new("events", list("events").await?.to_string(), "HookFailed"),
        Outlet::new("objects of Postern", suite.kubectl().run(&own).await?, "postern-controller"),
    ])
}
