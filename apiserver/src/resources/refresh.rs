//! `externalsources/refresh`: a pass right now, and what it has come to. Whoever asks while one is asked for already waits
//! for the same one.
use super::revision;
use crate::{
    leader::Leader,
    origin::{self, Origin},
    refresh::{
        Refresh,
        decide::{Obstacle, Outlook, look},
        outcome,
    },
    source_view::SourceView,
    sources::{Known, Sources},
};
use extension_apiserver::{
    api::{Call, CreateNamed, Resource, Subresource, WriteOptions},
    object::{Item, Key},
    status::Status,
};
use http::StatusCode;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long a pass is waited for. kube-apiserver gives up after 60 s, this server after 58 s, and both say less.
const PATIENCE: Duration = Duration::from_secs(55);

/// What is left of a client's own deadline when it is told that its wait is over.
const NOTICE: Duration = Duration::from_secs(1);

/// How often a request is made anew because the source has changed meanwhile.
const ATTEMPTS: usize = 8;

/// Seconds after which there may be a controller again: one that takes over needs 15.
const TAKE_OVER: u32 = 15;

/// Asks by the annotation that Flux uses, and watches for the answer.
pub(crate) struct Refreshing {
    pub(crate) sources: Sources,
    pub(crate) origin: Origin,
    pub(crate) leader: Leader,
}

impl Resource for Refreshing {
    type Object = Refresh;
}

impl Subresource for Refreshing {
    type Parent = SourceView;
    const NAME: &'static str = "refresh";
}

impl CreateNamed for Refreshing {
    async fn create_named(
        &self,
        call: &Call,
        key: &Key,
        _: Refresh,
        options: &WriteOptions,
    ) -> Result<Item<Refresh>, Status> {
        let end = (Instant::now() + PATIENCE).min(call.deadline.checked_sub(NOTICE).unwrap_or(call.deadline));
        let asked = self.ask(call, key, options.dry_run).await?;
        if options.dry_run {
            return Ok(outcome(&asked, &asked).into());
        }
        tokio::select! {
            settled = self.settled(call, key, &asked) => Ok(outcome(&asked, &settled?).into()),
            () = self.leader.lost() => Err(without_controller("the request stays on the object, and is followed once there is one")),
            () = sleep_until(end) => Err(goes_on(call)),
            () = call.shutdown.cancelled() => Err(Status::unavailable("this server stops; the pass goes on", 1)),
        }
    }
}

impl Refreshing {
    /// The source, with a request on it that is not answered yet: ours, or one that was there.
    async fn ask(&self, call: &Call, key: &Key, dry_run: bool) -> Result<Known, Status> {
        for _ in 0..ATTEMPTS {
            let found = self.origin.read(key).await.map_err(|error| origin::refusal(&error))?;
            let source = found.ok_or_else(|| call.not_found())?;
            let known = Known::new(source.clone());
            let outlook = look(&known);
            if let Outlook::Hopeless(obstacle) = outlook {
                return Err(hopeless(call, obstacle));
            }
            if self.leader.is_missing().await {
                return Err(without_controller("nothing was asked"));
            }
            if dry_run || outlook == Outlook::Pending {
                return Ok(known);
            }
            match self.origin.request(&source, &Timestamp::now().to_string()).await {
                Ok(asked) => return Ok(Known::new(asked)),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(origin::refusal(&error)),
            }
        }
        Err(Status::unavailable("the source keeps changing", 1))
    }

    /// The source, once the request that was seen on it is answered, or one that took its place.
    async fn settled(&self, call: &Call, key: &Key, asked: &Known) -> Result<Known, Status> {
        let mut changes = self.sources.changes();
        loop {
            let version = *changes.borrow_and_update();
            let known = self.sources.known(key);
            // What the watch has shown may still be older than what was asked.
            if let Some(known) = known.as_ref().filter(|known| known.version() >= asked.version()) {
                if known.source.metadata.uid != asked.source.metadata.uid {
                    return Err(call.not_found());
                }
                match look(known) {
                    Outlook::Settled => return Ok(known.clone()),
                    Outlook::Hopeless(obstacle) => return Err(hopeless(call, obstacle)),
                    Outlook::Pending => {}
                }
            } else if known.is_none() && version >= asked.version() {
                return Err(call.not_found());
            }
            if changes.changed().await.is_err() {
                return Err(Status::unavailable("this server stops; the pass goes on", 1));
            }
        }
    }
}

/// No pass will end as things are.
fn hopeless(call: &Call, obstacle: Obstacle) -> Status {
    let name = &call.request.name;
    match obstacle {
        Obstacle::Leaving => Status::conflict(&call.request, name, "it is being deleted"),
        Obstacle::Suspended => {
            Status::conflict(&call.request, name, "spec.suspend is true, so nothing is fetched")
        }
        Obstacle::Invalid(broken) => revision::invalid(call, broken),
    }
}

/// 503: nobody would follow the request.
fn without_controller(then: &str) -> Status {
    Status::unavailable(format!("no controller of Postern is at work; {then}"), TAKE_OVER)
}

/// 504: the request was followed, and its end was not seen.
fn goes_on(call: &Call) -> Status {
    let message = "the pass takes longer than a request may; it goes on, and status.lastHandledReconcileAt will equal the \
                   annotation reconcile.fluxcd.io/requestedAt when it has ended";
    revision::refusal(call, StatusCode::GATEWAY_TIMEOUT, message.to_owned())
}
