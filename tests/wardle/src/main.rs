//! The server of `wardle.example.com` as a process.
use anyhow::{Context, Result};
use clap::Parser;
use extension_apiserver::{
    authn::{self, Authenticator},
    authz::{self, Authorizer},
    namespaces::WatchedNamespaces,
    review,
    serve::{ClientCertificates, Limits, Tls, serve},
    server::{Server, VersionInfo},
};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// Serves wardle.example.com from memory.
#[derive(Debug, Parser)]
struct Flags {
    /// How to reach kube-apiserver, which knows who callers are and what they may do
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Where to listen, with TLS
    #[arg(long)]
    listen: SocketAddr,
    /// The serving certificate, PEM
    #[arg(long)]
    tls_cert_file: PathBuf,
    /// Its key, PEM
    #[arg(long)]
    tls_private_key_file: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let flags = Flags::parse();
    let kubeconfig = Kubeconfig::read_from(&flags.kubeconfig).context("failed to read the kubeconfig")?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let ended = shutdown.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        ended.cancel();
    });

    let reviews = Client::try_from(review::client_config(config.clone()))?;
    let client = Client::try_from(config)?;
    let (namespaces, follow) = WatchedNamespaces::new(client.clone());
    tokio::spawn(follow);
    let authenticator =
        Authenticator::start(client.clone(), reviews.clone(), authn::Options::default(), shutdown.clone());
    let known = authenticator.clone();
    let builder = Server::builder()
        .authenticator(authenticator)
        .authorizer(Authorizer::new(reviews, authz::Options::default()))
        .ready_when("front-proxy", move || known.obstacle().is_none())
        .namespaces(namespaces)
        .version(VersionInfo::of(env!("CARGO_PKG_VERSION")))
        .shutdown(shutdown.clone());
    let server = wardle::server::server(builder)?;
    let read =
        |path: &PathBuf| std::fs::read(path).with_context(|| format!("failed to read {}", path.display()));
    let certificate = read(&flags.tls_cert_file)?;
    let key = read(&flags.tls_private_key_file)?;
    let tls = Tls::new(&certificate, &key, ClientCertificates::Request)?;
    let listener = TcpListener::bind(flags.listen).await.context("failed to listen")?;
    serve(listener, Some(tls), Arc::new(server), Limits::default(), shutdown).await;
    Ok(())
}
