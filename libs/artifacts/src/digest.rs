//! SHA-256: of bytes at hand, and of bytes that pass by.
use aws_lc_rs::digest::{Context, SHA256};
use std::{fmt, str::FromStr};
use thiserror::Error;

mod tar_digest;

pub use tar_digest::{InvalidTarDigest, TarDigest, TarHasher};

const PREFIX: &str = "sha256:";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A SHA-256. Written `sha256:` and 64 hexadecimal digits, as in OCI and in Flux's artifacts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a digest is `sha256:` and 64 lower-case hexadecimal digits")]
pub struct InvalidDigest;

/// Computes a [`Digest`] piece by piece.
#[derive(Clone)]
pub struct Hasher(Context);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 64 digits alone.
    pub fn hex(&self) -> String {
        let mut digits = String::with_capacity(2 * self.0.len());
        for byte in self.0 {
            digits.extend([byte >> 4, byte & 15].map(|nibble| char::from(HEX[usize::from(nibble)])));
        }
        digits
    }

    /// Reads the 64 digits alone; upper case is refused, so that a digest has one spelling.
    pub fn from_hex(digits: &str) -> Result<Self, InvalidDigest> {
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let pairs: &[[u8; 2]; 32] = pairs.try_into().map_err(|_| InvalidDigest)?;
        if !rest.is_empty() {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        Self::from_hex(text.strip_prefix(PREFIX).ok_or(InvalidDigest)?)
    }
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Digest {
        let digest = self.0.finish();
        Digest(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

fn nibble(digit: u8) -> Result<u8, InvalidDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidDigest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_empty_text_has_the_digest_of_the_standard() {
        assert_eq!(Digest::of(b"").hex(), EMPTY);
        assert_eq!(Digest::of(b"").to_string(), format!("sha256:{EMPTY}"));
    }

    #[test]
    fn pieces_give_the_digest_of_the_whole() {
        let mut hasher = Hasher::new();
        hasher.update(b"pos");
        hasher.update(b"tern");
        assert_eq!(hasher.finish(), Digest::of(b"postern"));
    }

    #[test]
    fn a_digest_is_read_back_from_its_text() {
        let digest = Digest::of(b"postern");
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let upper = EMPTY.to_uppercase();
        for bad in
            ["", "e3b0", EMPTY, &upper, &EMPTY[1..], "sha512:00", "sha256:", &format!("sha256:{upper}")]
        {
            assert_eq!(bad.parse::<Digest>(), Err(InvalidDigest), "{bad}");
        }
        for bad in
            ["", &upper, &EMPTY[1..], &format!("{EMPTY}0"), &format!("{EMPTY}00"), &format!(" {EMPTY}")]
        {
            assert_eq!(Digest::from_hex(bad), Err(InvalidDigest), "{bad}");
        }
    }
}
