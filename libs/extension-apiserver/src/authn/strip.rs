//! Takes every proof of identity out of a request once it is judged, so that nothing behind can believe or leak it.
use super::trust::IdentityHeaders;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

/// The usual headers go even where the ConfigMap names others: a client may still have sent them.
const USUAL: [&str; 3] = ["x-remote-user", "x-remote-uid", "x-remote-group"];
const USUAL_PREFIX: &str = "x-remote-extra-";

pub(crate) fn strip(headers: &mut HeaderMap, configured: Option<&IdentityHeaders>) {
    let proofs: Vec<HeaderName> = headers.keys().filter(|name| is_proof(name, configured)).cloned().collect();
    for name in proofs {
        headers.remove(name);
    }
}

fn is_proof(name: &HeaderName, configured: Option<&IdentityHeaders>) -> bool {
    // Some programs take an underscore for a dash.
    let usual = name.as_str().replace('_', "-");
    let is_configured = configured.is_some_and(|headers| {
        let mut names = headers.username.iter().chain(&headers.uid).chain(&headers.group);
        names.any(|configured| configured == name)
            || headers.extra_prefixes.iter().any(|prefix| name.as_str().starts_with(prefix))
    });
    is_configured || name == AUTHORIZATION || USUAL.contains(&&*usual) || usual.starts_with(USUAL_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn proofs_go_in_every_spelling_and_the_rest_stays() {
        let mut headers = HeaderMap::new();
        for name in [
            "X-Remote-User",
            "x-remote-uid",
            "X-REMOTE-GROUP",
            "X-Remote-Extra-Scopes",
            "X_Remote_User",
            "Authorization",
            "X-Custom-Who",
            "X-Custom-Extra-Why",
            "X-Remote-Address",
            "Accept",
        ] {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(&name, "one".parse().unwrap());
            headers.append(&name, "two".parse().unwrap());
        }
        let configured = IdentityHeaders {
            username: vec![HeaderName::from_static("x-custom-who")],
            extra_prefixes: vec!["x-custom-extra-".to_owned()],
            ..IdentityHeaders::default()
        };

        strip(&mut headers, Some(&configured));

        let mut left = names(&headers);
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-remote-address"]);
    }
}
