//! How long a request may take, and the end of a body that takes longer.
mod duration;

use crate::{
    query::Query,
    request::RequestInfo,
    serve::{Around, Body, Passage, Polled},
    status::Status,
};
use http::Response;
use http_body::Body as _;
use http_body_util::BodyExt;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// kube-apiserver gives up after 60 s; a refusal that arrives before that says more than its own.
pub(super) const LONGEST: Duration = Duration::from_secs(58);

/// What a write of one object may take, as k8s.io/apiserver has it: whoever writes is told soon that it did not happen.
const LONGEST_WRITE: Duration = Duration::from_secs(34);

/// How long a request may take: the server's own limit, or less if the client says so.
pub(super) fn allotted(query: &Query, request: Option<&RequestInfo>) -> Result<Duration, Status> {
    let longest = if request.is_some_and(is_write) { LONGEST_WRITE } else { LONGEST };
    let Some(text) = query.get("timeout").filter(|text| !text.is_empty()) else { return Ok(longest) };
    let wanted = duration::parse(text).ok_or_else(|| {
        let message =
            format!("invalid timeout specified in the request URL - time: invalid duration {text:?}");
        Status::bad_request(message)
    })?;
    Ok(if wanted.is_zero() { longest } else { wanted.min(longest) })
}

/// Whether one object is written. A `POST` on a subresource may do anything, and have work to wait for.
fn is_write(request: &RequestInfo) -> bool {
    match request.verb.as_str() {
        "create" => request.is_resource && request.subresource.is_empty(),
        "update" | "patch" | "delete" => request.is_resource,
        _ => false,
    }
}

/// Ends the body with an error once `deadline` has passed. One whose bytes are all there already is left alone.
pub(super) fn cut(response: Response<Body>, deadline: Instant) -> Response<Body> {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| Around::new(body, Limited(Box::pin(sleep_until(deadline)))).boxed_unsync())
}

/// What is passed until the deadline.
struct Limited(Pin<Box<Sleep>>);

impl Passage for Limited {
    fn poll(&mut self, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        match body.poll_frame(cx) {
            Poll::Pending => {}
            ready => return ready,
        }
        std::task::ready!(self.0.as_mut().poll(cx));
        Poll::Ready(Some(Err("the request took longer than it may".into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_can_shorten_the_deadline_only() {
        let table = [
            ("", 58),
            ("timeout=", 58),
            ("timeout=2s", 2),
            ("timeout=0s", 58),
            ("timeout=-5s", 58),
            ("timeout=1h", 58),
        ];
        for (query, seconds) in table {
            let allotted = allotted(&Query::parse(query), None).map(|allotted| allotted.as_secs());
            assert_eq!(allotted, Ok(seconds), "{query}");
        }
    }

    #[test]
    fn writes_are_capped_but_not_what_a_subresource_is_asked_to_do() {
        for (method, path, seconds) in [
            ("POST", "/apis/g/v/namespaces/n/things", 34),
            ("PUT", "/apis/g/v/namespaces/n/things/x/status", 34),
            ("PATCH", "/apis/g/v/namespaces/n/things/x", 34),
            ("DELETE", "/apis/g/v/namespaces/n/things/x", 34),
            ("DELETE", "/apis/g/v/namespaces/n/things", 58),
            ("POST", "/apis/g/v/namespaces/n/things/x/refresh", 58),
            ("GET", "/apis/g/v/namespaces/n/things/x", 58),
        ] {
            let query = Query::default();
            let request = RequestInfo::new(&method.parse().expect("a method"), path, &query).expect("a path");
            assert_eq!(
                allotted(&query, Some(&request)).expect("a duration").as_secs(),
                seconds,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_a_bad_request() {
        for text in ["abc", "5", "1e99h", "99999999999999h"] {
            let refused = allotted(&Query::parse(&format!("timeout={text}")), None).expect_err(text);
            assert_eq!(refused.code().as_u16(), 400, "{text}");
        }
    }
}
