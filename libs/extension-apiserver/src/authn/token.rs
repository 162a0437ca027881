//! Bearer tokens: kube-apiserver says whose they are.
use super::refusal::Refusal;
use crate::{
    access::UserInfo,
    metrics::Delegated,
    review::{Ask, ReviewError, Reviews},
};
use futures::FutureExt;
use http::{HeaderMap, header::AUTHORIZATION};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo as ReviewedUser};
use std::{sync::Arc, time::Duration};

/// No real token comes near; the rest would be work for kube-apiserver at a stranger's request.
const LONGEST_TOKEN: usize = 32 << 10;

/// What a client with an empty token is told, in the words of Go.
pub(crate) const EMPTY: &str =
    "the provided Authorization header contains extra space before the bearer token, and is ignored";

/// Knows the users behind tokens.
pub(crate) struct Tokens {
    reviews: Reviews<TokenReview, Option<UserInfo>>,
}

impl Tokens {
    /// What kube-apiserver says about a token, yes or no, is believed for `lifetime`.
    pub(crate) fn new(ask: Ask<TokenReview>, lifetime: Duration, metrics: Delegated) -> Self {
        Self { reviews: Reviews::new(ask, read, move |_| lifetime, metrics) }
    }

    /// The user behind the token in these headers; `None` without a token.
    pub(crate) async fn identify(&self, headers: &HeaderMap) -> Option<Result<UserInfo, Refusal>> {
        match bearer(headers).transpose()? {
            Ok(token) => Some(self.review(token).await),
            Err(refusal) => Some(Err(refusal)),
        }
    }

    async fn review(&self, token: &str) -> Result<UserInfo, Refusal> {
        let question = || TokenReview {
            spec: TokenReviewSpec { token: token.to_owned(), ..TokenReviewSpec::default() },
            ..TokenReview::default()
        };
        match self.reviews.answer(token.as_bytes(), true, question).await {
            Ok(user) => user.ok_or(Refusal::InvalidToken),
            Err(source) => Err(Refusal::UncheckedToken { source }),
        }
    }
}

/// Asks whether a token is good for one of these audiences, where there are any. A reviewer that knows nothing of audiences
/// names none, and its token is for kube-apiserver alone: a "no".
pub(super) fn for_audiences(ask: Ask<TokenReview>, audiences: Vec<String>) -> Ask<TokenReview> {
    if audiences.is_empty() {
        return ask;
    }
    Arc::new(move |mut question: TokenReview| {
        question.spec.audiences = Some(audiences.clone());
        let (audiences, answer) = (audiences.clone(), ask(question));
        async move {
            let mut answered = answer.await?;
            if let Some(status) = &mut answered.status {
                let named = status.audiences.as_deref().unwrap_or_default();
                if !named.iter().any(|audience| audiences.contains(audience)) {
                    status.authenticated = Some(false);
                }
            }
            Ok(answered)
        }
        .boxed()
    })
}

/// Whether there is a token of no characters, with more behind it: a client with a bug, that should hear of it.
pub(crate) fn is_empty(headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut words = value.trim().split(' ');
    words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) && words.next() == Some("")
}

/// The token; `None` without one, and for other schemes than Bearer.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        // Which one counts would be anybody's guess.
        return Err(Refusal::UnreadableToken("there more than once"));
    }
    let text = value.to_str().map_err(|_| Refusal::UnreadableToken("not plain text"))?;
    let mut words = text.trim().split(' ');
    let scheme = words.next().unwrap_or_default();
    match words.next() {
        Some(token) if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => {
            let fits = token.len() <= LONGEST_TOKEN;
            fits.then_some(Some(token)).ok_or(Refusal::UnreadableToken("too long"))
        }
        _ => Ok(None),
    }
}

/// A "no" with an error is not kept: it says that the check failed, not that the token is wrong.
fn read(answered: TokenReview) -> Result<Option<UserInfo>, ReviewError> {
    let undecided = |why: String| Err(ReviewError::Undecided(why));
    let Some(status) = answered.status else { return undecided("the answer has no status".to_owned()) };
    if status.authenticated != Some(true) {
        return match status.error.filter(|error| !error.is_empty()) {
            Some(error) => undecided(error),
            None => Ok(None),
        };
    }
    match status.user.and_then(named) {
        Some(user) => Ok(Some(user)),
        None => undecided("the token is valid and belongs to nobody".to_owned()),
    }
}

fn named(user: ReviewedUser) -> Option<UserInfo> {
    Some(UserInfo {
        name: user.username.filter(|name| !name.is_empty())?,
        uid: user.uid.filter(|uid| !uid.is_empty()),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
