//! `postern doctor`: what keeps kube-apiserver from the aggregated API.
use crate::{cluster, flags::DoctorFlags};
use extension_apiserver::doctor::{Finding, Patient, examine};
use std::fmt::Write as _;

const API_SERVICE: &str = "v1alpha1.subresources.postern.dev";

/// Everything that was found, as people read it; the error if there was anything.
pub(crate) async fn run(flags: DoctorFlags) -> anyhow::Result<(String, bool)> {
    let cluster = cluster::connect(flags.installation.kubeconfig.as_deref()).await?;
    let patient = Patient {
        api_service: API_SERVICE.to_owned(),
        account: Some((flags.installation.namespace, flags.service_account)),
    };
    let findings = examine(&cluster.client, &patient).await;
    Ok((told(&findings), findings.is_empty()))
}

fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        writeln!(text, "{finding}\n").expect("a String takes everything");
    }
    let summary = match findings.len() {
        0 => format!("{API_SERVICE} is well"),
        1 => format!("{API_SERVICE}: one finding"),
        count => format!("{API_SERVICE}: {count} findings"),
    };
    text + &summary + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use extension_apiserver::doctor::Check;

    #[test]
    fn findings_come_with_what_to_do_and_are_counted() {
        assert_eq!(told(&[]), "v1alpha1.subresources.postern.dev is well\n");
        let finding =
            Finding { check: Check::Service, problem: "it is gone".into(), remedy: "make one".into() };
        assert_eq!(
            told(&[finding]),
            "Service: it is gone\n  to do: make one\n\nv1alpha1.subresources.postern.dev: one finding\n"
        );
    }
}
