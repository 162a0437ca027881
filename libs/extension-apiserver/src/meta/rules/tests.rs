//! Each rule, and what is said of whoever breaks it.
use super::*;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

fn meta() -> ObjectMeta {
    ObjectMeta {
        name: Some("x".to_owned()),
        namespace: Some("team-a".to_owned()),
        uid: Some("1-2-3".to_owned()),
        ..ObjectMeta::default()
    }
}

fn owner() -> OwnerReference {
    OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "web".to_owned(),
        uid: "4-5-6".to_owned(),
        controller: Some(true),
        ..OwnerReference::default()
    }
}

fn said(causes: &[Cause]) -> Vec<String> {
    causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
}

#[test]
fn what_is_in_order_is_let_pass() {
    let mut meta = meta();
    meta.labels = Some([("app".to_owned(), "web".to_owned())].into());
    meta.annotations = Some([("Example.com/Note".to_owned(), "any text\n".to_owned())].into());
    meta.finalizers = Some(vec!["example.com/wait".to_owned()]);
    meta.owner_references = Some(vec![owner()]);
    assert_eq!(said(&violations(&meta, true)), [""; 0]);
}

#[test]
fn an_object_needs_a_name_and_its_place() {
    let nobody = ObjectMeta::default();
    assert_eq!(
        said(&violations(&nobody, true)),
        [
            "metadata.name: Required value: name or generateName is required",
            "metadata.namespace: Required value"
        ]
    );
    assert_eq!(
        said(&violations(&meta(), false)),
        ["metadata.namespace: Forbidden: not allowed on this type"]
    );
}

#[test]
fn every_part_of_the_metadata_is_judged_at_once() {
    let mut meta = meta();
    meta.labels = Some([("a/b/c".to_owned(), "a b".to_owned())].into());
    meta.annotations = Some([("x".to_owned(), "y".repeat(ANNOTATIONS))].into());
    meta.finalizers = Some(vec![ORPHAN.to_owned(), FOREGROUND.to_owned()]);
    let owner = OwnerReference { api_version: "a/b/c".to_owned(), name: String::new(), ..owner() };
    meta.owner_references = Some(vec![owner.clone(), owner]);
    let causes = violations(&meta, true);
    let fields: Vec<&str> = causes.iter().map(|cause| cause.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "metadata.labels",
            "metadata.labels",
            "metadata.annotations",
            "metadata.ownerReferences[0].apiVersion",
            "metadata.ownerReferences[0].name",
            "metadata.ownerReferences[1].apiVersion",
            "metadata.ownerReferences[1].name",
            "metadata.ownerReferences",
            "metadata.finalizers"
        ]
    );
    assert_eq!(causes[2].message, "Too long: may not be more than 262144 bytes");
    assert_eq!(causes[3].message, r#"Invalid value: "a/b/c": must be <group>/<version> or <version>"#);
    assert_eq!(
        causes[8].message,
        r#"Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set"#
    );
}

#[test]
fn what_identifies_an_object_never_changes() {
    let mut after = meta();
    after.uid = Some("other".to_owned());
    after.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    assert_eq!(
        said(&violations_of_change(&meta(), &after)),
        [
            r#"metadata.uid: Invalid value: "other": field is immutable"#,
            r#"metadata.deletionTimestamp: Invalid value: "1970-01-01T00:00:00Z": field is immutable"#
        ]
    );
}

#[test]
fn whoever_is_on_the_way_out_gets_no_new_finalizers() {
    let mut before = meta();
    before.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    before.finalizers = Some(vec!["a".to_owned()]);
    let mut after = before.clone();
    after.finalizers = Some(vec!["c".to_owned(), "a".to_owned(), "b".to_owned()]);
    assert_eq!(
        said(&violations_of_change(&before, &after)),
        [
            r#"metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"b", "c"}"#
        ]
    );
    after.finalizers = None;
    assert_eq!(said(&violations_of_change(&before, &after)), [""; 0]);
}
