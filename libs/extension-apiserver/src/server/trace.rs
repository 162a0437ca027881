//! The trace that a request belongs to, by W3C's `traceparent`: fields of its log lines, for whoever joins them.
use super::fairness::MASTERS;
use crate::access::UserInfo;
use http::HeaderMap;
use tracing::{Span, info_span};

/// A position in a trace, checked.
#[derive(Debug, PartialEq, Eq)]
struct Parent<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    is_sampled: bool,
}

impl<'a> Parent<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Versions to come may add parts at the end; this one has none, and `ff` is no version.
        let is_complete = version != "00" || parts.next().is_none();
        let is_valid = is_hex(version, 2)
            && version != "ff"
            && is_hex(trace_id, 32)
            && is_hex(span_id, 16)
            && is_hex(flags, 2)
            && [trace_id, span_id].iter().all(|id| id.bytes().any(|digit| digit != b'0'));
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (is_complete && is_valid).then_some(Self { trace_id, span_id, is_sampled })
    }
}

/// The span of a request that names a trace; no span without one.
///
/// Only for members of `system:masters`, kube-apiserver above all, the trace goes on. Whatever another client names is
/// linked to a trace of our own, so that nobody can write into other people's traces or have everything sampled.
pub(super) fn span(headers: &HeaderMap, user: &UserInfo, request_id: &str) -> Span {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next().filter(|_| values.next().is_none());
    let Some(parent) = value.and_then(|value| value.to_str().ok()).and_then(Parent::parse) else {
        return Span::none();
    };
    let span_id = &random()[..16];
    let Parent { trace_id, span_id: parent_span_id, is_sampled } = parent;
    if user.groups.iter().any(|group| group == MASTERS) {
        return info_span!("request", request_id, trace_id, span_id, parent_span_id, sampled = is_sampled);
    }
    let own = random();
    info_span!("request", request_id, trace_id = own, span_id, linked_trace_id = trace_id, sampled = false)
}

/// The 32 digits of a trace's id.
fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_w3c_allows_is_a_position_in_a_trace() {
        let (trace_id, span_id) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let parent = |is_sampled| Some(Parent { trace_id, span_id, is_sampled });
        let table = [
            (format!("00-{trace_id}-{span_id}-01"), parent(true)),
            (format!("00-{trace_id}-{span_id}-02"), parent(false)),
            (format!("01-{trace_id}-{span_id}-01-more"), parent(true)),
            (format!("00-{trace_id}-{span_id}-01-more"), None),
            (format!("ff-{trace_id}-{span_id}-01"), None),
            (format!("00-{}-{span_id}-01", "0".repeat(32)), None),
            (format!("00-{trace_id}-{}-01", "0".repeat(16)), None),
            (format!("00-{}-{span_id}-01", trace_id.to_uppercase()), None),
            (format!("00-{trace_id}-{span_id}"), None),
            (String::new(), None),
        ];
        for (header, expected) in table {
            assert_eq!(Parent::parse(&header), expected, "{header}");
        }
    }
}
