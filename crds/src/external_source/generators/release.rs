//! `spec.generator.release`: assets of a release, chosen by version, of GitHub, GitLab or Gitea.
use super::{Settings, address};
use crate::{
    external_source::{
        SecretKeyReference, SecretReference, Unpack,
        rules::{secret_key, secret_name},
    },
    path_patterns,
    rules::Violations,
    versions,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Position, Url};

const LONGEST: usize = 255;
const MOST_PATTERNS: usize = 16;

/// Assets of the release with the highest version of a repository.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseGenerator {
    /// Whose API it is: `github`, `gitlab` or `gitea` (Forgejo too).
    pub provider: ReleaseProvider,

    /// The repository, as in `owner/name`; of GitLab the path of the project, with all its groups.
    pub repository: String,

    /// Where the API is, such as `https://github.example.com/api/v3`, `https://gitlab.example.com/api/v4` or
    /// `https://gitea.example.com/api/v1`. Unset means that of github.com, gitlab.com or gitea.com. It may be reached on the same terms as
    /// the `url` of an `http` generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri"))]
    pub url: Option<String>,

    /// Which versions are good, in the words of Flux and Helm: `1.4.x`, `^1.4` (below 2), `~1.4` (below 1.5), `>=1.2 <2`,
    /// `1.4.2`. Unset, any is. Of those the highest is taken; tags that are no versions, with or without a leading `v`, are passed over. The
    /// 1,000 newest releases are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,

    /// A regular expression that a tag must match to count, such as `-lts$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver_filter: Option<String>,

    /// The tag of the only release that is meant, whatever its version and also if the provider marks it as one before a release. Not
    /// together with `semver`, `semverFilter`, `tagPrefix` and `prereleases`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,

    /// What the tags begin with before their versions, such as `kustomize/`. Others are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_prefix: Option<String>,

    /// Whether versions before a release count too, such as `1.4.0-rc.1`, and those that the provider marks as such; they are good if
    /// the version that they lead to is. Drafts never count. Unset means false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prereleases: Option<bool>,

    /// The asset, by its name or a pattern such as `*-linux-amd64.tar.gz` that only one may match. Either this or `assets` must be
    /// set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,

    /// The assets, by their names or patterns, at most 16 of these and 32 assets; each is a file of the artifact, and each pattern must
    /// match one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,

    /// The name of the asset that lists the SHA-256 of the others, as `sha256sum` writes it. Each that is taken must be listed and must
    /// be what it says. The `digest` that GitHub tells of an asset is checked in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksums: Option<String>,

    /// A Secret in this namespace whose key `token` is what the API knows us by. It is sent to the host of `url` alone, whatever
    /// that says where assets are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,

    /// A key of a Secret in this namespace with PEM certificates to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_secret_ref: Option<SecretKeyReference>,

    /// Whether the asset is an archive (tar, tar.gz, gzip or zip) whose files make up the artifact, as in an `http`
    /// generator. Not together with `assets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpack: Option<Unpack>,
}

/// Whose API it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseProvider {
    /// GitHub, or GitHub Enterprise Server.
    #[default]
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea or Forgejo.
    Gitea,
}

impl ReleaseGenerator {
    /// Where the API is, without a slash at its end.
    pub fn api(&self) -> &str {
        let usual = match self.provider {
            ReleaseProvider::Github => "https://api.github.com",
            ReleaseProvider::Gitlab => "https://gitlab.com/api/v4",
            ReleaseProvider::Gitea => "https://gitea.com/api/v1",
        };
        self.url.as_deref().unwrap_or(usual).trim_end_matches('/')
    }
}

impl Settings for ReleaseGenerator {
    fn judge(&self, found: &mut Violations) {
        repository(found, self);
        if let Some(text) = &self.url {
            api(found, text);
        }
        which(found, self);
        let names = [("tag", &self.tag), ("tagPrefix", &self.tag_prefix), ("checksums", &self.checksums)];
        for (field, name) in names.into_iter().filter_map(|(field, name)| Some((field, name.as_deref()?))) {
            let field = format!("spec.generator.release.{field}");
            if name.len() > LONGEST {
                found.too_long(&field, name.len(), LONGEST);
            } else if name.is_empty() || name.contains(char::is_control) {
                found.invalid(&field, name, "must not be empty, nor contain control characters");
            }
        }
        what(found, self);
        if let Some(reference) = &self.secret_ref {
            secret_name(found, "spec.generator.release.secretRef.name", &reference.name);
        }
        if let Some(reference) = &self.ca_bundle_secret_ref {
            secret_key(found, "spec.generator.release.caBundleSecretRef", reference);
        }
    }

    fn warnings(&self) -> Vec<String> {
        let why = "anybody on the way can read the token and change the data; use https";
        let plain = self.api().starts_with("http://");
        plain.then(|| format!("spec.generator.release.url: {why}")).into_iter().collect()
    }

    fn secrets(&self) -> Vec<&str> {
        let token = self.secret_ref.as_ref().map(|reference| &*reference.name);
        let ca_bundle = self.ca_bundle_secret_ref.as_ref().map(|reference| &*reference.name);
        [token, ca_bundle].into_iter().flatten().collect()
    }

    fn host(&self) -> String {
        let host = |url: Url| url[Position::BeforeHost..Position::AfterPort].to_owned();
        Url::parse(self.api()).map(host).unwrap_or_default()
    }

    /// Several assets come as one archive.
    fn unpacks(&self) -> Option<&'static str> {
        match self.unpack {
            _ if !self.assets.is_empty() => Some("spec.generator.release.assets"),
            Some(Unpack::Auto | Unpack::Always) => Some("spec.generator.release.unpack"),
            Some(Unpack::Never) | None => None,
        }
    }
}

/// As all three name them; what is like a path, since it becomes a part of one.
fn repository(found: &mut Violations, release: &ReleaseGenerator) {
    const FIELD: &str = "spec.generator.release.repository";
    let name = &release.repository;
    let is_sign = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_step = |step: &str| !step.is_empty() && step.chars().all(is_sign) && !matches!(step, "." | "..");
    let steps = name.split('/').count();
    let most = if release.provider == ReleaseProvider::Gitlab { 21 } else { 2 };
    if name.len() > LONGEST {
        found.too_long(FIELD, name.len(), LONGEST);
    } else if !name.split('/').all(is_step) || !(2..=most).contains(&steps) {
        found.invalid(FIELD, name, "must be owner/name, of letters, digits, -, _ and .");
    }
}

fn api(found: &mut Violations, text: &str) {
    const FIELD: &str = "spec.generator.release.url";
    const CREDENTIALS: &str = "must not carry user or password; put a token into secretRef";
    address::address(found, FIELD, text, CREDENTIALS);
    let goes_on = |url: Url| url.query().is_some() || url.fragment().is_some();
    if !text.contains('@') && Url::parse(text).is_ok_and(goes_on) {
        found.invalid(
            FIELD,
            text.split(['?', '#']).next().unwrap_or_default(),
            "must end before any ? and #",
        );
    }
}

fn which(found: &mut Violations, release: &ReleaseGenerator) {
    const FIELD: &str = "spec.generator.release";
    if let Some(text) = &release.semver {
        versions::judge(found, &format!("{FIELD}.semver"), text);
    }
    if let Some(text) = &release.semver_filter {
        versions::judge_filter(found, &format!("{FIELD}.semverFilter"), text);
    }
    let Some(tag) = &release.tag else { return };
    // As a step of an address, they would lead elsewhere.
    if matches!(tag.as_str(), "." | "..") {
        found.invalid(&format!("{FIELD}.tag"), tag, "must be the tag of a release");
    }
    let others = [
        ("semver", release.semver.is_some()),
        ("semverFilter", release.semver_filter.is_some()),
        ("tagPrefix", release.tag_prefix.is_some()),
        ("prereleases", release.prereleases.is_some()),
    ];
    for (field, _) in others.into_iter().filter(|(_, is_set)| *is_set) {
        found.forbidden(&format!("{FIELD}.{field}"), "may not be set together with tag");
    }
}

fn what(found: &mut Violations, release: &ReleaseGenerator) {
    let (one, many) = ("spec.generator.release.asset", "spec.generator.release.assets");
    match &release.asset {
        None if release.assets.is_empty() => found.required(one, "name an asset here, or several in assets"),
        Some(_) if !release.assets.is_empty() => found.forbidden(many, "may not be set together with asset"),
        Some(pattern) => name_pattern(found, one, pattern),
        None => {}
    }
    if release.assets.len() > MOST_PATTERNS {
        found.invalid_number(many, release.assets.len() as i64, "must be 16 patterns or fewer");
    }
    for (i, pattern) in release.assets.iter().enumerate() {
        name_pattern(found, &format!("{many}[{i}]"), pattern);
    }
    if release.unpack.is_some() && !release.assets.is_empty() {
        found.forbidden("spec.generator.release.unpack", "may only be set together with asset");
    }
}

fn name_pattern(found: &mut Violations, field: &str, text: &str) {
    if text.len() > LONGEST {
        found.too_long(field, text.len(), LONGEST);
    } else if text.is_empty() || text.contains('/') || text.contains(char::is_control) {
        found.invalid(field, text, "must be a name or a pattern such as *-linux-amd64.tar.gz, without /");
    } else if let Err(why) = path_patterns::pattern(text) {
        found.invalid(field, text, &format!("must be a pattern such as *-linux-amd64.tar.gz: {why}"));
    }
}

#[cfg(test)]
mod tests;
