//! What is in a published archive, read independently of the code that packs it.
use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest as sha256};
use flate2::read::GzDecoder;
use std::io::Read;

/// `sha256:` and the digest.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = sha256(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The regular files of a tar.gz with their texts, in order.
pub(crate) fn files(gzip: &[u8]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in tar::Archive::new(GzDecoder::new(gzip)).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let name = entry.path()?.to_string_lossy().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            found.push((name, text));
        }
    }
    Ok(found)
}

/// A tar of these files, as a source may serve one.
pub(crate) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes()).expect("a plain name");
    }
    archive.into_inner().expect("memory does not fail")
}
