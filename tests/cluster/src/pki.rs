//! Certificates and keys of a control plane: one authority each for clients, for the front proxy and for etcd, so that a
//! certificate of one can never pass for one of another.
use crate::{directory::Directory, example, network::Network};
use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// What one certificate is for.
struct Leaf<'a> {
    file: &'a str,
    common_name: &'a str,
    organization: Option<&'a str>,
    names: &'a [String],
}

impl<'a> Leaf<'a> {
    fn client(file: &'a str, common_name: &'a str) -> Self {
        Self { file, common_name, organization: None, names: &[] }
    }
}

/// Writes everything that the control plane's flags name, and the administrator's client certificate.
pub(crate) fn generate(directory: &Directory, network: &Network) -> Result<()> {
    let local = vec!["localhost".to_owned(), network.loopback().to_string()];
    let kubernetes = Authority::new(directory, "kubernetes-ca")?;
    kubernetes.issue(&Leaf {
        names: &api_server_names(network),
        ..Leaf::client("kube-apiserver", "kube-apiserver")
    })?;
    for name in ["kube-controller-manager", "kube-scheduler"] {
        kubernetes.issue(&Leaf { names: &local, ..Leaf::client(&format!("{name}-serving"), name) })?;
        kubernetes.issue(&Leaf::client(name, &format!("system:{name}")))?;
    }
    let wardle = vec!["wardle.wardle.svc".to_owned(), network.address().to_string()];
    kubernetes.issue(&Leaf { names: &wardle, ..Leaf::client("wardle", "wardle") })?;
    let examples = [format!("*.{}.svc", example::NAMESPACE), network.address().to_string()];
    kubernetes.issue(&Leaf { names: &examples, ..Leaf::client("examples", "examples") })?;
    kubernetes.issue(&Leaf { organization: Some("system:masters"), ..Leaf::client("admin", "admin") })?;

    Authority::new(directory, "front-proxy-ca")?
        .issue(&Leaf::client("front-proxy-client", "front-proxy-client"))?;

    let etcd = Authority::new(directory, "etcd-ca")?;
    etcd.issue(&Leaf { names: &local, ..Leaf::client("etcd", "etcd") })?;
    etcd.issue(&Leaf::client("etcd-client", "kube-apiserver"))?;

    let service_accounts = KeyPair::generate()?;
    directory.write(&directory.pki("service-accounts.key"), service_accounts.serialize_pem())?;
    directory.write(&directory.pki("service-accounts.pub"), service_accounts.public_key_pem())
}

/// Writes `<name>.crt` and `<name>.key`, a certificate for these names and addresses, and `<name>-ca.crt`, the authority that
/// signed it and nothing else.
pub(crate) fn generate_for(directory: &Directory, name: &str, names: &[String]) -> Result<()> {
    Authority::new(directory, &format!("{name}-ca"))?.issue(&Leaf { names, ..Leaf::client(name, name) })
}

fn api_server_names(network: &Network) -> Vec<String> {
    let first_service = network.services().hosts().next();
    let addresses = [Some(network.loopback()), Some(network.address()), first_service];
    [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(addresses.iter().flatten().map(ToString::to_string))
    .collect()
}

struct Authority<'a> {
    directory: &'a Directory,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl<'a> Authority<'a> {
    fn new(directory: &'a Directory, name: &str) -> Result<Self> {
        let mut params = named(name, None, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        directory.write(&directory.pki(&format!("{name}.crt")), issuer.pem())?;
        directory.write(&directory.pki(&format!("{name}.key")), issuer.key().serialize_pem())?;
        Ok(Self { directory, issuer })
    }

    /// A certificate with names serves; one without is for a client only. etcd's own is both: it calls itself.
    fn issue(&self, leaf: &Leaf<'_>) -> Result<()> {
        let mut params = named(leaf.common_name, leaf.organization, leaf.names)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !leaf.names.is_empty() {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let path = |ending: &str| self.directory.pki(&format!("{}.{ending}", leaf.file));
        self.directory.write(&path("crt"), certificate.pem())?;
        self.directory.write(&path("key"), key.serialize_pem())
    }
}

fn named(common_name: &str, organization: Option<&str>, names: &[String]) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    Ok(params)
}
