//! Zips of several makers, and zips that were made to do harm.
use super::*;
use flate2::Crc;

const PYTHON: &[u8] = include_bytes!("../../../../../fuzz/corpus/archives/zip_python");
const STREAMED: &[u8] = include_bytes!("../../../../../fuzz/corpus/archives/zip_streamed");
const LARGE_FIELDS: &[u8] = include_bytes!("../../../../../fuzz/corpus/archives/zip_64");
const INFO_ZIP: &[u8] = include_bytes!("../../../../../fuzz/corpus/archives/zip_infozip");
const PIPED: &[u8] = include_bytes!("../../../../../fuzz/corpus/archives/zip_piped");
const EMPTY: &[u8] = include_bytes!("../../../../../fuzz/corpus/archives/zip_empty");

const UNIX_FILE: u32 = 0o100_644;

/// An entry as it is put into a zip, without any check. What each of the two headers says can be changed by hand.
#[derive(Clone)]
struct Zipped {
    name: Vec<u8>,
    /// The name before the data.
    local_name: Vec<u8>,
    mode: u32,
    flags: u16,
    method: u16,
    sum: u32,
    length: u32,
    /// The length before the data.
    local_length: u32,
    data: Vec<u8>,
}

fn zipped(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Zipped {
    let (name, data) = (name.as_ref().to_vec(), data.as_ref().to_vec());
    let mut sum = Crc::new();
    sum.update(&data);
    let length = data.len() as u32;
    let sum = sum.sum();
    let mode = UNIX_FILE;
    Zipped {
        local_name: name.clone(),
        name,
        mode,
        flags: 0,
        method: 0,
        sum,
        length,
        local_length: length,
        data,
    }
}

fn deflated(name: &str, data: &[u8]) -> Zipped {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(data).unwrap();
    Zipped { method: 8, data: deflate.finish().unwrap(), ..zipped(name, data) }
}

impl Zipped {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// What both headers have in common, up to the lengths of name and extra.
    fn middle(&self, name: &[u8], length: u32) -> Vec<u8> {
        let mut middle = Vec::new();
        for short in [20, self.flags, self.method, 0, 0] {
            middle.extend(short.to_le_bytes());
        }
        for long in [self.sum, self.data.len() as u32, length] {
            middle.extend(long.to_le_bytes());
        }
        middle.extend((name.len() as u16).to_le_bytes());
        middle.extend([0, 0]);
        middle
    }

    fn local(&self) -> Vec<u8> {
        let middle = self.middle(&self.local_name, self.local_length);
        [b"PK\x03\x04", middle.as_slice(), &self.local_name, &self.data].concat()
    }

    fn record(&self, offset: u32) -> Vec<u8> {
        let middle = self.middle(&self.name, self.length);
        let mode = (self.mode << 16).to_le_bytes();
        [&b"PK\x01\x02"[..], &[20, 3], middle.as_slice(), &[0; 6], &mode, &offset.to_le_bytes(), &self.name]
            .concat()
    }
}

/// A zip of these entries, of which the directory says that they begin where `places` does, if that is given.
fn zip_at(entries: &[Zipped], places: &[u32]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (i, entry) in entries.iter().enumerate() {
        directory.extend(entry.record(places.get(i).copied().unwrap_or(zip.len() as u32)));
        zip.extend(entry.local());
    }
    let offset = zip.len() as u32;
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([entries.len() as u16; 2].map(u16::to_le_bytes).concat());
    zip.extend([directory.len() as u32, offset].map(u32::to_le_bytes).concat());
    zip.extend([0, 0]);
    zip
}

fn zip_of(entries: &[Zipped]) -> Vec<u8> {
    zip_at(entries, &[])
}

fn refusal(zip: &[u8]) -> String {
    unpack(zip, Format::Zip, LIMIT).expect_err("this zip is hostile").to_string()
}

#[test]
fn zips_of_others_are_read_as_they_meant_them() {
    let app = "kind: ConfigMap\n".repeat(4).into_bytes();
    let files_of = |zip: &[u8]| files(zip);
    assert_eq!(
        files_of(PYTHON),
        [
            ("repo-1.0/deploy/app.yaml".into(), 0o644, app),
            ("repo-1.0/run".into(), 0o755, b"#!/bin/sh\n".to_vec())
        ]
    );
    assert_eq!(unpacked(PYTHON).unwrap().skipped_links(), 1);
    assert_eq!(files_of(STREAMED), [("a/b.json".into(), 0o644, b"{\"a\":1}".to_vec())]);
    assert_eq!(files_of(LARGE_FIELDS), [("big.txt".into(), 0o644, b"zip64 ".repeat(10))]);
    assert_eq!(files_of(INFO_ZIP), [("f/a".into(), 0o644, b"hi\n".to_vec())]);
    assert_eq!(unpacked(INFO_ZIP).unwrap().skipped_links(), 1);
    assert_eq!(files_of(PIPED), [("-".into(), 0o644, b"kind: Secret\n".to_vec())]);
    assert!(matches!(unpacked(EMPTY), Err(UnpackError::Empty)));
}

#[test]
fn a_zip_is_the_same_artifact_as_a_tar_of_its_files() {
    let zip = zip_of(&[deflated("b", b"2"), zipped("a", "1")]);
    let tar = tar_of(&[file("a", "1"), file("b", "2")]);
    assert!(packed(&unpacked(&zip).unwrap(), None) == packed(&unpacked(&tar).unwrap(), None));
}

#[test]
fn names_and_kinds_are_judged_as_those_of_a_tar() {
    for name in ["../a", "/etc/passwd", "a\\b", "a/../b", ""] {
        assert!(refusal(&zip_of(&[zipped("fine", ""), zipped(name, "")])).contains("not safe"), "{name}");
    }
    for (mode, kind) in [(0o010_644, "a pipe"), (0o020_644, "a device"), (0o140_644, "of an unknown kind")] {
        let odd = zipped("odd", "").with(|entry| entry.mode = mode);
        assert_eq!(refusal(&zip_of(&[odd])), format!("the archive has an entry \"odd\" that is {kind}"));
    }
    for pair in [[zipped("a", "1"), zipped("a", "2")], [zipped("a", "1"), zipped("a/b", "2")]] {
        assert!(refusal(&zip_of(&pair)).starts_with("the archive has a second entry for"));
    }
    let folder = zipped("a/", "data");
    assert_eq!(refusal(&zip_of(&[folder])), "the archive is damaged: an entry that is no file has data");
}

#[test]
fn what_we_cannot_read_is_told_by_name() {
    for (flags, method, kind) in [
        (1, 8, "encrypted"),
        (0, 14, "compressed in another way than by deflate"),
        (0, 93, "compressed in another way than by deflate"),
    ] {
        let odd = zipped("odd", "").with(|entry| (entry.flags, entry.method) = (flags, method));
        assert_eq!(refusal(&zip_of(&[odd])), format!("the archive has an entry \"odd\" that is {kind}"));
    }
}

#[test]
fn both_headers_of_an_entry_say_the_same() {
    let another = "the archive is damaged: an entry is another than its directory says";
    let two_sizes = "the archive is damaged: an entry has two sizes";
    let sum = "the archive is damaged: an entry is not what its size and its sum say";
    for (entry, why) in [
        (zipped("a", "1").with(|entry| entry.local_name = b"b".to_vec()), another),
        (zipped("a", "1").with(|entry| entry.local_length = 2), two_sizes),
        (zipped("a", "1").with(|entry| (entry.length, entry.local_length) = (2, 2)), sum),
        (zipped("a", "12").with(|entry| (entry.length, entry.local_length) = (1, 1)), two_sizes),
        (zipped("a", "1").with(|entry| entry.sum += 1), sum),
        (deflated("a", b"1").with(|entry| entry.data.push(0)), two_sizes),
        (
            deflated("a", b"1").with(|entry| entry.data.truncate(2)),
            "the archive is damaged: its compressed data is not valid",
        ),
    ] {
        assert_eq!(refusal(&zip_of(&[entry])), why);
    }
}

#[test]
fn entries_that_overlap_are_no_bomb() {
    let kernel = deflated("a", &[0; 100_000]);
    let same = kernel.clone().with(|entry| entry.name = b"b".to_vec());
    assert_eq!(
        refusal(&zip_at(&[kernel, same], &[0, 0])),
        "the archive is damaged: two of its entries overlap"
    );
    let bomb = zip_of(&[deflated("zeros", &vec![0; 48 << 20])]);
    assert_eq!(refusal(&bomb), "the archive unpacks to more than 250 times its size");
    let large = zip_of(&[deflated("zeros", &vec![0; 1 << 20])]);
    let error = unpack(large.as_slice(), Format::Zip, 1 << 19).expect_err("too large");
    assert!(matches!(error, UnpackError::TooLarge { .. }), "{error}");
}

#[test]
fn nothing_is_hidden_around_the_directory() {
    let zip = zip_of(&[zipped("a", "1")]);
    let end = zip.len() - 22;
    let told = |zip: Vec<u8>| refusal(&zip);
    let misplaced = "the archive is damaged: its directory is not where its end says";
    assert_eq!(told([b"before", zip.as_slice()].concat()), misplaced);
    assert_eq!(told([&zip[..end], b"between", &zip[end..]].concat()), misplaced);
    assert_eq!(told([zip.as_slice(), b"behind"].concat()), "the archive is cut off");
    assert_eq!(told(zip[..zip.len() - 1].to_vec()), "the archive is cut off");
    let mut parts = zip.clone();
    parts[end + 4] = 1;
    assert_eq!(told(parts), "the archive is damaged: it is one part of several");
    let mut fewer = zip.clone();
    fewer[end + 8..end + 12].fill(0);
    assert_eq!(told(fewer), "the archive is damaged: its directory holds more than its end says");
    let mut more = zip;
    more[end + 8..end + 12].copy_from_slice(&[2, 0, 2, 0]);
    assert_eq!(told(more), "the archive is damaged: an entry of its directory is cut off");
}

#[test]
fn entries_are_counted_before_any_is_read() {
    let many: Vec<_> = (0..50_001).map(|number| zipped(number.to_string(), "")).collect();
    assert_eq!(refusal(&zip_of(&many)), "the archive has too many entries: more than 50,000");
}

#[test]
fn a_selection_leaves_what_it_names() {
    let select = |strip_components, include: &[&str]| {
        let include = include.iter().map(ToString::to_string).collect();
        let select = crds::external_source::Select { strip_components, include, exclude: Vec::new() };
        unpacked(PYTHON).unwrap().select(&Selection::new(&select))
    };
    let (_, archive) = packed(&select(Some(1), &["deploy/**"]).unwrap(), Some("apps"));
    let mut archive = tar::Archive::new(GzDecoder::new(archive.as_slice()));
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert_eq!(names.filter(|name| !name.ends_with('/')).collect::<Vec<_>>(), ["apps/deploy/app.yaml"]);
    assert_eq!(select(Some(1), &[]).unwrap().skipped_links(), 1);
    let nothing = select(Some(3), &[]).unwrap_err();
    assert!(nothing.to_string().starts_with("spec.select leaves nothing of the 2 files"), "{nothing}");
    assert_eq!(nothing.reason(), "NothingSelected");
}

#[test]
fn two_files_that_become_one_are_refused() {
    let zip = zip_of(&[zipped("a/x", "1"), zipped("b/x", "2")]);
    let select = crds::external_source::Select { strip_components: Some(1), ..Default::default() };
    let refused = unpacked(&zip).unwrap().select(&Selection::new(&select)).unwrap_err();
    assert_eq!(refused.to_string(), "the archive has a second entry for \"b/x\" or for its folder");
}

proptest::proptest! {
    #[test]
    fn any_change_of_a_zip_is_read_without_a_panic(at in 0_usize..500, byte: u8) {
        for zip in [PYTHON, STREAMED, LARGE_FIELDS, INFO_ZIP, PIPED] {
            let mut zip = zip.to_vec();
            let at = at % zip.len();
            zip[at] = byte;
            drop(unpack(zip.as_slice(), Format::Zip, LIMIT));
            drop(unpack(&zip[..at], Format::Zip, LIMIT));
        }
    }
}
