//! A controller in another process: asked over TLS, which the CA of this installation vouches for, with a token that proves
//! who asks.
use crate::{AUDIENCE, Answer, PATH, Previewer, Proof, Question, Refusal};
use futures::{FutureExt, future::BoxFuture};
use reqwest::{Certificate, Client, Response, StatusCode, header::CONTENT_TYPE, redirect::Policy};
use secrecy::ExposeSecret;
use std::{error::Error, sync::Arc, time::Duration};
use telemetry::Chain;
use tracing::warn;
use url::Url;

/// How long it may take to reach a controller.
const CONNECTING: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read: what a controller lists and compares at most, written as JSON.
const LONGEST_ANSWER: usize = 16 << 20;

/// What nobody at work is called.
const NOBODY: &str = "no controller of Postern is at work";

/// The authorities in PEM whose certificates controllers serve with now; none where they are not known yet, or not at all.
pub type Authorities = Arc<dyn Fn() -> BoxFuture<'static, Option<Vec<u8>>> + Send + Sync>;

/// Asks a controller in another process, each question over a connection of its own.
pub struct Remote {
    /// Where a controller is found, as in `https://postern.postern-system.svc:9444`.
    pub url: Url,
    /// Whose certificates are believed; nobody else learns the token.
    pub authorities: Authorities,
    /// Who asks.
    pub proof: Proof,
}

impl Previewer for Remote {
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move { self.ask(&question).await }.boxed()
    }
}

impl Remote {
    async fn ask(&self, question: &Question) -> Result<Answer, Refusal> {
        let client = self.client().await?;
        let token = self.proof.token().await.map_err(|error| misled(&error))?;
        let url = format!("{}{PATH}", self.url.as_str().trim_end_matches('/'));
        let body = serde_json::to_vec(question).expect("texts and JSON are JSON");
        let request = client.post(url).bearer_auth(token.expose_secret()).body(body);
        let sent = request.header(CONTENT_TYPE, "application/json").send().await;
        let answer = sent.map_err(|error| {
            warn!(error = %Chain(&error), "failed to ask a controller for a preview");
            Refusal::Unavailable(NOBODY.into())
        })?;
        read(answer).await
    }

    /// Made for each question: the authorities may be others by now.
    async fn client(&self) -> Result<Client, Refusal> {
        let authorities = (self.authorities)().await.filter(|pem| !pem.is_empty()).ok_or_else(|| {
            Refusal::Unavailable(
                "it is not known whose certificate the controller has; --tls-ca says so".into(),
            )
        })?;
        let trusted = Certificate::from_pem_bundle(&authorities).map_err(|error| misled(&error))?;
        let client = Client::builder().tls_certs_only(trusted).no_proxy().redirect(Policy::none());
        client.connect_timeout(CONNECTING).build().map_err(|error| misled(&error))
    }
}

/// What a controller says.
async fn read(mut response: Response) -> Result<Answer, Refusal> {
    let status = response.status();
    if status != StatusCode::OK {
        warn!(
            status = status.as_u16(),
            audience = AUDIENCE,
            "the controller refuses to be asked for a preview"
        );
        return Err(Refusal::Unavailable(format!("the controller does not answer this process: {status}")));
    }
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| misled(&error))? {
        if text.len() + piece.len() > LONGEST_ANSWER {
            return Err(Refusal::Unavailable("the answer of the controller is too long".into()));
        }
        text.extend_from_slice(&piece);
    }
    serde_json::from_slice(&text).map_err(|error| misled(&error))?
}

/// What only an operator can set right, in the log; whoever asks learns that it is so.
fn misled(error: &(dyn Error + 'static)) -> Refusal {
    warn!(error = %Chain(error), "failed to ask a controller for a preview");
    Refusal::Unavailable(format!("the controller cannot be asked: {error}"))
}
