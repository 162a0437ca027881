//! Asks the controller for something by a write to a source, and follows what becomes of it. Whoever asks for what is asked for
//! already waits for the same.
use super::revision;
use crate::{
    leader::{Leader, Missing},
    origin::{self, Origin},
    outlook::{Obstacle, Outlook, obstacle},
    sources::{Known, Sources},
};
use crds::ExternalSource;
use extension_apiserver::{api::Call, object::Key, status::Status};
use http::StatusCode;
use kube::ResourceExt;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long an answer is waited for. kube-apiserver gives up after 60 s, this server after 58 s, and both say less.
const PATIENCE: Duration = Duration::from_secs(55);

/// What is left of a client's own deadline when it is told that its wait is over.
const NOTICE: Duration = Duration::from_secs(1);

/// How often a request is made anew because the source has changed meanwhile.
const ATTEMPTS: usize = 8;

/// Seconds after which there may be a controller again: one that takes over needs 15.
const TAKE_OVER: u32 = 15;

/// Something that the controller does when a source says so.
pub(super) trait Wish: Sync {
    /// What stays on the object, whoever stops: the request, in the words of a sentence.
    const STAYS: &'static str;
    /// What is told when it takes longer than a request may: what goes on, and how its end shows.
    const GOES_ON: &'static str;

    /// Whether the source says so already.
    fn is_said(&self, known: &Known) -> bool;

    /// How things stand at `known` with what the source said at `asked`.
    fn look(&self, asked: &Known, known: &Known) -> Outlook;

    /// Makes the source say so.
    fn say(
        &self,
        origin: &Origin,
        source: &ExternalSource,
    ) -> impl Future<Output = kube::Result<ExternalSource>> + Send;
}

/// The source before and after.
pub(super) struct Followed {
    pub(super) before: Known,
    pub(super) after: Known,
}

/// Writes to the source, and watches for the answer.
#[derive(Clone)]
pub(crate) struct Follow {
    pub(crate) sources: Sources,
    pub(crate) origin: Origin,
    pub(crate) leader: Leader,
}

impl Follow {
    /// Asks, and waits until it has come. A dry run only finds out whether it could be asked.
    ///
    /// # Errors
    /// 404, 409 and 422 for a source that is not there or must change first; 503 where no controller is at work, 504 after
    /// 55 s.
    pub(super) async fn wish<W: Wish>(
        &self,
        wish: &W,
        (call, key): (&Call, &Key),
        dry_run: bool,
    ) -> Result<Followed, Status> {
        let end = patience(call);
        let Asked { before, now } = self.ask(wish, (call, key), dry_run).await?;
        if dry_run {
            return Ok(Followed { after: before.clone(), before });
        }
        let labels = now.source.metadata.labels.clone().unwrap_or_default();
        tokio::select! {
            settled = self.settled(wish, (call, key), &now) => Ok(Followed { before, after: settled? }),
            missing = self.leader.lost(&labels) => {
                Err(without_controller(missing, &format!("{}, and is followed once there is one", W::STAYS)))
            }
            () = sleep_until(end) => Err(goes_on::<W>(call)),
            () = call.shutdown.cancelled() => Err(stops::<W>()),
        }
    }

    /// The source as it is now.
    ///
    /// # Errors
    /// There is none, or kube-apiserver cannot be asked.
    pub(super) async fn read(&self, call: &Call, key: &Key) -> Result<ExternalSource, Status> {
        let found = self.origin.read(key).await.map_err(|error| origin::refusal(&error))?;
        found.ok_or_else(|| call.not_found())
    }

    /// Makes the source say so, unless it does: before us, or since somebody else was faster.
    async fn ask(
        &self,
        wish: &impl Wish,
        (call, key): (&Call, &Key),
        dry_run: bool,
    ) -> Result<Asked, Status> {
        for _ in 0..ATTEMPTS {
            let source = self.read(call, key).await?;
            let before = Known::new(source.clone());
            if let Some(obstacle) = obstacle(&before) {
                return Err(hopeless(call, obstacle));
            }
            if let Some(missing) = self.leader.missing(source.labels()).await {
                return Err(without_controller(missing, "nothing was asked"));
            }
            if dry_run || wish.is_said(&before) {
                return Ok(Asked { now: before.clone(), before });
            }
            match wish.say(&self.origin, &source).await {
                Ok(asked) => return Ok(Asked { before, now: Known::new(asked) }),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(self.origin.refusal_of_write(&source, &error).await),
            }
        }
        Err(Status::unavailable("the source keeps changing", 1))
    }

    /// The source, once what it says is done.
    async fn settled<W: Wish>(
        &self,
        wish: &W,
        (call, key): (&Call, &Key),
        asked: &Known,
    ) -> Result<Known, Status> {
        let mut changes = self.sources.changes();
        loop {
            let version = *changes.borrow_and_update();
            let known = self.sources.known(key);
            // What the watch has shown may still be older than what was asked.
            if let Some(known) = known.as_ref().filter(|known| known.version() >= asked.version()) {
                if known.source.metadata.uid != asked.source.metadata.uid {
                    return Err(call.not_found());
                }
                match wish.look(asked, known) {
                    Outlook::Settled => return Ok(known.clone()),
                    Outlook::Hopeless(obstacle) => return Err(hopeless(call, obstacle)),
                    Outlook::Pending => {}
                }
            } else if known.is_none() && version >= asked.version() {
                return Err(call.not_found());
            }
            if changes.changed().await.is_err() {
                return Err(stops::<W>());
            }
        }
    }
}

/// Until when an answer is waited for.
pub(super) fn patience(call: &Call) -> Instant {
    (Instant::now() + PATIENCE).min(call.deadline.checked_sub(NOTICE).unwrap_or(call.deadline))
}

/// A source that says what is wished.
struct Asked {
    before: Known,
    now: Known,
}

/// It will not come as things are.
fn hopeless(call: &Call, obstacle: Obstacle) -> Status {
    let conflict = |why| Status::conflict(&call.request, &call.request.name, why);
    match obstacle {
        Obstacle::Leaving => conflict("it is being deleted"),
        Obstacle::Suspended => conflict("spec.suspend is true, so nothing is done for it"),
        Obstacle::Overruled => conflict("somebody else has changed spec.pin meanwhile"),
        Obstacle::Invalid(broken) => revision::invalid(call, broken),
        Obstacle::Gone(why) => revision::refusal(call, StatusCode::GONE, why),
    }
}

/// 503: nobody would do it.
pub(super) fn without_controller(missing: Missing, then: &str) -> Status {
    let why = match missing {
        Missing::Controller => "no controller of Postern is at work",
        Missing::Shard => {
            "no controller of Postern that is at work has a --watch-label-selector that matches the labels of this source"
        }
    };
    Status::unavailable(format!("{why}; {then}"), TAKE_OVER)
}

/// 503: whoever answers leaves before it is done.
fn stops<W: Wish>() -> Status {
    Status::unavailable(format!("this server stops; {}, and is followed all the same", W::STAYS), 1)
}

/// 504: it was asked for, and its end was not seen.
fn goes_on<W: Wish>(call: &Call) -> Status {
    revision::refusal(call, StatusCode::GATEWAY_TIMEOUT, W::GOES_ON.to_owned())
}
