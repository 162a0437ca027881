//! `watch`: initial objects, then changes as they come, for as long as the client may stay.
mod session;

use super::{
    list::{at, selected, selection},
    routes::Served,
};
use crate::{
    api::{Call, Selection, Watch},
    encode::{Events, error_event},
    negotiate,
    object::{Item, Object, Version},
    query::ListOptions,
    serve::{self, Body},
    status::Status,
};
use futures::stream::{self, StreamExt};
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use session::{Session, Start};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often a client is told where it stands while nothing changes.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// No watch lasts longer, whatever the client asks for: the clock cannot hold every moment that a client can name.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A watch without a limit of its own lasts between this and twice this, so that watches spread over replicas again.
const SHORTEST_DEFAULT: Duration = Duration::from_secs(30 * 60);

/// Answers a watch.
pub(super) async fn watch<R: Watch>(served: Served<R>, call: Arc<Call>) -> Result<Response<Body>, Status> {
    let media = negotiate::events(&call.headers, &call.query)?;
    let options = ListOptions::read(&call.query, R::Object::SELECTABLE_FIELDS).await?;
    let selection = selection(&call, &options);
    let start = match start(&*served.resource, &call, &options, &selection).await {
        Ok(start) => start,
        // Informers look for the refusal among the events, and then list again.
        Err(status) if status.code() == StatusCode::GONE => return Ok(refused(&status)),
        Err(status) => return Err(status),
    };
    let session = Session::new(served.form, media, selection, start);
    Ok(response(serve::stream(session.into_stream().map(Ok))))
}

async fn start<R: Watch>(
    resource: &R,
    call: &Call,
    options: &ListOptions,
    selection: &Selection,
) -> Result<Start<R::Object>, Status> {
    let sends_initial = options.send_initial_events == Some(true);
    let (from, initial) = match options.version.filter(|version| !sends_initial && version.0 > 0) {
        Some(version) => (version, Vec::new()),
        None => {
            let snapshot = resource.list(call, selection, at(options)).await?;
            let items = if sends_initial { selected(snapshot.items, selection) } else { Vec::new() };
            (snapshot.version, items)
        }
    };
    let changes = resource.watch(call, selection, from).await?;
    Ok(Start {
        from,
        initial,
        changes,
        sends_initial,
        bookmarks: options.allow_bookmarks.then_some(BOOKMARK_EVERY),
        end: Instant::now() + lifetime(options),
        shutdown: call.shutdown.clone(),
    })
}

fn lifetime(options: &ListOptions) -> Duration {
    match options.timeout_seconds {
        Some(seconds) => Duration::from_secs(seconds).min(LONGEST),
        None => {
            let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
            SHORTEST_DEFAULT + Duration::from_secs(random % SHORTEST_DEFAULT.as_secs())
        }
    }
}

/// The version of an object, as far as it is one.
fn version_of<T: Object>(item: &Item<T>) -> Version {
    let version = item.meta().resource_version.as_deref().and_then(|version| version.parse().ok());
    Version(version.unwrap_or_default())
}

fn refused(status: &Status) -> Response<Body> {
    let events = Events::from(error_event(status));
    response(serve::stream(stream::iter(events.into_pieces()).map(Ok)))
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    #[test]
    fn watches_without_a_limit_of_their_own_end_after_half_an_hour_to_an_hour() {
        let minutes = |query: &str| {
            let options = ListOptions::parse(&Query::parse(query), &[]).expect("valid");
            lifetime(&options).as_secs() / 60
        };
        assert!((0..100).all(|_| (30..60).contains(&minutes("watch=1"))));
        assert_eq!(minutes("watch=1&timeoutSeconds=300"), 5);
        assert_eq!(minutes(&format!("watch=1&timeoutSeconds={}", i64::MAX)), 24 * 60);
    }
}
