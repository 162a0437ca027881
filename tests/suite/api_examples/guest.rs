//! Somebody who talks in a room: a WebSocket through kube-apiserver, as the administrator in the name of a user.
use crate::sources::PATIENCE;
use anyhow::{Context, Result, bail};
use attackers::tls;
use cluster::Cluster;
use futures::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, client::IntoClientRequest},
};

pub(super) struct Guest(WebSocketStream<TlsStream<TcpStream>>);

impl Guest {
    /// Enters a room; an error is the HTTP code with which it is kept out.
    pub(super) async fn enter(cluster: &Cluster, path: &str, user: &str) -> Result<Result<Self, u16>> {
        let server = cluster.endpoints().kube_apiserver;
        let pem = |file: &str| std::fs::read(cluster.directory().pki(file));
        let admin = [pem("admin.crt")?, pem("admin.key")?].concat();
        let tls = tls::connector(&pem("kubernetes-ca.crt")?, Some(&admin), None)?;
        let stream = tls::connect(&tls, server).await?;
        let mut request = format!("wss://{server}{path}").into_client_request()?;
        request.headers_mut().insert("impersonate-user", user.parse()?);
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Ok(Self(socket))),
            Err(Error::Http(answer)) => Ok(Err(answer.status().as_u16())),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn say(&mut self, words: &str) -> Result<()> {
        Ok(self.0.send(words.into()).await?)
    }

    /// The next words in the room.
    pub(super) async fn hear(&mut self) -> Result<String> {
        let message = timeout(PATIENCE, self.0.next()).await?.context("the room was closed")??;
        match message.to_text() {
            Ok(words) if message.is_text() => Ok(words.to_owned()),
            _ => bail!("heard {message:?}"),
        }
    }
}
