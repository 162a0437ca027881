//! Tokens of ServiceAccounts, by which sources know who asks: made before a fetch that needs one, and kept in memory for most of
//! their life. None is made that would be good for kube-apiserver or for Postern itself, since a source gets to see it.
use super::grant::grant;
use crate::reconcile::{Failure, Retry};
use artifacts::plan::{Bearer, Plan};
use crds::{external_source::ServiceAccountTokenReference, reasons};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::{Api, Client, api::PostParams};
use previews::{AUDIENCE, make_token};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A token is about a kilobyte. What does not fit is made again for each fetch.
const MOST: usize = 4096;

/// What may be bound where such a token is wanted.
const ROLE: &str = "postern-service-account-tokens";

/// Makes tokens and keeps them.
pub(crate) struct Tokens {
    client: Client,
    kept: Mutex<HashMap<Key, Kept>>,
}

/// Namespace, ServiceAccount and audience.
type Key = (String, String, String);

#[derive(Clone)]
struct Kept {
    bearer: Bearer,
    /// Until when it is used: it is good for a while longer.
    until: Timestamp,
}

/// Which token a plan was given.
pub(super) struct Lent {
    key: Key,
    until: Timestamp,
    /// It was made for an earlier fetch.
    was_kept: bool,
}

impl Tokens {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, kept: Mutex::default() }
    }

    /// Gives a plan the token that its source wants to see, if it does.
    ///
    /// # Errors
    /// There is no such ServiceAccount, its tokens may not be made, or none for this audience.
    pub(super) async fn lend(&self, plan: &mut Plan, namespace: &str) -> Result<Option<Lent>, Failure> {
        let Some(account) = plan.account().cloned() else { return Ok(None) };
        let (now, key) = (Timestamp::now(), key(namespace, &account));
        let kept = self.lock().get(&key).filter(|kept| now < kept.until).cloned();
        let was_kept = kept.is_some();
        let Kept { bearer, until } = match kept {
            Some(kept) => kept,
            None => {
                let made = self.make(namespace, &account, now).await?;
                self.keep(key.clone(), made.clone(), now);
                made
            }
        };
        plan.bear(bearer);
        Ok(Some(Lent { key, until, was_kept }))
    }

    /// The source did not accept the token: an account that was made anew needs another. A kept one is replaced soon; a source that
    /// refused one that was just made refuses the next as well, and is not asked before its time. A fresher one, which another source
    /// with the same account has got meanwhile, stays.
    pub(super) fn refused(&self, lent: &Lent, failure: Failure) -> Failure {
        let mut kept = self.lock();
        if kept.get(&lent.key).is_some_and(|kept| kept.until == lent.until) {
            kept.remove(&lent.key);
        }
        if lent.was_kept { Failure { retry: Retry::Soon, ..failure } } else { failure }
    }

    async fn make(
        &self,
        namespace: &str,
        account: &ServiceAccountTokenReference,
        now: Timestamp,
    ) -> Result<Kept, Failure> {
        let ServiceAccountTokenReference { name, audience } = account;
        if audience == AUDIENCE {
            return Err(refused(audience, "Postern's own"));
        }
        let made = make_token(&self.client, (namespace, name), audience).await;
        let (token, ends) = made.map_err(|error| not_made(&error, (namespace, name)))?;
        if self.is_known(&token).await? {
            return Err(refused(audience, "kube-apiserver's own"));
        }
        let unusable = || Failure {
            retry: Retry::Soon,
            ..Failure::stalled(reasons::KUBERNETES_ERROR, "kube-apiserver made a token that cannot be sent")
        };
        let bearer = Bearer::new(&token).ok_or_else(unusable)?;
        Ok(Kept { bearer, until: now + ends.duration_since(now) * 4 / 5 })
    }

    /// Whether kube-apiserver itself would believe it.
    async fn is_known(&self, token: &SecretString) -> Result<bool, Failure> {
        let reviews: Api<TokenReview> = Api::all(self.client.clone());
        let spec = TokenReviewSpec { token: token.expose_secret().to_owned(), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let answer = reviews.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(|error| Failure::kubernetes("review a token", &error))?;
        Ok(answer.status.and_then(|status| status.authenticated) == Some(true))
    }

    fn keep(&self, key: Key, token: Kept, now: Timestamp) {
        let mut kept = self.lock();
        if kept.len() >= MOST {
            kept.retain(|_, other| now < other.until);
        }
        if kept.len() < MOST || kept.contains_key(&key) {
            kept.insert(key, token);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(namespace: &str, account: &ServiceAccountTokenReference) -> Key {
    (namespace.to_owned(), account.name.clone(), account.audience.clone())
}

/// Tried again by itself: nobody tells of a RoleBinding or an account that has appeared.
fn not_made(error: &kube::Error, (namespace, name): (&str, &str)) -> Failure {
    let failure = match error {
        kube::Error::Api(status) if status.code == 403 => {
            Failure::stalled(reasons::TOKEN_FORBIDDEN, grant(ROLE, namespace, &status.message))
        }
        kube::Error::Api(status) if status.code == 404 => {
            let message = format!("ServiceAccount {name} does not exist");
            Failure::stalled(reasons::SERVICE_ACCOUNT_NOT_FOUND, message)
        }
        error => Failure::kubernetes(format_args!("make a token of ServiceAccount {name}"), error),
    };
    Failure { retry: Retry::Soon, ..failure }
}

fn refused(audience: &str, whose: &str) -> Failure {
    let message = format!("audience {audience} is {whose}: the source could act as the ServiceAccount there");
    Failure::stalled(reasons::AUDIENCE_REFUSED, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use kube::client::Body;
    use std::{convert::Infallible, future::pending};

    fn tokens() -> Tokens {
        let silence =
            tower::service_fn(|_: http::Request<Body>| pending::<Result<http::Response<Body>, Infallible>>());
        Tokens::new(Client::new(silence, "default"))
    }

    fn of(number: usize) -> Key {
        ("apps".to_owned(), format!("robot-{number}"), "config.example.com".to_owned())
    }

    fn good_for(seconds: i64) -> Kept {
        let until = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        Kept { bearer: Bearer::new(&"token".into()).expect("it can be sent"), until }
    }

    #[tokio::test]
    async fn a_refused_token_is_forgotten_and_no_fresher_one() {
        let (tokens, start) = (tokens(), Timestamp::UNIX_EPOCH);
        tokens.keep(of(1), good_for(10), start);
        tokens.keep(of(1), good_for(20), start);
        let refused = |seconds| {
            let lent = Lent { key: of(1), until: good_for(seconds).until, was_kept: true };
            tokens.refused(&lent, Failure::stalled(reasons::UNAUTHORIZED, "no"))
        };
        assert_eq!(refused(10).retry, Retry::Soon);
        assert!(tokens.lock().contains_key(&of(1)), "the first to be refused had it made anew");
        refused(20);
        assert!(tokens.lock().is_empty());
    }

    #[tokio::test]
    async fn no_more_tokens_are_kept_than_there_is_room_for_however_many_accounts_there_are() {
        let (tokens, start) = (tokens(), Timestamp::UNIX_EPOCH);
        for number in 0..MOST + 10 {
            tokens.keep(of(number), good_for(10), start);
        }
        let is_kept = tokens.lock().contains_key(&of(MOST));
        assert_eq!((tokens.lock().len(), is_kept), (MOST, false));
        tokens.keep(of(1), good_for(20), start);
        let until = tokens.lock()[&of(1)].until;
        assert_eq!(until, good_for(20).until, "a token is replaced where it is kept");

        let later = start + SignedDuration::from_secs(15);
        tokens.keep(of(MOST), good_for(30), later);
        let mut left: Vec<_> = tokens.lock().keys().cloned().collect();
        left.sort();
        assert_eq!(left, [of(1), of(MOST)], "those whose time is over make room");
    }
}
