//! The question to kube-apiserver: user and request in its own words. Pure.
use crate::{
    access::UserInfo,
    request::RequestInfo,
    selectors::{FieldSelector, LabelSelector, Operator, Requirement},
};
use k8s_openapi::{
    api::authorization::v1::{
        FieldSelectorAttributes, LabelSelectorAttributes, NonResourceAttributes, ResourceAttributes,
        SubjectAccessReviewSpec,
    },
    apimachinery::pkg::apis::meta::v1::{FieldSelectorRequirement, LabelSelectorRequirement},
};

/// A selector of more bytes is left out of the question: its requirements would make it many times as large, for this
/// server and for kube-apiserver, and a right that is bound to a selector is not bound to such a one.
const LONGEST_SELECTOR: usize = 10_000;

pub(super) fn spec(user: &UserInfo, request: &RequestInfo) -> SubjectAccessReviewSpec {
    let is_resource = request.is_resource;
    SubjectAccessReviewSpec {
        user: Some(user.name.clone()),
        uid: user.uid.clone(),
        groups: Some(user.groups.clone()),
        extra: (!user.extra.is_empty()).then(|| user.extra.clone()),
        resource_attributes: is_resource.then(|| resource(request)),
        non_resource_attributes: (!is_resource)
            .then(|| NonResourceAttributes { path: filled(&request.path), verb: filled(&request.verb) }),
    }
}

/// The bytes in the question that the caller is free to choose.
pub(super) fn size(request: &RequestInfo) -> usize {
    let selectors = [&request.field_selector, &request.label_selector];
    let selectors: usize = selectors.into_iter().filter_map(|selector| asked(selector)).map(str::len).sum();
    let parts = [
        &request.verb,
        &request.path,
        &request.group,
        &request.version,
        &request.namespace,
        &request.resource,
        &request.name,
        &request.subresource,
    ];
    selectors + parts.into_iter().map(String::len).sum::<usize>()
}

fn resource(request: &RequestInfo) -> ResourceAttributes {
    ResourceAttributes {
        verb: filled(&request.verb),
        group: filled(&request.group),
        version: filled(&request.version),
        namespace: filled(&request.namespace),
        resource: filled(&request.resource),
        subresource: filled(&request.subresource),
        name: filled(&request.name),
        field_selector: asked(&request.field_selector).and_then(fields),
        label_selector: asked(&request.label_selector).and_then(labels),
    }
}

fn asked(selector: &Option<String>) -> Option<&str> {
    selector.as_deref().filter(|selector| selector.len() <= LONGEST_SELECTOR)
}

/// Without requirements the question is about all objects, which is more than was asked and hence safe. So a selector
/// that cannot be read, or a term that cannot be said, is left out.
fn fields(selector: &str) -> Option<FieldSelectorAttributes> {
    let selector = FieldSelector::parse(selector).ok()?;
    let requirements: Vec<_> = selector.requirements().iter().filter_map(field).collect();
    (!requirements.is_empty())
        .then_some(FieldSelectorAttributes { requirements: Some(requirements), raw_selector: None })
}

fn labels(selector: &str) -> Option<LabelSelectorAttributes> {
    let selector = LabelSelector::parse(selector).ok()?;
    let requirements: Vec<_> = selector.requirements().iter().filter_map(label).collect();
    (!requirements.is_empty())
        .then_some(LabelSelectorAttributes { requirements: Some(requirements), raw_selector: None })
}

fn field(requirement: &Requirement) -> Option<FieldSelectorRequirement> {
    Some(FieldSelectorRequirement {
        key: requirement.key.clone(),
        operator: operator(requirement.operator)?.to_owned(),
        values: values(requirement),
    })
}

fn label(requirement: &Requirement) -> Option<LabelSelectorRequirement> {
    Some(LabelSelectorRequirement {
        key: requirement.key.clone(),
        operator: operator(requirement.operator)?.to_owned(),
        values: values(requirement),
    })
}

/// kube-apiserver has no words for the two comparisons of numbers.
fn operator(operator: Operator) -> Option<&'static str> {
    match operator {
        Operator::In => Some("In"),
        Operator::NotIn => Some("NotIn"),
        Operator::Exists => Some("Exists"),
        Operator::DoesNotExist => Some("DoesNotExist"),
        Operator::GreaterThan | Operator::LessThan => None,
    }
}

fn values(requirement: &Requirement) -> Option<Vec<String>> {
    (!requirement.values.is_empty()).then(|| requirement.values.clone())
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user() -> UserInfo {
        UserInfo {
            name: "jane".into(),
            uid: Some("42".into()),
            groups: vec!["dev".into(), "system:authenticated".into()],
            extra: [("scopes".to_owned(), vec!["a".to_owned(), "b".to_owned()])].into(),
        }
    }

    fn get() -> RequestInfo {
        RequestInfo {
            verb: "get".into(),
            path: "/apis/example.com/v1/namespaces/team-a/things/one/content".into(),
            is_resource: true,
            group: "example.com".into(),
            version: "v1".into(),
            namespace: "team-a".into(),
            resource: "things".into(),
            name: "one".into(),
            subresource: "content".into(),
            ..RequestInfo::default()
        }
    }

    #[test]
    fn the_question_carries_every_attribute_of_user_and_request() {
        let asked = serde_json::to_value(spec(&user(), &get())).unwrap();
        let expected = json!({
            "user": "jane", "uid": "42", "groups": ["dev", "system:authenticated"],
            "extra": {"scopes": ["a", "b"]},
            "resourceAttributes": {
                "verb": "get", "group": "example.com", "version": "v1", "namespace": "team-a",
                "resource": "things", "name": "one", "subresource": "content",
            },
        });
        assert_eq!(asked, expected);
    }

    #[test]
    fn a_path_is_asked_about_as_a_path() {
        let request = RequestInfo { verb: "get".into(), path: "/metrics".into(), ..RequestInfo::default() };
        let asked = serde_json::to_value(spec(&UserInfo::default(), &request)).unwrap();
        assert_eq!(asked["nonResourceAttributes"], json!({"path": "/metrics", "verb": "get"}));
        assert_eq!(asked.get("resourceAttributes"), None);
    }

    #[test]
    fn selectors_are_sent_as_requirements() {
        let list = |fields: &str, labels: &str| {
            let request = RequestInfo {
                verb: "list".into(),
                field_selector: Some(fields.into()),
                label_selector: Some(labels.into()),
                ..get()
            };
            serde_json::to_value(resource(&request)).unwrap()
        };

        let readable = list("metadata.name=a,source!=b", "app=web,tier,!old,env notin (x,y),size>3");
        assert_eq!(
            readable["fieldSelector"]["requirements"],
            json!([
                {"key": "metadata.name", "operator": "In", "values": ["a"]},
                {"key": "source", "operator": "NotIn", "values": ["b"]},
            ])
        );
        assert_eq!(
            readable["labelSelector"]["requirements"],
            json!([
                {"key": "app", "operator": "In", "values": ["web"]},
                {"key": "env", "operator": "NotIn", "values": ["x", "y"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "tier", "operator": "Exists"},
            ])
        );

        let unreadable = list("metadata.name", "a=b=c");
        assert_eq!((unreadable.get("fieldSelector"), unreadable.get("labelSelector")), (None, None));
        assert_eq!(list("", "").get("fieldSelector"), None);
    }

    #[test]
    fn the_size_counts_what_the_caller_chooses() {
        let small = size(&get());
        let large = RequestInfo { label_selector: Some("x".repeat(9_000)), ..get() };
        assert_eq!(size(&large), small + 9_000);
    }

    #[test]
    fn a_selector_of_many_terms_is_no_part_of_the_question() {
        let selected = |terms: usize| {
            let selector = vec!["tier"; terms].join(",");
            let request = RequestInfo { label_selector: Some(selector), ..get() };
            (resource(&request).label_selector.is_some(), size(&request) - size(&get()))
        };
        assert_eq!(selected(1_000), (true, 4_999));
        assert_eq!(selected(10_000), (false, 0), "as if everything were asked for");
    }
}
