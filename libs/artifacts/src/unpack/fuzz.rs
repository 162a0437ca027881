//! What must hold whatever a source sends as an archive.
use super::*;
use flate2::read::GzDecoder;
use std::path::Component;

/// What an archive may unpack to, in bytes.
const LIMIT: u64 = 1 << 20;

/// As much again for every header that we write.
const PACKED: u64 = 16 * LIMIT;

/// Bytes are an archive that can be packed, or refused in one line. What is packed holds files alone, each in its folder, and
/// unpacked and packed again it is the same.
pub fn archives(input: &[u8]) {
    let mended = mended(input);
    for body in [input, &mended] {
        for format in [Format::Tar, Format::Gzip, Format::Zip] {
            judged(body, format);
        }
    }
}

/// The same with the sums of its headers right, which no random change leaves right, and an end.
fn mended(input: &[u8]) -> Vec<u8> {
    let mut tar = input.to_vec();
    tar.resize(tar.len().next_multiple_of(HEAD) + 2 * HEAD, 0);
    let headers = tar.chunks_exact_mut(HEAD).filter(|block| block[257..].starts_with(b"ustar"));
    for block in headers {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    tar
}

fn judged(body: &[u8], format: Format) {
    let unpacked = match unpack(body, format, LIMIT) {
        Ok(unpacked) => unpacked,
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains('\n') && !error.reason().is_empty(), "{said}");
            return assert!(!matches!(error, UnpackError::Read(_) | UnpackError::NotSpooled(_)), "{error:?}");
        }
    };
    let first = packed(&unpacked);
    let mut tar = tar::Archive::new(GzDecoder::new(first.as_slice()));
    for entry in tar.entries().expect("a tar") {
        let entry = entry.expect("an entry");
        let path = entry.path().expect("a path").into_owned();
        let stays = path.components().all(|step| matches!(step, Component::Normal(_)));
        assert!(stays && path.components().next().is_some(), "{} leaves its folder", path.display());
        let kind = entry.header().entry_type();
        assert!(kind.is_file() || kind.is_dir(), "{} is {kind:?}", path.display());
    }
    let again = unpack(first.as_slice(), Format::Gzip, PACKED).expect("what we packed is an archive");
    assert_eq!(again.skipped_links(), 0);
    assert_eq!(packed(&again), first, "packed again it is another");
}

fn packed(unpacked: &Unpacked) -> Vec<u8> {
    let mut packer = Packer::new(Vec::new());
    unpacked.pack(&mut packer, None).expect("what was checked can be packed");
    packer.finish().expect("it can be finished").1
}
