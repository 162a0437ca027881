//! The opening handshake of WebSockets (RFC 6455), for subresources that [`Connect`](crate::api::Connect).
//!
//! Only the handshake: what is said afterwards is a WebSocket crate's, which is given the connection and told that its
//! opening is over. With `tokio-tungstenite`:
//!
//! ```
//! use extension_apiserver::{api::Exchange, api::Call, serve::Body, status::Status, websocket::Handshake};
//! use futures::{SinkExt, StreamExt};
//! use http::Response;
//! use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
//!
//! async fn echo(call: &Call, exchange: Exchange) -> Result<Response<Body>, Status> {
//!     let handshake = Handshake::read(&call.headers, exchange)?;
//!     Ok(handshake.accept(async |connection| {
//!         let mut socket = WebSocketStream::from_raw_socket(connection, Role::Server, None).await;
//!         while let Some(Ok(message)) = socket.next().await {
//!             if !message.is_text() || socket.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     }))
//! }
//! ```
use crate::{
    api::Exchange,
    serve::{Body, Upgrade, Upgraded},
    status::Status,
};
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION},
};
use std::future::Future;

/// The one version that there is.
const VERSION: &str = "13";

/// What the RFC has both sides append to the key, so that no other protocol answers alike by accident.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A browser cannot set headers, so it hands over its token as a protocol of this name. It is no protocol.
const BEARER: &str = "base64url.bearer.authorization.k8s.io.";

/// A client's wish to speak WebSocket from here on.
#[derive(Debug)]
pub struct Handshake {
    upgrade: Upgrade,
    accept: HeaderValue,
    offered: Vec<String>,
    selected: Option<HeaderValue>,
}

impl Handshake {
    /// Reads the client's part.
    ///
    /// # Errors
    /// 400 for a request that asks for no upgrade or for another one, and for another version than 13, with the
    /// header that names this one (RFC 6455 §4.4).
    pub fn read(headers: &HeaderMap, exchange: Exchange) -> Result<Self, Status> {
        let upgrade = exchange.upgrade.ok_or_else(|| Status::bad_request("Upgrade request required"))?;
        let refused = |why: String| Status::bad_request(format!("no WebSocket: {why}"));
        let protocol = upgrade.protocol();
        if protocol != "websocket" {
            return Err(refused(format!("Upgrade is {protocol:?}: ask for \"websocket\"")));
        }
        let version = text(headers, SEC_WEBSOCKET_VERSION);
        if version != VERSION {
            let refused = refused(format!("Sec-WebSocket-Version is {version:?}: ask for {VERSION:?}"));
            return Err(refused.with_header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION)));
        }
        let key = text(headers, SEC_WEBSOCKET_KEY);
        if BASE64_STANDARD.decode(key).map_or(0, |bytes| bytes.len()) != 16 {
            return Err(refused("Sec-WebSocket-Key is not the base64 of 16 bytes".to_owned()));
        }
        Ok(Self { upgrade, accept: accept(key), offered: offered(headers), selected: None })
    }

    /// The subprotocols that the client offers, the one that it likes best first.
    pub fn offered(&self) -> impl Iterator<Item = &str> {
        self.offered.iter().map(String::as_str)
    }

    /// Speaks the first of these subprotocols that the client offers as well, and returns it. Without one, the
    /// handshake is answered without a subprotocol, and a client that insists on one leaves.
    pub fn select<'a>(&mut self, ours: &[&'a str]) -> Option<&'a str> {
        let is_offered = |name: &&&str| self.offered.iter().any(|offered| offered == **name);
        let selected = ours.iter().find(is_offered).copied();
        self.selected = selected.and_then(|name| HeaderValue::from_str(name).ok());
        selected
    }

    /// Answers the handshake, and has `run` speak on the connection. It is closed when `run` is done.
    pub fn accept<F>(self, run: impl FnOnce(Upgraded) -> F + Send + 'static) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut response = self.upgrade.accept(run);
        response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(selected) = self.selected {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, selected);
        }
        response
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

fn offered(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty() && !name.starts_with(BEARER)).map(str::to_owned).collect()
}

/// The proof that the server has read the key. SHA-1 hides nothing here.
fn accept(key: &str) -> HeaderValue {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key.as_bytes());
    context.update(MAGIC);
    let proof = BASE64_STANDARD.encode(context.finish());
    HeaderValue::from_str(&proof).expect("base64 is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{negotiate::Syntax, serve::empty};
    use http::Request;

    /// The request of the RFC's example, with one header changed.
    fn read(changed: &str, to: &str) -> Result<Handshake, Status> {
        let mut request = Request::new(());
        let given = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "base64url.bearer.authorization.k8s.io.c2VjcmV0, v2.chat"),
        ];
        for (name, value) in given {
            let value = if name == changed { to } else { value };
            request.headers_mut().append(name, value.parse().expect("a header"));
        }
        request.headers_mut().append("sec-websocket-protocol", HeaderValue::from_static("v1.chat"));
        let upgrade = Upgrade::offered(&mut request);
        Handshake::read(request.headers(), Exchange { body: empty(), upgrade })
    }

    #[test]
    fn the_answer_is_that_of_the_rfc() {
        let mut handshake = read("", "").expect("a handshake");
        assert_eq!(handshake.offered().collect::<Vec<_>>(), ["v2.chat", "v1.chat"], "a token is none");
        assert_eq!(handshake.select(&["v3.chat", "v1.chat", "v2.chat"]), Some("v1.chat"));
        let answer = handshake.accept(async |_| {});
        assert_eq!(answer.status(), 101);
        let header =
            |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().expect("text"));
        assert_eq!(header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!((header("upgrade"), header("connection")), ("WebSocket", "Upgrade"));
        assert_eq!(header("sec-websocket-protocol"), "v1.chat");
    }

    #[test]
    fn without_a_common_subprotocol_none_is_named() {
        let mut handshake = read("", "").expect("a handshake");
        assert_eq!(handshake.select(&["v3.chat"]), None);
        assert!(!handshake.accept(async |_| {}).headers().contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn the_version_that_is_spoken_is_told_to_who_speaks_another() {
        let refused = read("sec-websocket-version", "8").expect_err("another version");
        let answer = crate::encode::refusal(Syntax::Json, &refused);
        assert_eq!(answer.headers().get("sec-websocket-version"), Some(&HeaderValue::from_static("13")));
        let refused = read("sec-websocket-key", "c2hvcnQ=").expect_err("no key");
        let answer = crate::encode::refusal(Syntax::Json, &refused);
        assert_eq!(answer.headers().get("sec-websocket-version"), None);
    }

    #[test]
    fn what_is_no_handshake_is_a_bad_request_that_says_why() {
        for (header, value, why) in [
            ("connection", "keep-alive", "Upgrade request required"),
            ("upgrade", "SPDY/3.1", r#"no WebSocket: Upgrade is "spdy/3.1": ask for "websocket""#),
            ("sec-websocket-version", "8", r#"no WebSocket: Sec-WebSocket-Version is "8": ask for "13""#),
            (
                "sec-websocket-key",
                "c2hvcnQ=",
                "no WebSocket: Sec-WebSocket-Key is not the base64 of 16 bytes",
            ),
        ] {
            let refused = read(header, value).expect_err(header);
            assert_eq!((refused.code().as_u16(), refused.message()), (400, why));
        }
    }
}
