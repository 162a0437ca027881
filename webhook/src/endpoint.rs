//! The HTTP side: `POST /mutate` and `POST /validate`.
use crate::{
    Step, admit,
    budget::Budget,
    dry_run::{self, DryRuns},
    kinds::{self, Kind},
    metrics::Metrics,
    review::{Answer, Request as Reviewed, Review, Verdict},
};
use bytes::Bytes;
use crds::duration;
use extension_apiserver::serve::{BODY_IDLE_TIMEOUT, Body, BodyError, Handler, full, read_body};
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use installation::Policies;
use kube::core::Status;
use previews::Previewer;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use telemetry::metrics::Registry;
use tokio::time;
use tracing::debug;

/// kube-apiserver takes objects of up to 3 MiB, and an update carries two.
const LARGEST: usize = 7 << 20;
/// What all bodies that are arriving may take together.
const BUDGET: usize = 16 << 20;
/// What kube-apiserver allows at most, and what it assumes when it says nothing.
const LONGEST: Duration = Duration::from_secs(30);
const USUAL: Duration = Duration::from_secs(10);

/// The admission webhook: answers kube-apiserver's `AdmissionReview`s.
pub struct Webhook {
    kinds: Vec<Kind>,
    policies: Policies,
    /// Who tells what would become of an object, where dry runs are told.
    dry_runs: Option<DryRuns>,
    budget: Budget,
    metrics: Metrics,
}

impl Webhook {
    /// A webhook for every kind of ours, counting in `registry`. It admits what `policies` allow.
    pub fn new(registry: &mut Registry, policies: Policies) -> Self {
        let (kinds, budget) = (kinds::all(), Budget::new(BUDGET));
        Self { kinds, policies, dry_runs: None, budget, metrics: Metrics::new(registry) }
    }

    /// The same, and dry runs are told what would become of the object.
    #[must_use]
    pub fn previewing(self, previewer: Arc<dyn Previewer>) -> Self {
        Self { dry_runs: Some(DryRuns::new(previewer)), ..self }
    }

    /// The answer to a review, as JSON; a dry run that gets as far as being validated is told more, within `patience`.
    ///
    /// # Errors
    /// It is none, or of a version that is not registered for us; the sentence says so.
    pub(crate) async fn answer(
        &self,
        step: Step,
        body: &[u8],
        patience: Duration,
    ) -> Result<Vec<u8>, String> {
        let review = read(body)?;
        let mut verdict = self.verdict(step, &review.request);
        if let Some(dry_runs) = self.dry_runs.as_ref().filter(|_| step == Step::Validate)
            && let Some(question) = dry_run::question(&self.kinds, &review.request, &verdict)
        {
            verdict.warn(dry_runs.warnings(question, patience).await);
        }
        let answer = Answer::new(&review.request.uid, &verdict);
        Ok(serde_json::to_vec(&answer).expect("strings, numbers and maps with string keys serialize"))
    }

    fn verdict(&self, step: Step, request: &Reviewed<'_>) -> Verdict {
        let started = Instant::now();
        let ruling = self.policies.now(request.namespace.as_deref().unwrap_or_default());
        let verdict = admit::admit(step, &self.kinds, &ruling.installation(), request);
        self.metrics.record(step, &verdict, started.elapsed());
        debug!(
            ?step,
            kind = %request.kind.kind,
            namespace = request.namespace.as_deref(),
            name = request.name.as_deref(),
            verb = %request.operation,
            allowed = verdict.is_allowed(),
            "admission review answered"
        );
        verdict
    }

    /// Nothing if the body had to make room for others.
    async fn read(&self, body: Incoming) -> Option<Result<Bytes, BodyError>> {
        let share = self.budget.share();
        let body = body.inspect_frame(|frame| share.hold(frame.data_ref().map_or(0, Bytes::len)));
        share.unless_evicted(read_body(body, LARGEST, BODY_IDLE_TIMEOUT)).await
    }
}

impl Handler for Webhook {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let step = match request.uri().path() {
            "/mutate" => Step::Mutate,
            "/validate" => Step::Validate,
            _ => return refuse(StatusCode::NOT_FOUND, "NotFound", "there is /mutate and /validate only"),
        };
        if request.method() != Method::POST {
            let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "use POST");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return refusal;
        }
        let (patience, started) = (patience(request.uri()), Instant::now());
        match time::timeout(patience, self.read(request.into_body())).await {
            Ok(Some(Ok(body))) => {
                match self.answer(step, &body, patience.saturating_sub(started.elapsed())).await {
                    Ok(json) => respond(StatusCode::OK, json),
                    Err(why) => refuse(StatusCode::BAD_REQUEST, "BadRequest", &why),
                }
            }
            Ok(Some(Err(error))) => refuse(status_of(&error), error.reason(), &error.to_string()),
            Ok(None) => {
                refuse(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "too much arrives at once")
            }
            Err(_) => refuse(StatusCode::GATEWAY_TIMEOUT, "Timeout", "the review did not arrive in time"),
        }
    }
}

fn read(body: &[u8]) -> Result<Review<'_>, String> {
    let review: Review<'_> =
        serde_json::from_slice(body).map_err(|error| format!("not an AdmissionReview: {error}"))?;
    match review.is_supported() {
        true => Ok(review),
        false => Err(format!("cannot answer {} of {}", review.kind, review.api_version)),
    }
}

/// How long the caller waits: the webhook's `timeoutSeconds`, which kube-apiserver sends as `?timeout=10s`.
fn patience(uri: &Uri) -> Duration {
    let pairs = uri.query().unwrap_or_default().split('&');
    let given =
        pairs.filter_map(|pair| pair.strip_prefix("timeout=")).find_map(|text| duration::parse(text).ok());
    given.filter(|given| !given.is_zero()).unwrap_or(USUAL).min(LONGEST)
}

fn status_of(error: &BodyError) -> StatusCode {
    match error {
        BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn refuse(code: StatusCode, reason: &str, why: &str) -> Response<Body> {
    let status = Status::failure(why, reason).with_code(code.as_u16());
    let mut json = serde_json::to_value(status).expect("strings and numbers serialize");
    json["apiVersion"] = "v1".into();
    json["kind"] = "Status".into();
    respond(code, json.to_string())
}

fn respond(code: StatusCode, json: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(json));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_that_of_the_caller_within_bounds() {
        for (query, seconds) in [
            ("?timeout=5s", 5),
            ("?a=b&timeout=1m0s", 30),
            ("", 10),
            ("?timeout=0s", 10),
            ("?timeout=-1s", 10),
        ] {
            let uri: Uri = format!("/mutate{query}").parse().unwrap();
            assert_eq!(patience(&uri), Duration::from_secs(seconds), "{query}");
        }
    }
}
