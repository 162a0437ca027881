//! `get`: one object, or one stream of bytes.
use super::routes::Served;
use crate::{
    api::{Call, Get, GetRaw},
    encode, negotiate,
    serve::Body,
    status::Status,
};
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use std::sync::Arc;

/// Answers with an object.
pub(super) async fn get<R: Get>(served: Served<R>, call: Arc<Call>) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    call.query.minimum_version()?;
    let item = served.resource.get(&call, &call.key()).await?;
    let bytes = served.form.object(media, &item)?;
    Ok(encode::response(media.syntax, bytes, negotiate::takes_gzip(&call.headers)))
}

/// Answers with a response of the resource's own making.
pub(super) async fn get_raw<R: GetRaw>(served: Served<R>, call: Arc<Call>) -> Result<Response<Body>, Status> {
    own_answer(served.resource.get_raw(&call, &call.key()).await?)
}

/// What a resource answered by itself, if it may be passed on.
pub(super) fn own_answer(mut response: Response<Body>) -> Result<Response<Body>, Status> {
    if response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED {
        // kube-apiserver would make a 502 of it, and a client that followed could be led anywhere.
        return Err(Status::internal("the resource answered with a redirect"));
    }
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let bytes = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().entry(CONTENT_TYPE).or_insert(bytes);
    }
    Ok(response)
}
