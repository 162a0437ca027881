//! How much of everything one listener and one connection may take.
use std::time::Duration;

/// Bounds of a listener. The defaults are those of kube-apiserver and its libraries where these have one.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; beyond it clients wait in the kernel's queue.
    pub max_connections: usize,
    /// From accepting the socket to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the end of the handshake to the end of the first request's headers.
    pub header_timeout: Duration,
    /// How long a connection may be without a request before it is closed. Longer than the 90 s after which Go's
    /// clients let go of an idle connection: the client closing first means no request meets a closing server.
    pub idle_timeout: Duration,
    /// How long a peer may take nothing of what was sent to it.
    pub stall_timeout: Duration,
    /// Request line and all headers together.
    pub max_header_bytes: u32,
    /// Number of headers (HTTP/1.1): a front proxy sends one for each group of the user.
    pub max_headers: usize,
    /// Concurrent streams of one HTTP/2 connection. kube-apiserver sends all its requests to a replica, watches
    /// included, over one connection.
    pub max_streams: u32,
    /// Bytes that a client may send ahead on one HTTP/2 stream.
    pub stream_window: u32,
    /// Bytes that a client may send ahead on one HTTP/2 connection: what its unread bodies can cost.
    pub connection_window: u32,
    /// Bytes of HTTP/2 frames that are neither a request nor its body (pings, settings, resets, windows, headers beyond 64 KiB)
    /// which one connection may send at once. What comes faster than this and `overhead_per_second` allow is read slowly.
    pub overhead_at_once: usize,
    /// Bytes of such frames a second, over a longer time. A sixteenth of what is answered comes on top.
    pub overhead_per_second: usize,
    /// How long a connection may be silent before it is asked for a sign of life.
    pub keep_alive_interval: Duration,
    /// How long the answer to that may take.
    pub keep_alive_timeout: Duration,
    /// How long running requests may take to finish at shutdown.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(32),
            idle_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(60),
            max_header_bytes: 1 << 20,
            max_headers: 1_000,
            max_streams: 1_000,
            stream_window: 256 << 10,
            connection_window: 16 << 20,
            overhead_at_once: 64 << 10,
            overhead_per_second: 16 << 10,
            keep_alive_interval: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
