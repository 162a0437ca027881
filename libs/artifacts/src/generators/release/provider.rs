//! How each API spells releases. Pure.
use super::choice::{Asset, Release};
use crate::Digest;
use crds::external_source::ReleaseProvider;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use url::Url;

/// Releases on a page, which no server caps lower.
const PAGE: usize = 50;
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
    Ok(match provider {
        ReleaseProvider::Github => {
            let assets = below(api, &format!("repos/{repository}/releases/assets"));
            let listed: Vec<GithubRelease> = serde_json::from_slice(json)?;
            listed.into_iter().map(|release| release.read(&assets)).collect()
        }
        ReleaseProvider::Gitlab => {
            let listed: Vec<GitlabRelease> = serde_json::from_slice(json)?;
            listed.into_iter().map(|release| release.read(api)).collect()
        }
        ReleaseProvider::Gitea => {
            let listed: Vec<GiteaRelease> = serde_json::from_slice(json)?;
            listed.into_iter().map(|release| release.read(api)).collect()
        }
    })
}

/// Whether the server says that there is more; one that says nothing of pages has said all with one that is not full.
pub(super) fn goes_on(headers: &HeaderMap, count: usize) -> bool {
    match headers.get(header::LINK).and_then(|value| value.to_str().ok()) {
        Some(links) => links.split(',').any(|link| link.contains("rel=\"next\"")),
        None => count >= PAGE,
    }
}

/// <https://docs.github.com/en/rest/releases/releases#list-releases>
#[derive(Deserialize)]
struct GithubRelease {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    #[serde(default)]
    assets: Vec<GithubAsset>,
}

#[derive(Deserialize)]
struct GithubAsset {
    id: u64,
    name: String,
    #[serde(default)]
    updated_at: Option<String>,
    /// `sha256:` and hexadecimal digits.
    #[serde(default)]
    digest: Option<String>,
    /// An upload that was broken off stays `starter`.
    #[serde(default)]
    state: Option<String>,
}

impl GithubRelease {
    fn read(self, assets: &Url) -> Release {
        let uploaded = |asset: &GithubAsset| asset.state.as_deref().is_none_or(|state| state == "uploaded");
        let of = |asset: GithubAsset| {
            let digest = asset.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:"));
            let digest = digest.and_then(|hex| Digest::from_hex(hex).ok());
            let mark = format!("{} {}", asset.id, asset.updated_at.unwrap_or_default());
            Asset { name: asset.name, address: below(assets, &asset.id.to_string()), digest, mark }
        };
        let assets = self.assets.into_iter().filter(uploaded).map(of).filter(is_whole).collect();
        Release { tag: self.tag_name, is_draft: self.draft, is_prerelease: self.prerelease, assets }
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

/// `GET /repos/{owner}/{repo}/releases` of <https://gitea.com/api/swagger>.
#[derive(Deserialize)]
struct GiteaRelease {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    #[serde(default)]
    assets: Vec<GiteaAsset>,
}

#[derive(Deserialize)]
struct GiteaAsset {
    id: u64,
    name: String,
    #[serde(default)]
    uuid: Option<String>,
    #[serde(default)]
    size: u64,
    browser_download_url: String,
}

impl GiteaRelease {
    fn read(self, api: &Url) -> Release {
        let of = |asset: GiteaAsset| {
            let mark = format!("{} {} {}", asset.id, asset.uuid.unwrap_or_default(), asset.size);
            Some(Asset {
                address: web(&asset.browser_download_url, api)?,
                name: asset.name,
                digest: None,
                mark,
            })
        };
        let assets = self.assets.into_iter().filter_map(of).filter(is_whole).collect();
        Release { tag: self.tag_name, is_draft: self.draft, is_prerelease: self.prerelease, assets }
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
