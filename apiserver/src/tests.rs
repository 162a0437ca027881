//! The whole role in process: requests in, responses out, a real store behind it.
use super::*;
use artifacts::{
    BlobKey, Digest, EntryPath, SourceKey,
    pack::{Mode, Packer},
};
use bytes::Bytes;
use crds::{
    ExternalSource,
    external_source::{self, ExternalSourceStatus, StoredRevision},
};
use extension_apiserver::{
    access::{Decision, UserInfo},
    object::Version,
    request::RequestInfo,
    serve::Body,
    status::Status,
};
use http::{Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Empty};
use serde_json::{Value, json};

mod log;

const ROOT: &str = "/apis/subresources.postern.dev/v1alpha1/namespaces/default";

struct Role {
    server: Server,
    sources: Sources,
    store: Arc<dyn Store>,
}

impl Role {
    /// Everybody may do everything; nothing is known yet.
    fn new() -> Self {
        let sources = Sources::new();
        let store = artifacts::store::open(&"memory://".parse().expect("url")).expect("memory");
        let anybody = |_: &mut Parts| -> Result<UserInfo, Status> { Ok(UserInfo::default()) };
        let anything = |_: &UserInfo, _: &RequestInfo| Decision::Allow;
        let access = (anybody, anything);
        let run = Server::builder().authenticator(access.0).authorizer(access.1);
        let shelf = Shelf::new(store.clone(), sources.clone());
        let nowhere = kube::Config::new("http://127.0.0.1:1".parse().expect("an address"));
        let client = Client::try_from(nowhere).expect("a client");
        let origin = Origin::new(client);
        let leader = Leader::assumed();
        let follow = Follow { sources: sources.clone(), origin: origin.clone(), leader: leader.clone() };
        let previewer = Arc::new(previews::Local::default());
        let log = Log { sources: sources.clone(), leader, keeper: previewer.clone() };
        let previewing = Previewing { origin, rights: Arc::new(anything), previewer };
        let server = serving(run, (&sources, &shelf), (follow, previewing, log)).expect("registers");
        Self { server, sources, store }
    }

    async fn put(&self, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let source = SourceKey::new("default", "one").expect("names");
        let key = BlobKey { source, digest: Digest::of(&bytes) };
        let mut upload = self.store.begin().await.expect("memory");
        upload.write(bytes).await.expect("memory");
        upload.commit(key).await.expect("memory").key.digest
    }

    async fn get(&self, path: &str) -> Response<Body> {
        self.ask(Request::get(format!("{ROOT}/{path}"))).await
    }

    async fn ask(&self, request: http::request::Builder) -> Response<Body> {
        self.server.handle(request.body(Empty::<Bytes>::new()).expect("request")).await
    }
}

/// An archive as the pipeline makes one.
fn archive_of(name: &str, text: &str) -> Vec<u8> {
    let mut packer = Packer::new(Vec::new());
    let path = EntryPath::new(name).expect("a path");
    packer.file(&path, Mode::Plain, text.len() as u64, text.as_bytes()).expect("memory");
    packer.finish().expect("memory").1
}

async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.expect("body").to_bytes()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&body(response).await).expect("json")
}

/// A source whose history holds these digests, the first of them current.
fn source(version: &str, digests: &[Digest]) -> ExternalSource {
    let spec =
        json!({ "interval": "10m", "generator": { "type": "http", "http": { "url": "https://x.example" } } });
    let mut source = ExternalSource::new("one", serde_json::from_value(spec).expect("a spec"));
    source.metadata.namespace = Some("default".into());
    source.metadata.uid = Some("8c0b8d43-0c4a-4d54-9a57-0d5f6f6d2f0e".into());
    source.metadata.resource_version = Some(version.into());
    let revision = |digest: &Digest| format!("latest@{digest}");
    let stored = |digest: &Digest| StoredRevision {
        revision: revision(digest),
        digest: digest.to_string(),
        size: Some(5),
        last_update_time: None,
    };
    source.status = Some(ExternalSourceStatus {
        artifact: digests.first().map(|digest| external_source::Artifact {
            url: format!("http://postern/externalsource/default/one/{}.tar.gz", digest.hex()),
            revision: revision(digest),
            digest: digest.to_string(),
            ..external_source::Artifact::default()
        }),
        history: digests.iter().map(stored).collect(),
        ..ExternalSourceStatus::default()
    });
    source
}

/// One source with two stored revisions.
async fn role() -> (Role, [Digest; 2]) {
    let role = Role::new();
    let digests = [role.put("newer").await, role.put("older").await];
    role.sources.replace(Version(7), vec![source("7", &digests)]);
    (role, digests)
}

#[tokio::test]
async fn nothing_is_answered_before_the_sources_are_known() {
    let role = Role::new();
    assert_eq!(role.get("externalsources").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_artifact_is_what_is_published_now() {
    let (role, [current, older]) = role().await;
    let older_digest = older.to_string();
    let artifact = json(role.get("externalsources/one/artifact").await).await;
    assert_eq!(artifact["kind"], "Artifact");
    assert_eq!(artifact["revision"], format!("latest@{current}"));
    assert_eq!(artifact["current"], true);
    assert_eq!(artifact["source"]["name"], "one");
    let name = artifact["metadata"]["name"].as_str().expect("name");
    assert_eq!(json(role.get(&format!("artifacts/{name}")).await).await, artifact, "one object, one version");
    assert_eq!(role.get("externalsources/two/artifact").await.status(), StatusCode::NOT_FOUND);
    let older = json(role.get(&format!("externalsources/one/artifact?revision={older}")).await).await;
    assert_eq!((&older["digest"], &older["current"]), (&json!(older_digest), &json!(false)));
}

#[tokio::test]
async fn a_source_without_artifact_says_where_to_look() {
    let role = Role::new();
    role.sources.replace(Version(1), vec![source("1", &[])]);
    let response = role.get("externalsources/one/artifact").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let message = json(response).await["message"].as_str().expect("message").to_owned();
    assert!(message.contains("kubectl describe externalsource one -n default"), "{message}");
}

#[tokio::test]
async fn the_view_carries_the_identity_of_its_source_and_nothing_else() {
    let (role, _) = role().await;
    let view = json(role.get("externalsources/one").await).await;
    let expected = json!({
        "apiVersion": "subresources.postern.dev/v1alpha1",
        "kind": "ExternalSource",
        "metadata": {
            "name": "one",
            "namespace": "default",
            "uid": "8c0b8d43-0c4a-4d54-9a57-0d5f6f6d2f0e",
            "resourceVersion": "7",
        },
    });
    assert_eq!(view, expected);
}

#[tokio::test]
async fn every_stored_revision_is_listed_and_selectable() {
    let (role, [current, older]) = role().await;
    let list = json(role.get("artifacts").await).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    for selector in [
        format!("fieldSelector=revision%3Dlatest@{older}"),
        format!("labelSelector=postern.dev/digest%3D{}", crds::names::label_value(&older.to_string())),
    ] {
        let list = json(role.get(&format!("artifacts?{selector}")).await).await;
        assert_eq!(list["items"][0]["digest"], older.to_string(), "{selector}");
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{selector}");
    }
    let none = json(role.get("artifacts?fieldSelector=source%3Dtwo").await).await;
    assert_eq!(none["items"], json!([]));
    let name = format!("artifacts/one-{}", &current.hex()[..12]);
    assert_eq!(json(role.get(&name).await).await["digest"], current.to_string());
}

#[tokio::test]
async fn content_is_the_exact_blob_with_its_digest_as_tag() {
    let (role, [current, older]) = role().await;
    let response = role.get("externalsources/one/content").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/gzip");
    assert_eq!(response.headers()[header::ETAG], format!("\"{current}\""));
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
    assert_eq!(body(response).await, "newer");
    let older = role.get(&format!("externalsources/one/content?revision={}", &older.hex()[..12])).await;
    assert_eq!(body(older).await, "older");
}

#[tokio::test]
async fn content_can_be_read_in_parts_and_conditionally() {
    let (role, [current, _]) = role().await;
    let ask =
        |name, value: String| Request::get(format!("{ROOT}/externalsources/one/content")).header(name, value);
    let part = role.ask(ask(header::RANGE, "bytes=1-3".into())).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 1-3/5");
    assert_eq!(body(part).await, "ewe");
    let beyond = role.ask(ask(header::RANGE, "bytes=9-".into())).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()[header::CONTENT_RANGE], "bytes */5");
    let said = json(beyond).await;
    assert_eq!((&said["kind"], &said["code"]), (&"Status".into(), &416.into()), "{said}");
    let known = role.ask(ask(header::IF_NONE_MATCH, format!("\"{current}\""))).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let other = role.ask(ask(header::IF_MATCH, "\"sha256:00\"".into())).await;
    assert_eq!(other.status(), StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn a_revision_that_is_not_there_says_what_is() {
    let (role, [current, older]) = role().await;
    let unknown = role.get(&format!("externalsources/one/content?revision={}", "0".repeat(64))).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let retired = BlobKey { source: SourceKey::new("default", "one").expect("names"), digest: older };
    role.store.retire(&retired).await.expect("memory");
    let listed = role.get(&format!("externalsources/one/content?revision={older}")).await;
    assert_eq!(listed.status(), StatusCode::OK, "what is listed is served, whatever was noted");
    role.sources.apply(Version(8), source("8", &[current]));
    let gone = role.get(&format!("externalsources/one/content?revision={older}")).await;
    assert_eq!(gone.status(), StatusCode::GONE);
    let message = json(gone).await["message"].as_str().expect("message").to_owned();
    assert!(message.contains(&current.hex()[..12]), "{message}");
    let malformed = role.get("externalsources/one/content?revision=latest").await;
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_blob_that_is_missing_is_an_error_and_no_bytes() {
    let role = Role::new();
    role.sources.replace(Version(1), vec![source("1", &[Digest::of(b"never stored")])]);
    let response = role.get("externalsources/one/content").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn only_the_published_blob_is_told_to_be_missing() {
    let role = Role::new();
    let [current, older] = [Digest::of(b"lost"), Digest::of(b"lost before")];
    role.sources.replace(Version(1), vec![source("1", &[current, older])]);
    let mut lost = role.store.losses().subscribe();
    let gone = role.get(&format!("externalsources/one/content?revision={older}")).await;
    assert_eq!(gone.status(), StatusCode::GONE, "it cannot be fetched again");
    role.get(&format!("externalsources/one/content?revision={}", "0".repeat(64))).await;
    role.get("externalsources/two/content").await;
    assert!(lost.try_recv().is_err());
    for path in ["content", "content?path=app.yaml"] {
        let response = role.get(&format!("externalsources/one/{path}")).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    assert_eq!(lost.try_recv().expect("told"), SourceKey::new("default", "one").expect("names"));
    assert!(lost.try_recv().is_err(), "once for many readers");
}

#[tokio::test]
async fn one_file_of_an_archive_can_be_read() {
    let role = Role::new();
    let archive = archive_of("app.yaml", "a: 1");
    let digest = role.put(archive).await;
    role.sources.replace(Version(1), vec![source("1", &[digest])]);
    let response = role.get("externalsources/one/content?path=app.yaml").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/octet-stream");
    assert_eq!(response.headers()["x-postern-content-type"], "application/yaml");
    assert_eq!(body(response).await, "a: 1");
    let url = format!("{ROOT}/externalsources/one/content?path=app.yaml");
    let part = role.ask(Request::get(&url).header(header::RANGE, "bytes=1-2")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let tag = part.headers()[header::ETAG].clone();
    assert_eq!(body(part).await, ": ");
    let known = role.ask(Request::get(&url).header(header::IF_NONE_MATCH, tag)).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let missing = role.get("externalsources/one/content?path=../app.yaml").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(missing).await["details"]["name"], "one");
    assert_eq!(role.get("externalsources/one/content?path=").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_difference_needs_the_blobs_of_both_revisions() {
    let role = Role::new();
    let [kept, lost] = [role.put(archive_of("app.yaml", "a: 2\n")).await, Digest::of(b"lost")];
    role.sources.replace(Version(1), vec![source("1", &[kept, lost])]);
    let gone = role.get("externalsources/one/diff").await;
    assert_eq!(gone.status(), StatusCode::GONE, "the older one cannot be fetched again");
    role.sources.apply(Version(2), source("2", &[lost, kept]));
    let missing = role.get("externalsources/one/diff").await;
    assert_eq!(missing.status(), StatusCode::SERVICE_UNAVAILABLE, "the published one is fetched again");
    let broken = role.put("no archive").await;
    role.sources.apply(Version(3), source("3", &[kept, broken]));
    let unreadable = role.get("externalsources/one/diff").await;
    assert_eq!(unreadable.status(), StatusCode::SERVICE_UNAVAILABLE, "what is stored is no archive of ours");
}

#[tokio::test]
async fn a_spec_that_breaks_the_rules_is_told_in_the_words_of_admission() {
    let role = Role::new();
    let mut broken = source("1", &[]);
    broken.spec.interval = "1s".into();
    role.sources.replace(Version(1), vec![broken]);
    let response = role.get("externalsources/one/artifact").await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let status = json(response).await;
    assert_eq!(status["details"]["causes"][0]["field"], "spec.interval");
}

#[tokio::test]
async fn who_accepts_only_objects_is_told_how_to_read_bytes() {
    let (role, _) = role().await;
    let ask = |accept: &str| {
        Request::get(format!("{ROOT}/externalsources/one/content")).header(header::ACCEPT, accept)
    };
    let refused = role.ask(ask("application/json;as=Table;v=v1;g=meta.k8s.io,application/json")).await;
    assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
    assert!(json(refused).await["message"].as_str().is_some_and(|message| message.contains("--raw")));
    for accept in ["application/json, */*", "application/gzip", "application/*;q=0.5"] {
        assert_eq!(role.ask(ask(accept)).await.status(), StatusCode::OK, "{accept}");
    }
}
