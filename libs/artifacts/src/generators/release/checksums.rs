//! What `sha256sum` writes. Pure.
use crate::Digest;
use std::collections::BTreeMap;

/// The digests by the names of files, without their folders; lines that are none are passed over.
pub(super) fn read(text: &str) -> BTreeMap<String, Digest> {
    text.lines().filter_map(|line| line_of_gnu(line).or_else(|| line_of_bsd(line))).collect()
}

/// `<digits>  name`, or `<digits> *name` of what was read as binary.
fn line_of_gnu(line: &str) -> Option<(String, Digest)> {
    let (hex, name) = line.trim_end().split_once(' ')?;
    let name = name.strip_prefix([' ', '*']).unwrap_or(name);
    entry(name, hex)
}

/// `SHA256 (name) = <digits>`.
fn line_of_bsd(line: &str) -> Option<(String, Digest)> {
    let (name, hex) = line.trim_end().strip_prefix("SHA256 (")?.rsplit_once(") = ")?;
    entry(name, hex)
}

fn entry(name: &str, hex: &str) -> Option<(String, Digest)> {
    let digest = Digest::from_hex(&hex.to_ascii_lowercase()).ok()?;
    let name = name.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some((name.to_owned(), digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_digest_stands_beside_its_name_in_either_way() {
        let (a, b) = ("a".repeat(64), "B".repeat(64));
        let text = format!(
            "# made by hand\n{a}  one.tar.gz\n{b} *./two\r\nSHA256 (a (1).txt) = {a}\n{a}\nnot  it\nMD5 (x) = {a}\n"
        );
        let read = read(&text);
        let names: Vec<&str> = read.keys().map(String::as_str).collect();
        assert_eq!(names, ["a (1).txt", "one.tar.gz", "two"]);
        assert_eq!(read["two"], Digest::from_hex(&b.to_ascii_lowercase()).expect("digits"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(\\PC|[a-f0-9]{64}|  | \\*|\n|SHA256 \\(|\\) = ){0,40}") {
            prop_assert!(read(&text).keys().all(|name| !name.is_empty() && !name.contains('/')));
        }
    }
}
