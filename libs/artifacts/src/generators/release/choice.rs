//! Which release, and which of its assets. Pure.
use crate::{Digest, Hasher};
use crds::{
    external_source::ReleaseGenerator,
    path_patterns::PathPatterns,
    versions::{self, Filter, Range},
};
use semver::{BuildMetadata, Prerelease, Version};
use std::cmp::Ordering;
use url::Url;

/// Longer tags are no versions.
const LONGEST_TAG: usize = 255;
/// As many assets as one artifact is made of.
const MOST: usize = 32;

/// A release as any provider tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) tag: String,
    pub(super) is_draft: bool,
    pub(super) is_prerelease: bool,
    pub(super) assets: Vec<Asset>,
}

/// One of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) name: String,
    pub(super) address: Url,
    /// The SHA-256 that it must have, if anybody tells.
    pub(super) digest: Option<Digest>,
    /// Another one when the asset is replaced.
    pub(super) mark: String,
}

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picked {
    pub(super) assets: Vec<Asset>,
    pub(super) checksums: Option<Asset>,
}

/// What the spec asks for.
#[derive(Clone)]
pub(super) struct Wanted {
    /// The only one that is wanted, whatever its version.
    tag: Option<String>,
    good: Range,
    filter: Option<Filter>,
    tag_prefix: String,
    prereleases: bool,
    /// Each with its own words.
    patterns: Vec<(String, PathPatterns)>,
    is_one: bool,
    checksums: Option<String>,
}

impl Wanted {
    pub(super) fn new(release: &ReleaseGenerator) -> Self {
        let good = release.semver.as_deref().unwrap_or("*");
        let pattern = |text: &String| {
            let pattern = PathPatterns::new(std::slice::from_ref(text));
            (text.clone(), pattern.expect("the rules accepted this pattern"))
        };
        let filter = |text: &String| Filter::new(text).expect("the rules accepted this filter");
        Self {
            tag: release.tag.clone(),
            filter: release.semver_filter.as_ref().map(filter),
            good: Range::parse(good).expect("the rules accepted these versions"),
            tag_prefix: release.tag_prefix.clone().unwrap_or_default(),
            prereleases: release.prereleases.unwrap_or_default(),
            patterns: release.asset.iter().chain(&release.assets).map(pattern).collect(),
            is_one: release.asset.is_some(),
            checksums: release.checksums.clone(),
        }
    }

    /// The better of two, of which any may be none that is wanted.
    pub(super) fn better(&self, one: Option<Release>, other: Release) -> Option<Release> {
        if let Some(tag) = &self.tag {
            return one.or_else(|| Some(other).filter(|release| release.tag == *tag && !release.is_draft));
        }
        let Some(version) = self.version(&other) else { return one };
        let is_better =
            |one: &Release| match self.version(one).map_or(Ordering::Less, |known| known.cmp(&version)) {
                // Tags that name one version: the same one wins whatever their order.
                Ordering::Equal => one.tag < other.tag,
                order => order == Ordering::Less,
            };
        if one.as_ref().is_none_or(is_better) { Some(other) } else { one }
    }

    /// The version of a release that is wanted.
    fn version(&self, release: &Release) -> Option<Version> {
        if release.is_draft || (release.is_prerelease && !self.prereleases) || release.tag.len() > LONGEST_TAG
        {
            return None;
        }
        if self.filter.as_ref().is_some_and(|filter| !filter.lets_through(&release.tag)) {
            return None;
        }
        let version = versions::version(release.tag.strip_prefix(&self.tag_prefix)?)?;
        let leads_to = Version { pre: Prerelease::EMPTY, build: BuildMetadata::EMPTY, ..version.clone() };
        let is_wanted = match version.pre.is_empty() {
            true => self.good.contains(&version),
            false => self.prereleases && (self.good.contains(&version) || self.good.contains(&leads_to)),
        };
        is_wanted.then_some(version)
    }

    /// What to fetch of it, in the order of the names.
    ///
    /// # Errors
    /// In words that continue the name of the host.
    pub(super) fn pick(&self, release: &Release) -> Result<Picked, String> {
        let mut assets: Vec<Asset> = Vec::new();
        for (text, pattern) in &self.patterns {
            let matching = release.assets.iter().filter(|asset| {
                pattern.match_any(&asset.name) && Some(&asset.name) != self.checksums.as_ref()
            });
            let before = assets.len();
            for asset in matching.clone() {
                if assets.iter().all(|taken| taken.name != asset.name) {
                    assets.push(asset.clone());
                }
            }
            if matching.count() == 0 {
                return Err(format!("has no asset {text} in the release that is wanted"));
            }
            if self.is_one && assets.len() - before > 1 {
                return Err(format!("has several assets that match {text} in the release that is wanted"));
            }
            if assets.len() > MOST {
                return Err(format!("has more than {MOST} assets that are wanted"));
            }
        }
        assets.sort_by(|one, other| one.name.cmp(&other.name));
        let named = |name: &String| {
            let found = release.assets.iter().find(|asset| asset.name == *name).cloned();
            found.ok_or_else(|| {
                format!("has no asset {name}, which lists checksums, in the release that is wanted")
            })
        };
        Ok(Picked { assets, checksums: self.checksums.as_ref().map(named).transpose()? })
    }
}

/// Another one as soon as another release is the newest, or an asset is replaced. A word of ours where HTTP has an ETag.
pub(super) fn fingerprint(release: &Release, picked: &Picked) -> String {
    let mut hasher = Hasher::new();
    let mut write = |text: &str| {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    };
    write(&release.tag);
    for asset in picked.assets.iter().chain(&picked.checksums) {
        let digest = asset.digest.map(|digest| digest.to_string()).unwrap_or_default();
        for part in [&asset.name, &asset.mark, asset.address.as_str(), &digest] {
            write(part);
        }
    }
    let digest: Digest = hasher.finish();
    format!("\"release-{digest}\"")
}

#[cfg(test)]
mod tests;
