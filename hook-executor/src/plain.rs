//! The plain form, as the original has it: JSON in, JSON out, all of it in memory and therefore small.
use crate::{
    executor::{Body, Turn, json, malformed, refuse},
    run::{Limits, run},
};
use futures::stream;
use hooks::{
    Command,
    protocol::{Request as Asked, Response as Answer},
};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};

/// What input and output may be at most; larger ones are for the streaming form.
const LARGEST: usize = 16 << 20;
/// As base64, with a command around it.
const LARGEST_BODY: usize = LARGEST / 3 * 4 + (256 << 10);
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command and its input.
pub(crate) async fn asked(body: Incoming) -> Result<(Asked, Vec<u8>), Box<Response<Body>>> {
    let too_large = "the body is larger than 21 MiB, or was cut off; stream larger input";
    let refusal = |status, why| Box::new(refuse(status, why));
    let body = timeout(PATIENCE, Limited::new(body, LARGEST_BODY).collect()).await;
    let body = body.map_err(|_| refusal(StatusCode::REQUEST_TIMEOUT, "the body arrived too slowly"))?;
    let body = body.map_err(|_| refusal(StatusCode::PAYLOAD_TOO_LARGE, too_large))?.to_bytes();
    let mut asked = Asked::from_json(&body).map_err(malformed)?;
    let stdin = asked.take_stdin().map_err(malformed)?;
    Ok((asked, stdin))
}

/// Runs the command to its end.
pub(crate) async fn respond(command: &Command, stdin: Vec<u8>, turn: Turn) -> Response<Body> {
    let limits = Limits { output: turn.limits.output.min(LARGEST as u64), ..turn.limits };
    // The command's output goes from its pipe into one buffer.
    let (output_tx, mut output_rx) = mpsc::channel::<bytes::Bytes>(1);
    let collect = async {
        let mut stdout = Vec::new();
        while let Some(piece) = output_rx.recv().await {
            stdout.extend_from_slice(&piece);
        }
        stdout
    };
    let input = stream::iter([Ok(stdin.into())]);
    let (outcome, stdout) = tokio::join!(run(command, limits, input, output_tx), collect);
    turn.end(outcome.ended);
    let answer = Answer::new(outcome.ended, &stdout, &outcome.stderr);
    json(serde_json::to_vec(&answer).expect("texts and numbers serialize"))
}
