//! Asks the executor to run a command, in the streaming form.
mod address;
mod error;

pub use address::{Address, NotAnAddress};
pub use error::Error;

use crate::{
    Command,
    protocol::{COMMAND, ENDED, EXECUTE, EXIT_CODE, Ended, Request as Asked, STREAM},
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use std::{io, path::PathBuf, time::Duration};
use tokio::{
    fs,
    io::{AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

/// How long reaching the executor may take.
const CONNECT: Duration = Duration::from_secs(5);
/// What is granted beyond the command's own time: the executor ends it, and says so.
const GRACE: Duration = Duration::from_secs(10);

/// Speaks with one executor.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    /// Holds the token that the executor wants; read each time, so that it can be replaced.
    token: Option<PathBuf>,
}

impl Client {
    /// A client of the executor at that address. Nothing happens yet.
    pub fn new(address: Address, token: Option<PathBuf>) -> Self {
        Self { address, token }
    }

    /// Runs a command on `input`, and writes to `output` what it writes, at most `most` bytes.
    ///
    /// Dropping the future ends the command.
    ///
    /// # Errors
    /// It did not run, or not to a good end; then what is in `output` is worth nothing.
    pub async fn run(
        &self,
        command: &Command,
        input: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        output: &mut (impl AsyncWrite + Unpin),
        most: u64,
    ) -> Result<(), Error> {
        let request = self.request(command, input).await?;
        let exchange = async {
            let (response, _connection) = self.send(request).await?;
            receive(response, output, most).await
        };
        match timeout(command.timeout + GRACE, exchange).await {
            Ok(ended) => ended,
            Err(_) => Err(Error::NoAnswer),
        }
    }

    async fn request<S>(&self, command: &Command, input: S) -> Result<Request<StreamBody<Framed<S>>>, Error>
    where
        S: Stream<Item = io::Result<Bytes>>,
    {
        let mut request =
            Request::new(StreamBody::new(input.map_ok(Frame::data as fn(Bytes) -> Frame<Bytes>)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static(EXECUTE);
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_static("hook-executor"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAM));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        let mut asked = HeaderValue::from_str(&Asked::new(command).to_header()).expect("base64 can be sent");
        asked.set_sensitive(true);
        headers.insert(COMMAND, asked);
        if let Some(path) = &self.token {
            headers.insert(header::AUTHORIZATION, bearer(path).await?);
        }
        Ok(request)
    }

    async fn send<S>(
        &self,
        request: Request<StreamBody<Framed<S>>>,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), Error>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let stream = timeout(CONNECT, self.address.connect()).await;
        let stream =
            stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Error::Unreachable)?;
        let broken = |error: hyper::Error| Error::Broken(error.into());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with whoever waits for the answer, whatever has become of the input.
        let driving = AbortOnDropHandle::new(tokio::spawn(async move {
            let _told_by_the_response = connection.await;
        }));
        Ok((sender.send_request(request).await.map_err(broken)?, driving))
    }
}

/// Pieces of input as a body has them.
type Framed<S> = futures::stream::MapOk<S, fn(Bytes) -> Frame<Bytes>>;

async fn bearer(path: &PathBuf) -> Result<HeaderValue, Error> {
    let unreadable = |source| Error::NoToken { path: path.clone(), source };
    let token = fs::read_to_string(path).await.map_err(unreadable)?;
    let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
    let mut value = value.map_err(|error| unreadable(io::Error::other(error)))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Takes the output, and believes it once the trailers say that it is whole.
async fn receive(
    response: Response<Incoming>,
    output: &mut (impl AsyncWrite + Unpin),
    most: u64,
) -> Result<(), Error> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::FORBIDDEN => return Err(Error::Denied),
        StatusCode::SERVICE_UNAVAILABLE => return Err(Error::Busy),
        other => return Err(Error::Refused(other)),
    }
    let mut body = response.into_body();
    let mut trailers = HeaderMap::new();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        match frame.map_err(|error| Error::Broken(error.into()))?.into_data() {
            Ok(piece) => {
                received += piece.len() as u64;
                if received > most {
                    return Err(Error::Ended(Ended::OutputTooLarge));
                }
                output.write_all(&piece).await.map_err(Error::NotKept)?;
            }
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    output.flush().await.map_err(Error::NotKept)?;
    let text = |name| trailers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match text(ENDED).and_then(|ended| Ended::from_trailers(ended, text(EXIT_CODE))) {
        Some(Ended::Exited(0)) => Ok(()),
        Some(ended) => Err(Error::Ended(ended)),
        None => Err(Error::CutOff),
    }
}
