//! `spec.generator.s3`: an object, or a folder of objects, in S3 or in what speaks like it.
use super::{Settings, address};
use crate::{
    external_source::{
        SecretKeyReference, SecretReference, Unpack,
        rules::{secret_key, secret_name},
    },
    rules::Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Position, Url};

/// What `region` is when unset.
const DEFAULT_REGION: &str = "us-east-1";

/// As S3 has it.
const LONGEST_KEY: usize = 1024;

/// An object, or all objects of a folder, in a bucket of S3 or of what speaks like it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Generator {
    /// The name of the bucket.
    pub bucket: String,

    /// The key of the object to fetch. Either this or `prefix` must be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,

    /// The folder whose objects make up the artifact, each a file named by the rest of its key; empty means the whole
    /// bucket. Objects whose keys cannot be names of files fail the fetch. At most 10,000 objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,

    /// The region of the bucket, with which requests are signed. Unset means `us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// The address of the service, such as `https://minio.example.com:9000`. Unset means that of AWS in `region`. It may
    /// be reached on the same terms as the `url` of an `http` generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri"))]
    pub endpoint: Option<String>,

    /// Whether requests name the bucket in their path, and not in the name of the host. Unset means true where
    /// `endpoint` is set, and false for AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,

    /// A Secret in this namespace with the keys `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for credentials that
    /// last for a while, `AWS_SESSION_TOKEN`. Unset, requests are not signed, which public buckets take. Nothing of this
    /// installation's own credentials is ever used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,

    /// A key of a Secret in this namespace with PEM certificates to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_secret_ref: Option<SecretKeyReference>,

    /// Whether the object is an archive (tar, tar.gz, gzip or zip) whose files make up the artifact, as in an `http`
    /// generator. Not together with `prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpack: Option<Unpack>,
}

impl S3Generator {
    /// The region with which requests are signed.
    pub fn region(&self) -> &str {
        self.region.as_deref().unwrap_or(DEFAULT_REGION)
    }

    /// Where requests go, without the bucket.
    pub fn endpoint(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{}.amazonaws.com", self.region()),
        }
    }

    /// Whether requests name the bucket in their path.
    pub fn is_path_style(&self) -> bool {
        self.path_style.unwrap_or(self.endpoint.is_some())
    }
}

impl Settings for S3Generator {
    fn judge(&self, found: &mut Violations) {
        bucket(found, &self.bucket);
        what(found, self);
        if let Some(region) = &self.region
            && !(is_made_of(region, "-") && region.len() <= 32)
        {
            let detail = "must be lower-case letters, digits and -, such as eu-west-1";
            found.invalid("spec.generator.s3.region", region, detail);
        }
        if let Some(text) = &self.endpoint {
            endpoint(found, text);
        }
        if let Some(reference) = &self.credentials_secret_ref {
            secret_name(found, "spec.generator.s3.credentialsSecretRef.name", &reference.name);
        }
        if let Some(reference) = &self.ca_bundle_secret_ref {
            secret_key(found, "spec.generator.s3.caBundleSecretRef", reference);
        }
        if self.prefix.is_some() && self.unpack.is_some() {
            found.forbidden("spec.generator.s3.unpack", "may only be set together with object");
        }
    }

    fn warnings(&self) -> Vec<String> {
        let plain = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let why = "anybody on the way can read and change the data; use https";
        plain.then(|| format!("spec.generator.s3.endpoint: {why}")).into_iter().collect()
    }

    fn secrets(&self) -> Vec<&str> {
        let credentials = self.credentials_secret_ref.as_ref().map(|reference| &*reference.name);
        let ca_bundle = self.ca_bundle_secret_ref.as_ref().map(|reference| &*reference.name);
        [credentials, ca_bundle].into_iter().flatten().collect()
    }

    fn host(&self) -> String {
        let host = |url: Url| url[Position::BeforeHost..Position::AfterPort].to_owned();
        Url::parse(&self.endpoint()).map(host).unwrap_or_default()
    }

    fn reaches(&self) -> String {
        if self.is_path_style() { self.host() } else { format!("{}.{}", self.bucket, self.host()) }
    }

    fn host_field(&self) -> &'static str {
        if self.endpoint.is_some() { "spec.generator.s3.endpoint" } else { "spec.generator.s3" }
    }

    /// The objects of a folder come as one archive.
    fn unpacks(&self) -> Option<&'static str> {
        match self.unpack {
            _ if self.prefix.is_some() => Some("spec.generator.s3.prefix"),
            Some(Unpack::Auto | Unpack::Always) => Some("spec.generator.s3.unpack"),
            Some(Unpack::Never) | None => None,
        }
    }
}

/// As S3 names buckets; what is like a host's name, since it may become a part of one.
fn bucket(found: &mut Violations, name: &str) {
    let is_label = |label: &str| is_made_of(label, "-") && !label.starts_with('-') && !label.ends_with('-');
    if !((3..=63).contains(&name.len()) && name.split('.').all(is_label)) {
        let detail = "must be the name of a bucket: 3 to 63 lower-case letters, digits, - and .";
        found.invalid("spec.generator.s3.bucket", name, detail);
    }
}

fn is_made_of(text: &str, more: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c);
    !text.is_empty() && text.chars().all(allowed)
}

fn what(found: &mut Violations, s3: &S3Generator) {
    match (&s3.object, &s3.prefix) {
        (None, None) => {
            found.required("spec.generator.s3.object", "name an object here, or a folder in prefix");
        }
        (Some(_), Some(_)) => {
            found.forbidden("spec.generator.s3.prefix", "may not be set together with object");
        }
        (Some(object), None) => key(found, "spec.generator.s3.object", object),
        (None, Some(prefix)) if prefix.is_empty() => {}
        (None, Some(prefix)) => {
            let folder = prefix.strip_suffix('/').unwrap_or(prefix);
            key(found, "spec.generator.s3.prefix", folder);
        }
    }
}

/// Keys that are no paths exist, and no client of ours can name them.
fn key(found: &mut Violations, field: &str, key: &str) {
    if key.len() > LONGEST_KEY {
        return found.too_long(field, key.len(), LONGEST_KEY);
    }
    if key.contains(char::is_control) {
        found.invalid(field, key, "must not contain control characters");
    }
    if key.split('/').any(|step| matches!(step, "" | "." | "..")) {
        found.invalid(field, key, "must be a path such as a/b.tar.gz, without empty steps, . or ..");
    }
}

fn endpoint(found: &mut Violations, text: &str) {
    const FIELD: &str = "spec.generator.s3.endpoint";
    const CREDENTIALS: &str = "must not carry user or password; put keys into credentialsSecretRef";
    address::address(found, FIELD, text, CREDENTIALS);
    let goes_on = |url: Url| {
        matches!(url.scheme(), "http" | "https")
            && (url.path() != "/" || url.query().is_some() || url.fragment().is_some())
    };
    if !text.contains('@') && Url::parse(text).is_ok_and(goes_on) {
        found.invalid(FIELD, text, "must end after the host and its port");
    }
}

#[cfg(test)]
mod tests;
