//! What Postern asked of the API, read from kube-apiserver's audit log: nobody's own count.
use anyhow::{Context, Result};
use cluster::Cluster;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
};

const POSTERN: &str = "system:serviceaccount:postern-system:postern";
/// What the names of the accounts of roles that run apart begin with.
const ROLES: &str = "system:serviceaccount:postern-system:postern-";
const READS: [&str; 3] = ["get", "list", "watch"];

/// A place in the audit log.
pub(crate) struct Mark {
    log: File,
    at: u64,
}

impl Mark {
    /// The end of the log as it is now.
    pub(crate) fn now(cluster: &Cluster) -> Result<Self> {
        let mut log = File::open(cluster.directory().log("audit")).context("failed to open the audit log")?;
        let at = log.seek(SeekFrom::End(0))?;
        Ok(Self { log, at })
    }

    /// Postern's writes in that namespace since then, as in `patch externalsources/status one`.
    pub(crate) fn writes_since(&mut self, namespace: &str) -> Result<Vec<String>> {
        let is_ours = |entry: &&Value| {
            text(entry, "/user/username") == POSTERN
                && text(entry, "/objectRef/namespace") == namespace
                && !READS.contains(&text(entry, "/verb"))
        };
        Ok(self.entries()?.iter().filter(is_ours).map(asked).collect())
    }

    /// What the accounts of Postern's roles asked for since then, by account; and what of that was forbidden.
    pub(crate) fn asked_by_roles(&mut self) -> Result<(BTreeSet<String>, Vec<String>)> {
        let (mut accounts, mut forbidden) = (BTreeSet::new(), Vec::new());
        for entry in self.entries()? {
            let Some(role) = text(&entry, "/user/username").strip_prefix(ROLES) else { continue };
            accounts.insert(role.to_owned());
            if entry["responseStatus"]["code"] == 403 {
                forbidden.push(format!("{role}: {}", asked(&entry)));
            }
        }
        Ok((accounts, forbidden))
    }

    fn entries(&mut self) -> Result<Vec<Value>> {
        self.log.seek(SeekFrom::Start(self.at))?;
        let (mut entries, mut lines, mut line) = (Vec::new(), BufReader::new(&self.log), String::new());
        // The last line may be half written yet.
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            entries.push(serde_json::from_str(&line).context("failed to read the audit log")?);
            line.clear();
        }
        Ok(entries)
    }
}

fn text<'e>(entry: &'e Value, pointer: &str) -> &'e str {
    entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn asked(entry: &Value) -> String {
    let [resource, subresource, name] =
        ["resource", "subresource", "name"].map(|field| text(entry, &format!("/objectRef/{field}")));
    format!("{} {resource}/{subresource} {name}", text(entry, "/verb"))
}
