//! Lists and watches sources, for as long as the program runs, and hands every version on.
//!
//! Not kube-runtime's `watcher`, which hides the versions of lists and bookmarks: the versions of the views are made of
//! them, so that every replica gives the same.
use crate::sources::Sources;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use crds::{Decoded, ExternalSource};
use extension_apiserver::{
    object::{Key, Version},
    status::Status,
};
use futures::TryStreamExt;
use kube::{
    Api, ResourceExt,
    api::{ListParams, VersionMatch, WatchEvent, WatchParams},
};
use std::{pin::pin, time::Duration};
use thiserror::Error;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub(crate) type Guarded = Decoded<ExternalSource>;

const PAGE: u32 = 500;
/// A watch is ended by kube-apiserver after this, or by us a little later if it forgets.
const WATCH_SECONDS: u32 = 290;
/// The longest pause between two attempts: what is answered meanwhile grows old.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Error)]
enum Ended {
    #[error("failed to list externalsources")]
    List(#[source] kube::Error),
    #[error("failed to watch externalsources")]
    Watch(#[source] kube::Error),
    #[error("kube-apiserver gave {0:?} as a resource version, which is no number")]
    Version(String),
    #[error("the watch ended silently")]
    Silent,
}

/// Feeds `sources` until `shutdown`. Errors are logged, and tried again with growing pauses.
pub(crate) async fn run(api: Api<Guarded>, sources: Sources, shutdown: CancellationToken) {
    let _stopped = shutdown.run_until_cancelled(forever(&api, &sources)).await;
}

async fn forever(api: &Api<Guarded>, sources: &Sources) {
    let mut pauses = pauses();
    loop {
        let ended = match list(api, sources).await {
            // A list that worked shows that things work, and the next failure is a first one again.
            Ok(version) => {
                pauses = self::pauses();
                follow(api, sources, version).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => debug!("the window of the watch is over, listing again"),
            Err(error) => warn!(error = %telemetry::Chain(&error), "lost sight of externalsources"),
        }
        sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

fn pauses() -> ExponentialBackoff {
    let growing = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100)).with_jitter();
    growing.with_max_delay(LONGEST_PAUSE).without_max_times().build()
}

/// Watch after watch; returns when the version to go on from is too old.
async fn follow(api: &Api<Guarded>, sources: &Sources, mut version: String) -> Result<(), Ended> {
    loop {
        match watch(api, sources, &version).await? {
            Some(newer) => version = newer,
            None => return Ok(()),
        }
    }
}

/// Takes everything as it is now.
async fn list(api: &Api<Guarded>, sources: &Sources) -> Result<String, Ended> {
    let (version, found) = pages(api, ListParams::default()).await.map_err(Ended::List)?;
    sources.replace(number(&version)?, found);
    Ok(version)
}

/// Every source as it was at a version.
///
/// # Errors
/// 410 if kube-apiserver does not remember that any more, 503 if it cannot be asked.
pub(crate) async fn at(api: Api<Guarded>, version: Version) -> Result<Vec<ExternalSource>, Status> {
    let then = ListParams::default().at(&version.to_string()).matching(VersionMatch::Exact);
    match pages(&api, then).await {
        Ok((_, found)) => Ok(found),
        Err(error) => Err(refusal(&error, version)),
    }
}

/// What a client is told who wanted a version that could not be read.
fn refusal(error: &kube::Error, version: Version) -> Status {
    const FAILED: &str = "failed to list what this is made of";
    if let kube::Error::Api(status) = error
        && status.code == 410
    {
        return Status::expired("The provided resource version is too old to be served.");
    }
    warn!(error = %telemetry::Chain(error), %version, "failed to list externalsources as they were");
    match error {
        // Another attempt would be refused as well: a role or a CRD is missing.
        kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
            Status::internal(FAILED)
        }
        _ => Status::unavailable(FAILED, 1),
    }
}

/// A whole list, page by page, and its version, which is that of the first page.
async fn pages(api: &Api<Guarded>, which: ListParams) -> kube::Result<(String, Vec<ExternalSource>)> {
    let mut found = Vec::new();
    let mut params = which.limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        found.extend(page.items.into_iter().map(decoded));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            // The token says all else, and nothing else may be said with it.
            Some(token) => params = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok((page.metadata.resource_version.unwrap_or_default(), found)),
        }
    }
}

/// Follows one watch to its end; returns the version to go on from, or nothing if that is gone (410).
async fn watch(api: &Api<Guarded>, sources: &Sources, from: &str) -> Result<Option<String>, Ended> {
    let mut last = from.to_owned();
    let params = WatchParams::default().timeout(WATCH_SECONDS);
    let mut events = pin!(api.watch(&params, from).await.map_err(Ended::Watch)?);
    let patience = Duration::from_secs(u64::from(WATCH_SECONDS) + 10);
    while let Some(event) = timeout(patience, events.try_next()).await.map_err(|_| Ended::Silent)?.transpose()
    {
        let seen = match event.map_err(Ended::Watch)? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let version = object.resource_version().unwrap_or_default();
                sources.apply(number(&version)?, decoded(object));
                version
            }
            WatchEvent::Deleted(object) => {
                let version = object.resource_version().unwrap_or_default();
                sources.remove(number(&version)?, &Key::of(&object));
                version
            }
            WatchEvent::Bookmark(bookmark) => {
                sources.advance(number(&bookmark.metadata.resource_version)?);
                bookmark.metadata.resource_version
            }
            WatchEvent::Error(status) if status.code == 410 => return Ok(None),
            WatchEvent::Error(status) => return Err(Ended::Watch(kube::Error::Api(status))),
        };
        last = seen;
    }
    Ok(Some(last))
}

/// A source that this version cannot read has a name all the same, and no artifacts.
pub(crate) fn decoded(guard: Guarded) -> ExternalSource {
    guard.0.unwrap_or_else(|invalid| {
        let mut source = ExternalSource::new("", crds::ExternalSourceSpec::default());
        source.metadata = invalid.metadata;
        source
    })
}

fn number(version: &str) -> Result<Version, Ended> {
    version.parse().map(Version).map_err(|_| Ended::Version(version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status as Answer;

    #[test]
    fn only_what_may_pass_is_worth_another_attempt() {
        let api = |code: u16| kube::Error::Api(Box::new(Answer { code, ..Answer::default() }));
        let unreachable = kube::Error::Service("connection refused".into());
        for (error, code, retry_after) in [
            (unreachable, 503, Some(1)),
            (api(503), 503, Some(1)),
            (api(429), 503, Some(1)),
            (api(403), 500, None),
            (api(410), 410, None),
        ] {
            let told = refusal(&error, Version(7));
            let seconds = told.details().and_then(|details| details.retry_after_seconds);
            assert_eq!((told.code().as_u16(), seconds), (code, retry_after), "{error}");
        }
    }
}
