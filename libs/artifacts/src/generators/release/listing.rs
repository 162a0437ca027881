//! Asking for releases, page by page, or for the one with a tag. What was answered last time is asked for on condition that it changed.
use super::{Place, choice::Release, known::Known, provider};
use crate::{
    Error,
    fetch::{Body, Fetcher, Head, Reply, Validators},
    generators::{Ask, Generator},
};
use http::{StatusCode, header};
use std::time::Duration;

/// Pages that are looked at: a thousand releases.
const MOST_PAGES: usize = 20;
/// The largest page, in bytes: it is in memory while it is read.
const LARGEST_PAGE: u64 = 8 << 20;

/// What the API told.
#[derive(Default)]
pub(super) struct Listed {
    /// The release that is wanted, if there is one.
    pub(super) best: Option<Release>,
    /// How long the API wants to be left alone.
    pub(super) pause: Option<Duration>,
    /// The ETags of all pages; empty if one has none, or another page could follow without their changing.
    pub(super) etags: Vec<String>,
}

/// A page that was read.
struct Page {
    releases: Vec<Release>,
    etag: Option<String>,
    goes_on: bool,
    pause: Option<Duration>,
}

impl Place {
    /// What there is, or nothing if every page is still what it was known to be; and how long the API wants to be left alone.
    pub(super) async fn listed(
        &self,
        fetcher: &Fetcher,
        ask: Ask<'_>,
        known: &Known<'_>,
    ) -> Result<(Option<Listed>, Option<Duration>), Error> {
        let mut pause = None;
        for (number, etag) in (1..).zip(known.etags()) {
            let validators = Validators { etag: Some(etag.to_owned()), last_modified: None };
            match self.ask(fetcher, Ask { validators: Some(&validators), ..ask }, number).await? {
                Reply::NotModified { pause: asked, .. } => pause = pause.max(asked),
                Reply::Data(head, body) => {
                    let first = (number == 1).then_some((head, body));
                    return Ok((Some(self.all(fetcher, ask, first).await?), pause));
                }
            }
        }
        let is_known = known.etags().next().is_some();
        let listed = if is_known { None } else { Some(self.all(fetcher, ask, None).await?) };
        Ok((listed, pause))
    }

    /// Reads all pages, of which the first may be there already.
    async fn all(
        &self,
        fetcher: &Fetcher,
        ask: Ask<'_>,
        mut first: Option<(Head, Body)>,
    ) -> Result<Listed, Error> {
        let (mut listed, mut etags) = (Listed::default(), Some(Vec::new()));
        for number in 1..=MOST_PAGES {
            let (head, body) = match first.take() {
                Some(page) => page,
                None => match self.ask(fetcher, Ask { validators: None, ..ask }, number).await? {
                    Reply::Data(head, body) => (head, body),
                    Reply::NotModified { .. } => break,
                },
            };
            let page = self.read(head, body).await?;
            let is_full = self.settings.tag.is_none() && page.releases.len() >= provider::PAGE;
            etags = etags.zip(page.etag).map(|(etags, etag)| [etags, vec![etag]].concat());
            listed.pause = listed.pause.max(page.pause);
            let better = |best, release| self.wanted.better(best, release);
            listed.best = page.releases.into_iter().fold(listed.best, better);
            if !page.goes_on {
                listed.etags = etags.filter(|_| !is_full).unwrap_or_default();
                break;
            }
        }
        Ok(listed)
    }

    async fn ask(&self, fetcher: &Fetcher, ask: Ask<'_>, number: usize) -> Result<Reply, Error> {
        let (kind, repository) = (self.settings.provider, &*self.settings.repository);
        let url = match &self.settings.tag {
            Some(tag) => provider::tagged(kind, &self.api, repository, tag),
            None => provider::page(kind, &self.api, repository, number),
        };
        let asked = fetcher.fetch(&self.request(url, "application/json"), ask).await;
        asked.map_err(|error| match (&self.settings.tag, error) {
            (Some(tag), Error::Answered { status: StatusCode::NOT_FOUND, .. }) => {
                let problem = format!("has no release with the tag {tag} in this repository");
                Error::NoRelease { host: self.host(), problem }
            }
            (_, error) => error,
        })
    }

    async fn read(&self, head: Head, body: Body) -> Result<Page, Error> {
        let (mut json, _) = body.whole(LARGEST_PAGE).await?;
        if self.settings.tag.is_some() {
            // One release is a list of one.
            json = [b"[", &*json, b"]"].concat();
        }
        let (kind, api) = (self.settings.provider, self.api.clone());
        let repository = self.settings.repository.clone();
        let parsed =
            tokio::task::spawn_blocking(move || provider::read(kind, &api, &repository, &json)).await;
        let releases = parsed.map_err(|died| Error::PackerDied(died.into()))?;
        let releases = releases.map_err(|_| {
            let problem = "is no list of releases".to_owned();
            Error::UnexpectedJson { host: self.host(), problem }
        })?;
        let goes_on = self.settings.tag.is_none() && provider::goes_on(&head.headers, releases.len());
        let etag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        Ok(Page { releases, etag, goes_on, pause: head.pause })
    }
}
