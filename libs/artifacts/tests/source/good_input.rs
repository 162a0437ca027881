//! What is kept of a good answer.
use crate::{
    server::{Answer, Seen, Server, answer, with_body},
    world::{Case, MIB, World, noise},
};
use artifacts::{Digest, Retry, pipeline::Outcome};
use bytes::Bytes;
use crds::external_source::{Select, Unpack};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::io;

/// An answer without a length, in pieces.
fn chunked(body: &[u8]) -> Answer {
    let pieces: Vec<io::Result<Frame<Bytes>>> =
        body.chunks(50_000).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    with_body(200, &[], BodyExt::boxed(StreamBody::new(stream::iter(pieces))))
}

#[tokio::test]
async fn a_body_is_stored_as_one_file_and_described() {
    let headers = [("content-type", "Application/JSON; charset=utf-8")];
    let server = Server::http(move |_| answer(200, &headers, "{}")).await;
    let world = World::new();
    let fetched = world.fetched(&Case::new(server.url("/data"))).await;
    assert_eq!(world.files(&fetched).await, [("data".to_owned(), b"{}".to_vec())]);
    assert_eq!((fetched.content_digest, fetched.content_size), (Digest::of(b"{}"), 2));
    assert_eq!(fetched.content_type.as_deref(), Some("application/json"));
    assert_eq!((fetched.changed, fetched.skipped_links), (true, 0));
    assert_eq!(fetched.blob.key.source, world.source);
}

#[tokio::test]
async fn the_path_names_the_file() {
    let server = Server::http(|_| answer(200, &[], "{}")).await;
    let mut case = Case::new(server.url("/data"));
    for (path, name) in
        [("deep/er/config.json", "deep/er/config.json"), ("./a//b", "a/b"), ("", "data"), (".", "data")]
    {
        case.spec.destination_path = Some(path.into());
        let world = World::new();
        let fetched = world.fetched(&case).await;
        let files = world.files(&fetched).await;
        let names: Vec<&str> =
            files.iter().map(|(name, _)| name.as_str()).filter(|n| !n.ends_with('/')).collect();
        assert_eq!(names, [name], "{path:?}");
    }
}

#[tokio::test]
async fn a_length_that_is_announced_or_not_makes_no_difference() {
    for length in [0, 1, 600_000, 4 * MIB] {
        let body = noise(length);
        let server = Server::http(move |seen: &Seen| match seen.target.as_str() {
            "/announced" => answer(200, &[], body.clone()),
            _ => chunked(&body),
        })
        .await;
        let world = World::new();
        let announced = world.fetched(&Case::new(server.url("/announced"))).await;
        let chunked = world.fetched(&Case::new(server.url("/chunked"))).await;
        assert_eq!(announced.blob.key, chunked.blob.key, "{length}");
        assert_eq!(world.files(&chunked).await, [("data".to_owned(), noise(length))]);
    }
}

#[tokio::test]
async fn expected_codes_and_types_are_data() {
    let headers = [("content-type", "text/html")];
    let server = Server::http(move |_| answer(404, &headers, "not here, and that is the news")).await;
    let case = Case::new(server.url("/data")).http(|http| {
        http.expected_status = Some(vec![200, 404]);
        http.expected_content_type = Some(vec!["application/json".into(), "Text/*".into()]);
    });
    World::new().fetched(&case).await;
}

#[tokio::test]
async fn a_head_has_headers_and_no_body() {
    let server = Server::http(|_| answer(200, &[("etag", r#""x""#)], "data")).await;
    let case = Case::new(server.url("/data")).http(|http| http.method = "HEAD".into());
    let fetched = World::new().fetched(&case).await;
    assert_eq!(
        (fetched.content_digest, fetched.validators.etag.as_deref()),
        (Digest::of(b""), Some(r#""x""#))
    );
}

fn tar_gz(files: &[(&str, &str)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(encoder);
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "link", "a").unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn an_archive_is_unpacked_and_its_links_are_counted() {
    let server = Server::http(|seen: &Seen| match seen.target.as_str() {
        "/ordered" => answer(200, &[], tar_gz(&[("a", "1"), ("b/c", "2")])),
        _ => answer(200, &[], tar_gz(&[("b/c", "2"), ("a", "1")])),
    })
    .await;
    let world = World::new();
    let unpacking = |path: &str| Case::new(server.url(path)).http(|http| http.unpack = Some(Unpack::Auto));
    let first = world.fetched(&unpacking("/ordered")).await;
    let files = world.files(&first).await.into_iter().filter(|(name, _)| !name.ends_with('/'));
    assert_eq!(
        files.collect::<Vec<_>>(),
        [("a".to_owned(), b"1".to_vec()), ("b/c".to_owned(), b"2".to_vec())]
    );
    assert_eq!(first.skipped_links, 1);
    let Outcome::Fetched(second) = world.run_after(&unpacking("/other"), &first).await.unwrap() else {
        panic!("a body came")
    };
    assert!(!second.changed, "the same files in another order are the same artifact");
}

#[tokio::test]
async fn unpacked_files_move_into_a_folder_only_if_asked() {
    let server = Server::http(|_| answer(200, &[], tar_gz(&[("a", "1")]))).await;
    let mut case = Case::new(server.url("/data")).http(|http| http.unpack = Some(Unpack::Always));
    case.spec.destination_path = Some("in/here/".into());
    let world = World::new();
    let fetched = world.fetched(&case).await;
    assert!(world.files(&fetched).await.contains(&("in/here/a".to_owned(), b"1".to_vec())));
}

#[tokio::test]
async fn a_zip_is_unpacked_and_of_its_files_those_are_packed_that_are_selected() {
    const RELEASE: &[u8] = include_bytes!("../../../../fuzz/corpus/archives/zip_python");
    let server = Server::http(|_| answer(200, &[("content-type", "application/zip")], RELEASE)).await;
    let world = World::new();
    let mut case = Case::new(server.url("/v1.0.zip")).http(|http| http.unpack = Some(Unpack::Always));
    let select = |include: &str| {
        let include = vec![include.to_owned()];
        Some(Select { strip_components: Some(1), include, ..Select::default() })
    };
    case.spec.select = select("deploy/*.yaml");
    let fetched = world.fetched(&case).await;
    let files = world.files(&fetched).await.into_iter().filter(|(name, _)| !name.ends_with('/'));
    let expected = ("deploy/app.yaml".to_owned(), b"kind: ConfigMap\n".repeat(4));
    assert_eq!(files.collect::<Vec<_>>(), [expected]);
    assert_eq!(fetched.skipped_links, 1);
    case.spec.select = select("*.json");
    let error = World::new().fails(&case).await;
    assert_eq!((error.reason(), error.retry()), ("NothingSelected", Retry::AtInterval));
}

#[tokio::test]
async fn what_is_no_archive_stays_a_file_unless_it_must_be_one() {
    let server = Server::http(|_| answer(200, &[("content-type", "application/gzip")], "plain text")).await;
    let world = World::new();
    let fetched =
        world.fetched(&Case::new(server.url("/data")).http(|http| http.unpack = Some(Unpack::Auto))).await;
    assert_eq!(world.files(&fetched).await, [("data".to_owned(), b"plain text".to_vec())]);
}

#[tokio::test]
async fn passes_run_side_by_side() {
    let server = Server::http(|seen: &Seen| answer(200, &[], seen.target.clone())).await;
    let world = World::new();
    let cases: Vec<Case> = (0..50).map(|n| Case::new(server.url(&format!("/{n}")))).collect();
    let fetched = futures::future::join_all(cases.iter().map(|case| world.fetched(case))).await;
    let digests: std::collections::HashSet<Digest> =
        fetched.iter().map(|fetched| fetched.blob.key.digest).collect();
    assert_eq!(digests.len(), 50);
}
