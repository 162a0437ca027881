//! The rights of the server's ServiceAccount: the effect of its bindings, not how they are written.
use super::{Check, Finding};
use crate::authn::trust;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::{Api, api::PostParams};

/// What every extension API server does at kube-apiserver.
struct Need {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    /// Namespace and name of the one object, where it is one.
    object: Option<(&'static str, &'static str)>,
    role: &'static str,
}

const NEEDS: [Need; 4] = [
    Need {
        verb: "create",
        group: "authentication.k8s.io",
        resource: "tokenreviews",
        object: None,
        role: DELEGATOR,
    },
    Need {
        verb: "create",
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
        object: None,
        role: DELEGATOR,
    },
    Need { verb: "list", group: "", resource: "configmaps", object: CONFIGURATION, role: READER },
    Need { verb: "watch", group: "", resource: "configmaps", object: CONFIGURATION, role: READER },
];
const DELEGATOR: &str = "system:auth-delegator";
const READER: &str = "extension-apiserver-authentication-reader";
const CONFIGURATION: Option<(&str, &str)> = Some((trust::NAMESPACE, trust::NAME));

pub(super) async fn look(client: &kube::Client, account: Option<&(String, String)>) -> Vec<Finding> {
    let Some((namespace, name)) = account else { return Vec::new() };
    let reviews = Api::<SubjectAccessReview>::all(client.clone());
    let mut findings: Vec<Finding> = Vec::new();
    for need in &NEEDS {
        let finding = match reviews.create(&PostParams::default(), &need.review(namespace, name)).await {
            Ok(review) if review.status.as_ref().is_some_and(|status| status.allowed) => continue,
            Ok(_) => need.missing(namespace, name),
            Err(error) => {
                let what = format!("the rights of ServiceAccount {namespace}/{name}");
                Finding::unseen(Check::Permissions, &what, &error)
            }
        };
        // One binding grants several of these.
        if findings.iter().all(|known| known.remedy != finding.remedy) {
            findings.push(finding);
        }
    }
    findings
}

impl Need {
    fn review(&self, namespace: &str, name: &str) -> SubjectAccessReview {
        let (at, object) = self.object.unzip();
        let attributes = ResourceAttributes {
            verb: Some(self.verb.to_owned()),
            group: Some(self.group.to_owned()),
            resource: Some(self.resource.to_owned()),
            namespace: at.map(str::to_owned),
            name: object.map(str::to_owned),
            ..ResourceAttributes::default()
        };
        let groups = [
            "system:serviceaccounts",
            &format!("system:serviceaccounts:{namespace}"),
            "system:authenticated",
        ]
        .map(str::to_owned);
        let spec = SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{namespace}:{name}")),
            groups: Some(groups.to_vec()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        SubjectAccessReview { spec, ..SubjectAccessReview::default() }
    }

    fn missing(&self, namespace: &str, name: &str) -> Finding {
        let what = match self.object {
            Some((at, object)) => format!("{} {at}/{object}", self.resource),
            None => format!("{}.{}", self.resource, self.group),
        };
        let problem = format!("ServiceAccount {namespace}/{name} may not {} {what}", self.verb);
        let (kind, flag) = match self.object {
            Some((at, _)) => ("rolebinding", format!("-n {at} --role={}", self.role)),
            None => ("clusterrolebinding", format!("--clusterrole={}", self.role)),
        };
        let remedy = format!(
            "kubectl create {kind} {name}-doctor-{} {flag} --serviceaccount={namespace}:{name}",
            match self.object {
                Some(_) => "auth-reader",
                None => "auth-delegator",
            }
        );
        Finding::new(Check::Permissions, problem, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_comes_with_the_command_that_grants_it() {
        let told = |need: &Need| need.missing("lights", "lamps");
        let token = told(&NEEDS[0]);
        assert_eq!(
            token.problem,
            "ServiceAccount lights/lamps may not create tokenreviews.authentication.k8s.io"
        );
        assert_eq!(
            token.remedy,
            "kubectl create clusterrolebinding lamps-doctor-auth-delegator --clusterrole=system:auth-delegator \
             --serviceaccount=lights:lamps"
        );
        let reader = told(&NEEDS[2]);
        assert!(
            reader
                .problem
                .ends_with("may not list configmaps kube-system/extension-apiserver-authentication")
        );
        assert!(
            reader
                .remedy
                .starts_with("kubectl create rolebinding lamps-doctor-auth-reader -n kube-system --role=")
        );
    }
}
