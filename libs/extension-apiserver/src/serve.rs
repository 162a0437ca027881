//! HTTP serving over TLS or plain sockets: accept, hand over to a [`Handler`], drain.
//!
//! Written for listeners that anybody on the network can reach. A connection that is silent, slow, broken or hostile
//! costs itself only: each handshake runs in its own task and has a deadline, a panic is a 500 for that request alone,
//! and no error of a connection or of `accept` ends the loop. What a request means is not known here.
mod activity;
mod answer;
mod around;
mod body;
mod connection;
mod frames;
mod limits;
mod paced;
mod peer;
mod tls;
mod unread;
mod upgrade;

use connection::Connections;
use http::{Request, Response};
use hyper::body::Incoming;
use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

pub(crate) use around::{Around, Passage, Polled};
pub use body::{BODY_IDLE_TIMEOUT, Body, BodyError, BoxError, empty, full, read_body, stream};
pub(crate) use body::{Blocks, Reading};
pub use limits::Limits;
pub(crate) use peer::Fingerprint;
pub use peer::{Chain, Peer};
pub use tls::{ClientCertificates, Tls, TlsError};
pub(crate) use unread::kept;
pub(crate) use upgrade::Successor;
pub use upgrade::{Upgrade, Upgraded};

/// How long `accept` rests after an error that is not about one connection, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests. Infallible: an error is a response.
///
/// The future is dropped when its client goes away; work that must outlive the client belongs in a task of its own.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. The extensions of `request` hold the [`Peer`].
    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Put into the extensions of a response: this connection takes no further request once the running ones are answered.
///
/// On HTTP/2 the client is told by GOAWAY, on HTTP/1.1 by `Connection: close`. Meant for answers to strangers, whose
/// streams would otherwise be free to open and reset without end.
#[derive(Clone, Copy, Debug)]
pub struct CloseConnection;

/// Serves `listener` until `shutdown`, then drains for at most [`Limits::drain_timeout`] and returns.
///
/// Dropping the future ends all its connections at once.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Tls>,
    handler: Arc<H>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let abort = CancellationToken::new();
    let _ends_with_this_future = abort.clone().drop_guard();
    let tasks = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let drain_timeout = limits.drain_timeout;
    let connections = Arc::new(Connections::new(tls, handler, limits, shutdown.clone()));

    while let Some((stream, address, slot)) = accept(&listener, &slots, &shutdown).await {
        let (connections, abort) = (Arc::clone(&connections), abort.clone());
        tasks.spawn(async move {
            abort.run_until_cancelled(connections.run(stream, address)).await;
            drop(slot);
        });
    }
    drop(listener);
    tasks.close();
    if timeout(drain_timeout, tasks.wait()).await.is_err() {
        warn!(connections = tasks.len(), "drain deadline passed, closing what is left");
    }
    abort.cancel();
    tasks.wait().await;
}

/// The next connection and the slot it occupies; `None` at shutdown.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // At the cap, clients wait in the kernel's queue instead of costing memory here.
    let slot = shutdown.run_until_cancelled(Arc::clone(slots).acquire_owned()).await?.ok()?;
    loop {
        match shutdown.run_until_cancelled(listener.accept()).await? {
            Ok((stream, address)) => return Some((stream, address, slot)),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                shutdown.run_until_cancelled(sleep(ACCEPT_PAUSE)).await?;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests;
