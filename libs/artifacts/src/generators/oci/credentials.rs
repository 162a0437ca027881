//! A Secret as what a registry lets in by, in the two forms that Flux takes.
use super::place::is_same_registry;
use crate::{
    Error,
    plan::{ReferencedSecret, headers, told},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use crds::external_source::OciGenerator;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;

const DOCKER: &str = ".dockerconfigjson";
const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// More than any of them has; what holds credentials of many registries is far below.
const LARGEST: usize = 64 << 10;

/// Who asks a registry.
pub(super) struct Credentials {
    /// The name of the Secret.
    pub(super) secret: String,
    /// The key that holds what proves it.
    pub(super) key: &'static str,
    pub(super) proof: Proof,
}

/// What proves who asks.
pub(super) enum Proof {
    /// User and password, as the header `Authorization` carries them; marked sensitive.
    Basic(HeaderValue),
    /// What the address that gives out tokens takes for one, as OAuth2's refresh tokens: `docker login` keeps it in place of a password
    /// where a registry gives it one.
    Identity(SecretString),
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "told")]
    username: Option<SecretString>,
    #[serde(default, deserialize_with = "told")]
    password: Option<SecretString>,
    #[serde(default, deserialize_with = "told")]
    auth: Option<SecretString>,
    #[serde(default, rename = "identitytoken", deserialize_with = "told")]
    identity_token: Option<SecretString>,
}

impl Credentials {
    /// # Errors
    /// A key is missing, or holds nothing for this repository; the error names the key, never its value.
    pub(super) fn from_secret(secret: &ReferencedSecret, oci: &OciGenerator) -> Result<Self, Error> {
        let is_docker = secret.data.contains_key(DOCKER);
        let key = if is_docker { DOCKER } else { PASSWORD };
        let refused = |problem| Error::InvalidCredentials { secret: secret.name.clone(), key, problem };
        let proof = match is_docker {
            true => of_docker(secret.value(DOCKER)?, oci).map_err(refused)?,
            false => {
                let text = |key| text(secret.value(key)?).map_err(refused);
                basic(&format!("{}:{}", text(USERNAME)?, text(PASSWORD)?).into())
            }
        };
        Ok(Self { secret: secret.name.clone(), key, proof })
    }
}

/// Of user and password with a colon between.
fn basic(pair: &SecretString) -> Proof {
    let basic = format!("Basic {}", STANDARD.encode(pair.expose_secret()));
    Proof::Basic(headers::value(basic.as_bytes()).expect("base64 can be sent"))
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    match std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")? {
        "" => Err("it is empty"),
        text if text.len() > LARGEST => Err("it is larger than 64 KiB"),
        text if text.ends_with('\n') => Err("it ends with a line break"),
        text => Ok(text),
    }
}

/// Of the entry that names most of this repository.
fn of_docker(bytes: &[u8], oci: &OciGenerator) -> Result<Proof, &'static str> {
    if bytes.len() > LARGEST {
        return Err("it is larger than 64 KiB");
    }
    let config: DockerConfig =
        serde_json::from_slice(bytes).map_err(|_| "it is not the JSON of a Docker configuration")?;
    let entries = config.auths.iter().filter_map(|(name, entry)| Some((named(name, oci)?, entry)));
    let (_, entry) =
        entries.max_by_key(|(length, _)| *length).ok_or("it has no entry for the registry of url")?;
    let decoded = |auth: &SecretString| {
        let decoded = STANDARD.decode(auth.expose_secret().trim()).ok()?;
        String::from_utf8(decoded).ok().filter(|pair| pair.contains(':')).map(SecretString::from)
    };
    match entry {
        // Beside it lies a user without a password.
        Entry { identity_token: Some(token), .. } if !token.expose_secret().is_empty() => {
            Ok(Proof::Identity(token.clone()))
        }
        Entry { username: Some(user), password: Some(password), .. } => {
            Ok(basic(&format!("{}:{}", user.expose_secret(), password.expose_secret()).into()))
        }
        Entry { auth: Some(auth), .. } => {
            let pair = decoded(auth).ok_or("the auth of this registry is not base64 of user and password")?;
            Ok(basic(&pair))
        }
        _ => Err("its entry for this registry holds no user and password"),
    }
}

/// How many bytes of the repository's name an entry names, if it is about the repository: `ghcr.io`, `https://ghcr.io/v2/`,
/// `ghcr.io/acme`.
fn named(name: &str, oci: &OciGenerator) -> Option<usize> {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let (registry, path) = name.split_once('/').unwrap_or((name, ""));
    let path = path.trim_end_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let rest = oci.repository().strip_prefix(path)?;
    let is_about = path.is_empty() || rest.is_empty() || rest.starts_with('/');
    (is_same_registry(registry, oci.registry()) && is_about).then_some(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretSlice;

    fn of(data: &[(&str, &str)]) -> Result<String, Error> {
        let entry =
            |(key, value): &(&str, &str)| ((*key).to_owned(), SecretSlice::from(value.as_bytes().to_vec()));
        let data = data.iter().map(entry).collect();
        let secret = ReferencedSecret { name: "pull".into(), version: "1".into(), data };
        let oci = OciGenerator { url: "oci://ghcr.io/acme/app".into(), ..OciGenerator::default() };
        let basic = match Credentials::from_secret(&secret, &oci)?.proof {
            Proof::Basic(basic) => basic,
            Proof::Identity(token) => return Ok(format!("token {}", token.expose_secret())),
        };
        assert!(basic.is_sensitive());
        let text = basic.to_str().expect("ASCII").strip_prefix("Basic ").expect("Basic");
        Ok(String::from_utf8(STANDARD.decode(text).expect("base64")).expect("UTF-8"))
    }

    #[test]
    fn both_forms_of_flux_are_read() {
        assert_eq!(of(&[("username", "me"), ("password", "a:b")]).expect("good"), "me:a:b");
        let auth = STANDARD.encode("me:a:b");
        for docker in [
            r#"{"auths":{"ghcr.io":{"username":"me","password":"a:b"}}}"#.to_owned(),
            format!(r#"{{"auths":{{"https://ghcr.io/v2/":{{"auth":"{auth}"}}}}}}"#),
            format!(
                r#"{{"auths":{{"ghcr.io":{{"auth":"eDp5"}},"ghcr.io/acme":{{"auth":"{auth}"}},"ghcr.io/ac":{{"auth":"eDp5"}}}}}}"#
            ),
        ] {
            assert_eq!(of(&[(DOCKER, &docker)]).expect("good"), "me:a:b");
        }
    }

    #[test]
    fn an_identity_token_stands_in_for_the_password_that_is_not_there() {
        let entry =
            |rest: &str| of(&[(DOCKER, &format!(r#"{{"auths":{{"ghcr.io":{{{rest}}}}}}}"#))]).expect("good");
        assert_eq!(entry(r#""identitytoken":"t""#), "token t");
        // As `docker login` writes it.
        assert_eq!(entry(r#""auth":"bWU6","identitytoken":"t""#), "token t");
        assert_eq!(entry(r#""auth":"bWU6YQ==","identitytoken":"""#), "me:a");
    }

    #[test]
    fn what_is_wrong_with_them_is_told_by_secret_and_key_and_never_by_value() {
        for (data, said) in [
            (vec![("password", "canary")], "Secret pull has no key username"),
            (vec![("username", "canary")], "Secret pull has no key password"),
            (vec![("username", "u"), ("password", "canary\n")], "it ends with a line break"),
            (vec![("username", "u"), ("password", "")], "it is empty"),
            (vec![(DOCKER, "canary")], "it is not the JSON"),
            (
                vec![(DOCKER, r#"{"auths":{"quay.io":{"auth":"canary"}}}"#)],
                "it has no entry for the registry",
            ),
            (vec![(DOCKER, r#"{"auths":{"ghcr.io":{"auth":"canary"}}}"#)], "is not base64"),
            (vec![(DOCKER, r#"{"auths":{"ghcr.io":{}}}"#)], "holds no user and password"),
        ] {
            let error = of(&data).expect_err(said);
            assert!(error.to_string().contains(said), "{error}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            assert_eq!(error.retry(), crate::Retry::OnChange);
        }
    }
}
