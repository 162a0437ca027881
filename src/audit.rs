//! Where the records of requests to the aggregated API go.
use crate::flags::Flags;
use anyhow::Context as _;
use extension_apiserver::audit::JsonLines;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// What takes the records; nothing without the flag.
pub(crate) fn open(flags: &Flags) -> anyhow::Result<Option<JsonLines>> {
    let Some(path) = &flags.audit.log else { return Ok(None) };
    let lines =
        if path == Path::new("-") { JsonLines::new(io::stdout()) } else { JsonLines::new(append(path)?) };
    lines.map(Some).context("failed to start the writer of audit records")
}

/// Appends, so that a log that was cut short by `copytruncate` goes on at its beginning. Who asked for what is for
/// nobody else's eyes.
fn append(path: &Path) -> anyhow::Result<File> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened.with_context(|| format!("failed to open {} (--audit-log)", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_opened_is_named_with_its_flag() {
        let error = append(Path::new("/no/such/folder/audit.log")).expect_err("no such folder");
        assert_eq!(error.to_string(), "failed to open /no/such/folder/audit.log (--audit-log)");
    }
}
