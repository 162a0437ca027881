//! An artifact as status and Flux tell it. Pure.
use artifacts::{
    BlobInfo, BlobKey, SourceKey,
    pipeline::{Fetched, Stored},
    provenance::Recorded,
    revision, short_revision,
};
use crds::{conditions::whole_seconds, external_source::Artifact};
use std::collections::BTreeMap;
use url::Url;

/// Keys of `status.artifact.metadata`.
const TAR_DIGEST: &str = "tarDigest";

/// What is told of a new artifact.
pub(super) fn describe(fetched: &Fetched, artifacts_url: &Url) -> Artifact {
    let mut artifact = stored_as(&fetched.blob, artifacts_url);
    let Fetched { content_digest, tar_digest, content_type, .. } = fetched.clone();
    recorded(&mut artifact, Recorded { content_digest, tar_digest, content_type });
    let metadata = &mut artifact.metadata;
    if fetched.skipped_links > 0 {
        metadata.insert("skippedLinks".into(), fetched.skipped_links.to_string());
    }
    artifact
}

/// Tells what its record knows of it.
fn recorded(artifact: &mut Artifact, record: Recorded) {
    let Recorded { content_digest, tar_digest, content_type } = record;
    let metadata = &mut artifact.metadata;
    metadata.insert("contentHash".into(), content_digest.to_string());
    metadata.insert(TAR_DIGEST.into(), tar_digest.to_string());
    metadata.extend(content_type.map(|content_type| ("contentType".into(), content_type)));
}

/// What a stored blob and its record tell.
pub(super) fn restored(blob: &BlobInfo, record: Option<Recorded>, artifacts_url: &Url) -> Artifact {
    let mut artifact = stored_as(blob, artifacts_url);
    if let Some(record) = record {
        recorded(&mut artifact, record);
    }
    artifact
}

/// What a blob tells by itself.
fn stored_as(blob: &BlobInfo, artifacts_url: &Url) -> Artifact {
    let path = blob.key.path();
    let created = whole_seconds(blob.stored_at);
    let metadata =
        BTreeMap::from([("created".into(), created.0.to_string()), ("size".into(), blob.size.to_string())]);
    Artifact {
        url: address(artifacts_url, &path),
        revision: revision(&blob.key.digest),
        short_revision: short_revision(&blob.key.digest),
        digest: blob.key.digest.to_string(),
        size: i64::try_from(blob.size).ok(),
        path,
        last_update_time: Some(created),
        metadata,
    }
}

/// Where the artifact listener serves `path`.
pub(super) fn address(artifacts_url: &Url, path: &str) -> String {
    format!("{}/{path}", artifacts_url.as_str().trim_end_matches('/'))
}

/// The blob of an artifact; `None` if its digest is none, as after an edit by hand.
pub(super) fn blob(artifact: &Artifact, source: &SourceKey) -> Option<BlobKey> {
    Some(BlobKey { source: source.clone(), digest: artifact.digest.parse().ok()? })
}

/// The artifact as the pipeline asks for it.
pub(super) fn stored(artifact: &Artifact) -> Option<Stored> {
    let tar_digest = artifact.metadata.get(TAR_DIGEST).and_then(|digest| digest.parse().ok());
    Some(Stored { digest: artifact.digest.parse().ok()?, tar_digest })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use artifacts::{
        Digest, TarDigest,
        pipeline::{Origin, Validators},
    };
    use jiff::Timestamp;

    /// An artifact of the given content, as a pass in the given second would store it.
    pub(in super::super) fn fetched(content: &str, second: i64) -> Fetched {
        let digest = Digest::of(content.as_bytes());
        let key = BlobKey { source: SourceKey::new("apps", "podinfo").unwrap(), digest };
        Fetched {
            blob: BlobInfo { key, size: 7, stored_at: Timestamp::new(second, 999).unwrap() },
            tar_digest: TarDigest::of(b"tar"),
            tar_size: 9,
            content_digest: Digest::of(b"body"),
            content_size: 4,
            content_type: Some("application/json".into()),
            origin: Origin {
                method: http::Method::GET,
                url: Url::parse("https://example.com/data").unwrap(),
                validators: Validators::default(),
                headers: Vec::new(),
                peer_key: None,
                signed_by: None,
            },
            validators: Validators { etag: Some("\"1\"".into()), last_modified: None },
            skipped_links: 2,
            changed: true,
            ignored: Vec::new(),
            pause: None,
        }
    }

    pub(in super::super) fn base() -> Url {
        Url::parse("http://postern.postern-system.svc:8080/").unwrap()
    }

    #[test]
    fn an_artifact_tells_all_that_flux_and_people_ask() {
        let artifact = describe(&fetched("one", 60), &base());
        let hex = Digest::of(b"one").hex();
        assert_eq!(artifact.path, format!("externalsource/apps/podinfo/{hex}.tar.gz"));
        assert_eq!(artifact.url, format!("http://postern.postern-system.svc:8080/{}", artifact.path));
        assert_eq!(artifact.revision, format!("latest@sha256:{hex}"));
        assert_eq!(artifact.last_update_time.as_ref().unwrap().0.to_string(), "1970-01-01T00:01:00Z");
        assert_eq!(artifact.metadata["skippedLinks"], "2");
        assert_eq!(artifact.metadata["created"], "1970-01-01T00:01:00Z");
    }

    #[test]
    fn what_was_told_leads_back_to_the_blob() {
        let fetched = fetched("one", 60);
        let artifact = describe(&fetched, &base());
        assert_eq!(blob(&artifact, &fetched.blob.key.source), Some(fetched.blob.key.clone()));
        let known = Stored { digest: fetched.blob.key.digest, tar_digest: Some(fetched.tar_digest) };
        assert_eq!(stored(&artifact), Some(known));
    }

    #[test]
    fn a_digest_that_was_edited_by_hand_leads_nowhere() {
        let edited = Artifact { digest: "sha256:../..".into(), ..describe(&fetched("one", 60), &base()) };
        assert_eq!((blob(&edited, &SourceKey::new("a", "b").unwrap()), stored(&edited)), (None, None));
    }
}
