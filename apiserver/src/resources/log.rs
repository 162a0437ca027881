//! `externalsources/log`: what the last passes over a source did, and with `follow` what the next ones do. The controller whose
//! passes they are keeps that; this role holds none of it. Its own permission guards it: where redirects lead is in it, as in
//! provenance.
use super::{
    follow::{patience, without_controller},
    revision,
};
use crate::{leader::Leader, source_view::SourceView, sources::Sources};
use crds::ExternalSource;
use extension_apiserver::{
    api::{Call, GetRaw, Parameter, Resource, Subresource},
    object::Key,
    serve::{self, Body},
    status::Status,
};
use futures::StreamExt;
use http::{HeaderValue, Method, Response, StatusCode, header};
use kube::Resource as _;
use previews::logs::{Keeper, Untold, Wanted};
use std::sync::Arc;
use tokio::time::sleep_until;

/// Seconds after which another replica may answer, or somebody may have stopped to follow.
const SOON: u32 = 1;

/// Seconds after which there may be a controller again.
const TAKE_OVER: u32 = 15;

const FOLLOW: Parameter = Parameter {
    name: "follow",
    description: "Whether lines to come are sent as they are written: true or false, which is the default. It ends after an hour.",
};

const TAIL: Parameter = Parameter {
    name: "tailLines",
    description: "How many of the last lines that are there are sent. Without it, all are.",
};

const SINCE: Parameter = Parameter {
    name: "sinceSeconds",
    description: "How many seconds old the lines may be that are there and sent; 1 or more.",
};

const TIMESTAMPS: Parameter = Parameter {
    name: "timestamps",
    description: "Whether each line begins with its time, by RFC 3339: true, which is the default, or false.",
};

/// Asks a controller.
pub(crate) struct Log {
    pub(crate) sources: Sources,
    pub(crate) leader: Leader,
    pub(crate) keeper: Arc<dyn Keeper>,
}

impl Resource for Log {
    type Object = SourceView;
}

impl Subresource for Log {
    type Parent = SourceView;
    const NAME: &'static str = "log";
    const PARAMETERS: &'static [Parameter] = &[FOLLOW, TAIL, SINCE, TIMESTAMPS];
}

impl GetRaw for Log {
    async fn get_raw(&self, call: &Call, key: &Key) -> Result<Response<Body>, Status> {
        let mut wanted = wanted(call, key)?;
        let source = self.sources.get(key).ok_or_else(|| call.not_found())?;
        let labels = source.metadata.labels.clone().unwrap_or_default();
        wanted.holder = self.leader.holder(&labels).await.map_err(|missing| {
            without_controller(missing, "the log of its passes went with the one that was")
        })?;
        let lines = tokio::select! {
            said = self.keeper.lines(wanted) => said.map_err(untold)?,
            () = sleep_until(patience(call)) => return Err(too_long(call)),
            () = call.shutdown.cancelled() => return Err(Status::unavailable("this server stops", SOON)),
        };
        let mut response =
            Response::new(serve::stream(lines.take_until(call.shutdown.clone().cancelled_owned())));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

fn wanted(call: &Call, key: &Key) -> Result<Wanted, Status> {
    let number = |parameter: &Parameter, least| {
        let Some(text) = call.query.get(parameter.name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number: &u64| *number >= least);
        number.map(Some).ok_or_else(|| malformed(parameter, &format!("a number, {least} or more"), text))
    };
    let flag = |parameter: &Parameter, default| match call.query.get(parameter.name) {
        None => Ok(default),
        Some("" | "true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(text) => Err(malformed(parameter, "true or false", text)),
    };
    Ok(Wanted {
        kind: ExternalSource::kind(&()).into_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        // Whoever asks for the head alone hears no more.
        follow: flag(&FOLLOW, false)? && call.method != Method::HEAD,
        tail_lines: number(&TAIL, 0)?,
        since_seconds: number(&SINCE, 1)?,
        timestamps: flag(&TIMESTAMPS, true)?,
        holder: None,
    })
}

fn malformed(parameter: &Parameter, must_be: &str, found: &str) -> Status {
    Status::bad_request(format!("{}: must be {must_be}, and is {found:?}", parameter.name))
}

fn untold(why: Untold) -> Status {
    match why {
        Untold::TooMany => {
            let status = Status::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", why.to_string());
            status.with_retry_after(SOON)
        }
        Untold::Elsewhere => Status::unavailable(why.to_string(), SOON),
        Untold::Unavailable(why) => Status::unavailable(why, TAKE_OVER),
    }
}

/// 504: no controller has answered.
fn too_long(call: &Call) -> Status {
    let message =
        "the controller does not answer in the time that a request has to begin its answer".to_owned();
    revision::refusal(call, StatusCode::GATEWAY_TIMEOUT, message)
}
