//! What is sent to S3, as a server sees it that answers what a test likes.
mod role;

use super::*;
use crate::{
    Digest, SourceKey, Store,
    store::{BlobInfo, BlobKey, backend::Backend, objects::Objects},
};
use bytes::Bytes;
use crds::reasons;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::{SignedDuration, Timestamp};
use std::{convert::Infallible, io::Write, sync::Arc};
use tokio::{net::TcpListener, sync::watch};

/// Larger than one part.
const PARTS: usize = (8 << 20) + 1;

/// The status of a request that is not answered.
const NEVER: u16 = 0;

/// Method, path with query, and headers of a request.
type Seen = (Method, String, http::HeaderMap);

/// A server that answers each request by `answer`, and what it has seen so far.
struct Server {
    address: String,
    seen: watch::Receiver<Vec<Seen>>,
}

impl Server {
    async fn start(answer: impl Fn(&Seen) -> (u16, &'static str) + Copy + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (seen_tx, seen) = watch::channel(Vec::new());
        let seen_tx = Arc::new(seen_tx);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let seen_tx = Arc::clone(&seen_tx);
                let service = service_fn(move |request: Request<Incoming>| {
                    let seen_tx = Arc::clone(&seen_tx);
                    async move {
                        let (parts, body) = request.into_parts();
                        let _ = http_body_util::BodyExt::collect(body).await;
                        let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
                        let seen = (parts.method, target, parts.headers);
                        let (status, text) = answer(&seen);
                        seen_tx.send_modify(|all| all.push(seen));
                        if status == NEVER {
                            std::future::pending::<()>().await;
                        }
                        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
                        *response.status_mut() = StatusCode::from_u16(status).unwrap();
                        response.headers_mut().insert("etag", http::HeaderValue::from_static("\"tag\""));
                        Ok::<_, Infallible>(response)
                    }
                });
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                tokio::spawn(
                    async move { server.serve_connection(TokioIo::new(stream), service).await.is_ok() },
                );
            }
        });
        Self { address, seen }
    }

    fn client(&self) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(&self.address)
            .with_region("us-east-1")
            .with_access_key_id("key")
            .with_secret_access_key("not-a-secret")
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// The targets of requests to delete something.
    fn deleted(&self) -> Vec<String> {
        let deleted = self.seen().into_iter().filter(|(method, ..)| method == Method::DELETE);
        deleted.map(|(_, target, _)| target).collect()
    }

    /// Waits for a request that is like this.
    async fn sees(&self, like: impl Fn(&Seen) -> bool) {
        self.seen.clone().wait_for(|seen| seen.iter().any(&like)).await.unwrap();
    }
}

/// Whether that is a part of an upload.
fn is_part((method, target, _): &Seen) -> bool {
    method == Method::PUT && target.contains("partNumber=")
}

/// Whether that is at the staging place.
fn is_staged((_, target, _): &Seen) -> bool {
    target.starts_with("/bucket/a/prefix/.staging/")
}

/// Begins and aborts uploads, takes what is staged, and answers parts and whole objects by that status.
fn uploads(put: u16) -> impl Fn(&Seen) -> (u16, &'static str) + Copy {
    const BEGUN: &str =
        "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>";
    move |seen| match seen.0 {
        Method::POST => (200, BEGUN),
        Method::PUT if is_staged(seen) => (200, ""),
        Method::PUT => (put, ""),
        Method::DELETE => (204, ""),
        _ => (404, ""),
    }
}

/// What a process writes down that is at an upload.
const MARKER: &str = r#"{"path":"externalsource/apps/podinfo/1.tar.gz","uploadId":"one"}"#;

/// Has one thing staged, which says `text` and is listed with milliseconds, and every blob; answers who aborts an upload so.
fn staging(text: &'static str, abort: (u16, &'static str)) -> impl Fn(&Seen) -> (u16, &'static str) + Copy {
    const LIST: &str = "<ListBucketResult><Contents><Key>a/prefix/.staging/7</Key><Size>44</Size>\
        <LastModified>1970-01-01T00:00:00.123Z</LastModified></Contents></ListBucketResult>";
    move |(method, target, _)| match *method {
        Method::GET if target.contains("list-type=2") => (200, LIST),
        Method::DELETE if target.contains("?uploadId=") => abort,
        Method::DELETE => (204, ""),
        _ => (200, text),
    }
}

fn store(client: AmazonS3Builder) -> Objects {
    let url = "s3://bucket/a/prefix".parse().unwrap();
    Objects::new(Backend::remote(connect(&url, client).unwrap()))
}

fn key(bytes: &[u8]) -> BlobKey {
    BlobKey { source: SourceKey::new("apps", "podinfo").unwrap(), digest: Digest::of(bytes) }
}

async fn put(store: &Objects, bytes: Vec<u8>) -> Result<(), StoreError> {
    let key = key(&bytes);
    let mut upload = store.begin().await?;
    upload.write(bytes.into()).await?;
    upload.commit(key).await.map(drop)
}

#[tokio::test]
async fn a_request_that_fails_is_sent_again_four_times_and_no_more() {
    let server = Server::start(|_| (503, "")).await;
    let failure = store(server.client()).stat(&key(b"")).await.unwrap_err();
    assert_eq!(failure.reason(), reasons::STORAGE_OPERATION_FAILED);
    assert_eq!(server.seen().len(), 1 + RETRIES.max_retries);
}

#[tokio::test]
async fn the_bucket_is_part_of_the_path_or_of_the_host() {
    let server = Server::start(|_| (404, "")).await;
    let path = format!("a/prefix/{}", key(b"").path());
    for (style, target) in [("false", format!("/bucket/{path}")), ("true", format!("/{path}"))] {
        let client = server.client().with_config(AmazonS3ConfigKey::VirtualHostedStyleRequest, style);
        assert_eq!(store(client).stat(&key(b"")).await.unwrap(), None);
        assert_eq!(server.seen().last().map(|seen| seen.1.clone()), Some(target));
    }
}

#[tokio::test]
async fn the_token_of_a_session_is_sent_to_the_store_and_signed() {
    let server = Server::start(uploads(200)).await;
    let store = store(server.client().with_token("of-a-session"));
    store.stat(&key(b"")).await.unwrap();
    put(&store, vec![0; 1]).await.expect_err("this server keeps nothing");
    let seen = server.seen();
    assert!(seen.iter().any(|(method, ..)| method == Method::PUT), "reads and writes");
    for (.., headers) in seen {
        assert_eq!(headers["x-amz-security-token"], "of-a-session");
        let signed = headers["authorization"].to_str().unwrap();
        assert!(signed.contains(";x-amz-security-token"), "{signed}");
    }
}

#[tokio::test]
async fn each_object_says_what_it_is_to_be_encrypted_with() {
    let server = Server::start(uploads(403)).await;
    let client = server
        .client()
        .with_config("aws_server_side_encryption".parse().unwrap(), "aws:kms")
        .with_config("aws_sse_kms_key_id".parse().unwrap(), "key-of-the-bucket");
    let store = store(client);
    for (length, method) in [(1, Method::PUT), (PARTS, Method::POST)] {
        put(&store, vec![0; length]).await.unwrap_err();
        let seen = server.seen();
        let (.., headers) = seen.iter().rev().find(|seen| seen.0 == method).unwrap();
        assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms");
        assert_eq!(headers["x-amz-server-side-encryption-aws-kms-key-id"], "key-of-the-bucket");
    }
}

#[tokio::test]
async fn the_parts_of_an_upload_that_fails_or_is_dropped_are_removed() {
    let is_abort = |(method, target, _): &Seen| method == Method::DELETE && target.ends_with("?uploadId=one");
    let refusing = Server::start(uploads(403)).await;
    let refused = put(&store(refusing.client()), vec![0; PARTS]).await.unwrap_err();
    assert_eq!(refused.reason(), reasons::STORE_ACCESS_DENIED);
    refusing.sees(is_abort).await;

    let silent = Server::start(uploads(NEVER)).await;
    let store = store(silent.client());
    let pass = tokio::spawn(async move { put(&store, vec![0; PARTS]).await });
    silent.sees(is_part).await;
    pass.abort();
    silent.sees(is_abort).await;
}

/// S3 repeats what it was sent, in many ways.
const REPEATING: &str = "<Error><Code>ExpiredToken</Code><Token-0>canary</Token-0><AWSAccessKeyId>canary</AWSAccessKeyId></Error>";
const OTHERWISE: &str =
    "<Error><Code>Odd</Code><Message>canary</Message><StringToSign>canary</StringToSign></Error>";

#[tokio::test]
async fn nothing_of_an_answer_is_told_but_its_status_and_code() {
    for (status, body, told, reason) in [
        (400, REPEATING, "the store refuses", reasons::STORE_ACCESS_DENIED),
        (403, REPEATING, "the store refuses", reasons::STORE_ACCESS_DENIED),
        (400, OTHERWISE, "it answered 400 Bad Request, Odd", reasons::STORAGE_OPERATION_FAILED),
        (200, OTHERWISE, "", reasons::STORAGE_OPERATION_FAILED),
        (409, OTHERWISE, "it answered 409 Conflict, Odd", reasons::STORAGE_OPERATION_FAILED),
        (400, "canary", "it answered 400 Bad Request", reasons::STORAGE_OPERATION_FAILED),
    ] {
        let server = Server::start(
            move |(method, ..)| if method == Method::HEAD { (404, "") } else { (status, body) },
        )
        .await;
        let store = store(server.client().with_token("canary"));
        let listing = store.list(None).await.map(drop);
        let small = put(&store, vec![0; 1]).await;
        let parts = put(&store, vec![0; PARTS]).await;
        for failed in [listing, small, parts].into_iter().filter_map(Result::err) {
            let said = format!("{} {failed:?}", telemetry::Chain(&failed));
            assert!(!said.contains("canary"), "{said}");
            assert!(said.contains(told) || matches!(failed, StoreError::Corrupt { .. }), "{said}");
            assert!(
                [reason, reasons::STORAGE_OPERATION_FAILED].contains(&failed.reason()),
                "{status}: {said}"
            );
        }
    }
}

#[tokio::test]
async fn who_is_at_an_upload_is_noted_before_its_first_part() {
    let server = Server::start(uploads(403)).await;
    put(&store(server.client()), vec![0; PARTS]).await.unwrap_err();
    let seen = server.seen();
    let place = |like: fn(&Seen) -> bool| seen.iter().position(like).unwrap();
    let [begun, noted, sent] = [|(method, ..): &Seen| method == Method::POST, is_staged, is_part].map(place);
    assert!(begun < noted && noted < sent, "{seen:?}");
    assert!(
        !seen.iter().any(|seen| is_staged(seen) && seen.0 == Method::DELETE),
        "what was sent may still arrive"
    );
}

#[tokio::test]
async fn a_list_may_tell_the_age_of_a_blob_in_milliseconds() {
    // Without the header an object is of the first second of all.
    let server =
        Server::start(|(method, ..)| if *method == Method::DELETE { (204, "") } else { (200, "blob") }).await;
    let store = store(server.client());
    for (listed, is_removed) in [(1_123, false), (123, true)] {
        let stored_at = Timestamp::from_millisecond(listed).unwrap();
        let blob = BlobInfo { key: key(b""), size: 4, stored_at };
        assert_eq!(store.collect(&blob).await.unwrap(), is_removed, "{listed}");
    }
}

#[tokio::test]
async fn what_is_left_of_an_upload_goes_parts_first() {
    const UPLOAD: &str = "/bucket/a/prefix/externalsource/apps/podinfo/1.tar.gz?uploadId=one";
    const STAGED: &str = "/bucket/a/prefix/.staging/7";
    for (text, abort, removed, gone) in [
        (MARKER, (204, ""), true, &[UPLOAD, STAGED][..]),
        (MARKER, (404, "<Error><Code>NoSuchUpload</Code></Error>"), true, &[UPLOAD, STAGED]),
        (MARKER, (403, "<Error><Code>AccessDenied</Code></Error>"), false, &[UPLOAD]),
        ("postern", (500, ""), true, &[STAGED]),
    ] {
        let server = Server::start(staging(text, abort)).await;
        let store = store(server.client());
        let [left] = &store.staged().await.unwrap()[..] else { panic!("one is listed") };
        assert_eq!(store.unstage(left).await.is_ok_and(|removed| removed), removed, "{text} {abort:?}");
        assert_eq!(server.deleted(), gone, "{text} {abort:?}");
    }
}

#[tokio::test]
async fn what_was_written_again_since_it_was_listed_stays() {
    let server = Server::start(staging(MARKER, (204, ""))).await;
    let store = store(server.client());
    let mut staged = store.staged().await.unwrap();
    // The list is of another second than the answer to whoever asks for it.
    staged[0].stored_at += SignedDuration::from_secs(1);
    assert!(!store.unstage(&staged[0]).await.unwrap());
    assert_eq!(server.deleted(), [""; 0]);
}

#[tokio::test]
async fn a_role_that_is_refused_is_no_store_that_fails() {
    let server = Server::start(|_| (403, "<Error><Code>AccessDenied</Code></Error>")).await;
    let mut token = tempfile::NamedTempFile::new().unwrap();
    token.write_all(b"secret-token").unwrap();
    let client = |settings: [(&str, &str); 2]| {
        let client = AmazonS3Builder::new().with_endpoint(&server.address).with_region("us-east-1");
        settings.iter().fold(client, |client, (key, value)| client.with_config(key.parse().unwrap(), *value))
    };
    let of_a_pod = [
        ("aws_container_credentials_full_uri", &*format!("{}/credentials", server.address)),
        ("aws_container_authorization_token_file", token.path().to_str().unwrap()),
    ];
    let without_token =
        [("aws_role_arn", "arn:aws:iam::1:role/postern"), ("aws_web_identity_token_file", "/nowhere/token")];
    for settings in [of_a_pod, without_token] {
        let refused = store(client(settings)).stat(&key(b"")).await.unwrap_err();
        let words = telemetry::Chain(&refused).to_string();
        assert_eq!(refused.reason(), reasons::STORE_ACCESS_DENIED, "{words}");
        assert!(!words.contains("secret-token"), "{words}");
    }
    assert!(server.seen().iter().all(|(_, target, _)| target == "/credentials"), "of S3 nothing is asked");
}

#[test]
fn only_this_machine_is_spoken_to_in_the_clear_unasked() {
    for (endpoint, is_ours) in [
        ("http://127.0.0.1:9000", true),
        ("http://[::1]:9000", true),
        ("http://localhost", true),
        ("http://localhost.example.com", false),
        ("http://10.0.0.1", false),
    ] {
        assert_eq!(is_loopback(&endpoint.parse().unwrap()), is_ours, "{endpoint}");
    }
}

#[test]
fn what_is_no_bucket_and_prefix_is_refused_without_its_secrets() {
    for bad in ["s3://key:secret@bucket/prefix", "s3://bucket:9000/prefix"] {
        let refused = open(&bad.parse().unwrap()).expect_err(bad).to_string();
        assert!(
            refused.starts_with("cannot open store s3://bucket/prefix: s3:// takes a bucket"),
            "{refused}"
        );
    }
}
