//! Where an artifact lies, and by what to ask for it. Pure.
use super::{credentials::Credentials, signature::Signers};
use crate::{
    Error,
    plan::{ClientCertificate, Proxy, ReferencedSecret, Secrets, Trust},
};
use crds::external_source::{OciGenerator, SecretReference};
use url::Url;

/// Docker Hub goes by three names, and one of them is that of its registry.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const DOCKER_REGISTRY: &str = "registry-1.docker.io";
/// What Docker Hub puts before names of one step.
const DOCKER_OFFICIAL: &str = "library";

/// Where to ask, as whom, and for what.
pub(super) struct Place {
    pub(super) settings: OciGenerator,
    /// The root of the registry, which ends in `/v2/`.
    root: Url,
    /// As the registry names it.
    pub(super) repository: String,
    pub(super) credentials: Option<Credentials>,
    pub(super) trust: Trust,
    /// Shown to the registry alone.
    pub(super) certificate: Option<ClientCertificate>,
    pub(super) proxy: Option<Proxy>,
    /// Who may have signed, if somebody must have.
    pub(super) signers: Option<Signers>,
}

impl Place {
    /// # Errors
    /// A Secret is missing, lacks a key, or holds what cannot be used.
    pub(super) fn new(oci: &OciGenerator, secrets: &Secrets) -> Result<Self, Error> {
        let find = |reference: &Option<SecretReference>| {
            reference.as_ref().map(|reference| secrets.find(&reference.name)).transpose()
        };
        let certificate = find(&oci.cert_secret_ref)?;
        let verify = oci.verify.as_ref().and_then(|verify| verify.secret_ref.clone());
        let credentials = find(&oci.secret_ref)?.map(|secret| Credentials::from_secret(secret, oci));
        Ok(Self {
            root: root(oci),
            repository: repository(oci),
            credentials: credentials.transpose()?,
            trust: certificate.map_or(Ok(Trust::System), Trust::beside_certificate)?,
            certificate: certificate.map(shown).transpose()?.flatten(),
            proxy: find(&oci.proxy_secret_ref)?.map(Proxy::from_secret).transpose()?,
            signers: find(&verify)?.map(Signers::from_secret).transpose()?,
            settings: oci.clone(),
        })
    }

    /// The address of something of the repository, such as `manifests/latest`.
    pub(super) fn address(&self, what: &str) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("/v2/{}/{what}", self.repository));
        url
    }

    /// Whether an address is one of the registry.
    pub(super) fn is_registry(&self, url: &Url) -> bool {
        url.origin() == self.root.origin()
    }
}

/// A Secret that holds authorities alone shows nothing.
fn shown(secret: &ReferencedSecret) -> Result<Option<ClientCertificate>, Error> {
    let has = |key| secret.data.contains_key(key);
    let trusts_only = has("ca.crt") && !has("tls.crt") && !has("tls.key");
    if trusts_only { Ok(None) } else { ClientCertificate::from_secret(secret).map(Some) }
}

/// Whether two names are those of one registry.
pub(super) fn is_same_registry(one: &str, other: &str) -> bool {
    let is_hub = |name: &str| DOCKER_HUB.iter().any(|hub| hub.eq_ignore_ascii_case(name));
    one.eq_ignore_ascii_case(other) || (is_hub(one) && is_hub(other))
}

fn root(oci: &OciGenerator) -> Url {
    let scheme = if oci.is_insecure() { "http" } else { "https" };
    let registry = oci.registry();
    let host = if is_same_registry(registry, DOCKER_REGISTRY) { DOCKER_REGISTRY } else { registry };
    Url::parse(&format!("{scheme}://{host}/v2/")).expect("the rules accepted this registry")
}

fn repository(oci: &OciGenerator) -> String {
    let name = oci.repository();
    let is_official = is_same_registry(oci.registry(), DOCKER_REGISTRY) && !name.contains('/');
    if is_official { format!("{DOCKER_OFFICIAL}/{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str, insecure: bool) -> Place {
        let oci = OciGenerator { url: url.into(), insecure: Some(insecure), ..OciGenerator::default() };
        Place::new(&oci, &Secrets::default()).expect("there is no Secret")
    }

    #[test]
    fn addresses_are_those_of_the_distribution_specification() {
        for (url, insecure, address) in [
            ("oci://ghcr.io/acme/app", false, "https://ghcr.io/v2/acme/app/manifests/v1"),
            ("oci://localhost:5000/app", true, "http://localhost:5000/v2/app/manifests/v1"),
            ("oci://docker.io/alpine", false, "https://registry-1.docker.io/v2/library/alpine/manifests/v1"),
            ("oci://index.docker.io/a/b", false, "https://registry-1.docker.io/v2/a/b/manifests/v1"),
        ] {
            assert_eq!(place(url, insecure).address("manifests/v1").as_str(), address);
        }
    }

    #[test]
    fn another_port_or_scheme_is_not_the_registry() {
        let place = place("oci://ghcr.io/acme/app", false);
        for (url, is_registry) in [
            ("https://ghcr.io/token", true),
            ("https://ghcr.io:443/token", true),
            ("https://ghcr.io:444/token", false),
            ("http://ghcr.io/token", false),
            ("https://ghcr.io.example.com/token", false),
        ] {
            assert_eq!(place.is_registry(&url.parse().expect(url)), is_registry, "{url}");
        }
    }
}
