//! Who asks: a token of this process's own ServiceAccount, which is good for asking a controller and for nothing else.
use crate::{AUDIENCE, make_token};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{Api, Client, api::PostParams};
use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::Mutex;

/// A token is replaced when it has less left than a question may take, and a clock may be off.
const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// Why there is no token.
#[derive(Debug, Error)]
pub(crate) enum ProofError {
    /// kube-apiserver knows this process by a certificate, or as a person.
    #[error("this process runs as {user}, which is no ServiceAccount, so no controller can know it")]
    NoAccount {
        /// As whom it is known.
        user: String,
    },
    /// kube-apiserver does not say as whom.
    #[error("kube-apiserver does not say as whom it knows this process")]
    Unknown(#[source] Box<kube::Error>),
    /// The right is missing, or kube-apiserver does not answer.
    #[error("kube-apiserver makes no token for this process")]
    NotMade(#[source] Box<kube::Error>),
}

/// Proves who asks. Tokens are kept while they are good.
pub struct Proof {
    client: Client,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Namespace and name of the ServiceAccount.
    account: Option<(String, String)>,
    token: Option<(SecretString, Timestamp)>,
}

impl Proof {
    /// Tokens are made with this client, best one that does not wait for long.
    pub fn new(client: Client) -> Self {
        Self { client, held: Mutex::default() }
    }

    /// A token that is good for a while yet.
    pub(crate) async fn token(&self) -> Result<SecretString, ProofError> {
        let mut held = self.held.lock().await;
        if let Some((token, until)) = &held.token
            && Timestamp::now() + MARGIN < *until
        {
            return Ok(token.clone());
        }
        let (namespace, name) = match held.account.clone() {
            Some(account) => account,
            None => held.account.insert(self.account().await?).clone(),
        };
        let made = make_token(&self.client, (&namespace, &name), AUDIENCE).await;
        let (token, until) = made.map_err(|error| ProofError::NotMade(Box::new(error)))?;
        held.token = Some((token.clone(), until));
        Ok(token)
    }

    async fn account(&self) -> Result<(String, String), ProofError> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let asked = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let answered = asked.map_err(|error| ProofError::Unknown(Box::new(error)))?;
        let user = answered.status.and_then(|status| status.user_info).and_then(|user| user.username);
        let user = user.unwrap_or_default();
        account_of(&user).ok_or(ProofError::NoAccount { user })
    }
}

/// Namespace and name in a ServiceAccount's user name.
fn account_of(user: &str) -> Option<(String, String)> {
    let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    Some((namespace.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_account_can_prove_itself() {
        let account = account_of("system:serviceaccount:postern-system:postern");
        assert_eq!(account, Some(("postern-system".into(), "postern".into())));
        for other in ["admin", "system:serviceaccount:postern-system", "", "system:node:a:b"] {
            assert_eq!(account_of(other), None, "{other}");
        }
    }
}
