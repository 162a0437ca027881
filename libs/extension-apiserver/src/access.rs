//! The two questions that a server asks about every request: who is this, and may they?
use crate::{request::RequestInfo, status::Status};
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use http::request::Parts;
use std::collections::BTreeMap;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// The user's name.
    pub name: String,
    /// What tells users of the same name apart over time.
    pub uid: Option<String>,
    /// Groups that the user belongs to.
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Says who asks, and takes the proof out of the headers so that no handler sees it.
pub trait Authenticate: Send + Sync + 'static {
    /// The caller; [`Status::unauthorized`] if the proof does not hold.
    fn authenticate<'a>(&'a self, parts: &'a mut Parts) -> BoxFuture<'a, Result<UserInfo, Status>>;
}

impl<F> Authenticate for F
where
    F: Fn(&mut Parts) -> Result<UserInfo, Status> + Send + Sync + 'static,
{
    fn authenticate<'a>(&'a self, parts: &'a mut Parts) -> BoxFuture<'a, Result<UserInfo, Status>> {
        ready(self(parts)).boxed()
    }
}

/// Whether a user may do what a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, or nobody says yes; with the authorizer's reason, which the caller is told.
    Refuse(String),
}

/// Says whether a user may do what a request asks.
pub trait Authorize: Send + Sync + 'static {
    /// The decision; an error (500) if it cannot be made. Never open then.
    fn authorize<'a>(
        &'a self,
        user: &'a UserInfo,
        request: &'a RequestInfo,
    ) -> BoxFuture<'a, Result<Decision, Status>>;
}

impl<F> Authorize for F
where
    F: Fn(&UserInfo, &RequestInfo) -> Decision + Send + Sync + 'static,
{
    fn authorize<'a>(
        &'a self,
        user: &'a UserInfo,
        request: &'a RequestInfo,
    ) -> BoxFuture<'a, Result<Decision, Status>> {
        ready(Ok(self(user, request))).boxed()
    }
}

/// 403 in the words of Go's API servers, markup made harmless since browsers may see it. `reason` is the authorizer's.
pub fn forbidden(user: &UserInfo, request: &RequestInfo, reason: &str) -> Status {
    let denied = escaped(&denied(&user.name, request));
    let why = if reason.is_empty() { denied } else { format!("{denied}: {reason}") };
    Status::forbidden(request, &why)
}

fn denied(user: &str, request: &RequestInfo) -> String {
    let RequestInfo { verb, resource, subresource, group, namespace, .. } = request;
    if !request.is_resource {
        return format!("User {user:?} cannot {verb} path {:?}", request.path);
    }
    let resource = match subresource.as_str() {
        "" => resource.clone(),
        subresource => format!("{resource}/{subresource}"),
    };
    let place = match namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    format!("User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {place}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_may_not_do_what_where() {
        let request = RequestInfo {
            verb: "get".into(),
            is_resource: true,
            group: "subresources.postern.dev".into(),
            namespace: "team-a".into(),
            resource: "externalsources".into(),
            name: "podinfo".into(),
            subresource: "content".into(),
            ..RequestInfo::default()
        };
        let user = UserInfo { name: "jane<b>".into(), ..UserInfo::default() };
        let status = forbidden(&user, &request, "");
        assert_eq!(
            status.message(),
            r#"externalsources.subresources.postern.dev "podinfo" is forbidden: User "jane&lt;b&gt;" cannot get resource "externalsources/content" in API group "subresources.postern.dev" in the namespace "team-a""#
        );
        let path = RequestInfo { verb: "get".into(), path: "/metrics".into(), ..RequestInfo::default() };
        assert_eq!(
            forbidden(&user, &path, "no").message(),
            r#"forbidden: User "jane&lt;b&gt;" cannot get path "/metrics": no"#
        );
    }
}
