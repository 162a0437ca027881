//! What is written to an `ExternalArtifact`, and when nothing is.
use super::*;
use crate::external_source::artifact::{
    describe,
    tests::{base, fetched},
};
use crds::Decoded;
use std::sync::Arc;

const WELL: Verdict<'static> = Verdict { ready: true, reason: "Succeeded", message: "stored" };

fn source() -> ExternalSource {
    let mut source = ExternalSource::new("podinfo", Default::default());
    source.metadata.namespace = Some("apps".into());
    source.metadata.uid = Some("uid-of-the-source".into());
    source
}

/// The cluster: one name, and whatever lies there.
struct Cluster {
    source: ExternalSource,
    artifact: Artifact,
    found: Option<ExternalArtifact>,
}

impl Cluster {
    fn new() -> Self {
        Self { source: source(), artifact: describe(&fetched("one", 60), &base()), found: None }
    }

    fn change(&self, verdict: Verdict<'_>) -> Change {
        let wanted =
            Wanted { source: &self.source, artifact: &self.artifact, verdict, now: Timestamp::UNIX_EPOCH };
        let found = self.found.clone().map(|found| Published(Arc::new(Decoded(Ok(found)))));
        change(&wanted, found.as_ref())
    }

    /// Writes until nothing is left to write, as the API server would; returns what was written.
    fn settle(&mut self, verdict: Verdict<'_>) -> Vec<&'static str> {
        let mut written = Vec::new();
        loop {
            match self.change(verdict) {
                Change::Nothing => return written,
                Change::Taken(owner) => panic!("taken by {owner}"),
                Change::Create(mut artifact) => {
                    (artifact.metadata.uid, artifact.metadata.generation) = (Some("uid".into()), Some(1));
                    self.found = Some(*artifact);
                    written.push("create");
                }
                Change::Origin(body) => {
                    let found = self.found.as_mut().expect("there is something to alter");
                    found.spec = serde_json::from_value(body["spec"].clone()).expect("a spec");
                    let owners = body["metadata"]["ownerReferences"].clone();
                    found.metadata.owner_references = serde_json::from_value(owners).expect("owners");
                    written.push("origin");
                }
                Change::Status(body) => {
                    let status = serde_json::from_value(body["status"].clone()).expect("a status");
                    self.found.as_mut().expect("there is something to alter").status = Some(status);
                    written.push("status");
                }
            }
        }
    }

    fn settled() -> Self {
        let mut cluster = Self::new();
        cluster.settle(WELL);
        cluster
    }
}

#[test]
fn a_new_artifact_takes_two_writes_and_then_none() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.settle(WELL), ["create", "status"]);
    assert_eq!(cluster.settle(WELL), [""; 0]);
}

#[test]
fn all_fields_of_the_contract_are_there() {
    let found = Cluster::settled().found.expect("settled");
    let origin = found.spec.source_ref.expect("a source");
    assert_eq!((&*origin.api_version, &*origin.kind), ("source.flux.oddkin.co/v1alpha1", "ExternalSource"));
    let owner = &found.metadata.owner_references.expect("an owner")[0];
    assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), None));
    let status = found.status.expect("a status");
    let artifact = status.artifact.expect("an artifact");
    assert!(artifact.url.ends_with(&artifact.path) && artifact.size.is_some());
    assert_eq!(artifact.revision, format!("latest@{}", artifact.digest));
    let ready = &status.conditions[0];
    assert_eq!((&*ready.status, &*ready.reason, ready.observed_generation), ("True", "Succeeded", Some(1)));
}

#[test]
fn what_was_altered_by_hand_is_put_right() {
    let mut cluster = Cluster::settled();
    cluster.found.as_mut().unwrap().spec.source_ref = None;
    assert_eq!(cluster.settle(WELL), ["origin"]);
    let artifact = cluster.found.as_mut().unwrap().status.as_mut().unwrap().artifact.as_mut().unwrap();
    artifact.url = "http://evil.example/x.tar.gz".into();
    assert_eq!(cluster.settle(WELL), ["status"]);
    cluster.found = None;
    assert_eq!(cluster.settle(WELL), ["create", "status"]);
}

#[test]
fn what_belongs_to_somebody_else_is_never_touched() {
    let mut other = origin(&source());
    other.namespace = "elsewhere".into();
    let stranger = OwnerReference { uid: "other".into(), ..owner(&source()) };
    for (owners, made_from) in
        [(None, None), (None, Some(other)), (Some(vec![stranger]), Some(origin(&source())))]
    {
        let mut cluster = Cluster::settled();
        let found = cluster.found.as_mut().unwrap();
        (found.metadata.owner_references, found.spec.source_ref) = (owners, made_from);
        assert!(matches!(cluster.change(WELL), Change::Taken(_)));
    }
}

#[test]
fn what_lost_its_owner_is_taken_back() {
    let mut cluster = Cluster::settled();
    cluster.found.as_mut().unwrap().metadata.owner_references = None;
    assert_eq!(cluster.settle(WELL), ["origin"]);
    assert_eq!(cluster.found.unwrap().metadata.owner_references, Some(vec![owner(&source())]));
}

#[test]
fn other_owners_may_stay() {
    let mut cluster = Cluster::settled();
    let owners = cluster.found.as_mut().unwrap().metadata.owner_references.as_mut().unwrap();
    owners[0].block_owner_deletion = Some(true);
    owners.push(OwnerReference { uid: "app".into(), controller: None, ..owner(&source()) });
    assert_eq!(cluster.settle(WELL), [""; 0]);
}

#[test]
fn an_artifact_on_its_way_out_is_left_to_go() {
    let mut cluster = Cluster::settled();
    let found = cluster.found.as_mut().unwrap();
    found.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH));
    found.spec.source_ref = None;
    assert_eq!(cluster.change(WELL), Change::Nothing);
}

#[test]
fn a_failing_source_says_so_in_the_words_of_the_contract_and_keeps_its_artifact() {
    for (reason, told) in [
        ("ServerError", "FetchFailed"),
        ("StoreFull", "StorageOperationFailed"),
        ("DigestMismatch", "VerificationFailed"),
    ] {
        let mut cluster = Cluster::settled();
        let ill = Verdict { ready: false, reason, message: "example.com answered 500" };
        assert_eq!(cluster.settle(ill), ["status"]);
        let status = cluster.found.unwrap().status.unwrap();
        assert!(status.artifact.is_some());
        assert_eq!((&*status.conditions[0].status, &*status.conditions[0].reason), ("False", told));
    }
}

#[test]
fn another_address_is_written_and_the_revision_stays() {
    let mut cluster = Cluster::settled();
    let revision = cluster.artifact.revision.clone();
    cluster.artifact.url = "http://moved/x.tar.gz".into();
    assert_eq!(cluster.settle(WELL), ["status"]);
    let artifact = cluster.found.unwrap().status.unwrap().artifact.unwrap();
    assert_eq!((artifact.url, artifact.revision), ("http://moved/x.tar.gz".into(), revision));
}
