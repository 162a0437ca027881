//! What a server wrote to the API, read from kube-apiserver's audit log: nobody's own count.
use anyhow::{Context, Result};
use cluster::Cluster;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
};

/// The account of Postern.
pub(crate) const POSTERN: &str = "system:serviceaccount:postern-system:postern";
const WRITES: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];

/// A place in the audit log.
pub(crate) struct Mark {
    log: File,
    at: u64,
}

/// How often it wrote what, as in `patch externalsources/status`.
#[derive(Default)]
pub(crate) struct Writes(BTreeMap<String, usize>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    verb: String,
    user: User,
    object_ref: Option<Object>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: Option<String>,
    namespace: String,
}

impl Mark {
    /// The end of the log as it is now.
    pub(crate) fn now(cluster: &Cluster) -> Result<Self> {
        let mut log = File::open(cluster.directory().log("audit")).context("failed to open the audit log")?;
        let at = log.seek(SeekFrom::End(0))?;
        Ok(Self { log, at })
    }

    /// The account's writes in that namespace since then; outside of namespaces, where questions about rights and tokens
    /// are written to, if it is empty.
    pub(crate) fn writes_since(&mut self, account: &str, namespace: &str) -> Result<Writes> {
        self.log.seek(SeekFrom::Start(self.at))?;
        let (mut writes, mut lines, mut line) = (Writes::default(), BufReader::new(&self.log), String::new());
        // The last line may be half written yet.
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            let entry: Entry = serde_json::from_str(&line).context("failed to read the audit log")?;
            line.clear();
            let object = entry.object_ref.unwrap_or_default();
            let written = entry.user.username == account && WRITES.contains(&entry.verb.as_str());
            if written && object.namespace == namespace {
                let subresource = object.subresource.map(|name| format!("/{name}")).unwrap_or_default();
                *writes.0.entry(format!("{} {}{subresource}", entry.verb, object.resource)).or_default() += 1;
            }
        }
        Ok(writes)
    }
}

impl Writes {
    /// How often this was written, such as `create tokenreviews`.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// As `patch externalsources 100, patch externalsources/status 100`.
    pub(crate) fn text(&self) -> String {
        let kinds: Vec<_> = self.0.iter().map(|(what, count)| format!("{what} {count}")).collect();
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    }
}
