//! What is told of where an archive came from, and what never is.
use crate::{
    server::{Identity, Seen, Server, answer, redirect},
    world::{Case, World},
};
use artifacts::{
    Digest,
    pipeline::{Fetched, Outcome},
    provenance::{Recorded, read},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

const CANARY: &str = "canary-7f3a";
const MODIFIED: (&str, &str) = ("last-modified", "Fri, 06 Nov 2026 08:49:37 GMT");

/// What lies beside the blob.
async fn statement(world: &World, fetched: &Fetched) -> Bytes {
    world.store().attached(&fetched.blob.key).await.unwrap().expect("it is written with the blob")
}

#[tokio::test]
async fn a_statement_names_what_was_fetched_from_whom_and_what_became_of_it() {
    let identity = Identity::new(&["127.0.0.1"], |_| {});
    let server = Server::https(&identity, |seen: &Seen| match seen.target.as_str() {
        "/start" => redirect(302, &format!("/data?X-Amz-Signature={CANARY}")),
        _ => answer(200, &[("etag", "\"1\""), ("content-type", "text/plain; charset=utf-8")], "data"),
    })
    .await;
    let case = Case::new(server.url("/start")).ca_bundle(&identity.authority_pem);
    let case = case.headers(&[("Authorization", CANARY), ("X-Api-Key", CANARY)]);
    let (world, before) = (World::new(), Timestamp::now());
    let fetched = world.fetched(&case).await;
    let text = statement(&world, &fetched).await;
    let told: Value = serde_json::from_slice(&text).unwrap();

    assert_eq!(told["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(told["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(told["subject"][0]["digest"]["sha256"], fetched.blob.key.digest.hex());
    let made = &told["predicate"]["buildDefinition"];
    let body = json!({
        "uri": server.url("/data"),
        "digest": { "sha256": Digest::of(b"data").hex() },
        "mediaType": "text/plain",
        "annotations": { "etag": "\"1\"", "size": 4, "tlsPeerKeySha256": identity.key.hex() },
    });
    assert_eq!(made["resolvedDependencies"], json!([body]));
    assert_eq!(made["internalParameters"]["method"], "GET");
    assert_eq!(made["internalParameters"]["headerNames"], json!(["authorization", "x-api-key"]));
    let times = &told["predicate"]["runDetails"]["metadata"];
    assert_eq!(times["startedOn"], "1970-01-01T00:00:00Z", "as it was given");
    let finished: Timestamp = times["finishedOn"].as_str().unwrap().parse().unwrap();
    assert!((before.as_second()..=Timestamp::now().as_second()).contains(&finished.as_second()), "{times}");
    assert!(!String::from_utf8(text.into()).unwrap().contains(CANARY), "{told}");
}

#[tokio::test]
async fn an_object_is_named_by_its_place_and_not_by_who_may_read_it() {
    let server = Server::http(|_| answer(200, &[("etag", "\"1\""), MODIFIED], "data")).await;
    let case = Case::s3(server.url(""), |s3| s3.object = Some("prod/app.yaml".into()));
    let world = World::new();
    let fetched = world.fetched(&case).await;
    let text = String::from_utf8(statement(&world, &fetched).await.into()).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    let body = &told["predicate"]["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!(body["uri"], server.url("/configs/prod/app.yaml"));
    assert_eq!(body["annotations"], json!({ "etag": "\"1\"", "size": 4 }));
    assert!(!text.contains(CANARY) && !text.contains("AKIA"), "{text}");
}

#[tokio::test]
async fn a_record_is_written_anew_where_the_same_came_of_other_inputs() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let (one, other) = (Case::new(server.url("/one")), Case::new(server.url("/other")));
    let world = World::new();
    let fetched = world.fetched(&one).await;
    for (renews, path) in [(false, "/one"), (true, "/other")] {
        let again = world.run_recording(&other, &fetched, renews).await.unwrap();
        assert!(matches!(again, Outcome::Fetched(again) if !again.changed && again.blob == fetched.blob));
        let told: Value = serde_json::from_slice(&statement(&world, &fetched).await).unwrap();
        let body = &told["predicate"]["buildDefinition"]["resolvedDependencies"][0];
        assert_eq!(body["uri"], server.url(path), "renews: {renews}");
    }
}

#[tokio::test]
async fn a_statement_is_read_back_for_its_own_archive_alone() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let case = Case::new(server.url("/data"));
    let world = World::new();
    let fetched = world.fetched(&case).await;
    let text = statement(&world, &fetched).await;
    let told =
        Recorded { content_digest: Digest::of(b"data"), tar_digest: fetched.tar_digest, content_type: None };
    assert_eq!(read(&text, &fetched.blob.key), Some(told));
    let mut other = fetched.blob.key.clone();
    other.source.name.push('x');
    assert_eq!(read(&text, &other), None);
    other = fetched.blob.key.clone();
    other.digest = Digest::of(b"other");
    assert_eq!(read(&text, &other), None);
    for garbage in ["", "{}", "[", "null", r#"{"subject":[{"digest":{"sha256":1}}]}"#] {
        assert_eq!(read(garbage.as_bytes(), &fetched.blob.key), None, "{garbage}");
    }
    let dependency = &serde_json::from_slice::<Value>(&text).unwrap();
    let dependency = &dependency["predicate"]["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!(dependency["annotations"], json!({ "size": 4 }), "no TLS, no key");
}
