//! The newest tag of a repository, by its version.
use super::registry::{LARGEST, Piece, Registry, Whole};
use crate::{Error, RegistryError};
use crds::versions::{Filter, Range};
use http::{HeaderMap, header};
use serde::Deserialize;
use url::Url;

/// What a page of the listing may name; registries send fewer if they like.
const PAGE: usize = 1000;
/// More than that are not looked through for each pass.
const MOST_PAGES: usize = 20;

#[derive(Deserialize)]
struct Listing {
    /// Null where there is none.
    tags: Option<Vec<String>>,
}

/// The newest tag in the range, of those that the filter lets through.
///
/// # Errors
/// The listing fails or does not end, or no tag fits.
pub(super) async fn newest(
    registry: &mut Registry<'_>,
    range: &str,
    filtered: Option<&str>,
) -> Result<String, Error> {
    let wanted = Range::parse(range).expect("the rules accepted this range");
    let pattern = filtered.map(|text| Filter::new(text).expect("the rules accepted this filter"));
    let mut best: Option<String> = None;
    let mut first = registry.place.address("tags/list");
    first.set_query(Some(&format!("n={PAGE}")));
    let mut next = Some(first);
    let mut pages = 0;
    while let Some(url) = next {
        if pages == MOST_PAGES {
            let limit = MOST_PAGES * PAGE;
            return Err(registry
                .unexpected(format!("its repository has more tags than the {limit} that are looked at")));
        }
        pages += 1;
        let piece = Piece { url, accept: "application/json", pinned: None };
        let Some(Whole { head, bytes, .. }) = registry.whole(&piece, LARGEST).await? else { break };
        let Ok(listing) = serde_json::from_slice::<Listing>(&bytes) else {
            return Err(registry.unexpected("its list of tags cannot be read".into()));
        };
        let tags = listing.tags.unwrap_or_default();
        let fits = |tag: &&str| pattern.as_ref().is_none_or(|pattern| pattern.lets_through(tag));
        let candidates = tags.iter().chain(&best).map(String::as_str).filter(fits);
        best = wanted.newest(candidates).map(str::to_owned).or(best);
        next = following(&head.headers, &piece.url);
    }
    let none = || {
        let of = filtered.map(|_| " that semverFilter lets through").unwrap_or_default();
        Error::Registry(RegistryError::NoSuchArtifact {
            host: registry.host(),
            what: format!("tag{of} in the range {range}"),
        })
    };
    best.ok_or_else(none)
}

/// The page after this one: `Link: </v2/…?last=…>; rel="next"`. It must be one of the same listing.
pub(super) fn following(headers: &HeaderMap, page: &Url) -> Option<Url> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    let (target, relation) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = relation.to_ascii_lowercase().replace(['"', ' '], "").contains("rel=next");
    let url = page.join(target).ok().filter(|_| is_next)?;
    let is_of_listing = url.origin() == page.origin() && url.path() == page.path() && url != *page;
    is_of_listing.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_goes_on_where_its_link_says_and_nowhere_else() {
        let page: Url = "https://a/v2/x/tags/list?n=1000".parse().expect("an address");
        for (link, next) in [
            ("</v2/x/tags/list?last=b&n=1000>; rel=\"next\"", Some("https://a/v2/x/tags/list?last=b&n=1000")),
            ("<https://a/v2/x/tags/list?last=b>; rel=next", Some("https://a/v2/x/tags/list?last=b")),
            ("<?last=b>; rel=\"next\"", Some("https://a/v2/x/tags/list?last=b")),
            ("<https://b/v2/x/tags/list?last=b>; rel=\"next\"", None),
            ("</v2/y/tags/list?last=b>; rel=\"next\"", None),
            ("</v2/x/tags/list?n=1000>; rel=\"next\"", None),
            ("</v2/x/tags/list?last=b>; rel=\"prev\"", None),
            ("nonsense", None),
        ] {
            let headers = [(header::LINK, link.parse().expect("a value"))].into_iter().collect();
            assert_eq!(following(&headers, &page).map(String::from).as_deref(), next, "{link}");
        }
    }
}
