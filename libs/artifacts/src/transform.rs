//! Hooks around a fetch: on the request ([`pre_request`]), and on the bytes that came ([`post_request`]); then the expressions of the
//! spec, on what the hooks have left ([`shape`]).
//!
//! A hook that fails ends the pass, unless its policy is to ignore that. Nothing is tried again here: a pass that may go
//! better is run anew as a whole, with the pauses of the loop. An executor that fails is no failure of a hook: no policy
//! speaks of it, since ignoring it would publish data that was never transformed.
mod aside;
pub(crate) mod document;
mod failure;
mod post_request;
mod pre_request;
mod shape;

pub use failure::{HookFailure, Ignored, List};
pub(crate) use post_request::Kept;

use crate::{
    Error,
    plan::{Hook, Plan},
    trace::{Event, tell},
};
use bytes::Bytes;
use crds::external_source::RetryPolicy;
use expressions::Evaluator;
use futures::Stream;
use hooks::Client;
use std::{io, sync::Arc, time::Instant};
use tokio::io::AsyncWrite;

/// Runs the hooks and evaluates the expressions of passes.
pub(crate) struct Transformer {
    /// `None` where hooks are not enabled.
    client: Option<Client>,
    evaluator: Arc<Evaluator>,
    /// The most that a hook may write.
    largest: u64,
}

/// A request as preRequest hooks have made it.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    /// Whether it goes elsewhere, or says something else, than the spec: what is known of earlier answers may not be
    /// about it.
    pub(crate) moved: bool,
    pub(crate) ignored: Vec<Ignored>,
}

impl Transformer {
    /// Without hooks.
    pub(crate) fn new(largest: u64) -> Self {
        Self { client: None, evaluator: Arc::new(Evaluator::of_this_program()), largest }
    }

    /// The same, with hooks.
    pub(crate) fn with_client(&self, client: Client) -> Self {
        Self { client: Some(client), evaluator: Arc::clone(&self.evaluator), largest: self.largest }
    }

    /// The same, with evaluations counted there.
    pub(crate) fn counting(&self, metrics: expressions::Metrics) -> Self {
        let evaluator = Evaluator::of_this_program().counted_by(metrics);
        Self { client: self.client.clone(), evaluator: Arc::new(evaluator), largest: self.largest }
    }

    async fn run(
        &self,
        hook: &Hook,
        input: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        output: &mut (impl AsyncWrite + Unpin),
        most: u64,
    ) -> Result<(), HookError> {
        let client = self.client.as_ref().ok_or(HookError::Pass(Error::HooksNotEnabled))?;
        let started = Instant::now();
        let ran = client.run(&hook.command, input, output, most).await.map_err(|error| {
            match error.is_of_the_command() {
                true => HookError::Hook(HookFailure::Command(error)),
                false => HookError::Pass(Error::HookExecutor(error)),
            }
        });
        let failure = match &ran {
            Ok(()) => None,
            Err(HookError::Hook(failure)) => Some(failure),
            // It is the executor that failed, and the end of the pass says how.
            Err(HookError::Pass(_)) => return ran,
        };
        tell(|| Event::HookRan { name: &hook.name, failure, took: started.elapsed() });
        ran
    }
}

/// What went wrong, and whose fault it is.
enum HookError {
    Hook(HookFailure),
    Pass(Error),
}

/// Takes a failure as the hook's policy wants it: as one to tell of, or as the end of the pass.
fn judged(error: HookError, list: List, hook: &Hook) -> Result<Ignored, Error> {
    let failure = match error {
        HookError::Pass(error) => return Err(error),
        HookError::Hook(failure) => failure,
    };
    let (name, retries) = (hook.name.clone(), hook.policy == RetryPolicy::Retry);
    match hook.policy {
        // Our whitelist admits it, and the executor's is about to: data that it did not see is not published meanwhile.
        RetryPolicy::Ignore if !failure.is_disagreement() => {
            tell(|| Event::HookIgnored { name: &name });
            Ok(Ignored { list, hook: name, why: failure.to_string() })
        }
        _ => Err(Error::Hook { list, hook: name, failure, retries }),
    }
}
