//! Files come out of a stored archive as they went in, or not at all.
use super::*;
use crate::{
    pack::{Mode, Packer},
    store::tests::stored,
};
use futures::TryStreamExt;

/// Larger than any buffer on the way.
const LARGE: usize = 3_000_000;

fn contents(path: &str) -> Vec<u8> {
    match path {
        "empty" => Vec::new(),
        "large.json" => (0..LARGE).map(|i| (i * i / 11) as u8).collect(),
        _ => format!("I am {path}\n").into_bytes(),
    }
}

fn archive() -> Vec<u8> {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let mut packer = Packer::new(Vec::new());
    for path in ["apps/base/cm.yaml", "apps/base-2/cm.yaml", "apps/z", &long, "empty", "large.json", "z"] {
        let contents = contents(path);
        let path = EntryPath::new(path).unwrap();
        packer.file(&path, Mode::Plain, contents.len() as u64, contents.as_slice()).unwrap();
    }
    packer.finish().unwrap().1
}

async fn read(path: &str) -> Option<Vec<u8>> {
    let file = file_in(stored(archive()).await, path).await.unwrap()?;
    let size = file.size;
    let pieces: Vec<Bytes> = file.bytes.try_collect().await.unwrap();
    assert_eq!(pieces.concat().len() as u64, size);
    Some(pieces.concat())
}

#[tokio::test]
async fn each_file_comes_out_as_it_went_in() {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    for path in ["apps/base/cm.yaml", "apps/base-2/cm.yaml", "apps/z", &long, "empty", "large.json", "z"] {
        assert!(read(path).await == Some(contents(path)), "{path}");
    }
    assert_eq!(read("./apps/z").await, Some(contents("apps/z")));
}

#[tokio::test]
async fn what_is_no_file_is_not_there() {
    for path in [
        "",
        ".",
        "apps",
        "apps/",
        "apps/base",
        "/apps/z",
        "../z",
        "apps/../z",
        "a",
        "zz",
        "apps/base/a",
        "z\0",
    ] {
        assert_eq!(read(path).await, None, "{path:?}");
    }
}

#[tokio::test]
async fn a_file_tells_its_size_and_what_it_seems_to_be() {
    let file = file_in(stored(archive()).await, "large.json").await.unwrap().unwrap();
    assert_eq!(
        (file.path.as_str(), file.size, file.media_type),
        ("large.json", LARGE as u64, "application/json")
    );
}

#[tokio::test]
async fn a_blob_that_is_no_archive_of_ours_is_an_error() {
    let cut = archive()[..1_000].to_vec();
    for (bytes, why) in [
        (b"kind: ConfigMap\n".to_vec(), "it cannot be inflated"),
        (Vec::new(), "it ends early"),
        (cut, "it ends early"),
        (gzip(b"kind: ConfigMap\n"), "it ends early"),
        (gzip(&[7; 1024]), "a header is none"),
    ] {
        let failed = file_in(stored(bytes).await, "z").await.unwrap_err().to_string();
        assert!(failed.ends_with(why), "{failed}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
