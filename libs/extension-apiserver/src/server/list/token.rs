//! Continue tokens: where a page ended and at which version, in the form of k8s.io/apiserver.
use crate::{
    object::{Key, Version},
    status::Status,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

const FORM: &str = "meta.k8s.io/v1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) version: Version,
    /// The last object of the previous page.
    pub(super) after: Key,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: String,
    rv: u64,
    start: String,
}

impl Token {
    pub(super) fn encode(&self) -> String {
        let Key { namespace, name } = &self.after;
        let wire = Wire { v: FORM.to_owned(), rv: self.version.0, start: format!("{namespace}/{name}\0") };
        let json = serde_json::to_vec(&wire).expect("strings and numbers are JSON");
        BASE64_URL_SAFE_NO_PAD.encode(json)
    }

    pub(super) fn decode(text: &str) -> Result<Self, Status> {
        let refused = || Status::bad_request("invalid continue token: continue key is not valid");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        let wire: Wire = serde_json::from_slice(&bytes).map_err(|_| refused())?;
        let start = wire.start.strip_suffix('\0').filter(|_| wire.v == FORM && wire.rv > 0);
        let (namespace, name) = start.and_then(|start| start.split_once('/')).ok_or_else(refused)?;
        let after = Key { namespace: namespace.to_owned(), name: name.to_owned() };
        Ok(Self { version: Version(wire.rv), after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went() {
        let after = Key { namespace: "team-a".into(), name: "podinfo".into() };
        let token = Token { version: Version(17 << 10), after };
        assert_eq!(Token::decode(&token.encode()).unwrap(), token);
    }

    #[test]
    fn a_forged_token_is_a_bad_request() {
        for text in [
            "",
            "x",
            "e30",
            "bm90IGpzb24",
            &BASE64_URL_SAFE_NO_PAD.encode(r#"{"v":"x","rv":1,"start":"a/b\u0000"}"#),
        ] {
            assert_eq!(Token::decode(text).unwrap_err().code().as_u16(), 400, "{text}");
        }
    }
}
