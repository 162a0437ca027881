//! What a bucket that does not give what it was asked for means. Of its answers only the status and the code of the error
//! are looked at: the rest may repeat what the request was signed with.
use crate::{
    Error,
    fetch::{
        failure::{self, Cause},
        pause::Pause,
    },
    s3_codes::{self, KEY_ID},
};
use crds::external_source::SecretKeyReference;
use http::StatusCode;
use rustls::Error as TlsError;
use std::{
    error::Error as StdError,
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// The last answer that was no success. Written where requests are sent, read where they have failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Option<Answer>>>);

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    pause: Pause,
    code: Option<String>,
}

impl Heard {
    pub(super) fn answer(&self, status: StatusCode, pause: Pause, body: &[u8]) {
        let answer = Answer { status, pause, code: s3_codes::code(&String::from_utf8_lossy(body)) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn last(&self) -> Option<Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Turns errors into those of a pass.
pub(super) struct Failures {
    pub(super) host: String,
    /// The Secret that requests are signed with.
    pub(super) secret: Option<String>,
    /// Where the authorities stand that the source is to be believed by.
    pub(super) bundle: Option<SecretKeyReference>,
    pub(super) heard: Heard,
}

impl Failures {
    /// There is no answer, or not the one that was wanted.
    pub(super) fn of_request(&self, error: &object_store::Error) -> Error {
        if let Some(answer) = self.heard.last() {
            return self.answered(&answer);
        }
        if matches!(error, object_store::Error::InvalidPath { .. }) {
            let problem = "it is no path".to_owned();
            return Error::UnsafeKey { host: self.host.clone(), problem };
        }
        Cause::of(error).at(self.host.clone(), self.bundle.as_ref(), cause(error).into())
    }

    /// The body broke off.
    pub(super) fn of_body(&self, error: &object_store::Error) -> Error {
        Error::Truncated { host: self.host.clone(), source: cause(error).into() }
    }

    /// An object is not the one that was listed.
    pub(super) fn changed(&self) -> Error {
        let source = "an object changed while the prefix was fetched".into();
        Error::Truncated { host: self.host.clone(), source }
    }

    fn answered(&self, answer: &Answer) -> Error {
        let host = self.host.clone();
        let status = answer.status;
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        match (&self.secret, answer.code.as_deref().and_then(s3_codes::disbelieved)) {
            (Some(secret), Some(key)) => Error::CredentialsRefused { host, secret: secret.clone(), key },
            (Some(secret), None) if refused => {
                let whom = format!("whom key {KEY_ID} of Secret {secret} belongs to");
                Error::ReadForbidden { host, whom }
            }
            (None, _) if refused => {
                let whom = "requests without credentials, which credentialsSecretRef would give,".to_owned();
                Error::ReadForbidden { host, whom }
            }
            _ => {
                let Pause { duration, limited } = answer.pause;
                Error::Answered { host, status, pause: duration, limited }
            }
        }
    }
}

/// What a log may show: the text of what lies at the bottom, and nothing that names an address.
fn cause(error: &(dyn StdError + 'static)) -> String {
    let tls = failure::find::<TlsError>(error).map(ToString::to_string);
    let network = || failure::find::<io::Error>(error).map(ToString::to_string);
    tls.or_else(network).unwrap_or_else(|| "the answer cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(secret: Option<&str>, status: u16, body: &str) -> Failures {
        let heard = Heard::default();
        heard.answer(StatusCode::from_u16(status).unwrap(), Pause::default(), body.as_bytes());
        Failures { host: "minio".into(), secret: secret.map(str::to_owned), bundle: None, heard }
    }

    fn said(secret: Option<&str>, status: u16, code: &str) -> (String, &'static str) {
        let body = format!("<Error><Code>{code}</Code><AWSAccessKeyId>canary</AWSAccessKeyId></Error>");
        let source = "canary".into();
        let error =
            failures(secret, status, &body).of_request(&object_store::Error::Generic { store: "S3", source });
        assert!(!format!("{error:?}").contains("canary"));
        (error.to_string(), error.reason())
    }

    #[test]
    fn what_is_wrong_with_credentials_is_told_by_secret_and_key() {
        for (status, code, key) in [
            (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
            (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
            (400, "ExpiredToken", "AWS_SESSION_TOKEN"),
            (404, "XAdminUserNotFound", "AWS_ACCESS_KEY_ID"),
        ] {
            let expected = format!("minio does not accept key {key} of Secret s3");
            assert_eq!(said(Some("s3"), status, code), (expected, "Unauthorized"));
        }
        let (message, reason) = said(Some("s3"), 403, "AccessDenied");
        assert_eq!(
            message,
            "minio does not let whom key AWS_ACCESS_KEY_ID of Secret s3 belongs to read this"
        );
        assert_eq!(reason, "Forbidden");
        assert!(said(None, 403, "AccessDenied").0.contains("credentialsSecretRef"));
    }

    #[test]
    fn other_answers_are_told_as_those_of_any_source() {
        assert_eq!(
            said(Some("s3"), 404, "NoSuchBucket"),
            ("minio answered 404 Not Found".into(), "NotFound")
        );
        assert_eq!(said(None, 503, "SlowDown").1, "ServerError");
        assert_eq!(said(None, 301, "PermanentRedirect").1, "UnexpectedStatus");
    }
}
