//! A server that asks the cluster who its callers are and what they may do, as most do.
use super::{Builder, Lifecycle, Server};
use crate::{
    authn::{self, Authenticator},
    authz::{self, Authorizer},
    client, review,
};

impl Server {
    /// Starts to describe a server that believes kube-apiserver: its front proxy, its client certificates, its word on
    /// tokens and on who may do what. It is ready once it knows the front proxy, and ends with `lifecycle`.
    ///
    /// The ServiceAccount needs the Role `extension-apiserver-authentication-reader` in `kube-system`, and the
    /// ClusterRole `system:auth-delegator`. For other options than the default ones, give
    /// [`Builder::authenticator`] and [`Builder::authorizer`] what you made yourself.
    ///
    /// # Errors
    /// No client can be made of the configuration.
    pub fn delegating(
        config: kube::Config,
        lifecycle: &Lifecycle,
    ) -> Result<Builder<Authenticator, Authorizer>, kube::Error> {
        let client = client::connect(config.clone())?;
        let reviews = client::connect(review::client_config(config))?;
        let options = authn::Options::default();
        let until = lifecycle.draining().clone();
        let authenticator = Authenticator::start(client, reviews.clone(), options, until);
        let authorizer = Authorizer::new(reviews, authz::Options::default());
        let believed = authenticator.clone();
        Ok(Self::builder()
            .authenticator(authenticator)
            .authorizer(authorizer)
            .ready_when("front-proxy", move || believed.obstacle().is_none())
            .shutdown(lifecycle.clone()))
    }
}
