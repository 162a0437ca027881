//! `list`: one state of a collection, selected, sorted and cut into pages.
pub(crate) mod token;

use super::routes::Served;
use crate::{
    api::{At, Call, List, Selection, Snapshot},
    encode, negotiate,
    object::{Item, Key, Object, Version},
    query::{ListOptions, VersionMatch},
    serve::Body,
    status::Status,
};
use http::{Response, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use std::sync::Arc;
use token::Token;

/// In the words of k8s.io/apiserver.
const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. \
    You can start a new list without the continue parameter, or use the continue token in this response to retrieve \
    the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that \
    were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Answers a list.
pub(super) async fn list<R: List>(served: Served<R>, call: Arc<Call>) -> Result<Response<Body>, Status> {
    let media = negotiate::objects(&call.headers, &call.query)?;
    let options = ListOptions::read(&call.query, R::Object::SELECTABLE_FIELDS).await?;
    let page = page(&*served.resource, &call, &options).await?;
    let bytes = served.form.list(media, page.metadata, &page.items)?;
    Ok(encode::response(media.syntax, bytes, negotiate::takes_gzip(&call.headers)))
}

/// What a client asks for by its selectors and namespace.
pub(super) fn selection(call: &Call, options: &ListOptions) -> Selection {
    Selection {
        namespace: call.request.namespace.clone(),
        labels: options.labels.clone(),
        fields: options.fields.clone(),
    }
}

/// Which state a client asks for. A page at a version means that very version, even if nobody says so.
pub(super) fn at(options: &ListOptions) -> At {
    match (options.version, options.version_match) {
        (None, _) => At::Newest,
        (Some(version), Some(VersionMatch::Exact)) => At::Exactly(version),
        (Some(Version(0)), _) => At::Any,
        (Some(version), None) if options.limit > 0 => At::Exactly(version),
        (Some(version), _) => At::NotOlderThan(version),
    }
}

/// The objects that a selection wants, in the order of lists.
pub(super) fn selected<T: Object>(mut items: Vec<Item<T>>, selection: &Selection) -> Vec<Item<T>> {
    items.retain(|item| selection.matches(&**item));
    items.sort_by(|a, b| place(&**a).cmp(&place(&**b)));
    items
}

/// Where an object stands in a list.
fn place<T: Object>(object: &T) -> (&str, &str) {
    let meta = object.meta();
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// What a list is answered with.
pub(super) struct Page<T> {
    pub(super) metadata: ListMeta,
    pub(super) items: Vec<Item<T>>,
}

/// The page of a list that a client asks for.
pub(super) async fn page<R: List>(
    resource: &R,
    call: &Call,
    options: &ListOptions,
) -> Result<Page<R::Object>, Status> {
    let selection = selection(call, options);
    let token = options.continue_token.as_deref().map(Token::decode).transpose()?;
    if token.is_some() && options.version.is_some_and(|version| version.0 > 0) {
        return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
    }
    let Some(token) = token else {
        let snapshot = resource.list(call, &selection, at(options)).await?;
        // As k8s.io/apiserver does it from its cache: whoever takes any state gets all of it.
        let limit = if at(options) == At::Any { 0 } else { options.limit };
        return Ok(cut(snapshot, &selection, None, limit));
    };
    let at = token.version.map_or(At::Newest, At::Exactly);
    match resource.list(call, &selection, at).await {
        Ok(snapshot) => Ok(cut(snapshot, &selection, Some(token.after), options.limit)),
        Err(status) if status.code() == StatusCode::GONE => Err(expired(token)),
        Err(status) => Err(status),
    }
}

/// The state of a page is forgotten; whoever can live with a rest from another state gets a token for that.
fn expired(token: Token) -> Status {
    let rest = Token { version: None, ..token };
    Status::expired(CONTINUE_EXPIRED).with_continue(rest.encode())
}

fn cut<T: Object>(snapshot: Snapshot<T>, selection: &Selection, after: Option<Key>, limit: usize) -> Page<T> {
    let version = snapshot.version;
    let mut items = selected(snapshot.items, selection);
    if let Some(after) = after {
        let after = (after.namespace.as_str(), after.name.as_str());
        items.drain(..items.partition_point(|item| place(&**item) <= after));
    }
    let total = items.len();
    if limit > 0 {
        items.truncate(limit);
    }
    let remaining = total - items.len();
    let next = items.last().filter(|_| remaining > 0);
    let metadata = ListMeta {
        resource_version: Some(version.to_string()),
        continue_: next.map(|item| Token { version: Some(version), after: Key::of(&**item) }.encode()),
        // With selectors nobody knows how many more there are, says the API; clients only show it.
        remaining_item_count: i64::try_from(remaining).ok().filter(|n| *n > 0 && !selection.is_partial()),
        ..ListMeta::default()
    };
    Page { metadata, items }
}
