//! `connect`: an exchange in a protocol of the subresource's own.
use super::{
    read::own_answer,
    routes::{Incoming, Served},
};
use crate::{
    api::{Call, Connect, Exchange},
    request::RequestInfo,
    serve::Body,
    status::Status,
};
use http::Response;
use std::sync::Arc;

/// Answers whatever method it is registered for.
pub(super) async fn connect<S: Connect>(
    served: Served<S>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    if call.query.get("dryRun").is_some_and(|value| !value.is_empty()) {
        return Err(Status::bad_request("dryRun is not supported"));
    }
    let exchange = Exchange { body: incoming.body, upgrade: incoming.upgrade };
    own_answer(served.resource.connect(&call, &call.key(), exchange).await?)
}

/// What whoever takes over a connection must be allowed as well: nothing if the request asks for that already.
pub(super) fn right_to_take_over(request: &RequestInfo) -> Option<RequestInfo> {
    (request.verb != "create").then(|| RequestInfo { verb: "create".to_owned(), ..request.clone() })
}
