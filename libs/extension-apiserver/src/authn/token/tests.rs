//! Bearer tokens: how they are written, and what each answer about them means.
use super::*;
use futures::FutureExt;
use http::HeaderValue;
use k8s_openapi::api::authentication::v1::TokenReviewStatus;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

fn sent(value: &str) -> HeaderMap {
    [(AUTHORIZATION, HeaderValue::from_str(value).expect("a header value"))].into_iter().collect()
}

/// kube-apiserver answering every token with `status`, and how often it was asked.
fn tokens(status: TokenReviewStatus) -> (Tokens, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let ask: Ask<TokenReview> = Arc::new(move |review| {
        counter.fetch_add(1, Ordering::SeqCst);
        let answered = TokenReview { status: Some(status.clone()), ..review };
        async move { Ok(answered) }.boxed()
    });
    (Tokens::new(ask, Duration::from_secs(10), Delegated::default()), asked)
}

fn known(name: &str) -> TokenReviewStatus {
    let user = ReviewedUser {
        username: Some(name.into()),
        uid: Some("42".into()),
        groups: Some(vec!["system:serviceaccounts".into()]),
        ..ReviewedUser::default()
    };
    TokenReviewStatus { authenticated: Some(true), user: Some(user), ..TokenReviewStatus::default() }
}

fn denied(error: &str) -> TokenReviewStatus {
    TokenReviewStatus {
        authenticated: Some(false),
        error: Some(error.into()),
        ..TokenReviewStatus::default()
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_no_token() {
    let ours = || vec!["us".to_owned(), "us-too".to_owned()];
    for (named, is_ours) in
        [(Some(vec!["us-too"]), true), (Some(vec!["them"]), false), (Some(vec![]), false), (None, false)]
    {
        let named = named.map(|named| named.into_iter().map(str::to_owned).collect());
        let status = TokenReviewStatus { audiences: named.clone(), ..known("jane") };
        let ask: Ask<TokenReview> = Arc::new(move |review| {
            assert_eq!(review.spec.audiences, Some(ours()), "it is asked for them");
            let answered = TokenReview { status: Some(status.clone()), ..review };
            async move { Ok(answered) }.boxed()
        });
        let ask = for_audiences(ask, ours());
        let tokens = Tokens::new(ask, Duration::from_secs(10), Delegated::default());
        let found = tokens.identify(&sent("Bearer abc")).await.expect("there is a token");
        assert_eq!(found.is_ok(), is_ours, "{named:?}");
    }
}

#[test]
fn tokens_are_found_as_in_go() {
    let table = [
        ("Bearer abc", Some("abc")),
        ("bearer abc", Some("abc")),
        ("BEARER abc", Some("abc")),
        ("  Bearer abc  ", Some("abc")),
        ("Bearer abc def", Some("abc")),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer  abc", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
    ];
    for (value, expected) in table {
        assert_eq!(bearer(&sent(value)).unwrap(), expected, "{value:?}");
    }
    assert_eq!(bearer(&HeaderMap::new()).unwrap(), None);
}

#[test]
fn tokens_that_could_be_anything_are_refused() {
    let mut twice = sent("Bearer abc");
    twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer def"));
    let long = sent(&format!("Bearer {}", "a".repeat(LONGEST_TOKEN + 1)));
    let mut binary = HeaderMap::new();
    binary.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff").unwrap());
    let refused = [twice, long, binary].map(|headers| bearer(&headers).unwrap_err().to_string());
    assert_eq!(
        refused,
        ["there more than once", "too long", "not plain text"]
            .map(|why| format!("the Authorization header is {why}"))
    );
}

#[tokio::test]
async fn a_known_token_is_its_user_and_asked_about_once() {
    let (tokens, asked) = tokens(known("system:serviceaccount:a:b"));
    for _ in 0..3 {
        let user = tokens.identify(&sent("Bearer abc")).await.unwrap().unwrap();
        assert_eq!((user.name.as_str(), user.uid.as_deref()), ("system:serviceaccount:a:b", Some("42")));
        assert_eq!(user.groups, ["system:serviceaccounts"]);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    tokens.identify(&sent("Bearer other")).await.unwrap().unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_unknown_token_is_refused_and_asked_about_once() {
    let (tokens, asked) = tokens(denied(""));
    for _ in 0..3 {
        let refusal = tokens.identify(&sent("Bearer abc")).await.unwrap().unwrap_err();
        assert_eq!(refusal.to_string(), "the bearer token is not valid");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failed_check_is_refused_and_asked_again() {
    let nobody = TokenReviewStatus { user: None, ..known("x") };
    for status in [denied("the authenticator is not ready"), known(""), nobody, TokenReviewStatus::default()]
    {
        let is_failure = status != TokenReviewStatus::default();
        let (tokens, asked) = tokens(status);
        for _ in 0..2 {
            tokens.identify(&sent("Bearer abc")).await.unwrap().unwrap_err();
        }
        assert_eq!(asked.load(Ordering::SeqCst), if is_failure { 2 } else { 1 });
    }
}

#[tokio::test]
async fn without_a_token_nobody_is_asked() {
    let (tokens, asked) = tokens(known("x"));
    assert!(tokens.identify(&sent("Bearer ")).await.is_none());
    assert!(tokens.identify(&HeaderMap::new()).await.is_none());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn only_a_token_behind_a_second_space_is_called_empty() {
    let table = [
        ("Bearer  token", true),
        ("bearer  ", false),
        ("Bearer token", false),
        ("Bearer", false),
        ("Basic  token", false),
    ];
    for (value, expected) in table {
        assert_eq!(is_empty(&sent(value)), expected, "{value:?}");
    }
    assert!(!is_empty(&HeaderMap::new()));
}

/// CVE-2025-30204, CVE-2025-27144, CVE-2026-34986: nobody takes a token apart here, nor sends kube-apiserver a huge one.
#[tokio::test]
async fn cve_2025_30204_a_token_of_a_million_dots_is_refused_unasked() {
    let (tokens, asked) = tokens(known("x"));
    for token in [".".repeat(1_000_000), "a.".repeat(100_000)] {
        let refusal = tokens.identify(&sent(&format!("Bearer {token}"))).await.unwrap().unwrap_err();
        assert_eq!(refusal.to_string(), "the Authorization header is too long");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    tokens.identify(&sent("Bearer e30.e30.e30.e30.e30")).await.unwrap().unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1, "what it is made of is for kube-apiserver to judge");
}

/// CVE-2026-23990: groups without a name are nobody.
#[tokio::test]
async fn cve_2026_23990_a_review_that_names_no_user_lets_nobody_in() {
    let masters = || Some(vec!["system:masters".to_owned()]);
    for username in [None, Some(String::new())] {
        let user = ReviewedUser { username, groups: masters(), ..ReviewedUser::default() };
        let (tokens, _) = tokens(TokenReviewStatus { user: Some(user), ..known("x") });
        let refusal = tokens.identify(&sent("Bearer abc")).await.unwrap().unwrap_err();
        assert!(matches!(refusal, Refusal::UncheckedToken { .. }), "{refusal:?}");
    }
}
