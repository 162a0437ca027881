//! What may name what: Kubernetes objects, keys of Secrets, HTTP tokens, media types, labels.

/// The Lease that the controller which leads holds, in the namespace of the installation. That of a controller which works on some
/// sources only has a name of its own that begins so.
pub const LEASE: &str = "postern-controller";

/// Whether a Lease of that name is one of a controller.
pub fn is_lease(name: &str) -> bool {
    name.strip_prefix(LEASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// RFC 1123 subdomain, the name of most objects: at most 253 of lower-case letters, digits, `-` and `.`.
pub fn is_dns_subdomain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 253 && name.split('.').all(is_dns_label_text)
}

/// A key of a Secret or ConfigMap: at most 253 of letters, digits, `-`, `_` and `.`, and no path step.
pub fn is_secret_key(key: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !key.is_empty() && key.len() <= 253 && key.bytes().all(allowed) && key != "." && key != ".."
}

/// RFC 9110 token: method and header names.
pub fn is_http_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A media range without parameters: `text/html`, `text/*` or `*/*`.
pub fn is_media_range(text: &str) -> bool {
    match text.split_once('/') {
        Some(("*", subtype)) => subtype == "*",
        Some((kind, subtype)) => is_http_token(kind) && is_http_token(subtype),
        None => false,
    }
}

/// The name of an environment variable: letters, digits and `_`, no digit first, at most 253.
pub fn is_env_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed) && !name.as_bytes()[0].is_ascii_digit()
}

/// Whether an environment variable changes what programs run or load before they do anything they were asked for.
pub fn steers_programs(name: &str) -> bool {
    const FAMILIES: [&str; 10] =
        ["LD_", "DYLD_", "GIT_", "BASH", "PYTHON", "PERL", "RUBY", "NODE_", "GLIBC_", "MALLOC_"];
    const NAMES: [&str; 16] = [
        "PATH",
        "IFS",
        "ENV",
        "SHELL",
        "SHELLOPTS",
        "PS4",
        "PROMPT_COMMAND",
        "CDPATH",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "GCONV_PATH",
        "LOCPATH",
        "NLSPATH",
        "JAVA_TOOL_OPTIONS",
        "AWKPATH",
    ];
    let upper = name.to_ascii_uppercase();
    FAMILIES.iter().any(|family| upper.starts_with(family)) || NAMES.contains(&&*upper)
}

/// A value as a label may carry it: at most 63 characters, every other character replaced by `_`, ends alphanumeric.
/// Longer values keep their first 63, so two of them may fall together: labels select, they do not identify.
pub fn label_value(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let safe: String = text.chars().take(63).map(|c| if allowed(c) { c } else { '_' }).collect();
    safe.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

fn is_dns_label_text(label: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && edge(label.bytes().next())
        && edge(label.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_secrets() {
        for good in ["a", "a-b.c-d", "0"] {
            assert!(is_dns_subdomain(good), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", "../x", "ns/name", &"a".repeat(254)] {
            assert!(!is_dns_subdomain(bad), "{bad}");
        }
    }

    #[test]
    fn keys_of_secrets() {
        assert!(is_secret_key("ca.crt") && is_secret_key("Authorization") && is_secret_key("..a"));
        for bad in ["", ".", "..", "a/b", "a b", "a\0"] {
            assert!(!is_secret_key(bad), "{bad:?}");
        }
    }

    #[test]
    fn media_ranges() {
        assert!(is_media_range("application/json") && is_media_range("text/*") && is_media_range("*/*"));
        for bad in ["", "json", "/", "a/", "*/json", "a/b;c=d", "a b/c"] {
            assert!(!is_media_range(bad), "{bad:?}");
        }
    }

    #[test]
    fn environment_variables() {
        assert!(is_env_name("A") && is_env_name("_a1"));
        for bad in ["", "1A", "A-B", "A=B", "A B", "Ä"] {
            assert!(!is_env_name(bad), "{bad:?}");
        }
        assert!(steers_programs("LD_PRELOAD") && steers_programs("path") && steers_programs("BASH_FUNC_x"));
        assert!(!steers_programs("REGION") && !steers_programs("OLD_PATH"));
    }

    #[test]
    fn labels_are_safe_whatever_the_value() {
        assert_eq!(label_value("sha256:abc"), "sha256_abc");
        assert_eq!(label_value("..a/b.."), "a_b");
        assert_eq!(label_value(&"a".repeat(70)).len(), 63);
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_value_that_a_label_may_have(text in ".{0,80}|[a-z._/:-]{0,80}") {
            let value = label_value(&text);
            let edges = [value.chars().next(), value.chars().last()];
            prop_assert!(value.len() <= 63 && edges.iter().flatten().all(char::is_ascii_alphanumeric), "{value}");
            prop_assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{value}");
        }
    }
}
