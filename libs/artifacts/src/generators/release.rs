//! `release`: assets of the release with the highest version, from the API of GitHub, GitLab or Gitea.
//!
//! [`listing`] asks for releases and [`provider`] knows how each API spells them; [`choice`] chooses, [`known`] recognizes and
//! [`checksums`] reads what is said of the assets, all pure. Every request is one of `http`, along redirects, judged and bounded as any.
mod checksums;
mod choice;
mod known;
mod listing;
mod provider;

use super::{
    Ask, Expected, Generator, HttpRequest,
    archive::{self, Pieces},
};
use crate::{
    Digest, Error,
    fetch::{Body, Fetcher, Head, Incoming, Origin, Reply, Validators},
    plan::{Inputs, Secrets, Trust, headers},
};
use choice::{Asset, Wanted};
use crds::external_source::{self, ReleaseGenerator, Settings, Unpack};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use known::{Known, known};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use url::Url;

/// The largest list of checksums, in bytes.
const LARGEST_LIST: u64 = 1 << 20;
/// The largest asset whose length nobody announces, where its length must be known before it comes.
const LARGEST_UNANNOUNCED: u64 = 4 << 20;

/// Where to look, as whom, and for what.
struct Place {
    settings: ReleaseGenerator,
    wanted: Wanted,
    api: Url,
    /// What the API knows us by, under the name that it has there.
    known_by: HeaderMap,
    trust: Trust,
}

/// # Errors
/// A Secret is missing, lacks a key, or holds what cannot be sent or trusted.
pub(super) fn plan(
    generator: &external_source::Generator,
    secrets: &Secrets,
    inputs: &mut Inputs,
) -> Result<Arc<dyn Generator>, Error> {
    let release = generator.release.as_ref().expect("the rules ask for spec.generator.release");
    let trust = Trust::by_bundle(release.ca_bundle_secret_ref.as_ref(), secrets)?;
    let known_by = known_by(release, secrets)?;
    write(inputs, release, secrets)?;
    let api = Url::parse(release.api()).expect("the rules accepted this url");
    Ok(Arc::new(Place { settings: release.clone(), wanted: Wanted::new(release), api, known_by, trust }))
}

fn known_by(release: &ReleaseGenerator, secrets: &Secrets) -> Result<HeaderMap, Error> {
    const TOKEN: &str = "token";
    let Some(reference) = &release.secret_ref else { return Ok(HeaderMap::new()) };
    let secret = secrets.find(&reference.name)?;
    let (name, scheme) = provider::known_by(release.provider);
    let value = [scheme.as_bytes(), secret.value(TOKEN)?].concat();
    let refused = |problem| Error::InvalidHeader { secret: secret.name.clone(), key: TOKEN.into(), problem };
    Ok(HeaderMap::from_iter([(name, headers::value(&value).map_err(refused)?)]))
}

fn write(inputs: &mut Inputs, release: &ReleaseGenerator, secrets: &Secrets) -> Result<(), Error> {
    inputs.text("generator", "release");
    inputs.text("provider", provider::name(release.provider));
    inputs.text("url", release.api());
    inputs.text("repository", &release.repository);
    inputs.optional("tag", release.tag.as_deref());
    inputs.optional("semver", release.semver.as_deref());
    inputs.optional("semverFilter", release.semver_filter.as_deref());
    inputs.optional("tagPrefix", release.tag_prefix.as_deref());
    inputs.text("prereleases", &release.prereleases.unwrap_or_default().to_string());
    inputs.optional("asset", release.asset.as_deref());
    inputs.list("assets", release.assets.iter());
    inputs.optional("checksums", release.checksums.as_deref());
    for name in release.secrets() {
        inputs.secret("secret", secrets.find(name)?);
    }
    inputs.optional("caBundleKey", release.ca_bundle_secret_ref.as_ref().map(|reference| &*reference.key));
    inputs.unpack(release.unpack.unwrap_or_default());
    Ok(())
}

impl Generator for Place {
    fn host(&self) -> String {
        self.settings.host()
    }

    /// Several assets come as one archive.
    fn unpack(&self) -> Unpack {
        match self.settings.assets.is_empty() {
            true => self.settings.unpack.unwrap_or_default(),
            false => Unpack::Always,
        }
    }

    fn fetch<'a>(&'a self, fetcher: &'a Fetcher, ask: Ask<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        self.newest(fetcher, ask).boxed()
    }
}

impl Place {
    async fn newest(&self, fetcher: &Fetcher, ask: Ask<'_>) -> Result<Reply, Error> {
        let no_release = |problem| Error::NoRelease { host: self.host(), problem };
        let before = Known::new(ask.validators);
        let (listed, pause) = self.listed(fetcher, ask, &before).await?;
        let Some(listed) = listed else { return Ok(Reply::NotModified { pause, validators: None }) };
        let pause = pause.max(listed.pause);
        let release = listed
            .best
            .ok_or_else(|| no_release("has no release with a version that is wanted".to_owned()))?;
        let picked = self.wanted.pick(&release).map_err(no_release)?;
        let fingerprint = choice::fingerprint(&release, &picked);
        let validators = known(&fingerprint, &listed.etags);
        if before.is_of(&fingerprint) {
            let validators = Some(validators).filter(|now| !before.is(now));
            return Ok(Reply::NotModified { pause, validators });
        }
        let assets = self.checked(fetcher, ask, picked).await?;
        match <[Asset; 1]>::try_from(assets) {
            Ok([asset]) if self.settings.assets.is_empty() => {
                let reply = fetcher.fetch(&self.asset(&asset), asked(ask)).await?;
                Ok(recognized_by(reply, validators, pause))
            }
            Ok(assets) => self.together(fetcher, ask, assets.into(), validators, pause),
            Err(assets) => self.together(fetcher, ask, assets, validators, pause),
        }
    }

    /// The assets, each with the digest that it must have as far as anybody tells one.
    async fn checked(
        &self,
        fetcher: &Fetcher,
        ask: Ask<'_>,
        picked: choice::Picked,
    ) -> Result<Vec<Asset>, Error> {
        let Some(list) = picked.checksums else { return Ok(picked.assets) };
        let host = self.host();
        let problem = || Error::NoChecksum { host: host.clone() };
        let Reply::Data(_, body) = fetcher.fetch(&self.asset(&list), asked(ask)).await? else {
            return Err(problem());
        };
        let (text, _) = body.whole(LARGEST_LIST).await?;
        let sums: BTreeMap<String, Digest> = checksums::read(&String::from_utf8_lossy(&text));
        let with_sum = |asset: Asset| {
            let expected = *sums.get(&asset.name).ok_or_else(problem)?;
            match asset.digest.filter(|told| *told != expected) {
                Some(found) => Err(Error::DigestMismatch { host: host.clone(), found, expected }),
                None => Ok(Asset { digest: Some(expected), ..asset }),
            }
        };
        picked.assets.into_iter().map(with_sum).collect()
    }

    /// One archive of all of them, each asked for when it is its turn.
    fn together(
        &self,
        fetcher: &Fetcher,
        ask: Ask<'_>,
        assets: Vec<Asset>,
        validators: Validators,
        pause: Option<Duration>,
    ) -> Result<Reply, Error> {
        let host = self.host();
        let requests: Vec<(String, HttpRequest)> =
            assets.into_iter().map(|asset| (asset.name.clone(), self.asset(&asset))).collect();
        let (fetcher, from, bounds) = (fetcher.clone(), host.clone(), ask.bounds);
        let files = stream::iter(requests).then(move |(name, request)| {
            let (fetcher, from) = (fetcher.clone(), from.clone());
            async move {
                let ask = Ask { validators: None, bounds };
                entry(&name, fetcher.fetch(&request, ask).await?, &from).await
            }
        });
        let pieces = files.try_flatten().chain(archive::end()).boxed();
        let content_type = Some("application/x-tar".to_owned());
        let origin = Origin::at(&self.api, validators.clone());
        let (status, headers, length) = (StatusCode::OK, HeaderMap::new(), None);
        let head = Head { status, headers, content_type, validators, pause, length, origin };
        let incoming = Incoming { host, length, pieces };
        Ok(Reply::Data(head, Body::new(incoming, ask.bounds, None)?))
    }

    fn asset(&self, asset: &Asset) -> HttpRequest {
        HttpRequest {
            expected: Expected { sha256: asset.digest, ..Expected::any() },
            ..self.request(asset.address.clone(), provider::accepted(self.settings.provider))
        }
    }

    /// A request that only the origin of the API may know us by.
    fn request(&self, url: Url, accepted: &'static str) -> HttpRequest {
        let mut headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accepted))]);
        if url.origin() == self.api.origin() {
            headers.extend(self.known_by.clone());
            headers.extend(provider::version(self.settings.provider));
        }
        HttpRequest::get(url, headers, self.trust.clone())
    }
}

/// The same without what an earlier answer can be recognized by: that is ours, and no server's.
fn asked(ask: Ask<'_>) -> Ask<'static> {
    Ask { validators: None, bounds: ask.bounds }
}

fn recognized_by(reply: Reply, validators: Validators, pause: Option<Duration>) -> Reply {
    match reply {
        Reply::Data(mut head, body) => {
            head.origin.validators = validators.clone();
            head.validators = validators;
            head.pause = head.pause.max(pause);
            Reply::Data(head, body)
        }
        reply @ Reply::NotModified { .. } => reply,
    }
}

async fn entry(name: &str, reply: Reply, host: &str) -> Result<Pieces, Error> {
    let Reply::Data(head, mut body) = reply else {
        return Err(Error::NoRelease { host: host.to_owned(), problem: "sent no asset".to_owned() });
    };
    let length = match head.length {
        Some(length) => Some(length),
        None => body.read_ahead(LARGEST_UNANNOUNCED).await?,
    };
    let Some(length) = length else {
        let problem = "sends an asset of more than 4 MiB without its length".to_owned();
        return Err(Error::NoRelease { host: host.to_owned(), problem });
    };
    let unsafe_name = |problem| Error::UnsafeKey { host: host.to_owned(), problem };
    let header = archive::header(name, length).map_err(unsafe_name)?;
    Ok(archive::file(header, pieces(body), length))
}

/// The pieces of a body, which must be the right one before the last of them is over.
fn pieces(body: Body) -> Pieces {
    stream::try_unfold(Some(body), |body| async {
        let Some(mut body) = body else { return Ok(None) };
        match body.chunk().await? {
            Some(piece) => Ok(Some((piece, Some(body)))),
            None => {
                body.finish()?;
                Ok(None)
            }
        }
    })
    .boxed()
}
