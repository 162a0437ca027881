//! What an S3 may answer, by a server that answers whatever a test says. Against a real one, the suite of the workspace
//! fetches.
use crate::{
    server::{Answer, Seen, Server, answer},
    world::{Case, MIB, World},
};
use artifacts::{
    Retry,
    egress::EgressPolicy,
    pipeline::{Outcome, Validators},
};

const DATE: (&str, &str) = ("last-modified", "Fri, 06 Nov 2026 08:49:37 GMT");

/// An object with an ETag.
fn data(etag: &str, body: impl Into<bytes::Bytes>) -> Answer {
    answer(200, &[DATE, ("etag", etag)], body)
}

fn refusal(status: u16, code: &str) -> Answer {
    let body = format!(
        "<Error><Code>{code}</Code><AWSAccessKeyId>canary-7f3a</AWSAccessKeyId>\
         <StringToSign>canary-7f3a</StringToSign></Error>"
    );
    answer(status, &[], body)
}

/// A page of a listing.
fn listing(objects: &[(&str, usize, &str)]) -> Answer {
    let object = |(key, size, etag): &(&str, usize, &str)| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-06T08:49:37.000Z</LastModified>\
             <ETag>{etag}</ETag><Size>{size}</Size></Contents>"
        )
    };
    let objects: String = objects.iter().map(object).collect();
    let page = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>");
    answer(200, &[], page)
}

fn object(server: &Server) -> Case {
    Case::s3(server.url(""), |s3| s3.object = Some("prod/app.yaml".into()))
}

fn folder(server: &Server) -> Case {
    Case::s3(server.url(""), |s3| s3.prefix = Some("prod".into()))
}

/// A bucket with these files below `prod`, and the rest of keys that a listing shows.
async fn bucket(files: &'static [(&'static str, &'static str)]) -> Server {
    Server::http(move |seen: &Seen| {
        if seen.target.contains("list-type=2") {
            let listed: Vec<_> =
                files.iter().map(|(key, body)| (*key, body.len(), "etag-of-a-file")).collect();
            return listing(&listed);
        }
        match files.iter().find(|(key, _)| seen.target == format!("/configs/{key}")) {
            Some((_, body)) => data("etag-of-a-file", *body),
            None => refusal(404, "NoSuchKey"),
        }
    })
    .await
}

#[tokio::test]
async fn an_object_is_asked_for_signed_and_conditionally() {
    let server = Server::http(|seen: &Seen| match seen.header("if-none-match") {
        Some("\"1\"") => answer(304, &[("etag", "\"1\""), DATE], ""),
        _ => data("\"1\"", "a: 1\n"),
    })
    .await;
    let (world, case) = (World::new(), object(&server));
    let first = world.fetched(&case).await;
    assert_eq!(world.files(&first).await, [("data".to_owned(), b"a: 1\n".to_vec())]);
    assert_eq!(first.validators, Validators { etag: Some("\"1\"".into()), last_modified: None });
    let again = world.run_after(&case, &first).await.expect("the source answers well");
    assert!(matches!(again, Outcome::NotModified { .. }));
    for seen in server.seen() {
        assert_eq!(seen.target, "/configs/prod/app.yaml");
        let signed = seen.header("authorization").expect("signed");
        assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIA/"), "{signed}");
    }
}

#[tokio::test]
async fn a_folder_becomes_an_archive_of_its_objects() {
    let files: &[_] = &[("prod/", ""), ("prod/b/c.yaml", "c"), ("prod/a.yaml", "a"), ("prod/b", "")];
    let server = bucket(files).await;
    let (world, case) = (World::new(), folder(&server));
    let first = world.fetched(&case).await;
    let expected = [("a.yaml", "a"), ("b/", ""), ("b/c.yaml", "c")];
    let expected = expected.map(|(name, body)| (name.to_owned(), body.as_bytes().to_vec()));
    assert_eq!(world.files(&first).await, expected);
    let asked = server.seen().len();
    let again = world.run_after(&case, &first).await.expect("the source answers well");
    assert!(matches!(again, Outcome::NotModified { .. }));
    assert_eq!(server.seen().len(), asked + 1, "a listing that is the same is all that is asked for");
}

#[tokio::test]
async fn wrong_credentials_are_told_by_secret_and_key_and_never_by_value() {
    for (status, code, said, reason) in [
        (
            403,
            "SignatureDoesNotMatch",
            "does not accept key AWS_SECRET_ACCESS_KEY of Secret s3",
            "Unauthorized",
        ),
        (403, "InvalidAccessKeyId", "does not accept key AWS_ACCESS_KEY_ID of Secret s3", "Unauthorized"),
        (403, "AccessDenied", "does not let whom key AWS_ACCESS_KEY_ID of Secret s3", "Forbidden"),
    ] {
        let server = Server::http(move |_| refusal(status, code)).await;
        for case in [object(&server), folder(&server)] {
            let error = World::new().fails(&case).await;
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!((error.reason(), error.retry()), (reason, Retry::AtInterval));
            let shown = format!("{error:?} {}", telemetry::Chain(&error));
            assert!(!shown.contains("canary") && !shown.contains("prod/"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_session_token_is_sent_with_every_request_and_signed() {
    const TOKEN: &str = "canary-7f3a/+=";
    let server = bucket(&[("prod/app.yaml", "a")]).await;
    for case in [object(&server), folder(&server)] {
        World::new().fetched(&case.session(TOKEN)).await;
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 3, "an object, a listing, and the object that it names");
    for seen in seen {
        assert_eq!(seen.header("x-amz-security-token"), Some(TOKEN));
        let signed = seen.header("authorization").expect("signed");
        let (_, headers) = signed.split_once("SignedHeaders=").expect("the names of what is signed");
        let (headers, _) = headers.split_once(',').expect("before the signature");
        assert!(headers.split(';').any(|name| name == "x-amz-security-token"), "{signed}");
        assert!(!seen.target.contains("canary"), "logs of servers show {}", seen.target);
    }
    let without = bucket(&[("prod/app.yaml", "a")]).await;
    World::new().fetched(&object(&without)).await;
    assert_eq!(without.seen()[0].header("x-amz-security-token"), None);
}

#[tokio::test]
async fn a_session_token_that_has_ended_is_told_by_its_key() {
    for code in ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"] {
        let server = Server::http(move |_| refusal(400, code)).await;
        let error = World::new().fails(&object(&server).session("canary-7f3a")).await;
        assert!(error.to_string().ends_with("does not accept key AWS_SESSION_TOKEN of Secret s3"), "{error}");
        assert_eq!((error.reason(), error.retry()), ("Unauthorized", Retry::AtInterval));
        let shown = format!("{error:?} {}", telemetry::Chain(&error));
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn a_bucket_that_makes_an_address_of_its_endpoint_is_judged_by_that() {
    let server = Server::http(|_| data("\"1\"", "x")).await;
    // Together they are 127.0.0.1, each alone something else.
    let port = server.host().rsplit(':').next().unwrap().to_owned();
    let case = Case::s3(format!("http://1:{port}"), |s3| {
        s3.bucket = "127.0.0".into();
        s3.object = Some("app.yaml".into());
        s3.path_style = Some(false);
    });
    let closed = World::with_policy(EgressPolicy::new(vec![], vec![]));
    assert_eq!(closed.fails(&case).await.reason(), "AddressRefused");
    assert_eq!(server.connections(), 0);
    World::new().fetched(&case).await;
    let seen = &server.seen()[0];
    assert_eq!(seen.header("host"), Some(&*server.host()), "the bucket is part of the host");
    assert_eq!(seen.target, "/app.yaml", "and not of the path");
}

#[tokio::test]
async fn what_is_not_there_is_told_as_that() {
    let server = Server::http(|_| refusal(404, "NoSuchKey")).await;
    assert_eq!(World::new().fails(&object(&server)).await.reason(), "NotFound");
    let empty = bucket(&[]).await;
    let error = World::new().fails(&folder(&empty)).await;
    assert_eq!((error.reason(), error.retry()), ("NotFound", Retry::AtInterval), "{error}");
}

#[tokio::test]
async fn the_guard_stands_before_s3_too() {
    let server = Server::http(|_| data("\"1\"", "x")).await;
    for case in [object(&server), folder(&server)] {
        let world = World::with_policy(EgressPolicy::new(vec![], vec![]));
        let error = world.fails(&case).await;
        assert_eq!(error.reason(), "AddressRefused", "{error}");
        assert!(error.to_string().contains("--allow-egress"), "{error}");
    }
    let by_name = Case::s3("http://localhost:1".into(), |s3| s3.object = Some("a".into()));
    let error = World::with_policy(EgressPolicy::new(vec![], vec![])).fails(&by_name).await;
    assert_eq!(error.reason(), "AddressRefused", "{error}");
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn the_limit_of_this_installation_holds_for_objects_and_folders() {
    let server = Server::http(|seen: &Seen| match seen.target.contains("list-type=2") {
        true => listing(&[("prod/a", 3 * MIB as usize, "a"), ("prod/b", 3 * MIB as usize, "b")]),
        false => data("\"1\"", vec![0; 5 * MIB as usize]),
    })
    .await;
    for case in [object(&server), folder(&server)] {
        assert_eq!(World::new().fails(&case).await.reason(), "TooLarge");
    }
}

#[tokio::test]
async fn a_listing_has_a_bound() {
    let large = Server::http(|_| answer(200, &[], vec![b' '; 9 << 20])).await;
    let error = World::new().fails(&folder(&large)).await;
    assert_eq!(error.reason(), "ConnectionFailed", "{error}");

    let many: Vec<String> = (0..10_001).map(|n| format!("prod/{n}")).collect();
    let server = Server::http(move |_| {
        let listed: Vec<_> = many.iter().map(|key| (key.as_str(), 1, "a")).collect();
        listing(&listed)
    })
    .await;
    let error = World::new().fails(&folder(&server)).await;
    assert_eq!(error.reason(), "TooLarge");
    assert!(error.to_string().contains("more than 10000 objects"), "{error}");
}

#[tokio::test]
async fn keys_that_are_no_names_of_files_leave_no_folder() {
    for key in ["prod/../x", "prod/a\\b", "prod//x", "prod/a../b"] {
        let server = Server::http(move |_| listing(&[(key, 1, "a")])).await;
        let error = World::new().fails(&folder(&server)).await;
        assert_eq!(error.reason(), "UnsafeArchive", "{key}: {error}");
    }
}

#[tokio::test]
async fn an_object_that_changes_meanwhile_is_fetched_anew() {
    let server = Server::http(|seen: &Seen| match seen.target.contains("list-type=2") {
        true => listing(&[("prod/a", 1, "a")]),
        false => data("b", "longer"),
    })
    .await;
    let error = World::new().fails(&folder(&server)).await;
    assert_eq!((error.reason(), error.retry()), ("Truncated", Retry::Soon), "{error}");
}
