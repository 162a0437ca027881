//! Credentials that have to be asked for: a refusal there is a refusal, not a store that fails.
use super::told::status;
use futures::future::BoxFuture;
use object_store::{CredentialProvider, Error, Result, aws::AwsCredential};
use std::sync::Arc;

/// What gives the credentials, by the words of whoever wraps it.
#[derive(Debug)]
pub(super) struct Credentials(pub(super) Arc<dyn CredentialProvider<Credential = AwsCredential>>);

impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(&'a self) -> BoxFuture<'b, Result<Arc<AwsCredential>>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let given = self.0.get_credential().await;
            given.map_err(|error| match is_refusal(&error) {
                true => Error::Unauthenticated { path: String::new(), source: error.into() },
                false => error,
            })
        })
    }
}

/// Whether the role was refused, or its token cannot be read. object_store keeps the answer's code to itself, and says it
/// only in words.
fn is_refusal(error: &Error) -> bool {
    let words = telemetry::Chain(error).to_string();
    status(&words).is_some_and(|status| status.is_client_error()) || words.contains("read token file")
}
