//! The Secrets that a spec refers to, as far as it does.
use crate::Error;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Deserializer};
use std::{collections::BTreeMap, sync::Arc};

/// A secret that stands in JSON, perhaps; for `#[serde(default, deserialize_with = …)]`.
pub(crate) fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

/// A Secret as a plan needs it.
#[derive(Clone, Debug)]
pub struct ReferencedSecret {
    /// Its name.
    pub name: String,
    /// Its `resourceVersion`: another version is another input.
    pub version: String,
    /// Its keys and values.
    pub data: BTreeMap<String, SecretSlice<u8>>,
}

impl ReferencedSecret {
    /// What it holds under `key`.
    pub(crate) fn value(&self, key: &str) -> Result<&[u8], Error> {
        let missing = || Error::SecretKeyMissing { secret: self.name.clone(), key: key.to_owned() };
        Ok(self.data.get(key).ok_or_else(missing)?.expose_secret())
    }
}

/// The Secrets that exist among those that a spec names.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<String, Arc<ReferencedSecret>>);

impl Secrets {
    /// The Secret of that name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find(&self, name: &str) -> Result<&ReferencedSecret, Error> {
        self.0
            .get(name)
            .map(|secret| &**secret)
            .ok_or_else(|| Error::SecretNotFound { secret: name.to_owned() })
    }
}

impl<S: Into<Arc<ReferencedSecret>>> FromIterator<S> for Secrets {
    fn from_iter<T: IntoIterator<Item = S>>(secrets: T) -> Self {
        let mut found = Self::default();
        found.extend(secrets);
        found
    }
}

impl<S: Into<Arc<ReferencedSecret>>> Extend<S> for Secrets {
    fn extend<T: IntoIterator<Item = S>>(&mut self, secrets: T) {
        self.0.extend(secrets.into_iter().map(Into::into).map(|secret| (secret.name.clone(), secret)));
    }
}
