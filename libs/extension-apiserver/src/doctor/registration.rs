//! The APIService: what it points at, by which CA, and what kube-apiserver says of it.
use super::{Check, Finding};
use jiff::Timestamp;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{APIService, APIServiceStatus};
use kube::Api;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::parse_x509_certificate;

/// What kube-apiserver calls, as the APIService says.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) namespace: String,
    pub(super) service: String,
    pub(super) port: i32,
    /// Empty where the server's certificate cannot be checked.
    pub(super) roots: RootCertStore,
    pub(super) is_available: bool,
}

/// As far as the way leads.
#[derive(Default)]
pub(super) struct Way {
    pub(super) target: Option<Target>,
    pub(super) findings: Vec<Finding>,
}

pub(super) async fn look(client: &kube::Client, name: &str) -> Way {
    match Api::<APIService>::all(client.clone()).get_opt(name).await {
        Ok(found) => judge(name, found, Timestamp::now()),
        Err(error) => {
            let finding = Finding::unseen(Check::ApiService, &format!("APIService {name}"), &error);
            Way { target: None, findings: vec![finding] }
        }
    }
}

fn judge(name: &str, found: Option<APIService>, now: Timestamp) -> Way {
    let lost = |problem: String, remedy: &str| Way {
        target: None,
        findings: vec![Finding::new(Check::ApiService, problem, remedy)],
    };
    let Some(found) = found else {
        let problem =
            format!("APIService {name} does not exist, so kube-apiserver knows nothing of the server");
        return lost(problem, "apply the APIService of the installation: kubectl apply -f FILE");
    };
    let spec = found.spec.unwrap_or_default();
    let Some(service) = spec.service else {
        let problem = format!("APIService {name} names no Service, so kube-apiserver itself answers for it");
        return lost(
            problem,
            "is there a CRD of this group and version? kubectl get crds; it cannot be served by both",
        );
    };
    let mut findings: Vec<Finding> = condition(name, found.status).into_iter().collect();
    let is_available = findings.is_empty();
    let mut roots = RootCertStore::empty();
    if spec.insecure_skip_tls_verify == Some(true) {
        let problem = "insecureSkipTLSVerify is true: whoever gets between can answer in the server's place";
        let remedy = patch(name, r#"{"spec":{"insecureSkipTLSVerify":null,"caBundle":"BASE64 OF THE CA"}}"#);
        findings.push(Finding::new(Check::CaBundle, problem, remedy));
    } else {
        match bundle(&spec.ca_bundle.unwrap_or_default().0, now) {
            Ok(authorities) => roots = authorities,
            Err(problem) => {
                let problem = format!("caBundle of APIService {name} {problem}");
                let remedy = patch(name, r#"{"spec":{"caBundle":"BASE64 OF THE CA IN PEM"}}"#);
                findings.push(Finding::new(Check::CaBundle, problem, remedy));
            }
        }
    }
    let target = Target {
        namespace: service.namespace.unwrap_or_default(),
        service: service.name.unwrap_or_default(),
        port: service.port.unwrap_or(443),
        roots,
        is_available,
    };
    Way { target: Some(target), findings }
}

fn patch(name: &str, patch: &str) -> String {
    format!("kubectl patch apiservice {name} --type=merge -p '{patch}'")
}

/// What kube-apiserver itself says; the other findings tell why.
fn condition(name: &str, status: Option<APIServiceStatus>) -> Option<Finding> {
    let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
    let remedy = format!("mend what else is found here, or see: kubectl describe apiservice {name}");
    let problem = match conditions.into_iter().find(|condition| condition.type_ == "Available") {
        Some(condition) if condition.status == "True" => return None,
        Some(condition) => format!(
            "kube-apiserver says that {name} is not available: {}: {}",
            condition.reason.unwrap_or_default(),
            condition.message.unwrap_or_default()
        ),
        None => format!("kube-apiserver has not looked at {name} yet"),
    };
    Some(Finding::new(Check::ApiService, problem, remedy))
}

fn bundle(pem: &[u8], now: Timestamp) -> Result<RootCertStore, String> {
    if pem.is_empty() {
        return Err("is empty, so kube-apiserver trusts only what its own machine does".to_owned());
    }
    let unreadable = "holds something that is not a certificate in PEM";
    let all: Vec<CertificateDer<'_>> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| unreadable)?;
    let mut roots = RootCertStore::empty();
    for certificate in all {
        let (_, parsed) = parse_x509_certificate(&certificate).map_err(|_| unreadable)?;
        let validity = parsed.validity();
        if (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.as_second()) {
            roots.add(certificate).map_err(|_| unreadable)?;
        }
    }
    if roots.is_empty() {
        return Err("holds only certificates that are expired or not valid yet, or none".to_owned());
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
