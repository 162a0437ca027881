//! Bodies that must be unpacked and cannot be.
use super::assert_is;
use crate::{
    server::{Server, answer},
    world::{Case, MIB, World, noise},
};
use artifacts::{Error, Retry};
use crds::external_source::Unpack;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An archive with one entry of this name, type and size, written without the checks of a well-meaning builder.
fn tar_of(name: &str, kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, content).unwrap();
    builder.into_inner().unwrap()
}

async fn failure_to_unpack(body: Vec<u8>) -> Error {
    let server = Server::http(move |_| answer(200, &[], body.clone())).await;
    let case = Case::new(server.url("/data.tar.gz")).http(|http| http.unpack = Some(Unpack::Always));
    World::new().fails(&case).await
}

#[tokio::test]
async fn a_gzip_bomb() {
    let bomb = gzip(&tar_of("zeros", tar::EntryType::Regular, &vec![0; 64 * MIB as usize]));
    assert!(bomb.len() < 128 * 1024, "{}", bomb.len());
    let error = failure_to_unpack(bomb).await;
    assert_is(&error, "TooLarge", Retry::AtInterval);
}

#[tokio::test]
async fn hostile_archives() {
    use tar::EntryType;
    for (name, kind) in [
        ("../outside", EntryType::Regular),
        ("a/../../outside", EntryType::Regular),
        ("/etc/passwd", EntryType::Regular),
        ("device", EntryType::Char),
        ("pipe", EntryType::Fifo),
    ] {
        assert_is(&failure_to_unpack(tar_of(name, kind, b"")).await, "UnsafeArchive", Retry::AtInterval);
    }
    let cut_off = gzip(&noise(4096))[..2048].to_vec();
    assert_is(&failure_to_unpack(cut_off).await, "Truncated", Retry::Soon);
}

#[tokio::test]
async fn what_must_be_an_archive_and_is_none() {
    for body in [b"{\"kind\": \"List\"}".to_vec(), b"BZh9".repeat(200), vec![0; 100], vec![]] {
        let error = failure_to_unpack(body).await;
        assert_is(&error, "NotAnArchive", Retry::AtInterval);
        assert_eq!(error.to_string(), "the body is neither a tar, a gzip nor a zip");
    }
}

#[tokio::test]
async fn an_archive_without_any_file() {
    let empty = vec![0; 10_240];
    for body in [gzip(&empty), empty, tar_of("folder/", tar::EntryType::Directory, b"")] {
        let error = failure_to_unpack(body).await;
        assert_is(&error, "UnsafeArchive", Retry::AtInterval);
        assert_eq!(error.to_string(), "the archive holds no file");
    }
}
