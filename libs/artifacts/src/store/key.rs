//! How blobs are named: by the source they belong to and by the digest of their bytes.
use crate::Digest;
use crds::names::is_dns_subdomain;
use std::{fmt, str::FromStr};
use thiserror::Error;

/// The first segment of every key, as Flux's own stores have one per kind.
pub(super) const ROOT: &str = "externalsource";

const SUFFIX: &str = ".tar.gz";

/// The ExternalSource that a blob belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey {
    /// The namespace of the source.
    pub namespace: String,
    /// The name of the source.
    pub name: String,
}

/// Names one blob. The digest is that of the blob's bytes, so a key never means two different contents.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey {
    /// The source that it belongs to.
    pub source: SourceKey,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// A text, or a pair of names, that is no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no key of a blob: {0:?}")]
pub struct InvalidKey(pub String);

impl SourceKey {
    /// Checks that both are names of Kubernetes objects, and so single, harmless path segments. Stores check again.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Result<Self, InvalidKey> {
        let key = Self { namespace: namespace.into(), name: name.into() };
        key.check()?;
        Ok(key)
    }

    pub(super) fn check(&self) -> Result<(), InvalidKey> {
        match is_dns_subdomain(&self.namespace) && is_dns_subdomain(&self.name) {
            true => Ok(()),
            false => Err(InvalidKey(self.to_string())),
        }
    }

    pub(super) fn path(&self) -> String {
        format!("{ROOT}/{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl BlobKey {
    /// Where it lies in the store, and below the address of the artifact listener:
    /// `externalsource/<namespace>/<name>/<64 hex>.tar.gz`.
    pub fn path(&self) -> String {
        format!("{}/{}{SUFFIX}", self.source.path(), self.digest.hex())
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Reads exactly what [`BlobKey::path`] writes.
impl FromStr for BlobKey {
    type Err = InvalidKey;

    fn from_str(path: &str) -> Result<Self, InvalidKey> {
        parse(path).ok_or_else(|| InvalidKey(path.to_owned()))
    }
}

fn parse(path: &str) -> Option<BlobKey> {
    let mut segments = path.split('/');
    let (root, namespace, name, file) =
        (segments.next()?, segments.next()?, segments.next()?, segments.next()?);
    if root != ROOT || segments.next().is_some() {
        return None;
    }
    let digest = Digest::from_hex(file.strip_suffix(SUFFIX)?).ok()?;
    Some(BlobKey { source: SourceKey::new(namespace, name).ok()?, digest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> BlobKey {
        BlobKey { source: SourceKey::new("apps", "podinfo").unwrap(), digest: Digest::of(b"") }
    }

    #[test]
    fn a_path_says_kind_namespace_name_and_digest() {
        let digits = Digest::of(b"").hex();
        assert_eq!(key().path(), format!("externalsource/apps/podinfo/{digits}.tar.gz"));
    }

    #[test]
    fn only_names_of_objects_make_a_source() {
        for bad in ["", ".", "..", "a/b", "A", "a\0", "a%2fb", "-a"] {
            assert_eq!(SourceKey::new("apps", bad), Err(InvalidKey(format!("apps/{bad}"))));
            assert_eq!(SourceKey::new(bad, "podinfo"), Err(InvalidKey(format!("{bad}/podinfo"))));
        }
    }

    #[test]
    fn no_other_path_is_a_key() {
        let good = key().path();
        let digits = Digest::of(b"").hex();
        for bad in [
            format!("/{good}"),
            format!("{good}/"),
            format!("{good}#1"),
            good.replace("/podinfo/", "/podinfo//"),
            good.replace("podinfo", ".."),
            good.replace("apps", "%61pps"),
            good.replace(".tar.gz", ".tgz"),
            good.replace(&digits, &digits.to_uppercase()),
            good.replace(&digits, &digits[1..]),
            format!("externalsource/podinfo/{digits}.tar.gz"),
            format!("gitrepository/apps/podinfo/{digits}.tar.gz"),
        ] {
            assert_eq!(bad.parse::<BlobKey>(), Err(InvalidKey(bad.clone())));
        }
    }

    proptest! {
        #[test]
        fn any_key_is_read_back(namespace in "[a-z0-9]{1,20}", name in "[a-z0-9]([a-z0-9.]?[a-z0-9]){0,9}", bytes: Vec<u8>) {
            let key = BlobKey { source: SourceKey::new(namespace, name).unwrap(), digest: Digest::of(&bytes) };
            prop_assert_eq!(key.path().parse(), Ok(key));
        }

        #[test]
        fn any_text_that_parses_is_written_the_same(path in ".{0,20}|externalsource(/[a-z.%#]{0,4}){1,4}") {
            if let Ok(key) = path.parse::<BlobKey>() {
                prop_assert_eq!(key.path(), path);
            }
        }
    }
}
