//! The archive as others read it, and the promise that it never changes by itself.
use super::{block::tests::random, *};
use crate::Digest;
use flate2::read::GzDecoder;
use proptest::prelude::*;
use std::collections::BTreeMap;

struct File {
    path: EntryPath,
    mode: Mode,
    contents: Vec<u8>,
}

fn path(text: &str) -> EntryPath {
    EntryPath::new(text).unwrap()
}

fn file(text: &str, contents: impl AsRef<[u8]>) -> File {
    File { path: path(text), mode: Mode::Plain, contents: contents.as_ref().to_vec() }
}

fn pack<'a>(files: impl IntoIterator<Item = &'a File>) -> (Packed, Vec<u8>) {
    let mut packer = Packer::new(Vec::new());
    for File { path, mode, contents } in files {
        packer.file(path, *mode, contents.len() as u64, contents.as_slice()).unwrap();
    }
    packer.finish().unwrap()
}

fn tar_of(archive: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut tar).unwrap();
    tar
}

/// Name, type, mode and contents of every entry, as the tar crate reads them.
fn entries(archive: &[u8]) -> Vec<(String, tar::EntryType, u32, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let read = |entry: io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        assert_eq!((header.username(), header.groupname()), (Ok(Some("")), Ok(Some(""))));
        let (kind, mode) = (header.entry_type(), header.mode().unwrap());
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        (name, kind, mode, contents)
    };
    archive.entries().unwrap().map(read).collect()
}

/// A fixed tree: text and noise, folders, a program, an empty file, a long name, more than one block.
fn tree() -> Vec<File> {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: podinfo\n".repeat(6_000);
    let mut tree = vec![
        file("LICENSE", "MIT OR Apache-2.0\n"),
        file("apps/base/configmap.yaml", manifest),
        file("apps/base/empty", ""),
        file("apps/noise.bin", random(600_000)),
        file("bin/run", "#!/bin/sh\nexec true\n"),
        file(&format!("deep/{}/{}", "d".repeat(120), "f".repeat(150)), "a long name\n"),
    ];
    tree[4].mode = Mode::Executable;
    tree
}

/// If this fails, the tar of unchanged sources changes, and every consumer deploys anew. If that is meant, raise
/// [`PACKER_VERSION`] and say so in the changelog.
#[test]
fn the_tar_of_a_fixed_tree_never_changes() {
    let (packed, archive) = pack(&tree());
    assert_eq!(packed.tar_digest, TarDigest::of(&tar_of(&archive)));
    assert_eq!(packed.tar_size, tar_of(&archive).len() as u64);
    assert_eq!(
        packed.tar_digest.to_string(),
        "blake3:ceb82ca2f804f459e17ae3471d5f7d74a1819111106e6a106062c8b5798aee01"
    );
}

/// If this fails alone, another deflate is at work. Sources that do not change keep their stored archives, so nobody
/// deploys anew; new archives of equal files get another digest than before. Say so in the changelog.
#[test]
fn the_compressed_bytes_of_a_fixed_tree_never_change() {
    assert_eq!(
        Digest::of(&pack(&tree()).1).to_string(),
        "sha256:2b728d82d9ae515e3ba10dd08d316e7a68e47cfadfdcee2982ff746a241817cd"
    );
}

#[test]
fn two_threads_write_what_one_would() {
    let large = || file("data", include_bytes!("tests.rs").repeat(200));
    let (packed, archive) = pack(&[large()]);
    for _run in 0..3 {
        assert!(pack(&[large()]) == (packed, archive.clone()));
    }
    assert_eq!(entries(&archive)[0].3, large().contents);
}

#[test]
fn small_reads_make_no_difference() {
    struct Dripping<'a>(&'a [u8]);
    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(7);
            self.0.read(&mut buffer[..most])
        }
    }
    let whole = file("data", include_bytes!("tests.rs").repeat(50));
    let mut packer = Packer::new(Vec::new());
    packer.file(&whole.path, Mode::Plain, whole.contents.len() as u64, Dripping(&whole.contents)).unwrap();
    assert!(packer.finish().unwrap() == pack(&[whole]));
}

#[test]
fn folders_come_once_and_before_what_lies_in_them() {
    let (packed, archive) = pack(&tree());
    let long = format!("deep/{}/", "d".repeat(120));
    let listed: Vec<_> =
        entries(&archive).into_iter().map(|(name, kind, mode, _)| (name, kind.is_dir(), mode)).collect();
    let expected = [
        ("LICENSE", false, 0o644),
        ("apps/", true, 0o755),
        ("apps/base/", true, 0o755),
        ("apps/base/configmap.yaml", false, 0o644),
        ("apps/base/empty", false, 0o644),
        ("apps/noise.bin", false, 0o644),
        ("bin/", true, 0o755),
        ("bin/run", false, 0o755),
        ("deep/", true, 0o755),
        (&long, true, 0o755),
        (&format!("{long}{}", "f".repeat(150)), false, 0o644),
    ]
    .map(|(name, is_folder, mode)| (name.to_owned(), is_folder, mode));
    assert_eq!((listed.as_slice(), packed.files), (&expected[..], 6));
}

#[test]
fn the_archive_is_one_gzip_member_without_a_name_or_a_time() {
    let (_, archive) = pack(&tree());
    assert_eq!(archive[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let mut rest = archive.as_slice();
    let mut member = flate2::bufread::GzDecoder::new(&mut rest);
    io::copy(&mut member, &mut io::sink()).unwrap();
    drop(member);
    assert!(rest.is_empty());
}

#[test]
fn contents_have_the_announced_size_or_there_is_no_archive() {
    let packed =
        |announced| Packer::new(Vec::new()).file(&path("data"), Mode::Plain, announced, &b"four"[..]);
    assert!(matches!(packed(5), Err(PackError::Short { announced: 5, found: 4 })));
    assert!(matches!(packed(3), Err(PackError::Long { announced: 3 })));
    packed(4).unwrap();
}

#[test]
fn files_come_in_order_and_none_is_another_s_folder() {
    for (first, second) in [("b", "a"), ("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a-b", "a/b")] {
        let mut packer = Packer::new(Vec::new());
        packer.file(&path(first), Mode::Plain, 0, io::empty()).unwrap();
        let refused = packer.file(&path(second), Mode::Plain, 0, io::empty()).unwrap_err();
        assert_eq!(refused.to_string(), format!("{second} cannot be packed after {first}"));
    }
}

#[test]
fn errors_of_both_ends_are_told_apart() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("reset by peer"))
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("disk full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let read = Packer::new(io::sink()).file(&path("data"), Mode::Plain, 1, Broken).unwrap_err();
    assert!(matches!(&read, PackError::Read(source) if source.to_string() == "reset by peer"), "{read:?}");
    let Err(write) = Packer::new(Broken).finish() else { panic!("nothing was written") };
    assert!(matches!(&write, PackError::Write(source) if source.to_string() == "disk full"), "{write:?}");
    let endless =
        Packer::new(Broken).file(&path("data"), Mode::Plain, u64::MAX / 2, io::repeat(7)).unwrap_err();
    assert!(matches!(&endless, PackError::Write(_)), "{endless:?}");
}

proptest! {
    #[test]
    fn any_files_that_are_packed_are_read_back(
        files in proptest::collection::btree_map("[a-c]{1,2}(/[a-c-]{1,2}){0,3}|d{90,120}/e{1,150}", (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..2_000)), 0..12)
    ) {
        let files: BTreeMap<EntryPath, _> = files.into_iter().map(|(name, file)| (path(&name), file)).collect();
        let mut kept = Vec::<File>::new();
        for (path, (executable, contents)) in files {
            let mode = if executable { Mode::Executable } else { Mode::Plain };
            if kept.last().is_none_or(|last| !path.as_str().starts_with(&format!("{}/", last.path))) {
                kept.push(File { path, mode, contents });
            }
        }
        let (packed, archive) = pack(&kept);
        prop_assert_eq!(packed.tar_digest, TarDigest::of(&tar_of(&archive)));
        let read: Vec<_> = entries(&archive).into_iter().filter(|entry| entry.1.is_file()).collect();
        prop_assert_eq!(read.len(), kept.len());
        for ((name, _, mode, contents), file) in read.into_iter().zip(kept) {
            prop_assert_eq!(name, file.path.as_str());
            prop_assert_eq!(mode & 0o111 != 0, file.mode == Mode::Executable);
            prop_assert!(contents == file.contents);
        }
    }
}
