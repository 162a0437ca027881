//! How each API spells releases. Pure.
use super::choice::{Asset, Release};
use crate::Digest;
use crds::external_source::ReleaseProvider;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use url::Url;

/// Releases on a page, which no server caps lower.
pub(super) const PAGE: usize = 50;
/// Longer tags and names are no versions and no files.
const LONGEST: usize = 255;

/// The provider's name in the spec.
pub(super) fn name(provider: ReleaseProvider) -> &'static str {
    match provider {
        ReleaseProvider::Github => "github",
        ReleaseProvider::Gitlab => "gitlab",
        ReleaseProvider::Gitea => "gitea",
    }
}

/// The header of a token, and what stands before the token in it.
pub(super) fn known_by(provider: ReleaseProvider) -> (HeaderName, &'static str) {
    match provider {
        ReleaseProvider::Github => (header::AUTHORIZATION, "Bearer "),
        ReleaseProvider::Gitlab => (HeaderName::from_static("private-token"), ""),
        ReleaseProvider::Gitea => (header::AUTHORIZATION, "token "),
    }
}

/// What an asset is asked for as: GitHub answers with its description otherwise.
pub(super) fn accepted(provider: ReleaseProvider) -> &'static str {
    match provider {
        ReleaseProvider::Github => "application/octet-stream",
        ReleaseProvider::Gitlab | ReleaseProvider::Gitea => "*/*",
    }
}

/// Which version of the API is meant.
pub(super) fn version(provider: ReleaseProvider) -> HeaderMap {
    let version = (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
    match provider {
        ReleaseProvider::Github => HeaderMap::from_iter([version]),
        ReleaseProvider::Gitlab | ReleaseProvider::Gitea => HeaderMap::new(),
    }
}

/// The address of a page of releases, counted from 1.
pub(super) fn page(provider: ReleaseProvider, api: &Url, repository: &str, page: usize) -> Url {
    let (path, size) = match provider {
        ReleaseProvider::Github => (format!("repos/{repository}/releases"), "per_page"),
        ReleaseProvider::Gitlab => {
            (format!("projects/{}/releases", repository.replace('/', "%2F")), "per_page")
        }
        ReleaseProvider::Gitea => (format!("repos/{repository}/releases"), "limit"),
    };
    below(api, &format!("{path}?{size}={PAGE}&page={page}"))
}

/// The address of the release with that tag, which is one step of it whatever it holds.
pub(super) fn tagged(provider: ReleaseProvider, api: &Url, repository: &str, tag: &str) -> Url {
    let path = match provider {
        ReleaseProvider::Github | ReleaseProvider::Gitea => format!("repos/{repository}/releases/tags"),
        ReleaseProvider::Gitlab => format!("projects/{}/releases", repository.replace('/', "%2F")),
    };
    let mut url = below(api, &path);
    url.path_segments_mut().expect("an address of http has a path").push(tag);
    url
}

fn below(api: &Url, path: &str) -> Url {
    let address = format!("{}/{path}", api.as_str().trim_end_matches('/'));
    Url::parse(&address).expect("the rules accepted the address and the repository")
}

/// Reads a page.
pub(super) fn read(
    provider: ReleaseProvider,
    api: &Url,
    repository: &str,
    json: &[u8],
) -> Result<Vec<Release>, serde_json::Error> {
    match provider {
        ReleaseProvider::Github => {
            let assets = below(api, &format!("repos/{repository}/releases/assets"));
            read_hub(json, |asset| Some(below(&assets, &asset.id.to_string())))
        }
        ReleaseProvider::Gitea => read_hub(json, |asset| web(&asset.browser_download_url, api)),
        ReleaseProvider::Gitlab => {
            let listed: Vec<GitlabRelease> = serde_json::from_slice(json)?;
            Ok(listed.into_iter().map(|release| release.read(api)).collect())
        }
    }
}

/// Reads a page of what speaks as GitHub does, whose assets lie where `address` says; one that it does not place is left out.
fn read_hub(
    json: &[u8],
    address: impl Fn(&HubAsset) -> Option<Url>,
) -> Result<Vec<Release>, serde_json::Error> {
    let listed: Vec<HubRelease> = serde_json::from_slice(json)?;
    Ok(listed.into_iter().map(|release| release.read(&address)).collect())
}

/// Whether the server says that there is more; one that says nothing of pages has said all with one that is not full.
pub(super) fn goes_on(headers: &HeaderMap, count: usize) -> bool {
    match headers.get(header::LINK).and_then(|value| value.to_str().ok()) {
        Some(links) => links.split(',').any(|link| link.contains("rel=\"next\"")),
        None => count >= PAGE,
    }
}

/// <https://docs.github.com/en/rest/releases/releases#list-releases>, which Gitea has taken over, as far as it goes: `GET
/// /repos/{owner}/{repo}/releases` of <https://gitea.com/api/swagger>.
#[derive(Deserialize)]
struct HubRelease {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    #[serde(default)]
    assets: Vec<HubAsset>,
}

#[derive(Deserialize)]
struct HubAsset {
    id: u64,
    name: String,
    #[serde(default)]
    browser_download_url: String,
    #[serde(default)]
    size: u64,
    /// GitHub's: it stays `starter` where an upload was broken off.
    #[serde(default)]
    state: Option<String>,
    /// GitHub's: `sha256:` and hexadecimal digits.
    #[serde(default)]
    digest: Option<String>,
    /// GitHub's.
    #[serde(default)]
    updated_at: Option<String>,
    /// Gitea's.
    #[serde(default)]
    uuid: Option<String>,
}

impl HubRelease {
    fn read(self, address: impl Fn(&HubAsset) -> Option<Url>) -> Release {
        let uploaded = |asset: &HubAsset| asset.state.as_deref().is_none_or(|state| state == "uploaded");
        let placed = |asset: HubAsset| address(&asset).map(|address| asset.at(address));
        let assets = self.assets.into_iter().filter(uploaded).filter_map(placed).filter(is_whole).collect();
        Release { tag: self.tag_name, is_draft: self.draft, is_prerelease: self.prerelease, assets }
    }
}

impl HubAsset {
    fn at(self, address: Url) -> Asset {
        let digest = self.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:"));
        let digest = digest.and_then(|hex| Digest::from_hex(hex).ok());
        let replaced = self.updated_at.or(self.uuid).unwrap_or_default();
        let mark = format!("{} {replaced} {}", self.id, self.size);
        Asset { name: self.name, address, digest, mark }
    }
}

/// <https://docs.gitlab.com/api/releases/#list-releases>
#[derive(Deserialize)]
struct GitlabRelease {
    tag_name: String,
    /// Whether its date is yet to come.
    #[serde(default)]
    upcoming_release: bool,
    #[serde(default)]
    assets: GitlabAssets,
}

#[derive(Default, Deserialize)]
struct GitlabAssets {
    #[serde(default)]
    links: Vec<GitlabLink>,
}

#[derive(Deserialize)]
struct GitlabLink {
    id: u64,
    name: String,
    url: String,
}

impl GitlabRelease {
    fn read(self, api: &Url) -> Release {
        let of = |link: GitlabLink| {
            let mark = format!("{} {}", link.id, link.url);
            Some(Asset { address: web(&link.url, api)?, name: link.name, digest: None, mark })
        };
        let assets = self.assets.links.into_iter().filter_map(of).filter(is_whole).collect();
        Release { tag: self.tag_name, is_draft: self.upcoming_release, is_prerelease: false, assets }
    }
}

/// An address that may be asked, without user and password. An API that is asked over https does not send us where anybody on the way
/// could change the data.
fn web(text: &str, api: &Url) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_as_safe = url.scheme() == "https" || (url.scheme() == "http" && api.scheme() == "http");
    (is_as_safe && is_plain).then_some(url)
}

fn is_whole(asset: &Asset) -> bool {
    (1..=LONGEST).contains(&asset.name.len())
}

#[cfg(test)]
mod tests;
