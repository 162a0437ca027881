//! Two hundred ExternalSources, and whether each says the truth.
use super::{SOURCES, documents::Documents};
use crate::{archive, sources::revision};
use anyhow::{Context, Result, bail, ensure};
use crds::{
    ExternalSource, ExternalSourceSpec,
    external_source::{Artifact, Generator, HttpGenerator},
};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use reqwest::StatusCode;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time;

/// How many requests run at once.
const AT_ONCE: usize = 16;
/// The pause between two looks at all of them.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Sources {
    api: Api<ExternalSource>,
    documents: Arc<Documents>,
    http: reqwest::Client,
}

impl Sources {
    pub(super) async fn create(client: &Client, namespace: &str, documents: &Arc<Documents>) -> Result<Self> {
        let api = Api::namespaced(client.clone(), namespace);
        let http = reqwest::Client::builder().no_proxy().build()?;
        let sources = Self { api, documents: Arc::clone(documents), http };
        let created = stream::iter(0..SOURCES).map(|number| sources.create_one(number));
        created.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(sources)
    }

    /// Asks for a pass as a person does.
    pub(super) async fn ask_for_a_pass(&self, number: usize) -> Result<()> {
        let token = jiff::Timestamp::now();
        let annotated =
            json!({ "metadata": { "annotations": { "reconcile.fluxcd.io/requestedAt": token } } });
        self.api.patch(&name(number), &PatchParams::default(), &Patch::Merge(annotated)).await?;
        Ok(())
    }

    /// Reads what is published, which must be there and whole, whatever the document is at this moment.
    pub(super) async fn read(&self, number: usize) -> Result<String> {
        let source = self.api.get(&name(number)).await?;
        self.content(&artifact(&source)?).await.with_context(|| name(number))
    }

    /// Waits until every source publishes what its document is, and returns all revisions.
    pub(super) async fn until_true(&self, patience: Duration) -> Result<Vec<String>> {
        let began = Instant::now();
        loop {
            let looked =
                stream::iter(0..SOURCES).map(async |number| anyhow::Ok((number, self.truth(number).await?)));
            let mut looked: Vec<_> = looked.buffer_unordered(AT_ONCE).try_collect().await?;
            looked.sort();
            let wrong: Vec<_> =
                looked.iter().filter_map(|(number, truth)| truth.is_none().then_some(number)).collect();
            if wrong.is_empty() {
                return Ok(looked.into_iter().filter_map(|(_, truth)| truth).collect());
            }
            if began.elapsed() > patience {
                let last = self.api.get(&name(*wrong[0])).await?.status;
                bail!("after {patience:?} these are not true: {wrong:?}; the first says {last:#?}");
            }
            time::sleep(PAUSE).await;
        }
    }

    /// The revision, if it is what the document is now.
    async fn truth(&self, number: usize) -> Result<Option<String>> {
        let source = self.api.get(&name(number)).await?;
        let Ok(artifact) = artifact(&source) else { return Ok(None) };
        let content = self.content(&artifact).await?;
        Ok(revision(&source).filter(|_| content == self.documents.text(number)))
    }

    async fn content(&self, artifact: &Artifact) -> Result<String> {
        let response = self.http.get(&artifact.url).send().await?;
        ensure!(response.status() == StatusCode::OK, "{} answered {}", artifact.url, response.status());
        let bytes = response.bytes().await?;
        ensure!(archive::digest(&bytes) == artifact.digest, "{} is not what it says", artifact.url);
        ensure!(artifact.revision == format!("latest@{}", artifact.digest), "{artifact:?}");
        let mut files = archive::files(&bytes)?;
        ensure!(files.len() == 1, "{} holds {} files", artifact.url, files.len());
        Ok(files.remove(0).1)
    }

    async fn create_one(&self, number: usize) -> Result<()> {
        let url = self.documents.url(number);
        let http = HttpGenerator { url, method: "GET".into(), ..HttpGenerator::default() };
        let spec = ExternalSourceSpec {
            interval: "1m".into(),
            timeout: "2s".into(),
            generator: Generator { http: Some(http), ..Generator::default() },
            ..ExternalSourceSpec::default()
        };
        self.api.create(&PostParams::default(), &ExternalSource::new(&name(number), spec)).await?;
        Ok(())
    }
}

fn name(number: usize) -> String {
    format!("source-{number}")
}

fn artifact(source: &ExternalSource) -> Result<Artifact> {
    source.status.as_ref().and_then(|status| status.artifact.clone()).context("nothing is published")
}
