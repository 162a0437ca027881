//! ExternalSources as tests write and await them.
use crate::watched;
use anyhow::{Context, Result};
use crds::{ExternalSource, conditions};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Api, Client};
use std::time::Duration;

/// Longer than anything takes that works; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A source of that address; `more` goes below `spec.generator.http`, each line with six spaces in front.
pub(crate) fn manifest(name: &str, url: &str, more: &str) -> String {
    manifest_of(name, "http", &format!("url: {url}\n{more}"))
}

/// A source of that type; its settings are lines of YAML, each but the first with six spaces in front.
pub(crate) fn manifest_of(name: &str, kind: &str, settings: &str) -> String {
    format!(
        "apiVersion: source.flux.oddkin.co/v1alpha1
kind: ExternalSource
metadata: {{ name: {name} }}
spec:
  interval: 10m
  generator:
    type: {kind}
    {kind}:
      {settings}"
    )
}

/// The sources of one namespace.
pub(crate) fn sources(client: &Client, namespace: &str) -> Api<ExternalSource> {
    Api::namespaced(client.clone(), namespace)
}

/// Watches a source until it is as `wanted` says, and returns it so.
pub(crate) async fn until(
    api: &Api<ExternalSource>,
    name: &str,
    wanted: impl Fn(&ExternalSource) -> bool,
) -> Result<ExternalSource> {
    until_in(PATIENCE, api, name, wanted).await
}

/// As [`until`], for what takes longer.
pub(crate) async fn until_in(
    patience: Duration,
    api: &Api<ExternalSource>,
    name: &str,
    wanted: impl Fn(&ExternalSource) -> bool,
) -> Result<ExternalSource> {
    watched::until(patience, api, name, wanted).await
}

/// Watches until Ready is True, and returns the source.
pub(crate) async fn until_ready(api: &Api<ExternalSource>, name: &str) -> Result<ExternalSource> {
    until(api, name, |source| ready(source).is_some_and(|ready| ready.status == "True")).await
}

/// Watches until Ready is False with that reason, and returns the condition's message.
pub(crate) async fn until_failed(api: &Api<ExternalSource>, name: &str, reason: &str) -> Result<String> {
    let failed = |source: &ExternalSource| {
        ready(source).is_some_and(|ready| ready.status == "False" && ready.reason == reason)
    };
    let source = until(api, name, failed).await?;
    Ok(ready(&source).context("it has the condition")?.message.clone())
}

/// The condition that sums everything up.
pub(crate) fn ready(source: &ExternalSource) -> Option<&Condition> {
    condition(source, conditions::READY)
}

/// A condition, if it is there.
pub(crate) fn condition<'a>(source: &'a ExternalSource, type_: &str) -> Option<&'a Condition> {
    conditions::find(&source.status.as_ref()?.conditions, type_)
}

/// The revision that is published.
pub(crate) fn revision(source: &ExternalSource) -> Option<String> {
    Some(source.status.as_ref()?.artifact.as_ref()?.revision.clone())
}
