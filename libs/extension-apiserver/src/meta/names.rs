//! Names that the server makes up, from `metadata.generateName`.
use aws_lc_rs::rand;

/// No vowels, and nothing that looks like something else, so that no word comes out.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Bytes of a prefix that are used; with the characters behind them a name fits into a DNS label.
const LONGEST_PREFIX: usize = 63 - SUFFIX;

const SUFFIX: usize = 5;

/// Random characters for the end of a name.
pub(crate) fn generated() -> String {
    let mut bytes = [0; 64];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    let limit = u8::try_from(256 / ALPHABET.len() * ALPHABET.len()).unwrap_or(u8::MAX);
    let fair = bytes.iter().filter(|byte| **byte < limit);
    fair.take(SUFFIX).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// A name of a prefix and random characters.
pub(super) fn joined(prefix: &str, suffix: &str) -> String {
    let end = (0..=LONGEST_PREFIX.min(prefix.len())).rev().find(|end| prefix.is_char_boundary(*end));
    format!("{}{suffix}", &prefix[..end.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_five_characters_and_fit_into_a_label() {
        let suffix = generated();
        assert_eq!(suffix.len(), 5);
        assert!(suffix.bytes().all(|byte| ALPHABET.contains(&byte)), "{suffix}");
        assert!((0..20).any(|_| generated() != suffix));
        assert_eq!(joined("web-", "abcde"), "web-abcde");
        assert_eq!(joined(&"x".repeat(100), "abcde").len(), 63);
        assert_eq!(joined(&"ü".repeat(50), "abcde"), format!("{}abcde", "ü".repeat(29)));
    }
}
