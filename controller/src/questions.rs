//! Answers what would become of an object, kind by kind, and to the other roles on a listener of its own.
mod listener;
mod metrics;

pub use listener::{Listener, Trust};
pub(crate) use metrics::Metrics;
pub use metrics::Refused;

use crate::external_source::{Previewing, Tokens};
use artifacts::store::scratch;
use futures::{FutureExt, future::BoxFuture};
use previews::{Answer, Previewer, Question, Refusal};
use std::time::Instant;
use tokio::sync::Semaphore;
use tracing::{Instrument, info, info_span};

/// How many run at once. Each holds a scratch of up to the largest artifact, and two files and their lines in memory.
const AT_ONCE: usize = 4;

/// Every kind that can be tried before it is written.
pub struct Previews {
    external_sources: Previewing,
    turns: Semaphore,
    metrics: Metrics,
}

impl Previews {
    /// As the passes of this configuration would be.
    pub fn new(config: &crate::Config) -> Self {
        let external_sources = Previewing {
            client: config.client.clone(),
            pipeline: config.pipeline.clone(),
            tokens: Tokens::new(config.client.clone()),
            policies: config.policies.clone(),
        };
        let metrics = config.metrics.previews.clone();
        Self { external_sources, turns: Semaphore::new(AT_ONCE), metrics }
    }

    /// Removes what previews of processes that were killed have left.
    pub async fn tidy(&self) {
        scratch::sweep().await;
    }

    /// Where a listener counts whom it refuses.
    pub fn refused(&self) -> Refused {
        self.metrics.refused.clone()
    }

    async fn answer(&self, question: &Question) -> Result<Answer, Refusal> {
        match question.kind.as_str() {
            "ExternalSource" => self.external_sources.preview(question).await,
            kind => Err(Refusal::Unavailable(format!("nobody previews objects of kind {kind:?} here"))),
        }
    }
}

impl Previewer for Previews {
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>> {
        let Question { kind, namespace, name, .. } = &question;
        let span = info_span!("preview", kind, namespace, name);
        let previewed = async move {
            let _turn = self.turns.acquire().await;
            let started = Instant::now();
            let said = self.answer(&question).await;
            self.metrics.answered(&said, started.elapsed());
            match &said {
                Ok(_) => info!("previewed"),
                Err(refusal) => info!(reason = metrics::reason(refusal), "not previewed"),
            }
            said
        };
        previewed.instrument(span).boxed()
    }
}
