//! What `/version` says.
use serde::Serialize;
use std::env::consts::{ARCH, OS};

/// The version of a server, in the form of every Kubernetes component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// First number of the version.
    pub major: String,
    /// Second number of the version.
    pub minor: String,
    /// The version with a `v` in front.
    pub git_version: String,
    /// The commit that it was built from.
    pub git_commit: String,
    /// `clean`, or `dirty` if something was not committed.
    pub git_tree_state: String,
    /// When it was built, as RFC 3339 writes moments.
    pub build_date: String,
    /// Empty for a server that is not written in Go.
    pub go_version: String,
    /// What compiled it.
    pub compiler: String,
    /// Operating system and architecture, as `linux/x86_64`.
    pub platform: String,
}

impl VersionInfo {
    /// Of a version such as `1.2.3`; pass `env!("CARGO_PKG_VERSION")`.
    pub fn of(version: &str) -> Self {
        let mut numbers = version.split('.').map(str::to_owned);
        Self {
            major: numbers.next().unwrap_or_default(),
            minor: numbers.next().unwrap_or_default(),
            git_version: format!("v{version}"),
            compiler: "rustc".to_owned(),
            platform: format!("{OS}/{ARCH}"),
            ..Self::default()
        }
    }
}
