//! Who is asking: delegated authentication as k8s.io/apiserver does it.
//!
//! In this order: the front proxy (kube-apiserver, naming a user in headers), a client certificate, a bearer token that
//! kube-apiserver vouches for. The first that succeeds wins. A proof that does not hold means 401; only a request without
//! any proof is anonymous. Whom to believe comes from a ConfigMap that kube-apiserver keeps, followed while it changes, unless
//! [`TrustOverrides`] say otherwise. A server that may not read it runs on, believes no front proxy, is not ready, and says
//! which binding is missing, where Go's library ends the program: the binding may come a moment later.
//!
//! ```no_run
//! use extension_apiserver::{authn, authz, client, review};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = kube::Config::infer().await?;
//! let reviews = client::connect(review::client_config(config.clone()))?;
//! let client = client::connect(config)?;
//! let shutdown = CancellationToken::new();
//!
//! let who = authn::Authenticator::start(client, reviews.clone(), authn::Options::default(), shutdown);
//! let may = authz::Authorizer::new(reviews, authz::Options::default());
//! who.ready().await;
//! # Ok(())
//! # }
//! ```
mod authorities;
mod certificate;
mod follow;
pub(crate) mod front_proxy;
mod overrides;
mod refusal;
pub(crate) mod strip;
mod token;
pub(crate) mod trust;

use crate::{
    access::{Authenticate, UserInfo},
    api::Warnings,
    metrics::Metrics,
    review::{Ask, through},
    serve::{Chain, Peer},
    status::Status,
};
use certificate::Judge;
use follow::{Current, follow};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, StatusCode, request::Parts};
use k8s_openapi::api::authentication::v1::TokenReview;
use refusal::Refusal;
use std::{sync::Arc, time::Duration};
use token::Tokens;
use tokio_util::sync::CancellationToken;
use tracing::info;
use trust::Trust;

pub use overrides::{RequestHeader, TrustOverrides};

/// The user of a request without any proof.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of everybody with a proof.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody without.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";

/// How to treat strangers, and how long to believe what was said about tokens.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who may come without a proof; what they may do is the authorizer's to say.
    pub anonymous: Anonymous,
    /// Whom tokens must have been made for, one of these; empty: kube-apiserver itself.
    pub audiences: Vec<String>,
    /// How long kube-apiserver's word on a token is good for: a token that it revokes works here this much longer.
    pub token_lifetime: Duration,
    /// Whom to believe where the ConfigMap is not to decide.
    pub overrides: TrustOverrides,
    /// Counts the reviews asked of kube-apiserver, and looks how long client certificates have left.
    pub metrics: Metrics,
}

/// Where requests without a proof are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Nowhere.
    Nowhere,
    /// On exactly these paths.
    On(Vec<String>),
    /// Everywhere.
    Everywhere,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            anonymous: Anonymous::Everywhere,
            audiences: Vec::new(),
            token_lifetime: Duration::from_secs(10),
            overrides: TrustOverrides::default(),
            metrics: Metrics::default(),
        }
    }
}

/// Finds out who sent a request.
///
/// Clones share what they know.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    current: Arc<Current>,
    judge: Judge,
    tokens: Tokens,
    anonymous: Anonymous,
    metrics: Metrics,
}

impl Authenticator {
    /// Starts to follow the ConfigMap with `client` until `shutdown`, unless it is overridden, and asks about tokens with `reviews`, a client made
    /// from [`crate::review::client_config`].
    ///
    /// Until the ConfigMap is read nobody is believed for being the front proxy: see [`Self::ready`].
    pub fn start(
        client: kube::Client,
        reviews: kube::Client,
        options: Options,
        shutdown: CancellationToken,
    ) -> Self {
        let overrides = options.overrides.clone();
        let authenticator = Self::new(through(reviews), options);
        let current = Arc::clone(&authenticator.0.current);
        let following =
            async move { shutdown.run_until_cancelled(follow(client, overrides, &current)).await };
        tokio::spawn(following);
        authenticator
    }

    /// Believes tokens and nothing else: no front proxy, no certificate. Asks about them with `reviews`, as for [`Self::start`].
    pub fn of_tokens(reviews: kube::Client, options: Options) -> Self {
        Self::new(through(reviews), options)
    }

    fn new(ask: Ask<TokenReview>, options: Options) -> Self {
        let ask = token::for_audiences(ask, options.audiences);
        Self(Arc::new(Inner {
            current: Arc::default(),
            judge: Judge::new(),
            tokens: Tokens::new(ask, options.token_lifetime, options.metrics.token_reviews.clone()),
            anonymous: options.anonymous,
            metrics: options.metrics,
        }))
    }

    /// Returns once a front proxy is trusted, so that kube-apiserver's requests are not refused.
    pub async fn ready(&self) {
        self.0.current.ready().await;
    }

    /// Why no front proxy is trusted, for a readiness check and for people; `None` when one is.
    pub fn obstacle(&self) -> Option<String> {
        self.0.current.obstacle()
    }
}

impl Authenticate for Authenticator {
    fn authenticate<'a>(&'a self, parts: &'a mut Parts) -> BoxFuture<'a, Result<UserInfo, Status>> {
        self.0.authenticate(parts).boxed()
    }
}

impl Inner {
    async fn authenticate(&self, parts: &mut Parts) -> Result<UserInfo, Status> {
        let trust = self.current.trust.load_full();
        let chain = parts.extensions.get::<Peer>().map(|peer| peer.certificates.clone());
        let user = match self.identify(&trust, chain.as_ref(), &parts.headers).await {
            Ok(Some(user)) => with_group(user),
            Ok(None) if self.admits_strangers(parts.uri.path()) => stranger(),
            Ok(None) => return Err(Status::unauthorized()),
            Err(refusals) => return Err(refused(&refusals)),
        };
        refuse_impersonation(&parts.headers)?;
        if token::is_empty(&parts.headers)
            && let Some(warnings) = parts.extensions.get::<Warnings>()
        {
            warnings.add(token::EMPTY);
        }
        strip::strip(&mut parts.headers, trust.front_proxy.as_ref().map(|proxy| &proxy.headers));
        Ok(user)
    }

    /// The first proof that holds; `None` if there is no proof; why not, if there are only proofs that do not hold.
    async fn identify(
        &self,
        trust: &Trust,
        chain: Option<&Chain>,
        headers: &HeaderMap,
    ) -> Result<Option<UserInfo>, Vec<Refusal>> {
        let mut refusals = Vec::new();
        if let Some(chain) = chain.filter(|chain| !chain.is_empty()) {
            let verdict = self.judge.judge(trust, chain).await;
            let spoken_for =
                verdict.front_proxy.clone().and_then(|is_proxy| spoken_for(is_proxy, trust, headers));
            for proof in [spoken_for, verdict.client.clone()].into_iter().flatten() {
                match proof {
                    Ok(user) => {
                        self.metrics.certificate(verdict.lifetime);
                        return Ok(Some(user));
                    }
                    Err(refusal) => refusals.push(refusal),
                }
            }
        }
        match self.tokens.identify(headers).await {
            Some(Ok(user)) => return Ok(Some(user)),
            Some(Err(refusal)) => refusals.push(refusal),
            None => {}
        }
        if refusals.is_empty() { Ok(None) } else { Err(refusals) }
    }

    fn admits_strangers(&self, path: &str) -> bool {
        match &self.anonymous {
            Anonymous::Nowhere => false,
            Anonymous::On(paths) => paths.iter().any(|allowed| allowed == path),
            Anonymous::Everywhere => true,
        }
    }
}

/// Whom the front proxy speaks for, if the connection is the front proxy's.
fn spoken_for(
    is_proxy: Result<(), Refusal>,
    trust: &Trust,
    headers: &HeaderMap,
) -> Option<Result<UserInfo, Refusal>> {
    let names = &trust.front_proxy.as_ref()?.headers;
    is_proxy.and_then(|()| front_proxy::identity(headers, names)).transpose()
}

/// Requests of kube-apiserver itself come without groups and count as authenticated all the same.
fn with_group(mut user: UserInfo) -> UserInfo {
    let is_grouped = user.groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED);
    if user.name != ANONYMOUS && !is_grouped {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

fn stranger() -> UserInfo {
    UserInfo { name: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()], ..UserInfo::default() }
}

fn refused(refusals: &[Refusal]) -> Status {
    for refusal in refusals {
        let cause = std::error::Error::source(refusal).map(tracing::field::display);
        info!(reason = %refusal, cause, "a proof of identity does not hold");
    }
    if refusals.iter().any(Refusal::is_overload) {
        let message = "too many tokens are being checked, please try again";
        return Status::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).with_retry_after(1);
    }
    Status::unauthorized()
}

/// kube-apiserver resolves impersonation before it proxies a request. Who asks for it directly must not be served as
/// themselves instead.
fn refuse_impersonation(headers: &HeaderMap) -> Result<(), Status> {
    if headers.keys().all(|name| !name.as_str().starts_with("impersonate-")) {
        return Ok(());
    }
    let message = "impersonation is not supported here: send the request through kube-apiserver";
    Err(Status::new(StatusCode::FORBIDDEN, "Forbidden", message))
}

#[cfg(test)]
mod tests;
