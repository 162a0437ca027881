//! Asking for releases, page by page.
use super::{Place, asked, choice::Release, provider};
use crate::{
    Error,
    fetch::{Fetcher, Reply},
    generators::{Ask, Generator},
};
use std::time::Duration;

/// Pages that are looked at: a thousand releases.
const MOST_PAGES: usize = 20;
/// The largest page, in bytes: it is in memory while it is read.
const LARGEST_PAGE: u64 = 8 << 20;

impl Place {
    /// The release that is wanted, if there is one, and how long the API wants to be left alone.
    pub(super) async fn listed(
        &self,
        fetcher: &Fetcher,
        ask: Ask<'_>,
    ) -> Result<(Option<Release>, Option<Duration>), Error> {
        let (mut best, mut pause) = (None, None);
        for number in 1..=MOST_PAGES {
            let (releases, goes_on, asked_pause) = self.page(fetcher, ask, number).await?;
            pause = pause.max(asked_pause);
            best = releases.into_iter().fold(best, |best, release| self.wanted.better(best, release));
            if !goes_on {
                break;
            }
        }
        Ok((best, pause))
    }

    async fn page(
        &self,
        fetcher: &Fetcher,
        ask: Ask<'_>,
        number: usize,
    ) -> Result<(Vec<Release>, bool, Option<Duration>), Error> {
        let (kind, repository) = (self.settings.provider, self.settings.repository.clone());
        let url = provider::page(kind, &self.api, &repository, number);
        let reply = fetcher.fetch(&self.request(url, "application/json"), asked(ask)).await?;
        let (head, body) = match reply {
            Reply::Data(head, body) => (head, body),
            Reply::NotModified { pause } => return Ok((Vec::new(), false, pause)),
        };
        let (json, _) = body.whole(LARGEST_PAGE).await?;
        let api = self.api.clone();
        let parsed =
            tokio::task::spawn_blocking(move || provider::read(kind, &api, &repository, &json)).await;
        let releases = parsed.map_err(|died| Error::PackerDied(died.into()))?;
        let releases = releases.map_err(|_| {
            let problem = "is no list of releases".to_owned();
            Error::UnexpectedJson { host: self.host(), problem }
        })?;
        let goes_on = provider::goes_on(&head.headers, releases.len());
        Ok((releases, goes_on, head.pause))
    }
}
