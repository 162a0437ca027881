//! A Lease that says what its writer likes, and the server to which it leads: it has a certificate for the name of Postern, of an authority of
//! its own.
use crate::pki::Authority;
use anyhow::{Context, Result, ensure};
use crds::annotations::ADDRESS;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs},
};
use tokio_util::task::AbortOnDropHandle;

/// As Leases of controllers are called.
const NAME: &str = "postern-controller-liar";

pub(in crate::fault_external_source) struct Liar {
    leases: Api<Lease>,
    met: Arc<Mutex<Met>>,
    _listening: AbortOnDropHandle<()>,
}

/// Who came.
#[derive(Clone, Debug, Default)]
pub(in crate::fault_external_source) struct Met {
    connections: usize,
    /// Those that believed its certificate.
    trusting: usize,
    /// How many bytes of theirs came after that; they may be a token.
    told: usize,
}

impl Liar {
    /// Its Lease is held, is about every source, and was renewed later than any other.
    pub(in crate::fault_external_source) async fn begin(leases: Api<Lease>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let met = Arc::default();
        let listening = tokio::spawn(listen(listener, acceptor()?, Arc::clone(&met)));
        leases.create(&PostParams::default(), &lease(address)).await?;
        Ok(Self { leases, met, _listening: AbortOnDropHandle::new(listening) })
    }

    /// Takes its Lease away.
    pub(in crate::fault_external_source) async fn end(self) -> Result<Met> {
        self.leases.delete(NAME, &DeleteParams::default()).await?;
        Ok(self.met.lock().expect("no test panics while it holds this").clone())
    }
}

impl Met {
    /// # Errors
    /// Nobody came, or somebody said something.
    pub(in crate::fault_external_source) fn heard_nothing(&self) -> Result<()> {
        ensure!(self.connections > 0, "nobody goes where the Lease leads, so this shows nothing");
        ensure!(self.trusting == 0 && self.told == 0, "somebody believes it: {self:?}");
        Ok(())
    }
}

fn acceptor() -> Result<TlsAcceptor> {
    let (chain, key) = Authority::new("postern-ca")?.0.leaf_of("postern.postern-system.svc")?;
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("a certificate and its key")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, met: Arc<Mutex<Met>>) {
    let met = || met.lock().expect("no test panics while it holds this");
    while let Ok((stream, _)) = listener.accept().await {
        met().connections += 1;
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        met().trusting += 1;
        let mut told = Vec::new();
        let _broken_off_or_not = stream.read_to_end(&mut told).await;
        met().told += told.len();
    }
}

fn lease(address: SocketAddr) -> Lease {
    let now = MicroTime(Timestamp::now() + SignedDuration::from_hours(1));
    Lease {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            annotations: Some([(ADDRESS.to_owned(), address.to_string())].into()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some("liar".to_owned()),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }),
    }
}
