//! BLAKE3 of an archive before compression. Nobody outside compares it, so it may be the fastest there is: it passes over
//! all that is packed, which is often ten times the archive, and SHA-256 would take longer there than deflate where the
//! processor has no instructions for it.
use std::{fmt, str::FromStr};
use thiserror::Error;

const PREFIX: &str = "blake3:";

/// The BLAKE3 of a tar. Written `blake3:` and 64 hexadecimal digits, as Flux writes digests of that algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TarDigest(blake3::Hash);

/// A text that is no digest of a tar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a digest of a tar is `blake3:` and 64 lower-case hexadecimal digits")]
pub struct InvalidTarDigest;

/// Computes a [`TarDigest`] piece by piece; pieces of 16 KiB and more are fast.
pub struct TarHasher(Box<blake3::Hasher>);

impl TarDigest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }
}

impl fmt::Display for TarDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl fmt::Debug for TarDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TarDigest {
    type Err = InvalidTarDigest;

    fn from_str(text: &str) -> Result<Self, InvalidTarDigest> {
        let hash = text.strip_prefix(PREFIX).and_then(|hex| blake3::Hash::from_hex(hex).ok());
        let digest = hash.map(Self).ok_or(InvalidTarDigest)?;
        // A digest has one spelling.
        if digest.to_string() == text { Ok(digest) } else { Err(InvalidTarDigest) }
    }
}

impl TarHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self(Box::new(blake3::Hasher::new()))
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken in.
    pub fn finish(&self) -> TarDigest {
        TarDigest(self.0.finalize())
    }
}

impl Default for TarHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TarHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TarHasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    #[test]
    fn the_empty_tar_has_the_digest_of_the_specification() {
        assert_eq!(TarDigest::of(b"").to_string(), EMPTY);
    }

    #[test]
    fn pieces_give_the_digest_of_the_whole() {
        let bytes = [7; 100_000];
        let mut hasher = TarHasher::new();
        bytes.chunks(999).for_each(|piece| hasher.update(piece));
        assert_eq!(hasher.finish(), TarDigest::of(&bytes));
    }

    #[test]
    fn a_digest_is_read_back_from_its_one_spelling() {
        assert_eq!(EMPTY.parse(), Ok(TarDigest::of(b"")));
        let sha256 = crate::Digest::of(b"").to_string();
        for bad in ["", "blake3:", &EMPTY[7..], &EMPTY.to_uppercase(), &format!("{EMPTY}0"), &sha256] {
            assert_eq!(bad.parse::<TarDigest>(), Err(InvalidTarDigest), "{bad}");
        }
        let upper = format!("blake3:{}", EMPTY[7..].to_uppercase());
        assert_eq!(upper.parse::<TarDigest>(), Err(InvalidTarDigest));
    }
}
