//! Where a redirect leads, and what of the request goes along. Pure: nothing is sent here.
use crate::{generators::HttpRequest, plan::RequestBody};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::{Position, Url};

/// As many as `followRedirects` promises to follow.
const MOST: usize = 5;

/// Longer than any address a spec may have, and than what servers take.
const LONGEST: usize = 8 * 1024;

/// One request on the way to the data.
#[derive(Clone)]
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) body: Option<RequestBody>,
    /// The headers of the Secret; empty once it is not at home.
    pub(super) headers: HeaderMap,
    /// Whether the origin has been that of the spec all along: false from the first change on, even on the way back.
    pub(super) at_home: bool,
    /// The requests made before this one.
    visited: Vec<(Method, Url)>,
}

impl Hop {
    pub(super) fn first(request: &HttpRequest) -> Self {
        Self {
            url: request.url.clone(),
            method: request.method.clone(),
            body: request.body.clone(),
            headers: request.credentials(),
            at_home: true,
            visited: Vec::new(),
        }
    }

    /// The host as messages name it, and who sent us there, if somebody else did: the spec names only the first.
    pub(super) fn host(&self) -> String {
        let host = authority(&self.url);
        match self.visited.last().map(|(_, url)| authority(url)) {
            Some(from) if from != host => format!("{host} (redirected from {from})"),
            _ => host.to_owned(),
        }
    }

    /// The request that `location` asks for.
    ///
    /// # Errors
    /// In words that continue "the host redirects".
    pub(super) fn follow(self, status: StatusCode, location: &[u8]) -> Result<Self, &'static str> {
        let url = self.target(location)?;
        let at_home = self.at_home && url.origin() == self.url.origin();
        let mut headers = if at_home { self.headers } else { HeaderMap::new() };
        let (method, body) = if becomes_get(status, &self.method) {
            headers = without_content_headers(&headers);
            (Method::GET, None)
        } else {
            (self.method.clone(), self.body)
        };
        if !at_home && body.as_ref().is_some_and(|body| body.is_secret) {
            return Err("to another origin, which may not see the body of bodySecretRef");
        }
        let mut visited = self.visited;
        visited.push((self.method, self.url));
        if visited.contains(&(method.clone(), url.clone())) {
            return Err("in a circle");
        }
        if visited.len() > MOST {
            return Err("more than 5 times");
        }
        Ok(Self { url, method, body, headers, at_home, visited })
    }

    fn target(&self, location: &[u8]) -> Result<Url, &'static str> {
        if location.len() > LONGEST {
            return Err("to an address that is too long");
        }
        let location = std::str::from_utf8(location).map_err(|_| "to an address that cannot be read")?;
        let mut url = self.url.join(location).map_err(|_| "to an address that cannot be read")?;
        match (self.url.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => {}
            ("https", "http") => {
                return Err("from https to http, where anybody on the way could change the data");
            }
            _ => return Err("to something else than http or https"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("to an address with a user or password in it");
        }
        url.set_fragment(None);
        Ok(url)
    }
}

/// The host, with its port if that is not the usual one.
fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// Whether an answer sends a client elsewhere. 300 offers a choice that a program cannot make; 304 and 305 are no
/// redirects.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// RFC 9110 15.4: 303 asks for a GET; after 301 and 302 a POST becomes one, as every client does; 307 and 308 keep
/// the request as it is.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => method != Method::HEAD,
        301 | 302 => method == Method::POST,
        _ => false,
    }
}

/// Without a body, what describes it goes too (RFC 9110 15.4).
fn without_content_headers(headers: &HeaderMap) -> HeaderMap {
    let stays = |(name, _): &(&HeaderName, &HeaderValue)| !name.as_str().starts_with("content-");
    headers.iter().filter(stays).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    fn hop(method: Method, url: &str) -> Hop {
        let header = |name, value| (name, HeaderValue::from_static(value));
        Hop {
            url: Url::parse(url).unwrap(),
            method,
            body: Some(RequestBody::said("q".into())),
            headers: [header(header::AUTHORIZATION, "secret"), header(header::CONTENT_TYPE, "text/plain")]
                .into_iter()
                .collect(),
            at_home: true,
            visited: Vec::new(),
        }
    }

    fn follow(hop: Hop, status: u16, location: &str) -> Result<Hop, &'static str> {
        hop.follow(StatusCode::from_u16(status).unwrap(), location.as_bytes())
    }

    #[test]
    fn methods_change_as_rfc_9110_says() {
        for (status, method, becomes) in [
            (301, Method::POST, Method::GET),
            (302, Method::POST, Method::GET),
            (303, Method::POST, Method::GET),
            (303, Method::PUT, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (301, Method::PUT, Method::PUT),
            (307, Method::POST, Method::POST),
            (308, Method::POST, Method::POST),
            (302, Method::GET, Method::GET),
        ] {
            let same = becomes == method;
            let next = follow(hop(method, "https://a/x"), status, "/y").expect("same origin");
            assert_eq!((next.url.as_str(), next.method), ("https://a/y", becomes), "{status}");
            assert_eq!(next.body.is_some(), same, "{status}: the body goes along with its method");
            assert_eq!(next.headers.contains_key(header::CONTENT_TYPE), same, "{status}");
            assert!(next.headers.contains_key(header::AUTHORIZATION), "{status}");
        }
    }

    #[test]
    fn headers_stay_at_home_and_do_not_come_back() {
        for (from, to) in [
            ("https://a/x", "https://b/x"),
            ("https://a/x", "https://a:8443/x"),
            ("http://a/x", "https://a/x"),
            ("https://a/x", "https://sub.a/x"),
            ("https://a/x", "https://a./x"),
        ] {
            let away = follow(hop(Method::GET, from), 302, to).expect("followed");
            assert!(away.headers.is_empty() && !away.at_home, "{to}");
            if from.starts_with("https") {
                let back = follow(away, 302, "https://a/z").expect("followed");
                assert!(back.headers.is_empty() && !back.at_home, "{to} and back");
            }
        }
        let same = follow(hop(Method::GET, "https://a/x"), 302, "https://a:443/y").expect("followed");
        assert!(same.headers.len() == 2 && same.at_home);
    }

    #[test]
    fn the_body_of_a_secret_stays_at_home() {
        let secret = |from| {
            let body = RequestBody { is_secret: true, ..RequestBody::said("q".into()) };
            Hop { body: Some(body), ..hop(Method::POST, from) }
        };
        let refused = follow(secret("https://a/x"), 307, "https://b/x").err();
        assert_eq!(refused, Some("to another origin, which may not see the body of bodySecretRef"));
        let same = follow(secret("https://a/x"), 307, "/y").expect("the same origin");
        assert!(same.body.is_some_and(|body| body.is_secret));
        let without = follow(secret("https://a/x"), 303, "https://b/x").expect("a GET carries none");
        assert!(without.body.is_none());
    }

    #[test]
    fn no_redirect_leads_where_it_may_not() {
        for (from, location, problem) in [
            (
                "https://a/x",
                "http://a/x",
                "from https to http, where anybody on the way could change the data",
            ),
            ("https://a/x", "file:///etc/passwd", "to something else than http or https"),
            ("https://a/x", "ftp://a/x", "to something else than http or https"),
            ("https://a/x", "gopher://a/x", "to something else than http or https"),
            ("https://a/x", "https://user:word@b/x", "to an address with a user or password in it"),
            ("https://a/x", "https://[::1/x", "to an address that cannot be read"),
            ("https://a/x", "/x#other", "in a circle"),
            ("http://a/x", "//a/x", "in a circle"),
        ] {
            let refused = follow(hop(Method::GET, from), 302, location).err();
            assert_eq!(refused, Some(problem), "{location}");
        }
        let binary = hop(Method::GET, "https://a/x").follow(StatusCode::FOUND, b"/\xff").err();
        assert_eq!(binary, Some("to an address that cannot be read"));
        let long = follow(hop(Method::GET, "https://a/x"), 302, &"a".repeat(LONGEST + 1)).err();
        assert_eq!(long, Some("to an address that is too long"));
    }

    #[test]
    fn five_redirects_are_followed_and_the_sixth_is_not() {
        let mut at = hop(Method::GET, "https://a/0");
        for n in 1..=5 {
            at = follow(at, 302, &format!("/{n}")).expect("up to five");
        }
        assert_eq!(follow(at, 302, "/6").err(), Some("more than 5 times"));
    }

    #[test]
    fn a_post_that_comes_back_as_get_is_no_circle() {
        let next = follow(hop(Method::POST, "https://a/x"), 303, "https://a/x").expect("another request");
        assert_eq!(next.method, Method::GET);
    }
}
