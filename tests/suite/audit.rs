//! What Postern wrote to the API, read from kube-apiserver's audit log: nobody's own count.
use anyhow::{Context, Result};
use cluster::Cluster;
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
};

const POSTERN: &str = "system:serviceaccount:postern-system:postern";
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
        self.log.seek(SeekFrom::Start(self.at))?;
        let (mut writes, mut lines, mut line) = (Vec::new(), BufReader::new(&self.log), String::new());
        // The last line may be half written yet.
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            let entry: Value = serde_json::from_str(&line).context("failed to read the audit log")?;
            line.clear();
            let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let is_ours = text("/user/username") == POSTERN && text("/objectRef/namespace") == namespace;
            if is_ours && !READS.contains(&text("/verb")) {
                let [resource, subresource, name] =
                    ["resource", "subresource", "name"].map(|field| text(&format!("/objectRef/{field}")));
                writes.push(format!("{} {resource}/{subresource} {name}", text("/verb")));
            }
        }
        Ok(writes)
    }
}
