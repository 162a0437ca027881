//! What must hold whatever a preRequest hook writes.
use super::*;
use crate::plan::{Plan, ReferencedSecret};
use crds::{
    ExternalSourceSpec,
    external_source::{Generator, SecretKeyReference, SecretReference},
    rules::check,
};
use http::HeaderValue;
use secrecy::SecretSlice;

/// The value of a Secret.
pub(crate) const CANARY: &str = "canary-7f3a";

/// A request with one header and a body, whose values are [`CANARY`].
pub(crate) fn request() -> HttpRequest {
    let http = HttpGenerator {
        url: "https://example.com/data".into(),
        method: "GET".into(),
        body_secret_ref: Some(SecretKeyReference { name: "token".into(), key: "Authorization".into() }),
        headers_secret_ref: Some(SecretReference { name: "token".into() }),
        ..HttpGenerator::default()
    };
    let spec = ExternalSourceSpec {
        interval: "1m".into(),
        timeout: "30s".into(),
        generator: Generator { http: Some(http), ..Generator::default() },
        ..ExternalSourceSpec::default()
    };
    let data = [("Authorization".to_owned(), SecretSlice::from(CANARY.as_bytes().to_vec()))].into();
    let secret = ReferencedSecret { name: "token".into(), version: "1".into(), data };
    let secrets = [secret].into_iter().collect();
    let plan = Plan::new(check(&spec).expect("a good spec"), &secrets).expect("a plan");
    plan.request().clone()
}

/// What a hook asks for keeps the rules, and no value of a Secret is told or sent under another name; or it is refused in one
/// line that tells none either. What comes back unchanged is the same request.
pub fn pre_request(input: &[u8]) {
    let told = |text: &[u8]| text.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
    if told(input) {
        return;
    }
    let after = match applied(&request(), input) {
        Ok(after) => after,
        Err(failure) => {
            let said = failure.to_string();
            return assert!(!told(said.as_bytes()) && !said.contains('\n') && said.len() < 200, "{said}");
        }
    };
    let (url, text) = (&after.url, written(&after));
    assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{url}");
    assert!(url.username().is_empty() && url.password().is_none(), "a password in an address");
    assert!(!told(&text), "a hook would read a value of a Secret");
    assert!(after.headers.len() <= header::MOST && after.headers.values().all(HeaderValue::is_sensitive));
    let secret = after.headers.iter().filter(|(_, value)| *value == CANARY);
    assert!(secret.map(|(name, _)| name).all(|name| name == http::header::AUTHORIZATION));
    let is_sent = after.body.as_ref().is_some_and(|body| told(&body.bytes));
    assert!(
        is_sent == after.body.as_ref().is_some_and(|body| body.is_secret),
        "another body is taken for the Secret's"
    );
    let again = applied(&after, &text).expect("what is asked for may be asked for again");
    assert_eq!((again.url, again.method), (after.url, after.method));
    assert!(again.body == after.body);
    assert_eq!(again.headers, after.headers);
}
