//! What `spec.pin` names.
use super::ExternalSourceSpec;

impl ExternalSourceSpec {
    /// The digest that `spec.pin` names, `sha256:` and 64 digits. None without a pin, and for one that breaks its rule.
    pub fn pinned_digest(&self) -> Option<&str> {
        digest_of(self.pin.as_deref()?)
    }
}

/// The digest of a revision in full. What fewer digits mean could change while they stand in a spec.
pub(super) fn digest_of(revision: &str) -> Option<&str> {
    let digest = revision.strip_prefix("latest@").unwrap_or(revision);
    let digits = digest.strip_prefix("sha256:")?;
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (digits.len() == 64 && digits.bytes().all(is_digit)).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_names_a_whole_digest_in_its_one_spelling() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let pinned = |pin: &str| {
            let spec = ExternalSourceSpec { pin: Some(pin.to_owned()), ..ExternalSourceSpec::default() };
            spec.pinned_digest().map(str::to_owned)
        };
        assert_eq!(pinned(&digest).as_ref(), Some(&digest));
        assert_eq!(pinned(&format!("latest@{digest}")), Some(digest.clone()));
        for bad in
            ["", "latest", "0a0a0a0a0a0a", &digest[..70], &digest.to_uppercase(), &format!("{digest}0")]
        {
            assert_eq!(pinned(bad), None, "{bad}");
        }
        assert_eq!(ExternalSourceSpec::default().pinned_digest(), None);
    }
}
