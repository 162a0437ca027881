//! HTTP clients: one for each way to trust and to be known, all behind the same guard.
use super::resolver::Guard;
use crate::{
    Error,
    egress::EgressPolicy,
    plan::{ClientCertificate, Proxy, Trust},
};
use reqwest::{Certificate, Client, ClientBuilder, Identity, redirect::Policy};
use rustls_pki_types::CertificateDer;
use secrecy::ExposeSecret;
use std::{sync::Arc, time::Duration};
use tokio::{sync::OnceCell, task::spawn_blocking};
use tracing::warn;

const USER_AGENT: &str = concat!("postern/", env!("CARGO_PKG_VERSION"));

/// Shared among the addresses of a name, so that a dead one leaves time for the others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How soon a connection that died without a word is noticed while a request waits on it.
const PING: Duration = Duration::from_secs(10);

/// Sources are looked at once a minute or less often: most connections would only be kept to find them closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Many sources lie on one host, and as many of them may be looked at at once.
const IDLE_PER_HOST: usize = 16;

/// Whom a client trusts, what it is known by, and through whom it goes.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) trust: &'a Trust,
    pub(crate) known_by: Option<&'a ClientCertificate>,
    pub(crate) proxy: Option<&'a Proxy>,
}

/// Makes clients, and keeps those that many sources share.
pub(super) struct Clients {
    policy: Arc<EgressPolicy>,
    /// Made for the first source that wants it: a start does not wait for the system's authorities.
    system: OnceCell<Client>,
    anybody: Client,
}

impl Clients {
    pub(super) fn new(policy: Arc<EgressPolicy>) -> Result<Self, Error> {
        let anybody = builder(&policy).tls_danger_accept_invalid_certs(true).build();
        let anybody = anybody.map_err(|error| Error::NoClient(error.into()))?;
        Ok(Self { policy, system: OnceCell::new(), anybody })
    }

    /// The client for a way. One with a bundle, a certificate or a proxy lives for one pass: its connections must not
    /// serve another source, which trusts others and is known as another.
    pub(super) async fn client(&self, way: Way<'_>) -> Result<Client, Error> {
        let builder = match way {
            Way { trust: Trust::System, known_by: None, proxy: None } => {
                return self.system.get_or_try_init(|| system(&self.policy)).await.cloned();
            }
            Way { trust: Trust::Anybody, known_by: None, proxy: None } => return Ok(self.anybody.clone()),
            Way { trust, .. } => trusting(builder(&self.policy), trust)?,
        };
        let mut builder = builder.pool_max_idle_per_host(0);
        if let Some(certificate) = way.known_by {
            builder = builder.identity(identity(certificate)?);
        }
        if let Some(proxy) = way.proxy {
            builder = builder.proxy(through(proxy)?);
        }
        built(builder).await
    }
}

fn trusting(builder: ClientBuilder, trust: &Trust) -> Result<ClientBuilder, Error> {
    Ok(match trust {
        Trust::System => builder,
        Trust::Anybody => builder.tls_danger_accept_invalid_certs(true),
        Trust::SystemAnd(bundle) => builder.tls_certs_merge(certificates(&bundle.certificates)?),
        Trust::Bundle(bundle) => builder.tls_certs_only(certificates(&bundle.certificates)?),
    })
}

/// CONNECT for https, and the whole address in the request for http. The name of the proxy is resolved by the guard, as that
/// of any host that is connected to.
fn through(proxy: &Proxy) -> Result<reqwest::Proxy, Error> {
    // The error would show the address.
    let made = reqwest::Proxy::all(proxy.url.clone())
        .map_err(|_| Error::NoClient("the proxy cannot be used".into()))?;
    Ok(match &proxy.credentials {
        Some((user, password)) => made.basic_auth(user.expose_secret(), password.expose_secret()),
        None => made,
    })
}

/// An image without a list of authorities can still fetch over http, and over https with a bundle: trusting nobody
/// keeps that working and fails where trust is needed.
async fn system(policy: &Arc<EgressPolicy>) -> Result<Client, Error> {
    match built(builder(policy)).await {
        Ok(client) => Ok(client),
        Err(error) => {
            warn!(error = %telemetry::Chain(&error), "no system certificates, https needs caBundleSecretRef");
            built(builder(policy).tls_certs_only([])).await
        }
    }
}

/// What every client has in common. Redirects are followed by hand, so that each is checked; proxies of the
/// environment are not asked, since they would connect to what the guard never sees.
fn builder(policy: &Arc<EgressPolicy>) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(Guard::new(Arc::clone(policy)))
        .no_proxy()
        .redirect(Policy::none())
        // Whose key it was is told in the provenance.
        .tls_info(true)
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
}

/// A client that trusts the system's authorities reads them, a hundred files or more: nothing for a thread that others share.
async fn built(builder: ClientBuilder) -> Result<Client, Error> {
    let made = spawn_blocking(move || builder.build()).await;
    made.map_err(|ended| Error::NoClient(ended.into()))?.map_err(|error| Error::NoClient(error.into()))
}

fn identity(certificate: &ClientCertificate) -> Result<Identity, Error> {
    Identity::from_pem(certificate.pem()).map_err(|error| Error::NoClient(error.into()))
}

fn certificates(authorities: &[CertificateDer<'static>]) -> Result<Vec<Certificate>, Error> {
    let read = |der: &CertificateDer<'_>| Certificate::from_der(der);
    authorities.iter().map(read).collect::<Result<_, _>>().map_err(|error| Error::NoClient(error.into()))
}
