//! The streaming form: the body in is the command's input, the body out its output, the trailers say how it ended.
use crate::{
    executor::{Body, Turn},
    run::{BoxError, run},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use hooks::{
    Command,
    protocol::{COMMAND, ENDED, EXIT_CODE, Ended, Malformed, Request as Asked, STREAM},
};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use std::convert::Infallible;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Pieces on their way: enough to keep both sides busy, little enough to keep memory flat.
const PIECES: usize = 4;

/// The command in the header.
pub(crate) fn asked(headers: &HeaderMap) -> Result<Asked, Malformed> {
    Asked::from_header(headers.get(COMMAND).map(HeaderValue::as_bytes).unwrap_or_default())
}

/// Starts the command. It ends with the answer: a client that goes takes it along.
pub(crate) fn respond(command: Command, body: Incoming, turn: Turn) -> Response<Body> {
    // The command's output goes from its task to the connection.
    let (output_tx, output_rx) = mpsc::channel(PIECES);
    let running = AbortOnDropHandle::new(tokio::spawn(async move {
        let input = body.into_data_stream().map(|piece| piece.map_err(BoxError::from));
        let ended = run(&command, turn.limits, input, output_tx).await.ended;
        turn.end(ended);
        ended
    }));
    let mut response = Response::new(StreamBody::new(frames(output_rx, running)).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAM));
    // hyper sends only what was announced.
    headers.insert(header::TRAILER, HeaderValue::from_static("hook-ended, hook-exit-code"));
    response
}

fn frames(
    output_rx: mpsc::Receiver<Bytes>,
    running: AbortOnDropHandle<Ended>,
) -> impl stream::Stream<Item = Result<Frame<Bytes>, Infallible>> {
    stream::unfold((output_rx, Some(running)), |(mut output_rx, mut running)| async move {
        let frame = match output_rx.recv().await {
            Some(piece) => Frame::data(piece),
            None => Frame::trailers(trailers(running.take()?.await.unwrap_or(Ended::Abandoned))),
        };
        Some((Ok(frame), (output_rx, running)))
    })
}

fn trailers(ended: Ended) -> HeaderMap {
    let text = |text: String| HeaderValue::try_from(text).expect("words and numbers can be sent");
    let mut trailers = HeaderMap::new();
    trailers.insert(ENDED, text(ended.to_string()));
    if let Ended::Exited(code) = ended {
        trailers.insert(EXIT_CODE, text(code.to_string()));
    }
    trailers
}
