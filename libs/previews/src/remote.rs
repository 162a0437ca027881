//! A controller in another process: asked over TLS, which the CA of this installation vouches for, with a token that proves
//! who asks.
use crate::{
    AUDIENCE, Answer, PATH, Previewer, Proof, Question, Refusal,
    logs::{self, Keeper, Lines, Untold, Wanted},
};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture};
use reqwest::{Certificate, Client, Response, StatusCode, header::CONTENT_TYPE, redirect::Policy};
use secrecy::ExposeSecret;
use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};
use telemetry::Chain;
use tracing::warn;
use url::Url;

/// How long it may take to reach a controller.
const CONNECTING: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read: what a controller lists and compares at most, written as JSON.
const LONGEST_ANSWER: usize = 16 << 20;

/// How often a log is asked for behind the Service, where its holder does not say where it is reached, before it is told that no replica
/// has it that was asked: which of them gets a connection is not ours to choose.
const ATTEMPTS: usize = 12;

/// What nobody at work is called.
const NOBODY: &str = "no controller of Postern is at work";

/// What a holder is called that is not where it says.
const ASTRAY: &str =
    "the controller that works on this object is not reached at the address that its Lease names";

/// The authorities in PEM whose certificates controllers serve with now; none where they are not known yet, or not at all.
pub type Authorities = Arc<dyn Fn() -> BoxFuture<'static, Option<Vec<u8>>> + Send + Sync>;

/// Asks a controller in another process, each question over a connection of its own.
pub struct Remote {
    /// Where a controller is found, as in `https://postern.postern-system.svc:9444`.
    pub url: Url,
    /// What a certificate must say of a controller that is asked at another address, which no certificate knows.
    pub name: String,
    /// Whose certificates are believed; nobody else learns the token.
    pub authorities: Authorities,
    /// Who asks.
    pub proof: Proof,
}

impl Previewer for Remote {
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move {
            let asked = serde_json::to_vec(&question).expect("texts and JSON are JSON");
            let answer = self.ask(PATH, asked, None).await.map_err(Refusal::Unavailable)?;
            read(answer).await
        }
        .boxed()
    }
}

impl Keeper for Remote {
    fn lines(&self, wanted: Wanted) -> BoxFuture<'_, Result<Lines, Untold>> {
        async move {
            if let Some(holder) = wanted.holder {
                match self.told(&wanted, Some(holder)).await {
                    // Another one may have taken over since, and its address is not known yet.
                    Err(Untold::Elsewhere | Untold::Unavailable(_)) => {}
                    told => return told,
                }
            }
            for _ in 0..ATTEMPTS {
                match self.told(&wanted, None).await {
                    Err(Untold::Elsewhere) => {}
                    told => return told,
                }
            }
            Err(Untold::Elsewhere)
        }
        .boxed()
    }
}

impl Remote {
    /// What one controller tells: who is at this address, or any behind the Service.
    pub(crate) async fn told(&self, wanted: &Wanted, at: Option<SocketAddr>) -> Result<Lines, Untold> {
        let asked = serde_json::to_vec(wanted).expect("texts are JSON");
        let answer = self.ask(logs::PATH, asked, at).await.map_err(Untold::Unavailable)?;
        match answer.status() {
            StatusCode::OK => Ok(answer.bytes_stream().map_err(Into::into).boxed()),
            StatusCode::MISDIRECTED_REQUEST => Err(Untold::Elsewhere),
            StatusCode::TOO_MANY_REQUESTS => Err(Untold::TooMany),
            status => Err(Untold::Unavailable(unanswered(status))),
        }
    }

    /// What a controller answers. An error is in words for whoever asks; the log has more.
    async fn ask(&self, path: &str, asked: Vec<u8>, at: Option<SocketAddr>) -> Result<Response, String> {
        let client = self.client(at).await?;
        let token = self.proof.token().await.map_err(|error| misled(&error))?;
        let base = match at {
            Some(address) => format!("https://{}:{}", self.name, address.port()),
            None => self.url.as_str().trim_end_matches('/').to_owned(),
        };
        let request = client.post(base + path).bearer_auth(token.expose_secret()).body(asked);
        let sent = request.header(CONTENT_TYPE, "application/json").send().await;
        sent.map_err(|error| {
            warn!(error = %Chain(&error), address = at.map(tracing::field::display), "failed to ask a controller");
            if at.is_some() { ASTRAY } else { NOBODY }.to_owned()
        })
    }

    /// Made for each question: the authorities may be others by now, and the connection another one's. Whatever the address, nothing is
    /// sent before a certificate of theirs for the same name was verified.
    async fn client(&self, at: Option<SocketAddr>) -> Result<Client, String> {
        let authorities = (self.authorities)().await.filter(|pem| !pem.is_empty()).ok_or_else(|| {
            "it is not known whose certificate the controller has; --tls-ca says so".to_owned()
        })?;
        let trusted = Certificate::from_pem_bundle(&authorities).map_err(|error| misled(&error))?;
        let client = Client::builder().tls_certs_only(trusted).no_proxy().redirect(Policy::none());
        let client = at.into_iter().fold(client, |client, address| client.resolve(&self.name, address));
        client.connect_timeout(CONNECTING).build().map_err(|error| misled(&error))
    }
}

/// What a controller says.
async fn read(mut response: Response) -> Result<Answer, Refusal> {
    if response.status() != StatusCode::OK {
        return Err(Refusal::Unavailable(unanswered(response.status())));
    }
    let misled = |error: &(dyn Error + 'static)| Refusal::Unavailable(misled(error));
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| misled(&error))? {
        if text.len() + piece.len() > LONGEST_ANSWER {
            return Err(Refusal::Unavailable("the answer of the controller is too long".into()));
        }
        text.extend_from_slice(&piece);
    }
    serde_json::from_slice(&text).map_err(|error| misled(&error))?
}

/// It refuses to speak with us.
fn unanswered(status: StatusCode) -> String {
    warn!(status = status.as_u16(), audience = AUDIENCE, "the controller refuses to be asked");
    format!("the controller does not answer this process: {status}")
}

/// What only an operator can set right, in the log; whoever asks learns that it is so.
fn misled(error: &(dyn Error + 'static)) -> String {
    warn!(error = %Chain(error), "failed to ask a controller");
    format!("the controller cannot be asked: {error}")
}
