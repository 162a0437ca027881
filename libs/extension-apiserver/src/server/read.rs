//! `get`: one object, or one stream of bytes.
use super::routes::Endpoint;
use crate::{
    api::{Get, GetRaw},
    encode::{self, Form},
    negotiate,
    status::Status,
};
use futures::FutureExt;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use std::sync::Arc;

pub(super) fn get<R: Get>(resource: &Arc<R>, form: &Arc<Form<R::Object>>) -> Endpoint {
    let (resource, form) = (Arc::clone(resource), Arc::clone(form));
    Box::new(move |call| {
        let (resource, form) = (Arc::clone(&resource), Arc::clone(&form));
        async move {
            let media = negotiate::objects(&call.headers, &call.query)?;
            call.query.minimum_version()?;
            let item = resource.get(&call, &call.key()).await?;
            let bytes = form.object(media, &item)?;
            Ok(encode::response(media.syntax, bytes, negotiate::takes_gzip(&call.headers)))
        }
        .boxed()
    })
}

pub(super) fn get_raw<R: GetRaw>(resource: &Arc<R>) -> Endpoint {
    let resource = Arc::clone(resource);
    Box::new(move |call| {
        let resource = Arc::clone(&resource);
        async move {
            let mut response = resource.get_raw(&call, &call.key()).await?;
            if response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED {
                // kube-apiserver would make a 502 of it, and a client that followed could be led anywhere.
                return Err(Status::internal("the resource answered with a redirect"));
            }
            let bytes = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().entry(CONTENT_TYPE).or_insert(bytes);
            Ok(response)
        }
        .boxed()
    })
}
