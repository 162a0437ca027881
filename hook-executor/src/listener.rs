//! The socket, and the connections that come in: on this machine only.
use crate::executor::Executor;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    task::JoinSet,
    time::sleep,
};
use tracing::{debug, warn};

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long `accept` rests after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where an executor listens.
#[derive(Debug)]
pub enum Listener {
    /// A socket file.
    Unix(UnixListener),
    /// A port of the loopback interface.
    Loopback(TcpListener),
}

impl Listener {
    /// A socket file that only this user and group may open. One that an earlier process has left is replaced.
    ///
    /// # Errors
    /// Something else lies there, or the folder cannot be written to.
    pub fn unix(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
        Ok(Self::Unix(listener))
    }

    /// A port of 127.0.0.1.
    ///
    /// # Errors
    /// It is taken.
    pub async fn loopback(port: u16) -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map(Self::Loopback)
    }

    /// Its port, if it has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(_) => None,
            Self::Loopback(listener) => listener.local_addr().ok(),
        }
    }

    /// Serves until it is dropped; whatever runs then is dropped with it, and its command ended.
    pub async fn serve(self, executor: Arc<Executor>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.accept() => match accepted {
                    Ok(stream) => drop(connections.spawn(converse(stream, Arc::clone(&executor)))),
                    Err(error) => {
                        warn!(%error, "failed to accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
            Self::Loopback(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// What both kinds of connection are.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn converse(stream: Box<dyn Stream>, executor: Arc<Executor>) {
    let service = service_fn(|request: Request<Incoming>| {
        let executor = Arc::clone(&executor);
        async move { Ok::<_, Infallible>(executor.answer(request).await) }
    });
    let mut builder = http1::Builder::new();
    let builder = builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        debug!(%error, "connection ended early");
    }
}
