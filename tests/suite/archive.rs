//! What a source serves that becomes an archive, and what is in a published one, read independently of the code that packs it.
use anyhow::{Context, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest as sha256};
use flate2::read::GzDecoder;
use http::StatusCode;
use std::{io::Read, time::Duration};
use tokio::time::{sleep, timeout};

/// `sha256:` and the digest.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = sha256(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Waits until the artifact whose blob was damaged is refused. Its reader may have it from memory for a moment, and then whole.
pub(crate) async fn refused(url: &str, published: &str) -> Result<()> {
    let refused = async {
        loop {
            let read = reqwest::get(url).await?;
            if read.status() == StatusCode::NOT_FOUND {
                return Ok(());
            }
            let bytes = read.error_for_status()?.bytes().await?;
            ensure!(digest(&bytes) == published, "other bytes than were published");
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), refused).await.context("it is served, though its blob is damaged")?
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

/// Bytes that no compression makes fewer, another sequence for each seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
