//! preRequest hooks: each reads the request as the one before it left it, and writes what it is to be.
use super::{HookError, List, Prepared, Transformer, document, judged};
use crate::{Error, generators::HttpRequest, plan::Plan};
use futures::stream;
use std::sync::Arc;

/// What a hook may write: a request is small, whatever the limit of an artifact.
const LARGEST: u64 = 1 << 20;

impl Transformer {
    /// The request to send. The guard is asked about it as about any other, when it is sent.
    pub(crate) async fn prepare(&self, plan: &Plan) -> Result<Prepared, Error> {
        let planned = plan.request();
        let (mut request, mut ignored) = (planned.clone(), Vec::new());
        for hook in &plan.hooks.pre_request {
            let input = stream::iter([Ok(document::written(&request).into())]);
            let mut output = Vec::new();
            let ran = self.run(hook, input, &mut output, LARGEST).await;
            match ran.and_then(|()| document::applied(&request, &output).map_err(HookError::Hook)) {
                Ok(asked) => request = asked,
                Err(error) => ignored.push(judged(error, List::PreRequest, hook)?),
            }
        }
        let said =
            |request: &HttpRequest| (request.url.clone(), request.method.clone(), request.body.clone());
        let moved = said(&request) != said(planned);
        Ok(Prepared { plan: Plan { generator: Arc::new(request), ..plan.clone() }, moved, ignored })
    }
}
