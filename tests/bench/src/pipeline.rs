//! `bench pipeline`: one pass of Postern's pipeline, alone in its process so that time and memory are its own.
use crate::{outcome::Outcome, process};
use anyhow::{Context, Result, bail};
use artifacts::{
    SourceKey,
    egress::EgressPolicy,
    pipeline::{Limits, Outcome as Passed, Pipeline, Request},
    plan::{Plan, Secrets},
    store,
};
use cluster::usage;
use crds::{
    ExternalSourceSpec,
    external_source::{Generator, Hook, Hooks, HttpGenerator},
    rules,
};
use hooks::Address;
use std::time::Instant;
use url::Url;

/// Fetches, packs and stores, as a Postern would that was just started.
///
/// With an executor of hooks, what was fetched goes through `cat` first.
pub(crate) async fn once(url: String, store: &Url, executor: Option<Address>) -> Result<Outcome> {
    let (mut pipeline, mut spec) = (pipeline(store)?, spec(url));
    if let Some(address) = executor {
        pipeline = pipeline.with_hooks(hooks::Client::new(address, None));
        spec.hooks = Some(Hooks { post_request: vec![cat()], ..Hooks::default() });
    }
    let plan = Plan::new(rules::check(&spec)?, &Secrets::default())?;
    let source = SourceKey::new("bench", "source")?;
    let request = Request { plan: &plan, source: &source, validators: None, stored: None, record: None };
    let pid = std::process::id().cast_signed();
    let rss_before = usage::memory(pid)?;
    let start = Instant::now();
    let passed = pipeline.run(request).await.context("the pass failed")?;
    let seconds = start.elapsed().as_secs_f64();
    let Passed::Fetched(fetched) = passed else { bail!("nothing was stored before, yet nothing changed") };
    Ok(Outcome {
        seconds,
        bytes: fetched.blob.size,
        digest: fetched.blob.key.digest.hex(),
        cpu_seconds: process::own_cpu_time()?.as_secs_f64(),
        rss_before,
        rss_peak: usage::memory_peak(pid)?,
    })
}

fn pipeline(store: &Url) -> Result<Pipeline> {
    let policy = EgressPolicy::new(vec!["127.0.0.0/8".parse().expect("a network")], vec![]);
    let limits = Limits { max_artifact_size: 200 << 20, max_unpacked_size: 400 << 20 };
    Ok(Pipeline::new(policy, store::open(store)?, limits)?)
}

fn spec(url: String) -> ExternalSourceSpec {
    let http = HttpGenerator { url, method: "GET".into(), ..HttpGenerator::default() };
    ExternalSourceSpec {
        interval: "1h".into(),
        timeout: "5m".into(),
        generator: Generator { http: Some(http), ..Generator::default() },
        ..ExternalSourceSpec::default()
    }
}

/// The hook that changes nothing.
fn cat() -> Hook {
    Hook { name: "cat".into(), command: "cat".into(), timeout: "5m".into(), ..Hook::default() }
}
