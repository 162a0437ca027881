//! A pipeline over an empty store, and the specs that tests send through it.
use artifacts::{
    Error, SourceKey, Store,
    egress::EgressPolicy,
    pipeline::{Fetched, Limits, Outcome, Pipeline, Record, Request, Stored, Validators},
    plan::{Plan, ReferencedSecret, Secrets},
};
use crds::{
    ExternalSourceSpec,
    allowed_hosts::NamespaceHosts,
    external_source::{
        Generator, GeneratorType, HttpGenerator, OciGenerator, ReleaseGenerator, S3Generator,
        SecretKeyReference, SecretReference,
    },
    rules,
};
use jiff::Timestamp;
use secrecy::SecretSlice;
use std::{
    io::Read,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use url::Url;

pub(crate) const MIB: u64 = 1024 * 1024;

/// What stands between a spec and its artifact.
pub(crate) struct World {
    pub(crate) pipeline: Pipeline,
    pub(crate) source: SourceKey,
}

impl World {
    /// Loopback is open and the limits are small.
    pub(crate) fn new() -> Self {
        Self::with_policy(loopback())
    }

    pub(crate) fn with_policy(policy: EgressPolicy) -> Self {
        Self::storing_at(&"memory://".parse().unwrap(), policy)
    }

    /// Artifacts go into a directory.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self::storing_at(&Url::from_directory_path(directory).unwrap(), loopback())
    }

    /// Bodies may have up to that many bytes.
    pub(crate) fn with_limit(max_artifact_size: u64) -> Self {
        let limits = Limits { max_artifact_size, max_unpacked_size: 8 * MIB };
        Self::within(&"memory://".parse().unwrap(), loopback(), limits)
    }

    fn storing_at(store: &Url, policy: EgressPolicy) -> Self {
        let limits = Limits { max_artifact_size: 4 * MIB, max_unpacked_size: 8 * MIB };
        Self::within(store, policy, limits)
    }

    fn within(store: &Url, policy: EgressPolicy, limits: Limits) -> Self {
        let pipeline = Pipeline::new(policy, artifacts::store::open(store).unwrap(), limits).unwrap();
        Self { pipeline, source: SourceKey::new("default", "podinfo").unwrap() }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.pipeline.store()
    }

    /// One pass that knows nothing of earlier ones.
    pub(crate) async fn run(&self, case: &Case) -> Result<Outcome, Error> {
        self.run_knowing(case, None, None).await
    }

    /// One pass that knows what an earlier one left.
    pub(crate) async fn run_after(&self, case: &Case, earlier: &Fetched) -> Result<Outcome, Error> {
        self.run_knowing(case, Some(&earlier.validators), Some(&stored(earlier))).await
    }

    pub(crate) async fn run_knowing(
        &self,
        case: &Case,
        validators: Option<&Validators>,
        stored: Option<&Stored>,
    ) -> Result<Outcome, Error> {
        let (plan, record) = (case.plan()?, Some(recorded(false)));
        self.pipeline.run(Request { plan: &plan, source: &self.source, validators, stored, record }).await
    }

    /// One pass over what an earlier one left, whose record it may have to write anew.
    pub(crate) async fn run_recording(
        &self,
        case: &Case,
        earlier: &Fetched,
        renews: bool,
    ) -> Result<Outcome, Error> {
        let (plan, stored) = (case.plan()?, stored(earlier));
        let (stored, record) = (Some(&stored), Some(recorded(renews)));
        let request = Request { plan: &plan, source: &self.source, validators: None, stored, record };
        self.pipeline.run(request).await
    }

    /// A pass that must bring data.
    pub(crate) async fn fetched(&self, case: &Case) -> Fetched {
        match self.run(case).await.expect("the source answers well") {
            Outcome::Fetched(fetched) => fetched,
            Outcome::NotModified { .. } => panic!("nothing was known before"),
        }
    }

    /// A pass that must fail, in a bounded time and without leaving anything in the store.
    pub(crate) async fn fails(&self, case: &Case) -> Error {
        let started = Instant::now();
        let error = self.run(case).await.expect_err("the source answers badly");
        assert!(started.elapsed() < Duration::from_secs(5), "{error} took {:?}", started.elapsed());
        assert_eq!(self.store().list(None).await.unwrap(), [], "{error}");
        error
    }

    /// The files of a stored artifact.
    pub(crate) async fn files(&self, fetched: &Fetched) -> Vec<(String, Vec<u8>)> {
        use futures::TryStreamExt;
        let blob = self.store().open(&fetched.blob.key, None).await.unwrap().expect("it was stored");
        let bytes: Vec<bytes::Bytes> = blob.bytes.try_collect().await.unwrap();
        let mut archive =
            tar::Archive::new(flate2::read::GzDecoder::new(std::io::Cursor::new(bytes.concat())));
        let file = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let mut entry: tar::Entry<'_, _> = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), content)
        };
        archive.entries().unwrap().map(file).collect()
    }
}

fn stored(earlier: &Fetched) -> Stored {
    Stored { digest: earlier.blob.key.digest, tar_digest: Some(earlier.tar_digest) }
}

fn recorded(renews: bool) -> Record {
    Record { started: Timestamp::UNIX_EPOCH, renews }
}

fn loopback() -> EgressPolicy {
    EgressPolicy::new(vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()], vec![])
}

/// Bytes that deflate can do nothing with.
pub(crate) fn noise(length: u64) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A spec and its Secrets.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) spec: ExternalSourceSpec,
    pub(crate) secrets: Secrets,
    /// Where it may lead; `None`: everywhere.
    pub(crate) hosts: Option<NamespaceHosts>,
}

impl Case {
    /// A GET that has more time than any test needs, unless time is what it is about.
    pub(crate) fn new(url: impl Into<String>) -> Self {
        let http = HttpGenerator { url: url.into(), method: "GET".into(), ..Default::default() };
        let spec = ExternalSourceSpec {
            interval: "1m".into(),
            timeout: "30s".into(),
            generator: Generator { http: Some(http), ..Default::default() },
            ..Default::default()
        };
        Self { spec, secrets: Secrets::default(), hosts: None }
    }

    /// What lies in the bucket `configs` of an S3 at `endpoint`, asked for with credentials.
    pub(crate) fn s3(endpoint: String, change: impl FnOnce(&mut S3Generator)) -> Self {
        let mut s3 = S3Generator {
            bucket: "configs".into(),
            endpoint: Some(endpoint),
            credentials_secret_ref: Some(SecretReference { name: "s3".into() }),
            ..Default::default()
        };
        change(&mut s3);
        let mut case = Self::new("http://unused");
        case.spec.generator = Generator { type_: GeneratorType::S3, s3: Some(s3), ..Default::default() };
        let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "canary-7f3a")];
        case.secrets.extend([secret("s3", &keys)]);
        case
    }

    /// The asset `app.yaml` of the newest release of `acme/shop`, asked for at that API with a token.
    pub(crate) fn release(api: String, token: &str, change: impl FnOnce(&mut ReleaseGenerator)) -> Self {
        let mut release = ReleaseGenerator {
            repository: "acme/shop".into(),
            url: Some(api),
            asset: Some("app.yaml".into()),
            secret_ref: Some(SecretReference { name: "api".into() }),
            ..Default::default()
        };
        change(&mut release);
        let mut case = Self::new("http://unused");
        case.spec.generator =
            Generator { type_: GeneratorType::Release, release: Some(release), ..Default::default() };
        case.secrets.extend([secret("api", &[("token", token)])]);
        case
    }

    /// The repository `acme/app` of a registry at `address`, which says whether it speaks TLS.
    pub(crate) fn oci(address: &str, change: impl FnOnce(&mut OciGenerator)) -> Self {
        let (scheme, host) = address.split_once("://").expect("an address");
        let (url, insecure) = (format!("oci://{host}/acme/app"), Some(scheme == "http"));
        let oci = OciGenerator { url, insecure, ..Default::default() };
        let mut case = Self::new("http://unused");
        case.spec.generator = Generator { type_: GeneratorType::Oci, oci: Some(oci), ..Default::default() };
        case.of_oci(change)
    }

    pub(crate) fn of_oci(mut self, change: impl FnOnce(&mut OciGenerator)) -> Self {
        change(self.spec.generator.oci.as_mut().unwrap());
        self
    }

    /// Knows the registry by user and password.
    pub(crate) fn pull(mut self, user: &str, password: &str) -> Self {
        self.secrets.extend([secret("pull", &[("username", user), ("password", password)])]);
        self.of_oci(|oci| oci.secret_ref = Some(SecretReference { name: "pull".into() }))
    }

    /// Knows the registry by what `docker login` keeps where it got an identity token.
    pub(crate) fn login(mut self, registry: &str, token: &str) -> Self {
        let config = format!(r#"{{"auths":{{"{registry}":{{"auth":"bWU6","identitytoken":"{token}"}}}}}}"#);
        self.secrets.extend([secret("pull", &[(".dockerconfigjson", &config)])]);
        self.of_oci(|oci| oci.secret_ref = Some(SecretReference { name: "pull".into() }))
    }

    /// Trusts the registry's authority.
    pub(crate) fn authority(mut self, pem: &str) -> Self {
        self.secrets.extend([secret("authority", &[("ca.crt", pem)])]);
        self.of_oci(|oci| oci.cert_secret_ref = Some(SecretReference { name: "authority".into() }))
    }

    /// Knows S3 by keys that last for a while, with this token.
    pub(crate) fn session(mut self, token: &str) -> Self {
        let keys =
            [("AWS_ACCESS_KEY_ID", "ASIA"), ("AWS_SECRET_ACCESS_KEY", "key"), ("AWS_SESSION_TOKEN", token)];
        self.secrets.extend([secret("s3", &keys)]);
        self
    }

    pub(crate) fn http(mut self, change: impl FnOnce(&mut HttpGenerator)) -> Self {
        change(self.spec.generator.http.as_mut().unwrap());
        self
    }

    pub(crate) fn timeout(mut self, timeout: &str) -> Self {
        self.spec.timeout = timeout.into();
        self
    }

    /// Gives it a headers Secret.
    pub(crate) fn headers(mut self, headers: &[(&str, &str)]) -> Self {
        self.secrets.extend([secret("headers", headers)]);
        self.http(|http| http.headers_secret_ref = Some(SecretReference { name: "headers".into() }))
    }

    /// Has it POST a body of a Secret.
    pub(crate) fn secret_body(mut self, body: &str) -> Self {
        self.secrets.extend([secret("body", &[("body", body)])]);
        let reference = SecretKeyReference { name: "body".into(), key: "body".into() };
        self.http(|http| {
            http.method = "POST".into();
            http.body_secret_ref = Some(reference);
        })
    }

    /// Gives it a CA bundle.
    pub(crate) fn ca_bundle(mut self, pem: &str) -> Self {
        self.secrets.extend([secret("ca", &[("ca.crt", pem)])]);
        let reference = SecretKeyReference { name: "ca".into(), key: "ca.crt".into() };
        self.http(|http| http.ca_bundle_secret_ref = Some(reference))
    }

    /// Gives it a client certificate, and whatever else that Secret holds.
    pub(crate) fn certificate(mut self, data: &[(&str, &str)]) -> Self {
        self.secrets.extend([secret("client", data)]);
        self.http(|http| http.cert_secret_ref = Some(SecretReference { name: "client".into() }))
    }

    /// Sends it through a proxy.
    pub(crate) fn proxy(mut self, data: &[(&str, &str)]) -> Self {
        self.secrets.extend([secret("proxy", data)]);
        self.http(|http| http.proxy_secret_ref = Some(SecretReference { name: "proxy".into() }))
    }

    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        let mut plan = Plan::new(rules::check(&self.spec).expect("the spec is good"), &self.secrets)?;
        plan.confine(self.hosts.clone());
        Ok(plan)
    }
}

fn secret(name: &str, data: &[(&str, &str)]) -> ReferencedSecret {
    let entry =
        |(key, value): &(&str, &str)| ((*key).to_owned(), SecretSlice::from(value.as_bytes().to_vec()));
    ReferencedSecret { name: name.into(), version: "1".into(), data: data.iter().map(entry).collect() }
}
