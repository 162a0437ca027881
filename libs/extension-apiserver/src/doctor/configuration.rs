//! The ConfigMap by which the server knows kube-apiserver.
use super::{Check, Finding};
use crate::authn::trust::{NAME, NAMESPACE, Trust};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use rustls_pki_types::UnixTime;

pub(super) async fn look(client: &kube::Client) -> Vec<Finding> {
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE);
    match config_maps.get_opt(NAME).await {
        Ok(found) => judge(found),
        Err(error) => {
            vec![Finding::unseen(Check::Configuration, &format!("ConfigMap {NAMESPACE}/{NAME}"), &error)]
        }
    }
}

fn judge(found: Option<ConfigMap>) -> Vec<Finding> {
    let flags = "start kube-apiserver with --requestheader-client-ca-file, --requestheader-allowed-names, \
                 --proxy-client-cert-file and --proxy-client-key-file; it writes the ConfigMap by itself";
    let finding = |problem: String| {
        let problem = format!(
            "ConfigMap {NAMESPACE}/{NAME}: {problem}, so a server that starts now believes no front proxy; one that \
             runs goes on with what it read before"
        );
        Finding::new(Check::Configuration, problem, flags)
    };
    let Some(found) = found else { return vec![finding("does not exist".to_owned())] };
    let (_, problems) = Trust::default().next(&found.data.unwrap_or_default(), UnixTime::now());
    problems.into_iter().map(|problem| finding(problem.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Authority;

    #[test]
    fn what_the_server_could_not_use_is_found_here_too() {
        let holding = |pairs: &[(&str, &str)]| {
            let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let found = judge(Some(ConfigMap { data: Some(data), ..ConfigMap::default() }));
            found.into_iter().map(|finding| finding.problem).collect::<Vec<_>>().join("\n")
        };
        let pem = Authority::new().pem();
        assert_eq!(holding(&[("requestheader-client-ca-file", &pem)]), "");
        assert!(holding(&[]).contains("requestheader-client-ca-file is missing"));
        assert!(
            holding(&[("requestheader-client-ca-file", &pem), ("requestheader-allowed-names", "proxy")])
                .contains("requestheader-allowed-names is not a JSON list of strings")
        );
        let shared = holding(&[("requestheader-client-ca-file", &pem), ("client-ca-file", &pem)]);
        assert!(shared.contains("share an authority"), "{shared}");
        assert!(judge(None)[0].problem.contains("does not exist"));
    }
}
