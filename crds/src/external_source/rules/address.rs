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
    let mut invalid = |detail: &str| found.invalid(field, &without_secrets(text), detail);
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
        // A space within is sent as %20, as clients written in Go do.
        Ok(_) if text.contains(char::is_control) || text.trim() != text => {
            invalid("must not contain control characters, nor begin or end with spaces");
        }
        Ok(_) => {}
    }
}

/// An address as it may be shown, also to those who may see what became of an object and not the object: a password stands before
/// the last `@` of the host, a token in the path of a webhook or in a query.
fn without_secrets(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("…@", rest));
    let host = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let more = if host.len() < rest.len() { "/…" } else { "" };
    format!("{scheme}{user}{host}{more}")
}

/// The parser takes `http:///x` and `http:\\x` for host `x`, as browsers do; whoever wrote that meant something else.
fn names_a_host(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        for (given, shown) in [
            ("ftp://example.com/hooks/canary?token=canary#canary", "ftp://example.com/…"),
            ("ftp://me:canary@example.com:21/canary", "ftp://…@example.com:21/…"),
            ("ftp://me:canary/canary@example.com", "ftp://…@example.com"),
            ("ftp://example.com?token=canary", "ftp://example.com/…"),
            ("https:\\\\example.com\\canary", "https:/…"),
            ("example.com/canary", "example.com/…"),
            ("https:///canary", "https:///…"),
            ("example.com", "example.com"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(given), shown, "{given}");
        }
    }
}
