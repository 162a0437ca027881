//! A preview does all of a pass, and stores nothing.
use crate::{
    server::{Seen, Server, answer},
    world::{Case, World},
};
use artifacts::{
    Error,
    compare::Patch,
    egress::EgressPolicy,
    pipeline::{Fetched, Stored},
    preview::{Candidate, Preview},
    revision,
};
use crds::external_source::Unpack;
use std::sync::atomic::{AtomicUsize, Ordering};

impl World {
    /// What `case` would give, beside what was stored.
    async fn preview(&self, case: &Case, published: Option<&Fetched>) -> Result<Preview, Error> {
        let stored = published
            .map(|known| Stored { digest: known.blob.key.digest, tar_digest: Some(known.tar_digest) });
        let plan = case.plan()?;
        let candidate =
            Candidate { plan: &plan, source: &self.source, published: stored.as_ref(), waiting: None };
        let before = self.store().list(None).await.unwrap();
        let preview = self.pipeline.preview(candidate).await;
        assert_eq!(self.store().list(None).await.unwrap(), before, "nothing is stored");
        preview
    }
}

fn archive(files: usize) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for number in 0..files {
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{number:05}.txt"), &b"x"[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

#[tokio::test]
async fn a_preview_is_what_a_pass_then_stores() {
    let server = Server::http(|_| answer(200, &[("content-type", "text/plain")], "data")).await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let preview = world.preview(&case, None).await.expect("the source answers well");
    let fetched = world.fetched(&case).await;
    assert_eq!(preview.revision, revision(&fetched.blob.key.digest));
    assert_eq!((preview.size, preview.unpacked_size), (fetched.blob.size, fetched.tar_size));
    assert_eq!((preview.published, preview.differences), (None, None));
    assert_eq!((preview.file_count, preview.files[0].path.as_str(), preview.files[0].size), (1, "data", 4));
}

#[tokio::test]
async fn a_preview_is_compared_with_what_is_published() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::http(|_: &Seen| {
        let body = if ASKED.fetch_add(1, Ordering::SeqCst) == 0 { "one\n" } else { "two\n" };
        answer(200, &[("etag", "\"same\"")], body)
    })
    .await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let published = world.fetched(&case).await;
    let preview = world.preview(&case, Some(&published)).await.expect("the source answers well");
    assert_eq!(preview.published, Some(revision(&published.blob.key.digest)));
    let found = preview.differences.expect("both can be read");
    assert_eq!((found.added, found.removed, found.changed), (0, 0, 1));
    let Patch::Text(patch) = &found.files[0].patch else { panic!("it is text: {found:?}") };
    assert!(patch.contains("-one") && patch.contains("+two"), "{patch}");
}

#[tokio::test]
async fn what_is_published_already_is_named_as_it_is_stored() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let published = world.fetched(&case).await;
    let preview = world.preview(&case, Some(&published)).await.expect("the source answers well");
    assert_eq!(Some(&preview.revision), preview.published.as_ref());
    assert_eq!(preview.differences, Some(Default::default()));
}

#[tokio::test]
async fn a_published_artifact_that_is_gone_is_told_and_stops_nothing() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let mut published = world.fetched(&case).await;
    world.store().remove(&published.blob.key).await.unwrap();
    published.tar_digest = artifacts::TarDigest::of(b"another");
    let preview = world.preview(&case, Some(&published)).await.expect("the source answers well");
    assert_eq!((preview.differences, preview.notes.len()), (None, 1));
}

#[tokio::test]
async fn of_many_files_the_first_are_listed_and_all_are_counted() {
    let body = archive(1005);
    let server = Server::http(move |_| answer(200, &[], body.clone())).await;
    let case = Case::new(server.url("/data")).http(|http| http.unpack = Some(Unpack::Always));
    let preview = World::new().preview(&case, None).await.expect("the source answers well");
    assert_eq!((preview.file_count, preview.files.len()), (1005, 1000));
    assert_eq!(preview.files[999].path.as_str(), "00999.txt");
}

#[tokio::test]
async fn a_preview_goes_no_further_than_a_pass_may() {
    let server = Server::http(|_| answer(200, &[], "x".repeat(100_000))).await;
    let case = Case::new(server.url("/data"));
    let refused = World::with_policy(EgressPolicy::default()).preview(&case, None).await;
    assert_eq!(refused.expect_err("loopback is closed").reason(), "AddressRefused");
    let refused = World::with_limit(1000).preview(&case, None).await;
    assert_eq!(refused.expect_err("it is too large").reason(), "TooLarge");
}
