//! `connect`: a subresource that speaks a protocol of its own, such as a terminal, a tunnel or a stream of bytes.
use super::{Call, Subresource};
use crate::{
    object::Key,
    serve::{Body, Upgrade},
    status::Status,
};
use http::Response;
use std::future::Future;

/// Answers with a response of its own making, which may stream in both directions or take over the connection.
///
/// Each method is authorized, advertised and counted as the verb that it stands for: `GET` as `get`, `POST` as `create`.
/// A client that wants to take over the connection needs the right to `create` besides, as it does for `pods/exec`:
/// whoever may only read must not come to write through a tunnel. A dry run is refused (400) before this is asked.
///
/// Streams that last longer than 58 s are for upgraded connections, and for subresources with the names that
/// kube-apiserver lets run on: `attach`, `exec`, `log`, `portforward` and `proxy`. Everything else it would cut off. Such
/// streams should end when [`Call::shutdown`] says so; those that do not are cut when the server has drained for long
/// enough.
///
/// The answer must neither be HTML, which kube-apiserver's proxy rewrites, nor a redirect, which it refuses.
pub trait Connect: Subresource {
    /// The methods that it answers; at least one.
    const METHODS: &'static [ConnectMethod];

    /// The response; `key` names the parent.
    fn connect(
        &self,
        call: &Call,
        key: &Key,
        exchange: Exchange,
    ) -> impl Future<Output = Result<Response<Body>, Status>> + Send;
}

/// A method that a [`Connect`] subresource answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectMethod {
    /// `GET`, and `HEAD`: verb `get`.
    Get,
    /// `POST`: verb `create`.
    Post,
    /// `PUT`: verb `update`.
    Put,
    /// `PATCH`: verb `patch`.
    Patch,
    /// `DELETE`: verb `delete`.
    Delete,
}

impl ConnectMethod {
    /// The verb as authorization and discovery know it.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "create",
            Self::Put => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// What the client sent besides the head of its request.
#[derive(Debug)]
pub struct Exchange {
    /// The body, as it arrives. It has no limit of size: [`crate::serve::read_body`] sets one, and one for its pace.
    pub body: Body,
    /// The client's offer to go on in another protocol. [`crate::websocket::Handshake`] takes up one for WebSockets.
    pub upgrade: Option<Upgrade>,
}
