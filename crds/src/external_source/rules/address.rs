//! What an address of the web may look like.
use crate::rules::Violations;
use url::Url;

/// Longest address, in bytes.
const LONGEST: usize = 2048;

/// An `http://` or `https://` address that names a host and holds no credentials; `credentials` says where those belong.
pub(in crate::external_source) fn address(
    found: &mut Violations,
    field: &str,
    text: &str,
    credentials: &str,
) {
    if text.len() > LONGEST {
        return found.too_long(field, text.len(), LONGEST);
    }
    let mut invalid = |detail: &str| found.invalid(field, &without_credentials(text), detail);
    match Url::parse(text) {
        Err(_) if text.contains('@') => found.forbidden(field, credentials),
        Err(error) => invalid(&format!("must be an http:// or https:// address: {error}")),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            invalid("must be an http:// or https:// address");
        }
        Ok(_) if !names_a_host(text) => invalid("must name a host, as in https://example.com/data"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            found.forbidden(field, credentials);
        }
        Ok(_) if text.contains(|c: char| c.is_control() || c.is_whitespace()) => {
            invalid("must not contain spaces or control characters; percent-encode them");
        }
        Ok(_) => {}
    }
}

/// An address as it may be shown: a password that should not be there stands before the last `@`.
fn without_credentials(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("…@{rest}"))
}

/// The parser takes `http:///x` and `http:\\x` for host `x`, as browsers do; whoever wrote that meant something else.
fn names_a_host(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\', '?', '#']))
}
