//! What is counted of the artifact listener.
use bytes::Bytes;
use extension_apiserver::serve::Body;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Handles of the metrics; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    requests: Family<Answered, Counter>,
    sent: Counter,
}

/// The listener answers with a handful of codes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    code: u16,
}

impl Metrics {
    /// Registers below `registry`, which gives the prefix.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("artifact_requests", "Requests to the artifact listener", self.requests.clone());
        registry.register("artifact_sent_bytes", "Bytes that the artifact listener sent", self.sent.clone());
        // A series that is there from the start shows its first event as a change.
        for code in [200, 404, 503] {
            drop(self.requests.get_or_create(&Answered { code }));
        }
    }

    /// Counts an answer now, and its bytes as they are sent.
    pub(crate) fn count(&self, response: Response<Body>) -> Response<Body> {
        self.requests.get_or_create(&Answered { code: response.status().as_u16() }).inc();
        // What is at hand is sent at once.
        if let Some(size) = response.body().size_hint().exact() {
            self.sent.inc_by(size);
            return response;
        }
        let sent = self.sent.clone();
        let counted = move |frame: &Frame<Bytes>| {
            sent.inc_by(frame.data_ref().map_or(0, Bytes::len) as u64);
        };
        response.map(|body| body.inspect_frame(counted).boxed_unsync())
    }
}
