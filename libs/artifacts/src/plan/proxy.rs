//! A Secret as the proxy through which requests go, in the form that Flux gives it.
use super::ReferencedSecret;
use crate::Error;
use secrecy::SecretString;
use url::{Position, Url};

const ADDRESS: &str = "address";
const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// More than any of them has.
const LONGEST: usize = 2048;

/// A proxy, and who asks it.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// The name of the Secret.
    pub(crate) secret: String,
    /// Where it listens; holds no credentials.
    pub(crate) url: Url,
    pub(crate) credentials: Option<(SecretString, SecretString)>,
}

impl Proxy {
    /// # Errors
    /// A key is missing or cannot be used; the error names the key, never its value.
    pub(crate) fn from_secret(secret: &ReferencedSecret) -> Result<Self, Error> {
        let url = address(text(secret, ADDRESS)?).map_err(|problem| refused(secret, ADDRESS, problem))?;
        let has = |key| secret.data.contains_key(key);
        let credentials = match has(USERNAME) || has(PASSWORD) {
            true => Some((text(secret, USERNAME)?.into(), text(secret, PASSWORD)?.into())),
            false => None,
        };
        Ok(Self { secret: secret.name.clone(), url, credentials })
    }

    /// Its host as messages name it.
    pub(crate) fn host(&self) -> String {
        self.url[Position::BeforeHost..Position::AfterPort].to_owned()
    }
}

fn text<'a>(secret: &'a ReferencedSecret, key: &'static str) -> Result<&'a str, Error> {
    let bytes = secret.value(key)?;
    let text = std::str::from_utf8(bytes).map_err(|_| refused(secret, key, "it is not UTF-8"))?;
    match text {
        text if text.len() > LONGEST => Err(refused(secret, key, "it is longer than 2,048 bytes")),
        text if text.ends_with('\n') => Err(refused(secret, key, "it ends with a line break")),
        text if text.contains(char::is_control) => Err(refused(secret, key, "it holds a control character")),
        text => Ok(text),
    }
}

fn refused(secret: &ReferencedSecret, key: &'static str, problem: &'static str) -> Error {
    Error::InvalidProxy { secret: secret.name.clone(), key, problem }
}

fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no address such as http://proxy.example.com:3128")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is not an http:// or https:// address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it carries user or password; put them under username and password");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("it goes on after the host and its port");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretSlice;

    fn of(data: &[(&str, &str)]) -> Result<Proxy, Error> {
        let entry =
            |(key, value): &(&str, &str)| ((*key).to_owned(), SecretSlice::from(value.as_bytes().to_vec()));
        let data = data.iter().map(entry).collect();
        Proxy::from_secret(&ReferencedSecret { name: "proxy".into(), version: "1".into(), data })
    }

    #[test]
    fn a_proxy_is_an_address_and_perhaps_credentials() {
        let open = of(&[("address", "http://proxy.example.com:3128")]).expect("good");
        assert_eq!((open.host().as_str(), open.credentials.is_some()), ("proxy.example.com:3128", false));
        let closed = [("address", "https://proxy/"), ("username", "me"), ("password", "")];
        assert!(of(&closed).expect("good").credentials.is_some());
    }

    #[test]
    fn what_is_wrong_with_a_proxy_is_told_by_secret_and_key_and_never_by_value() {
        for (data, said) in [
            (vec![("username", "canary")], "Secret proxy has no key address"),
            (vec![("address", "http://p"), ("username", "canary")], "Secret proxy has no key password"),
            (vec![("address", "canary")], "it is no address"),
            (vec![("address", "socks5://canary")], "it is not an http"),
            (vec![("address", "http://u:canary@p")], "put them under username"),
            (vec![("address", "http://p/canary")], "it goes on"),
            (vec![("address", "http://p\n")], "it ends with a line break"),
            (vec![("address", "http://p"), ("username", "u"), ("password", "canary\r")], "control character"),
        ] {
            let error = of(&data).err().expect(said);
            assert!(error.to_string().contains(said), "{error}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            assert_eq!(error.retry(), crate::Retry::OnChange);
        }
    }
}
