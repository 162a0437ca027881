//! What names, labels and annotations may look like, and what is said of those that do not, in the words of
//! k8s.io/apimachinery.

const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// Why a text is no name of an object; nothing if it is one.
pub(crate) fn name(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 253 {
        wrong.push("must be no more than 253 bytes".to_owned());
    }
    if !text.split('.').all(is_dns_label) {
        wrong.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '{SUBDOMAIN}')"
        ));
    }
    wrong
}

/// Why names cannot begin with a text. A dash at its end is no reason, since characters follow.
pub(crate) fn name_prefix(text: &str) -> Vec<String> {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let end = rest.char_indices().next_back().map_or(0, |(at, _)| at);
            name(&format!("{}a", &rest[..end]))
        }
        _ => name(text),
    }
}

/// Why a text is no key of a label (and no name of a finalizer).
pub(crate) fn qualified_name(text: &str) -> Vec<String> {
    let rule = format!(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character \
         (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{LABEL_KEY}')"
    );
    let (prefix, key) = match text.split('/').collect::<Vec<_>>()[..] {
        [key] => (None, key),
        [prefix, key] => (Some(prefix), key),
        _ => {
            let wrong = format!(
                "a valid label key {rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            );
            return vec![wrong];
        }
    };
    let mut wrong = match prefix {
        Some("") => vec!["prefix part must be non-empty".to_owned()],
        Some(prefix) => name(prefix).into_iter().map(|why| format!("prefix part {why}")).collect(),
        None => Vec::new(),
    };
    match key.len() {
        0 => wrong.push("name part must be non-empty".to_owned()),
        64.. => wrong.push("name part must be no more than 63 bytes".to_owned()),
        _ => {}
    }
    if !is_label(key) {
        wrong.push(format!("name part {rule}"));
    }
    wrong
}

/// Why a text is no value of a label.
pub(crate) fn label_value(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 63 {
        wrong.push("must be no more than 63 bytes".to_owned());
    }
    if !text.is_empty() && !is_label(text) {
        wrong.push(format!(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
             and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation \
             is '({LABEL_KEY})?')"
        ));
    }
    wrong
}

fn is_dns_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.bytes().all(is_inner) && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.bytes().all(is_inner) && is_edge(text.bytes().next()) && is_edge(text.bytes().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_dns_subdomains() {
        for good in ["a", "a.b", "a-b.0", &"a".repeat(253)] {
            assert_eq!(name(good), [""; 0], "{good}");
        }
        for bad in ["A", "a.", "-a", "a-", "a..b", "a_b", "ä", ""] {
            assert_eq!(name(bad).len(), 1, "{bad}");
        }
        assert_eq!(name(&"a".repeat(254)), ["must be no more than 253 bytes"]);
        assert_eq!(
            name("A"),
            [
                r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
    }

    #[test]
    fn a_prefix_of_names_may_end_in_a_dash() {
        for good in ["web-", "web", "a-", "web--"] {
            assert_eq!(name_prefix(good), [""; 0], "{good}");
        }
        for bad in ["-", "Web-", "web.-.-"] {
            assert_eq!(name_prefix(bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn keys_have_an_optional_domain_and_values_may_be_empty() {
        for good in ["a", "A_b.c-d", "example.com/a", "kubernetes.io/metadata.name"] {
            assert_eq!(qualified_name(good), [""; 0], "{good}");
        }
        assert_eq!(qualified_name("/a"), ["prefix part must be non-empty"]);
        assert_eq!(qualified_name("a/").first().map(String::as_str), Some("name part must be non-empty"));
        assert_eq!(qualified_name("a/b/c").len(), 1);
        assert_eq!(qualified_name(&"a".repeat(64)), ["name part must be no more than 63 bytes"]);
        for good in ["", "a", "A_b.c-d"] {
            assert_eq!(label_value(good), [""; 0], "{good}");
        }
        assert_eq!(label_value("a b").len(), 1);
        assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in ".{0,300}") {
            name(&text);
            name_prefix(&text);
            qualified_name(&text);
            label_value(&text);
        }
    }
}
