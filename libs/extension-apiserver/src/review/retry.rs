//! Which failures of a call to kube-apiserver are worth another try, and when: as in k8s.io/apiserver's webhooks.
use aws_lc_rs::rand;
use std::{
    error::Error,
    io::{self, ErrorKind},
    time::Duration,
};

/// Four pauses, so five tries: 500 ms, each 1.5 times the one before and up to a fifth longer by chance.
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    let steady = std::iter::successors(Some(Duration::from_millis(500)), |pause| Some(*pause * 3 / 2));
    steady.take(4).map(|pause| pause + pause * u32::from(random_byte()) / (5 * 255))
}

/// Zero, hence no jitter, should the system have no random numbers.
fn random_byte() -> u8 {
    let mut byte = [0];
    rand::fill(&mut byte).map_or(0, |()| byte[0])
}

/// An answer that says "later", or a connection that broke under the call. A refused connection is neither: whoever
/// waits shall know at once.
pub(super) fn is_transient(error: &kube::Error) -> bool {
    if let kube::Error::Api(status) = error {
        let asks_for_patience =
            status.details.as_ref().is_some_and(|details| details.retry_after_seconds > 0);
        let reasons = ["InternalError", "Timeout", "ServerTimeout", "TooManyRequests"];
        return asks_for_patience || status.code == 429 || reasons.contains(&status.reason.as_str());
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if broke_the_connection(error) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn broke_the_connection(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    }
    let http = error.downcast_ref::<hyper::Error>();
    http.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn api(code: u16, reason: &str) -> kube::Error {
        kube::Error::Api(Status::failure("no", reason).with_code(code).boxed())
    }

    #[test]
    fn there_are_five_tries_within_the_lookup_timeout() {
        let pauses: Vec<_> = pauses().collect();
        assert_eq!(pauses.len(), 4);
        for (pause, least) in pauses.iter().zip([500, 750, 1125, 1687]) {
            assert!((least..=least * 6 / 5 + 1).contains(&pause.as_millis()), "{pauses:?}");
        }
    }

    #[test]
    fn answers_that_say_later_are_tried_again() {
        let patient = serde_json::from_str(r#"{"retryAfterSeconds": 1}"#).unwrap();
        let unavailable = Status::failure("no", "ServiceUnavailable").with_code(503).with_details(patient);
        let table = [
            (api(500, "InternalError"), true),
            (api(504, "Timeout"), true),
            (api(429, "TooManyRequests"), true),
            (kube::Error::Api(unavailable.boxed()), true),
            (api(503, "ServiceUnavailable"), false),
            (api(403, "Forbidden"), false),
            (kube::Error::Service(io::Error::from(ErrorKind::ConnectionReset).into()), true),
            (kube::Error::Service(io::Error::from(ErrorKind::ConnectionRefused).into()), false),
        ];
        for (error, expected) in table {
            assert_eq!(is_transient(&error), expected, "{error:?}");
        }
    }
}
