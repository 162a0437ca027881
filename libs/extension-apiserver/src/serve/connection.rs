//! One connection, from the handshake to its last response.
use super::{
    Handler, Limits, Peer, Tls,
    activity::Activity,
    answer::{Wishes, answer},
    paced::Paced,
};
use futures::{FutureExt, future::BoxFuture};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use rustls_pki_types::CertificateDer;
use socket2::{SockRef, TcpKeepalive};
use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How long the peer of an unused connection gets to confirm that it sends nothing more.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections of a listener share.
pub(super) struct Connections<H> {
    tls: Option<Tls>,
    handler: Arc<H>,
    http: auto::Builder<TokioExecutor>,
    limits: Limits,
    shutdown: CancellationToken,
}

impl<H: Handler> Connections<H> {
    pub(super) fn new(
        tls: Option<Tls>,
        handler: Arc<H>,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> Self {
        Self { tls, handler, http: http(&limits), limits, shutdown }
    }

    /// Serves one accepted socket to its end. What only began takes little room: whoever awaits a future that is not in a place
    /// of its own holds it twice, and its owner that twice again.
    pub(super) fn run(&self, stream: TcpStream, address: SocketAddr) -> BoxFuture<'_, ()> {
        self.begin(stream, address).boxed()
    }

    async fn begin(&self, stream: TcpStream, address: SocketAddr) {
        if let Err(error) = prepare(&stream, &self.limits) {
            debug!(%error, %address, "connection was gone before it began");
            return;
        }
        let Some(tls) = &self.tls else {
            return self.established(stream, Peer { address, certificates: Vec::new().into() }).await;
        };
        let deadline = Instant::now() + self.limits.handshake_timeout;
        // Whoever connects and says nothing costs a socket, and no state of a session.
        match timeout_at(deadline, stream.readable()).await {
            Ok(Ok(())) => self.spoken_to(tls, stream, address, deadline).await,
            Ok(Err(error)) => debug!(%error, %address, "connection was gone before it began"),
            Err(_) => debug!(%address, "handshake took too long"),
        }
    }

    /// In a place of its own, which a connection that only began does not take.
    fn spoken_to<'a>(
        &'a self,
        tls: &'a Tls,
        stream: TcpStream,
        address: SocketAddr,
        deadline: Instant,
    ) -> BoxFuture<'a, ()> {
        let served = async move {
            match timeout_at(deadline, tls.handshake(stream)).await {
                Ok(Ok(stream)) => {
                    let presented = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    let chain: Vec<_> = presented.iter().cloned().map(CertificateDer::into_owned).collect();
                    self.established(stream, Peer { address, certificates: chain.into() }).await;
                }
                Ok(Err(error)) => debug!(%error, %address, "handshake failed"),
                Err(_) => debug!(%address, "handshake took too long"),
            }
        };
        served.boxed()
    }

    /// In a place of its own too.
    fn established<S>(&self, stream: S, peer: Peer) -> BoxFuture<'_, ()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.serve(stream, peer).boxed()
    }

    async fn serve<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let activity = Activity::new();
        let wishes = Arc::new(Wishes { close: self.shutdown.child_token(), successor: OnceLock::new() });
        let service = service_fn(|mut request| {
            request.extensions_mut().insert(peer.clone());
            answer(Arc::clone(&self.handler), request, activity.begin(), Arc::clone(&wishes))
        });
        let stream = Paced::new(stream, &self.limits);
        let mut connection = pin!(self.http.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let mut closing = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => match ended {
                    Ok(()) => break,
                    Err(error) => return debug!(error = &*error, %address, "connection failed"),
                },
                () = wishes.close.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = activity.unused_for_too_long(&self.limits) => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    let ended = timeout(FAREWELL, connection.as_mut()).await.is_ok();
                    if ended || !activity.is_busy() {
                        debug!(%address, "closed an unused connection");
                        return;
                    }
                }
            }
        }
        if let Some(next) = wishes.successor.get() {
            next.run().await;
        }
    }
}

/// Sends what is written at once, and lets the kernel notice a peer that vanished or stopped reading, even where HTTP has
/// nothing to say for hours, as on a watch over HTTP/1.1.
fn prepare(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let probes =
        TcpKeepalive::new().with_time(limits.keep_alive_interval).with_interval(limits.keep_alive_timeout);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits.stall_timeout))?;
    Ok(())
}

/// How much of an answer is made before the client takes it: two blocks of a list. hyper's default, 400 KiB a stream, holds
/// most lists whole.
const SEND_BUFFER: usize = 64 * 1024;

/// HTTP/1.1 with upgrades, and HTTP/2; the preface tells which. The limits on reset streams are left at hyper's
/// defaults, which are its answer to rapid-reset attacks.
fn http(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // `Activity` ends who is slow with headers, and makes no timer for each request.
        .header_read_timeout(None)
        .max_buf_size(limits.max_header_bytes as usize)
        .max_headers(limits.max_headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.max_header_bytes)
        .max_concurrent_streams(limits.max_streams)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(limits.keep_alive_interval)
        .keep_alive_timeout(limits.keep_alive_timeout);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::{Body, empty};
    use http::{Request, Response};
    use hyper::body::Incoming;
    use tokio::net::TcpListener;

    struct Nothing;

    impl Handler for Nothing {
        async fn handle(&self, _: Request<Incoming>) -> Response<Body> {
            Response::new(empty())
        }
    }

    #[tokio::test]
    async fn a_connection_that_only_began_takes_less_than_a_kibibyte() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let connections =
            Connections::new(None, Arc::new(Nothing), Limits::default(), CancellationToken::new());
        let stream = TcpStream::connect(address).await.expect("the listener is open");
        let running = connections.run(stream, address);
        assert!(size_of_val(&*running) < 1 << 10, "{} bytes", size_of_val(&*running));
    }
}
