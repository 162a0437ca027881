//! How an artifact's digest is written as a revision (Flux RFC-0005: pointer, `@`, algorithm, `:`, checksum).
use crate::Digest;

/// What stands before the `@`: an ExternalSource always means the newest data of its source.
const POINTER: &str = "latest";

/// The digits of a short revision; Git and `docker images` show as many.
const SHORT: usize = 12;

/// The revision that Flux compares: `latest@sha256:` and all 64 digits.
pub fn revision(digest: &Digest) -> String {
    format!("{POINTER}@{digest}")
}

/// The revision for people: `latest@sha256:` and the first 12 digits.
pub fn short_revision(digest: &Digest) -> String {
    shortened(&revision(digest)).to_owned()
}

/// A revision with its first 12 digits alone; what is shorter stays as it is.
pub fn shortened(revision: &str) -> &str {
    let digits = revision.find(':').map_or(0, |colon| colon + 1);
    revision.get(..digits + SHORT).unwrap_or(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_carries_the_whole_digest() {
        let digest = Digest::of(b"");
        assert_eq!(revision(&digest), format!("latest@sha256:{}", digest.hex()));
        assert_eq!(short_revision(&digest), "latest@sha256:e3b0c44298fc");
        assert_eq!(shortened("latest@sha256:e3b0"), "latest@sha256:e3b0");
    }

    #[test]
    fn a_revision_has_one_at_sign_and_one_colon() {
        let text = revision(&Digest::of(b"helm-controller splits here"));
        assert_eq!((text.matches('@').count(), text.matches(':').count()), (1, 1));
    }
}
