//! What a request carries, from the spec or from a Secret.
use super::ReferencedSecret;
use crate::Error;
use bytes::Bytes;
use crds::external_source::SecretKeyReference;

/// The body of a request. It cannot be printed, since a Secret may hold it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestBody {
    /// As it is sent.
    pub(crate) bytes: Bytes,
    /// Whether it is of a Secret: then neither hooks nor another origin see it.
    pub(crate) is_secret: bool,
}

impl RequestBody {
    /// One that the spec or a hook says.
    pub(crate) fn said(text: String) -> Self {
        Self { bytes: text.into(), is_secret: false }
    }

    /// The value that the reference names.
    ///
    /// # Errors
    /// The key is missing.
    pub(crate) fn from_secret(
        secret: &ReferencedSecret,
        reference: &SecretKeyReference,
    ) -> Result<Self, Error> {
        let bytes = Bytes::copy_from_slice(secret.value(&reference.key)?);
        Ok(Self { bytes, is_secret: true })
    }
}
