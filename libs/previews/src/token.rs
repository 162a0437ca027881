//! Tokens of ServiceAccounts, as kube-apiserver makes them.
use jiff::Timestamp;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};
use secrecy::SecretString;

/// How many seconds a token is asked for; kube-apiserver makes none for less.
const LIFETIME: i64 = 600;

/// Makes a token of this ServiceAccount, by namespace and name, for this audience: and when it ends.
///
/// # Errors
/// The right to create `serviceaccounts/token` is missing, there is no such account, or kube-apiserver does not answer.
pub async fn make_token(
    client: &Client,
    (namespace, name): (&str, &str),
    audience: &str,
) -> Result<(SecretString, Timestamp), kube::Error> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let spec = TokenRequestSpec {
        audiences: Some(vec![audience.to_owned()]),
        expiration_seconds: Some(LIFETIME),
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let made = accounts.create_token_request(name, &PostParams::default(), &request).await?;
    let status = made.status.unwrap_or_default();
    let until = status.expiration_timestamp.map_or(Timestamp::UNIX_EPOCH, |until| until.0);
    Ok((status.token.unwrap_or_default().into(), until))
}
