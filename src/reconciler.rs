//! The controller role: what it is given, and when it starts.
use crate::{
    cluster::Cluster,
    flags::{Flags, Kind},
    tls::Certificate,
};
use anyhow::Context as _;
use artifacts::{
    Store,
    egress::EgressPolicy,
    pipeline::{Limits, Pipeline},
};
use controller::{Config, Metrics};
use std::{fs, sync::Arc};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

/// Runs the controller once there is a certificate, whose CA it publishes if nobody else does.
pub(crate) async fn run(
    config: Config,
    certificate: Certificate,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let is_self_managed = certificate.is_self_managed();
    let Some(certificate) = certificate.obtain().await? else { return Ok(()) };
    let serving = is_self_managed.then_some(certificate);
    controller::run(Config { serving, ..config }, shutdown).await;
    Ok(())
}

/// The configuration of the controller; none when it is to work on no kind.
pub(crate) fn config(
    flags: &Flags,
    cluster: &Cluster,
    store: Arc<dyn Store>,
    metrics: Metrics,
) -> anyhow::Result<Option<Config>> {
    if !flags.cluster.kinds.contains(&Kind::ExternalSource) {
        return Ok(None);
    }
    Ok(Some(Config {
        client: cluster.client.clone(),
        namespace: flags.cluster.namespace.clone(),
        identity: identity(),
        pipeline: Arc::new(pipeline(flags, store)?),
        artifacts_url: artifacts_url(flags)?,
        concurrency: flags.controller.concurrency.get(),
        leader_elect: flags.controller.leader_elect,
        serving: None,
        metrics,
    }))
}

fn pipeline(flags: &Flags, store: Arc<dyn Store>) -> anyhow::Result<Pipeline> {
    let flags = &flags.artifacts;
    let limits =
        Limits { max_artifact_size: flags.max_artifact_size.0, max_unpacked_size: flags.max_unpacked_size.0 };
    let policy = EgressPolicy::new(flags.allow_egress.clone(), flags.deny_egress.clone());
    Pipeline::new(policy, store, limits).context("failed to set up the client of sources")
}

/// Without a cluster domain, which cannot be known: every pod's resolver completes it.
fn artifacts_url(flags: &Flags) -> anyhow::Result<Url> {
    if let Some(url) = &flags.artifacts.artifacts_url {
        return Ok(url.clone());
    }
    let text = format!("http://postern.{}.svc:8080", flags.cluster.namespace);
    Url::parse(&text).with_context(|| format!("{} is no name of a namespace", flags.cluster.namespace))
}

/// A name that no other replica has, and that tells a person which pod it is.
fn identity() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), Uuid::new_v4())
}
