//! The server of `wardle.example.com` as a process.
use anyhow::{Context, Result};
use clap::Parser;
use extension_apiserver::{
    client,
    namespaces::WatchedNamespaces,
    serve::{ClientCertificates, Limits, Tls, serve},
    server::{Lifecycle, LifecycleOptions, Server, VersionInfo},
};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::net::TcpListener;

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
    let read =
        |path: &PathBuf| std::fs::read(path).with_context(|| format!("failed to read {}", path.display()));
    let (certificate, key) = (read(&flags.tls_cert_file)?, read(&flags.tls_private_key_file)?);
    let tls = Tls::new(&certificate, &key, ClientCertificates::Request)?;

    let lifecycle = Lifecycle::until_signal(LifecycleOptions::default())?;
    let kubeconfig = Kubeconfig::read_from(&flags.kubeconfig).context("failed to read the kubeconfig")?;
    let cluster = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let (namespaces, follow) = WatchedNamespaces::new(client::connect(cluster.clone())?);
    tokio::spawn(follow);
    let builder = Server::delegating(cluster, &lifecycle)?
        .namespaces(namespaces)
        .version(VersionInfo::of(env!("CARGO_PKG_VERSION")));
    let server = wardle::server::server(builder)?;

    let listener = TcpListener::bind(flags.listen).await.context("failed to listen")?;
    let draining = lifecycle.draining().clone();
    serve(listener, Some(tls), Arc::new(server), Limits::default(), draining).await;
    Ok(())
}
