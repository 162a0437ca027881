//! Questions to kube-apiserver (whose token is this, may this user do that), asked the way k8s.io/apiserver asks them.
//!
//! All who ask the same at the same time share one lookup. It runs on when they leave, so that clients which hang up
//! cannot multiply the work. Answers are kept for a short while; a failure to get one never is.
mod pace;
mod retry;

use crate::metrics::Delegated;
use aws_lc_rs::{hmac, rand::SystemRandom};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use kube::{Api, api::PostParams, core::Status};
use moka::{Expiry, future::Cache, policy::EvictionPolicy};
use pace::Pace;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use thiserror::Error;
use tokio::time::timeout;

/// For one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// For a lookup with all its retries.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);
/// Lookups under way; whoever comes beyond is told to come back.
const MAX_LOOKUPS: usize = 1_000;
/// Answers kept.
const MAX_ANSWERS: u64 = 8_192;

/// The configuration for a client that asks reviews, made from that of any other client.
///
/// kube's clients retry every call for minutes and wait for an answer without end; a request that waits for its review
/// needs the opposite. Give the resulting client to [`crate::authn`] and [`crate::authz`] only.
pub fn client_config(mut config: kube::Config) -> kube::Config {
    config.default_retry = false;
    config.connect_timeout = Some(CALL_TIMEOUT);
    config.read_timeout = Some(CALL_TIMEOUT);
    config.write_timeout = Some(CALL_TIMEOUT);
    // The time that a pooled connection was idle does not count.
    config.reset_reader_on_write = true;
    config
}

/// Why a question has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ReviewError {
    #[error("kube-apiserver did not answer in time")]
    TimedOut,
    #[error("too many questions are waiting for kube-apiserver")]
    Busy,
    #[error(
        "kube-apiserver lets nobody ask as this server: bind the ClusterRole system:auth-delegator to its account"
    )]
    NotAllowed {
        #[source]
        source: Box<Status>,
    },
    #[error("kube-apiserver refused to answer")]
    Refused {
        #[source]
        source: Box<Status>,
    },
    #[error("failed to ask kube-apiserver")]
    Unanswered {
        #[source]
        source: Box<kube::Error>,
    },
    #[error("kube-apiserver answered: {0}")]
    Undecided(String),
    #[error("the lookup was given up")]
    Abandoned,
}

/// Sends one question to kube-apiserver and returns it with its answer.
pub(crate) type Ask<Q> = Arc<dyn Fn(Q) -> BoxFuture<'static, Result<Q, kube::Error>> + Send + Sync>;

/// Asks by creating the question as an object: kube-apiserver fills in its status and stores nothing.
pub(crate) fn through<Q>(client: kube::Client) -> Ask<Q>
where
    Q: kube::Resource<DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let api = Api::<Q>::all(client);
    Arc::new(move |question| {
        let api = api.clone();
        async move { api.create(&PostParams::default(), &question).await }.boxed()
    })
}

/// Questions of type `Q` with answers of type `A`.
pub(crate) struct Reviews<Q, A>(Arc<Inner<Q, A>>);

struct Inner<Q, A> {
    ask: Ask<Q>,
    read: fn(Q) -> Result<A, ReviewError>,
    answers: Cache<Key, A>,
    lookups: Mutex<HashMap<Key, Lookup<A>>>,
    pace: Pace,
    secret: hmac::Key,
    metrics: Delegated,
}

/// A keyed hash of what identifies a question: what was asked, tokens above all, stays out of the cache.
type Key = [u8; 32];

type Lookup<A> = Shared<BoxFuture<'static, Result<A, Arc<ReviewError>>>>;

impl<Q, A> Reviews<Q, A>
where
    Q: Clone + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    /// `read` takes the answer out of an answered question; `lifetime` says how long an answer is good for; `metrics`
    /// count what reaches kube-apiserver.
    pub(crate) fn new(
        ask: Ask<Q>,
        read: fn(Q) -> Result<A, ReviewError>,
        lifetime: impl Fn(&A) -> Duration + Send + Sync + 'static,
        metrics: Delegated,
    ) -> Self {
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the system has random numbers for a key of fixed size");
        let answers = Cache::builder()
            .max_capacity(MAX_ANSWERS)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Lifetime(lifetime))
            .build();
        let pace = Pace::new(200, 400);
        Self(Arc::new(Inner { ask, read, answers, lookups: Mutex::default(), pace, secret, metrics }))
    }

    /// The answer to the question that `identity` stands for. It is kept if `keep` says so.
    pub(crate) async fn answer(
        &self,
        identity: &[u8],
        keep: bool,
        question: impl FnOnce() -> Q,
    ) -> Result<A, Arc<ReviewError>> {
        let key = self.0.key(identity);
        if let Some(known) = self.0.answers.get(&key).await {
            return Ok(known);
        }
        self.0.join_or_start(key, keep, question)?.await
    }
}

impl<Q, A> Inner<Q, A>
where
    Q: Clone + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    fn key(&self, identity: &[u8]) -> Key {
        let tag = hmac::sign(&self.secret, identity);
        tag.as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
    }

    fn join_or_start(
        self: &Arc<Self>,
        key: Key,
        keep: bool,
        question: impl FnOnce() -> Q,
    ) -> Result<Lookup<A>, Arc<ReviewError>> {
        let mut lookups = self.lookups();
        if let Some(running) = lookups.get(&key) {
            return Ok(running.clone());
        }
        if lookups.len() >= MAX_LOOKUPS {
            return Err(Arc::new(ReviewError::Busy));
        }
        let task = tokio::spawn(Arc::clone(self).look_up(key, keep, question()));
        let lookup = task.map(|done| done.unwrap_or_else(|_| Err(Arc::new(ReviewError::Abandoned))));
        let lookup = lookup.boxed().shared();
        lookups.insert(key, lookup.clone());
        Ok(lookup)
    }

    async fn look_up(self: Arc<Self>, key: Key, keep: bool, question: Q) -> Result<A, Arc<ReviewError>> {
        let _done = Done { lookups: &self.lookups, key };
        let asked = timeout(LOOKUP_TIMEOUT, self.ask(question)).await;
        let answer = asked.unwrap_or(Err(ReviewError::TimedOut)).map_err(Arc::new)?;
        if keep {
            self.answers.insert(key, answer.clone()).await;
        }
        Ok(answer)
    }

    async fn ask(&self, question: Q) -> Result<A, ReviewError> {
        let mut pauses = retry::pauses();
        loop {
            self.pace.wait().await;
            let started = Instant::now();
            let call = timeout(CALL_TIMEOUT, (self.ask)(question.clone())).await;
            self.metrics.asked(code(&call), started.elapsed());
            let error = match call.map_err(|_| ReviewError::TimedOut)? {
                Ok(answered) => return (self.read)(answered),
                Err(error) => error,
            };
            match pauses.next().filter(|_| retry::is_transient(&error)) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failure(error)),
            }
        }
    }

    fn lookups(&self) -> MutexGuard<'_, HashMap<Key, Lookup<A>>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What kube-apiserver answered with, if it did.
fn code<Q, E>(call: &Result<Result<Q, kube::Error>, E>) -> Option<u16> {
    match call {
        Ok(Ok(_)) => Some(201),
        Ok(Err(kube::Error::Api(status))) => Some(status.code),
        _ => None,
    }
}

fn failure(error: kube::Error) -> ReviewError {
    match error {
        kube::Error::Api(source) if source.code == 403 => ReviewError::NotAllowed { source },
        kube::Error::Api(source) => ReviewError::Refused { source },
        error => ReviewError::Unanswered { source: Box::new(error) },
    }
}

/// Takes a lookup off the list however it ends, a panic included.
struct Done<'a, A> {
    lookups: &'a Mutex<HashMap<Key, Lookup<A>>>,
    key: Key,
}

impl<A> Drop for Done<'_, A> {
    fn drop(&mut self) {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

struct Lifetime<F>(F);

impl<A, F: Fn(&A) -> Duration> Expiry<Key, A> for Lifetime<F> {
    fn expire_after_create(&self, _key: &Key, answer: &A, _created: Instant) -> Option<Duration> {
        Some((self.0)(answer))
    }
}

#[cfg(test)]
mod tests;
