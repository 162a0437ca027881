//! Continue tokens: where a page ended and at which version, in the form of k8s.io/apiserver; what is wrong with one is
//! told in its words.
use crate::{
    object::{Key, Version},
    status::Status,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

const FORM: &str = "meta.k8s.io/v1";

/// In place of a version: the rest of the list as it is when it is asked for.
const NEWEST: i64 = -1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The state that all pages show; `None` is whatever there is by then.
    pub(super) version: Option<Version>,
    /// The last object of the previous page.
    pub(super) after: Key,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Wire {
    v: String,
    rv: i64,
    start: String,
}

impl Token {
    pub(crate) fn encode(&self) -> String {
        let Key { namespace, name } = &self.after;
        let rv = self.version.map_or(NEWEST, |version| i64::try_from(version.0).unwrap_or(i64::MAX));
        let wire = Wire { v: FORM.to_owned(), rv, start: format!("{namespace}/{name}\0") };
        let json = serde_json::to_vec(&wire).expect("strings and numbers are JSON");
        BASE64_URL_SAFE_NO_PAD.encode(json)
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Status> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| refused(""))?;
        let wire: Wire = serde_json::from_slice(&bytes).map_err(|_| refused(""))?;
        if wire.v != FORM {
            let why = format!(": server does not recognize this encoded version {}", wire.v);
            return Err(refused(&why));
        }
        if wire.rv == 0 {
            return Err(refused(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
        }
        if wire.start.is_empty() {
            return Err(refused(": encoded start key empty (version meta.k8s.io/v1)"));
        }
        let Some(after) = key(&wire.start) else {
            return Err(refused(&format!(": {}", wire.start)));
        };
        // Go takes any negative number for the newest state.
        Ok(Self { version: u64::try_from(wire.rv).ok().map(Version), after })
    }
}

/// The object before a start key, which is its own with a NUL behind it: the first key that comes after it.
fn key(start: &str) -> Option<Key> {
    let (namespace, name) = start.strip_suffix('\0')?.split_once('/')?;
    let is_one_segment = |text: &str| !text.contains('/') && !matches!(text, "." | "..");
    let is_clean = !name.is_empty() && is_one_segment(name) && is_one_segment(namespace);
    is_clean.then(|| Key { namespace: namespace.to_owned(), name: name.to_owned() })
}

fn refused(why: &str) -> Status {
    Status::bad_request(format!("invalid continue token: continue key is not valid{why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went() {
        let after = Key { namespace: "team-a".into(), name: "podinfo".into() };
        for version in [Some(Version(17 << 10)), None] {
            let token = Token { version, after: after.clone() };
            assert_eq!(Token::decode(&token.encode()).unwrap(), token);
        }
    }

    #[test]
    fn a_forged_token_is_refused_in_the_words_of_go() {
        let said = |text: &str| {
            let status = Token::decode(text).unwrap_err();
            assert_eq!(status.code().as_u16(), 400, "{text}");
            let said = status.message().strip_prefix("invalid continue token: continue key is not valid");
            said.unwrap_or_default().to_owned()
        };
        for text in ["", "x", "bm90IGpzb24"] {
            assert_eq!(said(text), "", "{text}");
        }
        for (json, why) in [
            (r#"{}"#, ": server does not recognize this encoded version "),
            (
                r#"{"v":"v2","rv":1,"start":"a/b\u0000"}"#,
                ": server does not recognize this encoded version v2",
            ),
            (
                r#"{"v":"meta.k8s.io/v1","start":"a/b\u0000"}"#,
                ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            (r#"{"v":"meta.k8s.io/v1","rv":1}"#, ": encoded start key empty (version meta.k8s.io/v1)"),
            (r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../b\u0000"}"#, ": ../b\0"),
        ] {
            assert_eq!(said(&BASE64_URL_SAFE_NO_PAD.encode(json)), why, "{json}");
        }
    }
}
