//! Good archives of every make, and hostile ones.
mod hostile;
mod zips;

use super::*;
use crate::pack::Packed;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::collections::BTreeMap;
use tar::EntryType;

const LIMIT: u64 = 64 * 1024 * 1024;

/// An entry as it is put into an archive, without any check.
struct Raw {
    name: Vec<u8>,
    kind: EntryType,
    mode: u32,
    data: Vec<u8>,
}

fn raw(name: impl AsRef<[u8]>, kind: EntryType, data: impl AsRef<[u8]>) -> Raw {
    Raw { name: name.as_ref().to_vec(), kind, mode: 0o644, data: data.as_ref().to_vec() }
}

fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Raw {
    raw(name, EntryType::Regular, data)
}

fn header_of(entry: &Raw) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..entry.name.len()].copy_from_slice(&entry.name);
    header.set_entry_type(entry.kind);
    header.set_mode(entry.mode);
    header.set_size(entry.data.len() as u64);
    header.set_uid(1000);
    header.set_mtime(1_700_000_000);
    header.set_cksum();
    header
}

fn block_of(entry: &Raw) -> Vec<u8> {
    let mut block = [header_of(entry).as_bytes().as_slice(), &entry.data].concat();
    block.resize(block.len().next_multiple_of(HEAD), 0);
    block
}

fn tar_of(entries: &[Raw]) -> Vec<u8> {
    let mut tar: Vec<u8> = entries.iter().flat_map(block_of).collect();
    tar.resize(tar.len() + 2 * HEAD, 0);
    tar
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn unpacked(body: &[u8]) -> Result<Unpacked, UnpackError> {
    unpack(body, detect(body, None).ok_or(UnpackError::NotAnArchive)?, LIMIT)
}

fn packed(unpacked: &Unpacked, destination: Option<&str>) -> (Packed, Vec<u8>) {
    let destination = destination.map(|path| EntryPath::new(path).unwrap());
    let mut packer = Packer::new(Vec::new());
    unpacked.pack(&mut packer, destination.as_ref()).unwrap();
    packer.finish().unwrap()
}

/// Name, mode and contents of the files in what becomes of `body`.
fn files(body: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
    files_below(body, None)
}

fn files_below(body: &[u8], destination: Option<&str>) -> Vec<(String, u32, Vec<u8>)> {
    let (_, archive) = packed(&unpacked(body).unwrap(), destination);
    let mut archive = tar::Archive::new(GzDecoder::new(archive.as_slice()));
    let entries = archive.entries().unwrap().map(Result::unwrap);
    let read = |mut entry: tar::Entry<'_, _>| {
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        (name, entry.header().mode().unwrap(), contents)
    };
    entries.filter(|entry| entry.header().entry_type().is_file()).map(read).collect()
}

fn names(body: &[u8]) -> Vec<String> {
    files(body).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn files_come_out_sorted_with_nothing_of_their_origin_but_the_executable_bit() {
    let mut program = file("bin/run", "#!/bin/sh\n");
    program.mode = 0o4751;
    let tar = tar_of(&[file("z", "last"), program, file("a-b", ""), file("a/b", "first")]);
    let expected = [
        ("a/b", 0o644, "first"),
        ("a-b", 0o644, ""),
        ("bin/run", 0o755, "#!/bin/sh\n"),
        ("z", 0o644, "last"),
    ];
    let expected = expected.map(|(name, mode, data)| (name.to_owned(), mode, data.as_bytes().to_vec()));
    assert_eq!(files(&tar), expected);
    assert_eq!(files(&gzip(&tar)), expected);
}

#[test]
fn the_order_and_the_origin_of_an_archive_do_not_change_the_artifact() {
    let (one, other) = ([file("a", "1"), file("b", "2")], [file("b", "2"), file("./a", "1")]);
    assert!(
        packed(&unpacked(&tar_of(&one)).unwrap(), None)
            == packed(&unpacked(&gzip(&tar_of(&other))).unwrap(), None)
    );
}

#[test]
fn a_destination_is_the_folder_of_unpacked_files() {
    let tar = tar_of(&[file("b", ""), file("a/c", "")]);
    let below: Vec<_> = files_below(&tar, Some("apps/base")).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(below, ["apps/base/a/c", "apps/base/b"]);
}

#[test]
fn a_compressed_file_that_is_no_tar_is_one_file() {
    for contents in [&b"kind: ConfigMap\n"[..], b"", &b"x".repeat(5_000)] {
        assert_eq!(files(&gzip(contents)), [("data".into(), 0o644, contents.to_vec())]);
        assert_eq!(files_below(&gzip(contents), Some("apps/cm.yaml"))[0].0, "apps/cm.yaml");
    }
}

#[test]
fn all_members_of_a_gzip_are_read() {
    let tar = tar_of(&[file("a", "1"), file("b", "2")]);
    let (first, second) = tar.split_at(700);
    assert_eq!(names(&[gzip(first), gzip(second)].concat()), ["a", "b"]);
}

#[test]
fn links_are_left_out_and_counted() {
    let tar =
        tar_of(&[raw("to-passwd", EntryType::Symlink, ""), raw("hard", EntryType::Link, ""), file("a", "1")]);
    assert_eq!(unpacked(&tar).unwrap().skipped_links(), 2);
    assert_eq!(names(&tar), ["a"]);
}

#[test]
fn folders_may_be_listed_twice_or_never_and_dots_mean_nothing() {
    let folder = |name: &str| raw(name, EntryType::Directory, "");
    let tar = tar_of(&[
        folder("./"),
        folder("."),
        folder("./a/"),
        file("./a/b", ""),
        folder("a"),
        file("a//./c", ""),
        file("old-folder/", ""),
        file("old-folder/d", ""),
    ]);
    assert_eq!(names(&tar), ["a/b", "a/c", "old-folder/d"]);
}

#[test]
fn long_names_of_gnu_and_pax_are_understood() {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let record = format!("{} path={long}\n", long.len() + 10);
    let longer = format!("{long}/deep");
    for tar in [
        tar_of(&[raw("././@LongLink", EntryType::GNULongName, format!("{long}\0")), file("cut", "1")]),
        tar_of(&[raw("PaxHeaders/x", EntryType::XHeader, &record), file("cut", "1")]),
        tar_of(&[
            raw("././@LongLink", EntryType::GNULongLink, format!("{longer}\0")),
            raw("././@LongLink", EntryType::GNULongName, format!("{longer}\0")),
            raw("PaxHeaders/x", EntryType::XHeader, &record),
            file("cut", "1"),
        ]),
    ] {
        assert_eq!(names(&tar), [long.as_str()]);
    }
}

#[test]
fn what_git_and_others_add_is_ignored() {
    let record = b"52 comment=0123456789012345678901234567890123456789\n";
    let times = b"30 mtime=1700000000.123456789\n";
    let tar = tar_of(&[
        raw("pax_global_header", EntryType::XGlobalHeader, record),
        raw("PaxHeaders/a", EntryType::XHeader, times),
        file("a", "1"),
    ]);
    assert_eq!(names(&tar), ["a"]);
}

#[test]
fn an_old_tar_needs_its_content_type() {
    let mut header = Header::new_old();
    header.as_mut_bytes()[..1].copy_from_slice(b"a");
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    let tar = [header.as_bytes().as_slice(), &[0; 2 * HEAD]].concat();
    assert_eq!(detect(&tar, None), None);
    assert_eq!(detect(&tar, Some("text/plain")), None);
    assert_eq!(detect(&tar, Some("Application/X-Tar; charset=binary")), Some(Format::Tar));
    assert_eq!(unpack(tar.as_slice(), Format::Tar, LIMIT).unwrap().skipped_links(), 0);
    assert_eq!(names(&gzip(&tar)), ["a"]);
}

#[test]
fn bytes_decide_what_an_archive_is() {
    let tar = tar_of(&[file("a", "1")]);
    let mut damaged = tar.clone();
    damaged[0] = b'b';
    for (body, content_type, format) in [
        (&tar[..], Some("text/html"), Some(Format::Tar)),
        (&tar[..HEAD], None, Some(Format::Tar)),
        (&tar[..HEAD - 1], Some("application/x-tar"), None),
        (&damaged, Some("application/x-tar"), None),
        (&gzip(b""), None, Some(Format::Gzip)),
        (b"{}", Some("application/gzip"), None),
        (b"PK\x03\x04", Some("text/plain"), Some(Format::Zip)),
        (b"PK\x05\x06", None, Some(Format::Zip)),
        (b"PK\x01\x02", Some("application/zip"), None),
        (b"\x1f\x8b", None, None),
        (b"", Some("application/x-tar"), None),
        (&[0; 1024], Some("application/x-tar"), None),
    ] {
        assert_eq!(detect(&body[..body.len().min(HEAD)], content_type), format, "{content_type:?}");
    }
}

#[test]
fn errors_of_the_source_stay_its_own() {
    struct Reset;
    impl Read for Reset {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("reset by peer"))
        }
    }
    let archive = gzip(&tar_of(&[file("a", "1")]));
    for (format, start) in [(Format::Tar, &b"start"[..]), (Format::Gzip, &archive[..20])] {
        let failed = unpack(start.chain(Reset), format, LIMIT).unwrap_err();
        assert!(
            matches!(&failed, UnpackError::Read(source) if source.to_string() == "reset by peer"),
            "{failed:?}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_archive_of_the_tar_crate_is_unpacked(
        files in proptest::collection::btree_map("[a-z]{1,120}(-[a-z]{1,60}){0,2}", proptest::collection::vec(proptest::num::u8::ANY, 0..3_000), 1..8),
        seed: u64,
    ) {
        let mut shuffled: Vec<_> = files.iter().collect();
        shuffled.sort_by_key(|(name, _)| crate::Digest::of(format!("{seed}{name}").as_bytes()));
        let mut builder = tar::Builder::new(Vec::new());
        for (name, data) in shuffled {
            let mut header = Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o600);
            builder.append_data(&mut header, name, data.as_slice()).unwrap();
        }
        let tar = builder.into_inner().unwrap();
        let found: BTreeMap<_, _> = self::files(&gzip(&tar)).into_iter().map(|(name, _, data)| (name, data)).collect();
        proptest::prop_assert_eq!(found, files);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut body: Vec<u8>, at in 0_usize..2_000, byte: u8) {
        drop(unpacked(&body));
        for format in [Format::Gzip, Format::Tar, Format::Zip] {
            drop(unpack(body.as_slice(), format, LIMIT));
        }
        body = tar_of(&[raw("x", EntryType::XHeader, "9 path=a\n"), file("cut", &body)]);
        let at = at % body.len();
        body[at] = byte;
        drop(unpack(body.as_slice(), Format::Tar, LIMIT));
    }
}
