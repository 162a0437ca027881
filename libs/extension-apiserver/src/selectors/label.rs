//! What may be a label's key and value, and what is said of others, in the words of k8s.io/apimachinery.

/// The longest name part of a key, and the longest value.
const LONGEST: usize = 63;
/// The longest prefix of a key, a DNS name.
const LONGEST_PREFIX: usize = 253;

const NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const PREFIX: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Everything that is wrong with a key: an optional DNS name and a slash, then a name.
pub(super) fn key_errors(key: &str) -> Vec<String> {
    let (prefix, name) = match key.split_once('/') {
        None => (None, key),
        Some((prefix, name)) if !name.contains('/') => (Some(prefix), name),
        Some(_) => {
            let optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {NAME} {optional}")];
        }
    };
    let mut wrong = prefix.map(prefix_errors).unwrap_or_default();
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > LONGEST {
        wrong.push(format!("name part must be no more than {LONGEST} bytes"));
    }
    if name.is_empty() || !has_form(name, is_inner) {
        wrong.push(format!("name part {NAME}"));
    }
    wrong
}

/// Everything that is wrong with a value.
pub(super) fn value_errors(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > LONGEST {
        wrong.push(format!("must be no more than {LONGEST} bytes"));
    }
    if !has_form(value, is_inner) {
        wrong.push(VALUE.to_owned());
    }
    wrong
}

fn prefix_errors(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    let mut wrong = Vec::new();
    if prefix.len() > LONGEST_PREFIX {
        wrong.push(format!("prefix part must be no more than {LONGEST_PREFIX} bytes"));
    }
    let is_dns = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| !label.is_empty() && has_form(label, is_dns);
    if !prefix.split('.').all(is_label) {
        wrong.push(format!("prefix part {PREFIX}"));
    }
    wrong
}

fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// Whether all bytes are allowed, and the first and the last are letters or digits. So is the empty text.
fn has_form(text: &str, is_allowed: impl Fn(u8) -> bool) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().copied().all(is_allowed) && is_edge(bytes.first()) && is_edge(bytes.last())
}
