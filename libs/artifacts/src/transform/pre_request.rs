//! preRequest hooks: each reads the request as the one before it left it, and writes what it is to be.
use super::{HookError, List, Prepared, Transformer, document, judged};
use crate::{Error, plan::Plan};
use futures::stream;

/// What a hook may write: a request is small, whatever the limit of an artifact.
const LARGEST: u64 = 1 << 20;

impl Transformer {
    /// The request to send. The guard is asked about it as about any other, when it is sent.
    pub(crate) async fn prepare(&self, plan: &Plan) -> Result<Prepared, Error> {
        let mut prepared = Prepared { plan: plan.clone(), moved: false, ignored: Vec::new() };
        for hook in &plan.hooks.pre_request {
            let input = stream::iter([Ok(document::written(&prepared.plan).into())]);
            let mut output = Vec::new();
            let ran = self.run(hook, input, &mut output, LARGEST).await;
            match ran.and_then(|()| document::applied(&prepared.plan, &output).map_err(HookError::Hook)) {
                Ok(asked) => prepared.plan = asked,
                Err(error) => prepared.ignored.push(judged(error, List::PreRequest, hook)?),
            }
        }
        let now = &prepared.plan;
        prepared.moved = (&now.url, &now.method, &now.body) != (&plan.url, &plan.method, &plan.body);
        Ok(prepared)
    }
}
