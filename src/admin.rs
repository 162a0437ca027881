//! The admin port as a handler of our HTTP server.
use extension_apiserver::serve::{Body, Handler};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use telemetry::admin::Admin;

/// Serves health and metrics.
pub(crate) struct AdminPort(pub(crate) Admin);

impl Handler for AdminPort {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let uri = request.uri();
        let response = self.0.respond(request.method(), uri.path(), uri.query());
        response.map(|body| body.map_err(|never| match never {}).boxed_unsync())
    }
}
