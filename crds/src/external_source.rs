//! `ExternalSource`: where bytes come from, how often to look, and what was found.
//!
//! Group, kind, field names, types and defaults are those of flux-externalsource-controller, so that its manifests
//! apply unchanged; fields marked *addition* are ours, and all optional.
mod defaults;
mod expression;
mod generators;
mod pin;
mod rules;

pub use expression::{Expression, Language, LayoutFile};
pub use generators::*;

use crate::{
    duration,
    schedule::{Calendar, Schedule},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The finalizer that keeps a source until its artifacts are gone; the original's name.
pub const FINALIZER: &str = "source.flux.oddkin.co/externalsource-finalizer";

/// Brings data from behind an HTTP API, from S3 or from releases into the cluster as a versioned, verified artifact that Flux can apply.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "source.flux.oddkin.co",
    version = "v1alpha1",
    kind = "ExternalSource",
    plural = "externalsources",
    singular = "externalsource",
    shortname = "extsrc",
    category = "postern",
    category = "fluxcd",
    namespaced,
    status = "ExternalSourceStatus",
    derive = "PartialEq",
    doc = "ExternalSource fetches data from an HTTP API, from S3 or from releases at an interval, packs it reproducibly as a tar.gz, and publishes it as a versioned, verified artifact: as an ExternalArtifact for Flux, and through `kubectl get externalsources.subresources.postern.dev NAME --subresource artifact` for people.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    printcolumn = r#"{"name":"Revision","type":"string","jsonPath":".status.artifact.shortRevision"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSourceSpec {
    /// How often to look for new data, as a Go duration such as `10m` or `1h30m`; at least `1m`. Each pass is moved
    /// by up to 5 % so that many sources do not fetch at once.
    #[schemars(extend("pattern" = duration::PATTERN, "minLength" = 2))]
    pub interval: String,

    /// When the source may be fetched without being asked for, at most 16 entries: at each moment, or at `interval` while a window is open.
    /// A changed spec, a changed Secret and a request count at once. Unset, it is fetched at `interval` all the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<Schedule>,

    /// Stops all fetching while true. The last artifact stays published, and Ready keeps its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Where the data lies inside the artifact: the path of the file, or with `unpack` the folder that holds the
    /// unpacked files. Relative, without `..`, at most 255 bytes. Unset, a file is named `data`, and unpacked files
    /// lie at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_path: Option<String>,

    /// How many times all hooks of one pass together may be tried again; 0 means the default, 3.
    #[serde(default = "default_max_retries")]
    pub max_retries: i64,

    /// Longest time that one fetch may take, from resolving the name to the last byte, as a Go duration from `1s` to
    /// `10m`. Unset means `30s`.
    #[serde(default = "default_timeout")]
    #[schemars(extend("pattern" = duration::PATTERN))]
    pub timeout: String,

    /// Commands that change the request before it is sent, or the data before it is stored. They run where the operator has
    /// enabled hooks, and only as the whitelist of the installation allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,

    /// What to make of the data before it is stored, without any command: after the `postRequest` hooks, before it is unpacked.
    /// Exactly one of `cel`, `jq` and `template`, at most 4,096 bytes. It may take 100 ms of processor time, and with the data, of which there
    /// may be 8 MiB, 64 MiB of memory. To all three the data is the decoded document if it is a JSON object or array, or YAML that is
    /// a map or a list, else a text if it is UTF-8, else bytes. YAML is looked for where the content type says so or says nothing;
    /// several documents are a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Expression>,

    /// Splits the data into several files, at most 32; without it, it is one file, or what `unpack` makes of it. Each is an expression
    /// as in `transform`, about the data that `transform` made if it is set. The files lie below `destinationPath`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layout: Vec<LayoutFile>,

    /// Which files of an archive make up the artifact, and what is cut off from their paths. Only where the files of one do: with
    /// `unpack` of `Auto` or `Always`, with a `prefix` of S3, or with `assets` of a release. Unset, all of them do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,

    /// Where the data comes from.
    pub generator: Generator,

    /// How many stored revisions to keep, and for how long. Unset means 5, whatever their age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,

    /// The stored revision to keep published, `latest@sha256:` and 64 digits, as `status.history` names it; it is kept for as
    /// long. The source is still looked at, and what is newer waits. `rollback` sets this. Unset, the newest is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

impl ExternalSourceSpec {
    /// When the source may be fetched without being asked for; `None` where that is at any time, or what is said of it is wrong.
    pub fn calendar(&self) -> Option<Calendar> {
        Calendar::of(&self.schedule, duration::parse(&self.timeout).ok()?)
    }
}

/// Whether an archive is unpacked. `Never`, the default, stores the body as one file. `Auto` unpacks what content type and first bytes
/// show to be a tar, tar.gz, gzip or zip: its files make up the artifact. `Always` fails on anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Unpack {
    /// Store the body as one file.
    #[default]
    Never,
    /// Unpack what is an archive.
    Auto,
    /// Unpack, or fail.
    Always,
}

/// A Secret in the namespace of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// The name of the Secret.
    pub name: String,
}

/// A key of a Secret in the namespace of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// The name of the Secret.
    pub name: String,
    /// The key in the Secret.
    pub key: String,
}

/// Commands around a fetch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hooks {
    /// Run in order before the request; may change it. Each gets the request as JSON with `url`, `method`, `headers`
    /// (names with null in place of each value) and `body`, and writes the whole of it or a JSON patch (RFC 6902). What comes out is
    /// checked as the spec itself is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_request: Vec<Hook>,
    /// Run in order on the data, as bytes; each gets what the one before it wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_request: Vec<Hook>,
}

/// One command.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// The name of the hook, unique in its list.
    pub name: String,
    /// The program, exactly as the whitelist of the installation names it.
    pub command: String,
    /// Its arguments, handed over one by one: no shell reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Longest time that it may run, as a Go duration from `100ms` to `10m`. Unset means `30s`.
    #[serde(default = "default_hook_timeout")]
    pub timeout: String,
    /// What a failure means: `fail`, the default, ends the pass, `retry` tries again, `ignore` goes on with the data as it was.
    #[serde(default)]
    pub retry_policy: RetryPolicy,
    /// All of its environment variables. Not for secrets: whoever may read the object reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
}

/// What the failure of a hook means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetryPolicy {
    /// Go on with the data as it was.
    Ignore,
    /// Try again, as often as `maxRetries` allows.
    Retry,
    /// End the pass.
    #[default]
    Fail,
}

/// One environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Which files of an archive make up the artifact. In patterns `*` and `?` stand for anything but `/`, `**` for any folders, `[a-z]` for
/// one of these, and `{a,b}` for either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Select {
    /// How many leading folders are cut off from each path, before patterns are asked, as `tar --strip-components` does; 0 to 32. Files
    /// that do not lie so deep are left out. 1 takes away the folder that archives of releases put around everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip_components: Option<i64>,
    /// Patterns such as `deploy/**` or `**/*.yaml`; a file must match one of them. Unset, every file does. At most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Patterns of files that are left out, whatever `include` says. At most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// How many stored revisions to keep, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// How many revisions are kept, the current one included; 1 to 100. Unset means 5.
    #[serde(default = "default_history_limit")]
    pub limit: i64,
    /// Revisions older than this Go duration are removed; the current one never is. Unset, age does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = duration::PATTERN))]
    pub max_age: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSourceStatus {
    /// Ready sums everything up; Reconciling and Stalled are present only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The artifact that is published now. It stays when a later fetch fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,

    /// The newest artifact, where `spec.pin` keeps another one published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_artifact: Option<Artifact>,

    /// The stored revisions, newest first, the published one included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<StoredRevision>,

    /// The `ETag` of the last answer that carried data; sent as `If-None-Match`.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "lastHandledETag")]
    pub last_handled_etag: Option<String>,

    /// The `Last-Modified` of the last answer that carried data; sent as `If-Modified-Since` where there is no `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_last_modified: Option<String>,

    /// A digest of everything that shapes the artifact: address, method, body, versions of the Secrets, hooks, expressions,
    /// paths, unpacking. While it differs from the spec's, no conditional request is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_inputs_digest: Option<String>,

    /// The value of the annotation `reconcile.fluxcd.io/requestedAt` whose pass has ended, whatever its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,

    /// As `lastHandledReconcileAt`, for the same annotation on the ExternalArtifact, where Flux's receivers put it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_artifact_reconcile_at: Option<String>,

    /// When the next fetch is due, as known at the last write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_fetch_time: Option<Time>,

    /// How many passes failed since the last good one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<i64>,
}

/// A published artifact.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Where Flux fetches it, inside the cluster.
    #[serde(default)]
    pub url: String,
    /// `latest@sha256:` and the digest. Changes exactly when the content does.
    #[serde(default)]
    pub revision: String,
    /// The revision with 12 digits of its digest, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub short_revision: String,
    /// `sha256:` and the digest of the archive's bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The size of the archive in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Its path in the store.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// When it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// More about it: `created`, `size`, `contentHash` (SHA-256 of the body as received), `tarDigest` (BLAKE3 of the archive
    /// before compression), `contentType`, `skippedLinks`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A revision that can still be fetched.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredRevision {
    /// `latest@sha256:` and the digest.
    #[serde(default)]
    pub revision: String,
    /// `sha256:` and the digest of the archive's bytes.
    #[serde(default)]
    pub digest: String,
    /// The size of the archive in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// When it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
}

/// What `maxRetries` is when unset or 0.
pub const DEFAULT_MAX_RETRIES: i64 = 3;
/// How many revisions are kept when `history` does not say.
pub const DEFAULT_HISTORY_LIMIT: i64 = 5;

fn default_max_retries() -> i64 {
    DEFAULT_MAX_RETRIES
}

fn default_history_limit() -> i64 {
    DEFAULT_HISTORY_LIMIT
}

fn default_timeout() -> String {
    "30s".into()
}

fn default_hook_timeout() -> String {
    "30s".into()
}
