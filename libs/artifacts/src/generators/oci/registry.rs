//! Asking a registry, as whom it wants to know. Everything goes the way of any HTTP source: through the guard, along redirects that
//! leave credentials behind, in the time and within the limits of the pass.
use super::{
    challenge::{self, Challenge},
    credentials::{Credentials, Proof},
    manifest::{self, Descriptor, Manifest},
    place::Place,
};
use crate::{
    Digest, Error, RegistryError,
    fetch::{Body, Bounds, Fetcher, Head, Reply},
    generators::{Ask, Expected, HttpRequest},
    plan::{RequestBody, headers, told},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Position, Url, form_urlencoded};

/// What a registry must take, and so the largest manifest; listings are bounded by the same.
pub(super) const LARGEST: u64 = 4 << 20;
/// What we are to those who give out tokens for tokens.
const CLIENT: &str = "postern";
/// Tokens have a few KiB.
const LARGEST_TOKEN: u64 = 64 << 10;

/// One pass's conversation with a registry.
pub(super) struct Registry<'a> {
    pub(super) place: &'a Place,
    fetcher: &'a Fetcher,
    bounds: Bounds,
    /// What lets in, once the registry has asked for that.
    authorization: Option<HeaderValue>,
}

/// What is asked for.
pub(super) struct Piece {
    pub(super) url: Url,
    pub(super) accept: &'static str,
    pub(super) pinned: Option<Digest>,
}

/// What came, whole.
pub(super) struct Whole {
    pub(super) head: Head,
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default, deserialize_with = "told")]
    token: Option<SecretString>,
    #[serde(default, deserialize_with = "told")]
    access_token: Option<SecretString>,
}

impl<'a> Registry<'a> {
    pub(super) fn new(place: &'a Place, fetcher: &'a Fetcher, bounds: Bounds) -> Self {
        Self { place, fetcher, bounds, authorization: None }
    }

    /// What a tag or a digest names, and the digest of that; `None` if there is nothing.
    ///
    /// # Errors
    /// The request failed, or what came is no manifest, or another than the registry or the reference says.
    pub(super) async fn manifest(
        &mut self,
        reference: &str,
        pinned: Option<Digest>,
    ) -> Result<Option<(Manifest, Digest)>, Error> {
        let url = self.place.address(&format!("manifests/{reference}"));
        let piece = Piece { url, accept: manifest::ACCEPTED, pinned };
        let Some(Whole { head, bytes, digest }) = self.whole(&piece, LARGEST).await? else { return Ok(None) };
        let said =
            head.headers.get("docker-content-digest").and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(expected) = said.filter(|said| *said != digest) {
            return Err(Error::DigestMismatch { host: self.host(), found: digest, expected });
        }
        let manifest = manifest::read(&bytes, head.content_type.as_deref());
        Ok(Some((manifest.map_err(|problem| self.unexpected(problem))?, digest)))
    }

    /// A layer, still to be read; it is the one that its manifest names, or reading it fails.
    pub(super) async fn blob(&mut self, layer: &Descriptor) -> Result<(Head, Body), Error> {
        let piece = self.piece(layer)?;
        self.get(&piece)
            .await?
            .ok_or_else(|| self.unexpected("a layer that its manifest names is not there".into()))
    }

    /// A small layer, which need not be there.
    pub(super) async fn small_blob(
        &mut self,
        layer: &Descriptor,
        largest: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        let piece = self.piece(layer)?;
        Ok(self.whole(&piece, largest).await?.map(|whole| whole.bytes))
    }

    fn piece(&self, layer: &Descriptor) -> Result<Piece, Error> {
        let digest = layer.digest().map_err(|problem| self.unexpected(problem))?;
        let url = self.place.address(&format!("blobs/{digest}"));
        Ok(Piece { url, accept: "*/*", pinned: Some(digest) })
    }

    /// All of something small, of `largest` bytes at most; `None` if it is not there.
    pub(super) async fn whole(&mut self, piece: &Piece, largest: u64) -> Result<Option<Whole>, Error> {
        let Some((head, body)) = self.get(piece).await? else { return Ok(None) };
        let (bytes, received) = body.whole(largest).await?;
        Ok(Some(Whole { head, bytes, digest: received.digest }))
    }

    /// Asks, and once more as whom the registry wants to know; `None` if it is not there.
    async fn get(&mut self, piece: &Piece) -> Result<Option<(Head, Body)>, Error> {
        let mut was_asked = false;
        loop {
            let request = self.request(piece, self.authorization.clone());
            let (head, body) = match self.send(&request).await {
                Err(Error::Answered { status: StatusCode::NOT_FOUND, .. }) => return Ok(None),
                answer => answer?,
            };
            match head.status {
                StatusCode::UNAUTHORIZED if !self.place.is_registry(&head.origin.url) => {
                    let host = host(&head.origin.url);
                    let status = StatusCode::UNAUTHORIZED;
                    return Err(Error::Answered { host, status, pause: head.pause, limited: false });
                }
                StatusCode::UNAUTHORIZED if was_asked => return Err(self.refused(self.host())),
                // A token may have ended meanwhile.
                StatusCode::UNAUTHORIZED => self.authorization = Some(self.authorize(&head.headers).await?),
                _ => return Ok(Some((head, body))),
            }
            was_asked = true;
        }
    }

    async fn authorize(&self, headers: &HeaderMap) -> Result<HeaderValue, Error> {
        let refused =
            |problem| Error::Registry(RegistryError::ChallengeRefused { host: self.host(), problem });
        let allows_http = self.place.settings.is_insecure();
        match challenge::read(headers, &self.place.repository, allows_http).map_err(refused)? {
            Challenge::Bearer(url) => self.token(url).await,
            Challenge::Basic => match &self.place.credentials {
                Some(Credentials { proof: Proof::Basic(basic), .. }) => Ok(basic.clone()),
                Some(_) => Err(refused("by user and password, where the Secret holds an identity token")),
                None => Err(Error::Registry(RegistryError::CredentialsWanted { host: self.host() })),
            },
        }
    }

    /// Asks for a token: as who the Secret says, or as nobody, which suffices for what anybody may read.
    async fn token(&self, url: Url) -> Result<HeaderValue, Error> {
        let realm = host(&url);
        let mut piece = Piece { url, accept: "application/json", pinned: None };
        let mut request = match self.place.credentials.as_ref().map(|credentials| &credentials.proof) {
            None => self.request(&piece, None),
            Some(Proof::Basic(basic)) => self.request(&piece, Some(basic.clone())),
            Some(Proof::Identity(token)) => {
                let form = grant(&mut piece.url, token);
                let mut request = self.request(&piece, None);
                let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
                request.headers.insert(header::CONTENT_TYPE, kind);
                HttpRequest { method: Method::POST, body: Some(form), ..request }
            }
        };
        request.follow_redirects = false;
        request.expected.statuses = Some(vec![200, 401, 403]);
        let (head, body) = self.send(&request).await?;
        if head.status != StatusCode::OK {
            return Err(self.refused(realm));
        }
        let unfit = |()| {
            Error::Registry(RegistryError::ChallengeRefused {
                host: self.host(),
                problem: "and gives a token that cannot be used",
            })
        };
        let (bytes, _) = body.whole(LARGEST_TOKEN).await?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| unfit(()))?;
        let token = token.token.or(token.access_token).ok_or_else(|| unfit(()))?;
        headers::value(format!("Bearer {}", token.expose_secret()).as_bytes()).map_err(|_| unfit(()))
    }

    /// The certificate of the spec is shown to the registry alone.
    fn request(&self, piece: &Piece, authorization: Option<HeaderValue>) -> HttpRequest {
        let place = self.place;
        let accept = (header::ACCEPT, HeaderValue::from_static(piece.accept));
        let authorization = authorization.map(|value| (header::AUTHORIZATION, value));
        let headers = [accept].into_iter().chain(authorization).collect();
        HttpRequest {
            certificate: place.certificate.clone().filter(|_| place.is_registry(&piece.url)),
            proxy: place.proxy.clone(),
            expected: Expected { statuses: Some(vec![200, 401]), sha256: piece.pinned, ..Expected::any() },
            ..HttpRequest::get(piece.url.clone(), headers, place.trust.clone())
        }
    }

    async fn send(&self, request: &HttpRequest) -> Result<(Head, Body), Error> {
        match self.fetcher.fetch(request, Ask { validators: None, bounds: self.bounds }).await? {
            Reply::Data(head, body) => Ok((head, body)),
            Reply::NotModified { .. } => unreachable!("nothing was asked for conditionally"),
        }
    }

    /// Why whoever asks is not let in.
    fn refused(&self, host: String) -> Error {
        match &self.place.credentials {
            Some(known) => Error::CredentialsRefused { host, secret: known.secret.clone(), key: known.key },
            None => Error::Registry(RegistryError::CredentialsWanted { host: self.host() }),
        }
    }

    pub(super) fn host(&self) -> String {
        self.place.settings.registry().to_owned()
    }

    pub(super) fn unexpected(&self, problem: String) -> Error {
        Error::Registry(RegistryError::UnexpectedManifest { host: self.host(), problem })
    }
}

/// What is asked for with an identity token, as in <https://distribution.github.io/distribution/spec/auth/oauth/>: what an address says
/// otherwise, and the token, go into the body.
fn grant(url: &mut Url, token: &SecretString) -> RequestBody {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([("grant_type", "refresh_token"), ("client_id", CLIENT)])
        .extend_pairs(url.query_pairs());
    let form = form.append_pair("refresh_token", token.expose_secret()).finish();
    url.set_query(None);
    RequestBody { bytes: form.into(), is_secret: true }
}

/// The host as messages name it.
fn host(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}
