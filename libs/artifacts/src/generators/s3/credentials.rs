//! A Secret as credentials of S3, under the names that AWS's own programs read from their environment.
use crate::{
    Error,
    plan::ReferencedSecret,
    s3_codes::{KEY_ID, SECRET_KEY, TOKEN},
};
use secrecy::SecretString;

/// More than any of them has.
const LONGEST: usize = 8 * 1024;

/// Whom requests are signed as.
#[derive(Clone)]
pub(super) struct Credentials {
    /// The name of the Secret.
    pub(super) secret: String,
    pub(super) key_id: SecretString,
    pub(super) secret_key: SecretString,
    pub(super) token: Option<SecretString>,
}

impl Credentials {
    /// # Errors
    /// A key is missing, or holds what no request can carry; the error names the key, never its value.
    pub(super) fn from_secret(secret: &ReferencedSecret) -> Result<Self, Error> {
        let token = secret.data.contains_key(TOKEN).then(|| text(secret, TOKEN)).transpose()?;
        Ok(Self {
            secret: secret.name.clone(),
            key_id: text(secret, KEY_ID)?,
            secret_key: text(secret, SECRET_KEY)?,
            token,
        })
    }
}

fn text(secret: &ReferencedSecret, key: &'static str) -> Result<SecretString, Error> {
    let refused = |problem| Error::InvalidCredentials { secret: secret.name.clone(), key, problem };
    let bytes = secret.value(key)?;
    if bytes.is_empty() || bytes.len() > LONGEST {
        return Err(refused("it is empty, or longer than 8 KiB"));
    }
    if bytes.ends_with(b"\n") {
        return Err(refused("it ends with a line break"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(SecretString::from(text)),
        _ => Err(refused("it holds something else than printable ASCII")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::{ExposeSecret, SecretSlice};

    fn of(data: &[(&str, &[u8])]) -> Result<Credentials, Error> {
        let entry = |(key, value): &(&str, &[u8])| ((*key).to_owned(), SecretSlice::from(value.to_vec()));
        let data = data.iter().map(entry).collect();
        Credentials::from_secret(&ReferencedSecret { name: "s3".into(), version: "1".into(), data })
    }

    #[test]
    fn credentials_lie_under_the_names_that_aws_reads() {
        let pair: [(&str, &[u8]); 2] = [(KEY_ID, b"AKIA"), (SECRET_KEY, b"a/b+c=")];
        let read = of(&pair).expect("good");
        assert_eq!(read.secret_key.expose_secret(), "a/b+c=");
        assert!(read.token.is_none());
        let [id, key] = pair;
        assert!(of(&[id, key, (TOKEN, b"t")]).expect("good").token.is_some());
    }

    #[test]
    fn what_is_wrong_with_them_is_told_by_secret_and_key_and_never_by_value() {
        for (data, said) in [
            (vec![(SECRET_KEY, b"x".as_slice())], "Secret s3 has no key AWS_ACCESS_KEY_ID"),
            (vec![(KEY_ID, b"x".as_slice())], "Secret s3 has no key AWS_SECRET_ACCESS_KEY"),
            (
                vec![(KEY_ID, b"canary".as_slice()), (SECRET_KEY, b"canary\n")],
                "key AWS_SECRET_ACCESS_KEY of Secret s3 cannot be used: it ends with a line break",
            ),
            (
                vec![(KEY_ID, b"".as_slice()), (SECRET_KEY, b"canary")],
                "key AWS_ACCESS_KEY_ID of Secret s3 cannot be used: it is empty, or longer than 8 KiB",
            ),
            (
                vec![(KEY_ID, b"canary".as_slice()), (SECRET_KEY, b"x"), (TOKEN, b"canary \xff")],
                "key AWS_SESSION_TOKEN of Secret s3 cannot be used: it holds something else than printable ASCII",
            ),
        ] {
            let error = of(&data).err().expect(said);
            assert_eq!(error.to_string(), said);
            assert!(!format!("{error:?}").contains("canary"));
            assert_eq!(error.retry(), crate::Retry::OnChange);
        }
    }
}
