//! Sending the requests of a scenario to one server, straight to its port, as the front proxy would for each user.
use super::{
    Answers,
    answer::Answer,
    corpus::{Request, Scenario},
};
use crate::sources::PATIENCE;
use anyhow::{Context, Result, bail, ensure};
use cluster::{Directory, Wardle};
use reqwest::{Certificate, Client, Identity, Method};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who sends what is not said to be somebody else's: a member of `system:masters`.
const ADMIN: &str = "admin";
/// Comes without any proof.
const ANONYMOUS: &str = "anonymous";

/// Where objects are left behind by a scenario.
const COLLECTIONS: [&str; 2] = [
    "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders",
    "/apis/wardle.example.com/v1alpha1/fischers",
];

/// One server, and how it is spoken to.
pub(super) struct Exchange {
    url: String,
    proxy: Client,
    stranger: Client,
}

impl Exchange {
    pub(super) fn with(server: &Wardle, directory: &Directory) -> Result<Self> {
        let read = |file: &str| std::fs::read(directory.pki(file));
        let ca = Certificate::from_pem_bundle(&read("kubernetes-ca.crt")?)?;
        let proxy = [read("front-proxy-client.crt")?, read("front-proxy-client.key")?].concat();
        let client = || Client::builder().tls_certs_only(ca.clone()).no_proxy();
        Ok(Self {
            url: format!("https://{}", server.address()),
            proxy: client().identity(Identity::from_pem(&proxy)?).build()?,
            stranger: client().build()?,
        })
    }

    /// Returns once the server believes the front proxy: Go's reads whom to believe a moment after it says that it is ready.
    pub(super) async fn believed(&self) -> Result<()> {
        let believed = async { while self.clear().await.is_err() {} };
        Ok(tokio::time::timeout(PATIENCE, believed).await?)
    }

    /// Every answer of a scenario. It begins and ends without objects.
    pub(super) async fn play(&self, scenario: &Scenario) -> Result<Answers> {
        let mut answers = Answers::new();
        let mut named = BTreeMap::new();
        for request in &scenario.requests {
            let sent = self.send(request, &named).await;
            let (answer, body) = sent.with_context(|| request.title.clone())?;
            if let Some(name) = &request.name {
                named.insert(name.as_str(), body);
            }
            answers.push((request.title.clone(), answer));
        }
        self.clear().await?;
        Ok(answers)
    }

    /// The answer, and the JSON in it as it came.
    async fn send(&self, request: &Request, named: &BTreeMap<&str, Value>) -> Result<(Answer, Value)> {
        let filled = |text: &str| fill(text, named);
        let url = format!("{}{}", self.url, filled(&request.path)?);
        let method = Method::from_bytes(request.method.as_bytes())?;
        let user = request.user.as_deref().unwrap_or(ADMIN);
        let client = if user == ANONYMOUS { &self.stranger } else { &self.proxy };
        let mut sending = client.request(method, url);
        if user != ANONYMOUS {
            let group = if user == ADMIN { "system:masters" } else { "system:authenticated" };
            sending = sending.header("X-Remote-User", user).header("X-Remote-Group", group);
        }
        for (name, value) in &request.headers {
            sending = sending.header(name, filled(value)?);
        }
        if !request.body.is_empty() {
            sending = sending.body(filled(&request.body)?);
        }
        let response = sending.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Ok((Answer::read(status, &headers, &body)?, json))
    }

    async fn clear(&self) -> Result<()> {
        for path in COLLECTIONS {
            let url = format!("{}{path}", self.url);
            let request = self.proxy.delete(url).header("X-Remote-User", ADMIN);
            let response = request.header("X-Remote-Group", "system:masters").send().await?;
            ensure!(response.status().is_success(), "failed to clear {path}: {}", response.text().await?);
        }
        Ok(())
    }
}

/// The text with what stands in double braces replaced.
fn fill(text: &str, named: &BTreeMap<&str, Value>) -> Result<String> {
    let mut parts = text.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, rest) = part.split_once("}}").context("braces that do not end")?;
        filled += &replacement(inside, named)?;
        filled += rest;
    }
    Ok(filled)
}

fn replacement(inside: &str, named: &BTreeMap<&str, Value>) -> Result<String> {
    if let Some((what, times)) = inside.split_once('*') {
        return Ok(what.repeat(times.parse()?));
    }
    let (name, path) = inside.split_once('.').context("neither a repetition nor a field of an answer")?;
    let body = named.get(name).with_context(|| format!("no earlier request is named {name}"))?;
    match body.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => bail!("the answer to {name} has no {path}: {body}"),
    }
}

#[test]
fn braces_are_replaced_by_what_was_answered() -> Result<()> {
    let created = serde_json::json!({ "metadata": { "uid": "u-1" } });
    let named = BTreeMap::from([("created", created)]);
    assert_eq!(fill("a {{created.metadata.uid}} {{xy*2}} {}", &named)?, "a u-1 xyxy {}");
    assert!(fill("{{other.metadata}}", &named).is_err());
    Ok(())
}
