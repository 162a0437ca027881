//! How a registry wants to know who asks: the header `WWW-Authenticate` of its 401. Pure.
//!
//! What stands in it comes from whoever answers, and says where a password is sent. So an address must speak https unless the
//! registry need not either, and what is asked for there is never what the header says: always to pull from this repository.
use http::{HeaderMap, header};
use url::Url;

/// Longer than what any registry sends.
const LONGEST: usize = 4096;
/// What a token is good for, in the address that it is asked for at.
const SCOPE: &str = "scope";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token, which is asked for at this address.
    Bearer(Url),
}

/// The challenge that the headers hold. A token is preferred: it opens less than a password.
///
/// # Errors
/// In words that continue "asks for credentials".
pub(super) fn read(
    headers: &HeaderMap,
    repository: &str,
    allows_http: bool,
) -> Result<Challenge, &'static str> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let challenges: Vec<&str> = values.filter(|value| value.len() <= LONGEST).collect();
    let after = |scheme: &str| {
        let mut all = challenges.iter();
        all.find_map(|text| {
            let (found, rest) = text.trim_start().split_once(' ').unwrap_or((text.trim(), ""));
            found.eq_ignore_ascii_case(scheme).then_some(rest)
        })
    };
    match (after("Bearer"), after("Basic")) {
        (Some(parameters), _) => realm(parameters, repository, allows_http).map(Challenge::Bearer),
        (None, Some(_)) => Ok(Challenge::Basic),
        (None, None) => Err("in a way that is not known here: neither Basic nor Bearer"),
    }
}

fn realm(parameters: &str, repository: &str, allows_http: bool) -> Result<Url, &'static str> {
    let mut url = None;
    let mut service = None;
    for (name, value) in Parameters(parameters) {
        match name.to_ascii_lowercase().as_str() {
            "realm" => url = Some(value),
            "service" => service = Some(value),
            _ => {}
        }
    }
    let url = url.ok_or("without an address for tokens")?;
    let mut url = Url::parse(&url).map_err(|_| "at an address that cannot be read")?;
    match url.scheme() {
        "https" => {}
        "http" if allows_http => {}
        "http" => return Err("over http, where anybody on the way could read them"),
        _ => return Err("at an address that is neither http nor https"),
    }
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err("at an address with a user or password in it");
    }
    if url.query_pairs().any(|(name, _)| name == SCOPE) {
        return Err("at an address that says itself what for");
    }
    url.set_fragment(None);
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", &service);
    }
    url.query_pairs_mut().append_pair(SCOPE, &format!("repository:{repository}:pull"));
    Ok(url)
}

/// `name=value` or `name="value"`, with commas between.
struct Parameters<'t>(&'t str);

impl<'t> Iterator for Parameters<'t> {
    type Item = (&'t str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start_matches([' ', '\t', ',']);
        let (name, rest) = text.split_once('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        self.0 = rest;
        Some((name.trim(), value))
    }
}

/// What stands before the closing quote, and what comes after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(challenges: &[&str], allows_http: bool) -> Result<Challenge, &'static str> {
        let value = |text: &&str| (header::WWW_AUTHENTICATE, text.parse().expect("a value"));
        read(&challenges.iter().map(value).collect(), "acme/app", allows_http)
    }

    fn address(challenge: &str) -> String {
        match of(&[challenge], false) {
            Ok(Challenge::Bearer(url)) => url.into(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_is_asked_for_where_the_registry_says_and_for_this_repository_alone() {
        const PULL: &str = "scope=repository%3Aacme%2Fapp%3Apull";
        for (challenge, query) in [
            (
                r#"Bearer realm="https://a/token",service="reg \"1\"",scope="repository:other:push""#,
                "service=reg+%221%22&",
            ),
            (r#"bearer scope="x,y", realm=https://a/token"#, ""),
            (r#"Bearer  realm="https://a/token#f", error="invalid_token""#, ""),
        ] {
            assert_eq!(address(challenge), format!("https://a/token?{query}{PULL}"), "{challenge}");
        }
        let with_query = address(r#"Bearer realm="https://a/token?x=1""#);
        assert_eq!(with_query, format!("https://a/token?x=1&{PULL}"));
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        assert_eq!(of(&[r#"Basic realm="x""#], false), Ok(Challenge::Basic));
        assert_eq!(of(&["Basic"], false), Ok(Challenge::Basic));
        let both = of(&[r#"Basic realm="x""#, r#"Bearer realm="https://a""#], false);
        assert!(matches!(both, Ok(Challenge::Bearer(_))), "{both:?}");
    }

    #[test]
    fn credentials_go_to_no_address_that_must_not_see_them() {
        for (challenge, said) in [
            (r#"Bearer realm="http://a/token""#, "over http"),
            (r#"Bearer realm="ftp://a/token""#, "neither http nor https"),
            (r#"Bearer realm="https://me:canary@a/""#, "with a user or password"),
            (r#"Bearer realm="/token""#, "cannot be read"),
            (r#"Bearer realm="https://a/token?scope=repository:other:push""#, "says itself what for"),
            (r#"Bearer realm="https://a"#, "without an address"),
            ("Bearer", "without an address"),
            ("Negotiate", "neither Basic nor Bearer"),
        ] {
            let problem = of(&[challenge], false).expect_err(challenge);
            assert!(problem.contains(said), "{challenge}: {problem}");
        }
        assert!(
            of(&[r#"Bearer realm="http://a/token""#], true).is_ok(),
            "where the registry speaks http too"
        );
        assert!(of(&[], false).is_err());
    }
}
