//! May they: delegated authorization as k8s.io/apiserver does it.
//!
//! Members of `system:masters` and the health paths pass; everything else is asked of kube-apiserver by a
//! SubjectAccessReview, whose answer is kept for a short while. Without an answer the request fails: never open.
mod attributes;

use crate::{
    access::{Authorize, Decision, UserInfo},
    metrics::Metrics,
    request::RequestInfo,
    review::{Ask, ReviewError, Reviews, through},
    status::Status,
};
use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewSpec};
use std::{sync::Arc, time::Duration};
use tracing::warn;

/// From this many bytes on that the caller chose, an answer is not kept.
const TOO_LARGE_TO_KEEP: usize = 10_000;

/// Who passes without a question, and how long answers are good for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Groups whose members may do everything.
    pub allowed_groups: Vec<String>,
    /// Paths that everybody may use; one that ends in `*` stands for all that start so. Never a resource.
    pub allowed_paths: Vec<String>,
    /// How long a yes is good for: a right that is taken away works this much longer.
    pub allow_lifetime: Duration,
    /// How long a no is good for: a right that is given works this much later.
    pub deny_lifetime: Duration,
    /// Counts the reviews asked of kube-apiserver.
    pub metrics: Metrics,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allowed_groups: vec!["system:masters".to_owned()],
            allowed_paths: ["/healthz", "/readyz", "/livez"].map(str::to_owned).into(),
            allow_lifetime: Duration::from_secs(10),
            deny_lifetime: Duration::from_secs(10),
            metrics: Metrics::default(),
        }
    }
}

/// Decides what a user may do.
///
/// Clones share what they know.
#[derive(Clone)]
pub struct Authorizer(Arc<Inner>);

struct Inner {
    reviews: Reviews<SubjectAccessReview, Decision>,
    allowed_groups: Vec<String>,
    allowed_paths: Vec<String>,
}

impl Authorizer {
    /// Asks with `reviews`, a client made from [`crate::review::client_config`].
    pub fn new(reviews: kube::Client, options: Options) -> Self {
        Self::asking(through(reviews), options)
    }

    fn asking(ask: Ask<SubjectAccessReview>, options: Options) -> Self {
        let lifetime = move |decision: &Decision| match decision {
            Decision::Allow => options.allow_lifetime,
            Decision::Refuse(_) => options.deny_lifetime,
        };
        Self(Arc::new(Inner {
            reviews: Reviews::new(ask, read, lifetime, options.metrics.access_reviews),
            allowed_groups: options.allowed_groups,
            allowed_paths: options.allowed_paths,
        }))
    }
}

impl Authorize for Authorizer {
    fn authorize<'a>(
        &'a self,
        user: &'a UserInfo,
        request: &'a RequestInfo,
    ) -> BoxFuture<'a, Result<Decision, Status>> {
        self.0.authorize(user, request).boxed()
    }
}

impl Inner {
    async fn authorize(&self, user: &UserInfo, request: &RequestInfo) -> Result<Decision, Status> {
        if user.groups.iter().any(|group| self.allowed_groups.contains(group)) {
            return Ok(Decision::Allow);
        }
        if !request.is_resource && self.allowed_paths.iter().any(|allowed| covers(allowed, &request.path)) {
            return Ok(Decision::Allow);
        }
        let spec = attributes::spec(user, request);
        self.review(spec, attributes::size(request) < TOO_LARGE_TO_KEEP).await.map_err(|error| {
            let cause = std::error::Error::source(&*error).map(tracing::field::display);
            warn!(%error, cause, "failed to authorize a request");
            undecided(&error)
        })
    }

    async fn review(&self, spec: SubjectAccessReviewSpec, keep: bool) -> Result<Decision, Arc<ReviewError>> {
        let identity = serde_json::to_vec(&spec).expect("strings, lists and maps of strings are JSON");
        let question = || SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        self.reviews.answer(&identity, keep, question).await
    }
}

fn covers(allowed: &str, path: &str) -> bool {
    allowed.strip_suffix('*').map_or(path == allowed, |prefix| path.starts_with(prefix))
}

/// Only `allowed` opens; a server that does not understand the rest of an answer stays closed.
fn read(answered: SubjectAccessReview) -> Result<Decision, ReviewError> {
    let undecided = |why: &str| Err(ReviewError::Undecided(why.to_owned()));
    let Some(status) = answered.status else { return undecided("the answer has no status") };
    match (status.allowed, status.denied.unwrap_or_default()) {
        (true, true) => undecided("the answer both allows and denies"),
        (true, false) => Ok(Decision::Allow),
        (false, _) => Ok(Decision::Refuse(status.reason.unwrap_or_default())),
    }
}

fn undecided(error: &ReviewError) -> Status {
    match error {
        ReviewError::Busy => Status::unavailable("too many requests are being authorized", 1),
        _ => Status::internal(format!("the request could not be authorized: {error}")),
    }
}

#[cfg(test)]
mod tests;
