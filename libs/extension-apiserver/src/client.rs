//! A client of kube-apiserver that sends a request at once, and notices when the other side is gone.
//!
//! kube's own leaves Nagle's algorithm on (kube-rs/kube#2056). A resumed TLS session ends with a small segment of ours
//! that nobody answers; the request after it then waits until kube-apiserver acknowledges that, which it may put off for
//! 40 ms (RFC 1122 4.2.3.2). Every new connection can lose that time, so a server pays it several times while it starts. Go's
//! clients have never had it: `net.TCPConn` turns Nagle off, and keeps connections alive.
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{Builder, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{ConfigExt as _, retry::RetryPolicy},
};
use std::time::Duration;
use tower::{BoxError, ServiceBuilder, retry::RetryLayer};

/// A connection that says nothing for this long is asked whether it lives, as `net.Dialer` does.
const SILENCE: Duration = Duration::from_secs(15);
/// What stays without any acknowledgement for this long is broken. A watch would otherwise wait for ever on a network
/// that has lost its peer; this is how long client-go waits too (30 s until a ping, 15 s for its answer).
#[cfg(target_os = "linux")]
const GIVE_UP: Duration = Duration::from_secs(45);

/// Like `Client::try_from(config)`, whose limits and credentials it keeps. Nothing is connected to yet.
///
/// Nothing stands between a server in the cluster and kube-apiserver; who develops behind a proxy gives the server kube's
/// own client.
///
/// # Errors
/// The configuration holds an address, certificate or header that makes no sense, or a proxy.
pub fn connect(config: Config) -> Result<Client, kube::Error> {
    if let Some(proxy) = config.proxy_url {
        return Err(kube::Error::ProxyProtocolUnsupported { proxy_url: Box::new(proxy) });
    }
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(sockets())?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let retries = config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry()));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(retries)
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Builder::new(TokioExecutor::new()).build(connector));
    Ok(Client::new(service, config.default_namespace))
}

fn sockets() -> HttpConnector {
    let mut sockets = HttpConnector::new();
    sockets.enforce_http(false);
    sockets.set_nodelay(true);
    sockets.set_keepalive(Some(SILENCE));
    sockets.set_keepalive_interval(Some(SILENCE));
    #[cfg(target_os = "linux")]
    sockets.set_tcp_user_timeout(Some(GIVE_UP));
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn a_request_waits_for_no_acknowledgement() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let socket = sockets().oneshot(address.parse().expect("an address")).await.expect("somebody listens");
        assert!(socket.inner().nodelay().expect("a socket"), "Nagle's algorithm is on");
        assert!(
            socket2::SockRef::from(socket.inner()).keepalive().expect("a socket"),
            "nobody would miss the peer"
        );
    }
}
