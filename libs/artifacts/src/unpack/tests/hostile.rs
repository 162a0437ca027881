//! Archives that were made to do harm, each refused for its own reason. `perf-reliability` of the design names the CVEs.
use super::*;
use crds::reasons;

fn refusal(body: &[u8]) -> String {
    let error = unpacked(body).expect_err("this archive is hostile");
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[test]
fn names_that_lead_elsewhere_refuse_the_archive() {
    const UP: &str = "it has a step `.` or `..`, or a folder whose name ends in `..`";
    for (name, why) in [
        (&b"../a"[..], UP),
        (b"a/../../b", UP),
        (b"a/..", UP),
        (b"..", UP),
        (b"a../b", UP),
        (b"/etc/passwd", "it is absolute"),
        (b"//a", "it is absolute"),
        (b"a\\..\\b", "it has a backslash or a control character"),
        (b"C:\\a", "it has a backslash or a control character"),
        (b"a\nb", "it has a backslash or a control character"),
        (b"a\xff", "it is not UTF-8"),
        (b"", "it is empty, or has an empty step"),
        (b"./", "it is empty, or has an empty step"),
    ] {
        let shown = String::from_utf8_lossy(name).into_owned();
        for kind in [EntryType::Regular, EntryType::Symlink] {
            if shown == "./" && kind == EntryType::Regular {
                continue; // An old tar's way to name the root.
            }
            let refused = refusal(&tar_of(&[file("fine", ""), raw(name, kind, "")]));
            assert_eq!(refused, format!("the archive has an entry {shown:?} whose name is not safe: {why}"));
        }
    }
}

#[test]
fn a_bad_name_of_a_folder_or_in_a_pax_record_is_as_bad() {
    let refused = refusal(&tar_of(&[raw("../", EntryType::Directory, ""), file("a", "")]));
    assert!(refused.contains("not safe"), "{refused}");
    for record in [&b"14 path=../ab\n"[..], b"12 path=a\0b\n", b"12 path=/ab\n", b"8 path=\n"] {
        let refused = refusal(&tar_of(&[raw("x", EntryType::XHeader, record), file("fine", "")]));
        assert!(refused.contains("not safe"), "{refused}");
    }
    let refused = refusal(&tar_of(&[raw("L", EntryType::GNULongName, "/etc/passwd\0"), file("fine", "")]));
    assert!(refused.contains("absolute"), "{refused}");
}

#[test]
fn a_name_is_shown_short_and_without_its_control_characters() {
    let long = format!("../{}\u{1b}[2J", "x".repeat(80));
    let refused = refusal(&tar_of(&[raw("L", EntryType::GNULongName, format!("{long}\0")), file("cut", "")]));
    assert!(refused.len() < 250 && !refused.contains('\u{1b}'), "{refused}");
    assert!(!refusal(&tar_of(&[file("\u{1b}[2J", "")])).contains('\u{1b}'));
}

#[test]
fn what_is_no_file_refuses_the_archive() {
    for (kind, what) in [
        (EntryType::Char, "a device"),
        (EntryType::Block, "a device"),
        (EntryType::Fifo, "a pipe"),
        (EntryType::GNUSparse, "a sparse file"),
        (EntryType::new(b'V'), "of an unknown kind"),
        (EntryType::new(b'Z'), "of an unknown kind"),
    ] {
        let refused = refusal(&tar_of(&[file("fine", ""), raw("odd", kind, "")]));
        assert_eq!(refused, format!("the archive has an entry \"odd\" that is {what}"));
    }
    let sparse = tar_of(&[raw("x", EntryType::XHeader, "22 GNU.sparse.major=1\n"), file("a", "")]);
    assert_eq!(refusal(&sparse), "the archive is damaged: it has a sparse file, which is not supported");
}

#[test]
fn no_two_entries_have_the_same_name() {
    let folder = |name: &str| raw(name, EntryType::Directory, "");
    let link = |name: &str| raw(name, EntryType::Symlink, "");
    for entries in [
        [file("a", "1"), file("a", "2")],
        [file("a", "1"), file("./a", "1")],
        [file("a", ""), file("a/b", "")],
        [file("a/b", ""), file("a", "")],
        [file("a", ""), folder("a")],
        [folder("a"), file("a", "")],
        [link("a"), file("a", "")],
        [link("a"), file("a/b", "")],
        [file("a/b", ""), link("a")],
        [link("a"), folder("a")],
    ] {
        let refused = refusal(&tar_of(&entries));
        assert!(refused.starts_with("the archive has a second entry for"), "{refused}");
    }
}

#[test]
fn readers_cannot_be_made_to_disagree_about_where_an_entry_ends() {
    let hidden = block_of(&file("hidden", ""));
    for (tar, why) in [
        (
            tar_of(&[raw("x", EntryType::XHeader, "12 size=512\n"), file("a", ""), file("b", &hidden)]),
            "an entry has two sizes",
        ),
        (
            tar_of(&[raw("x", EntryType::XHeader, "10 size=0\n"), file("a", &hidden)]),
            "an entry has two sizes",
        ),
        (tar_of(&[raw("a", EntryType::Symlink, &hidden)]), "an entry that is no file has data"),
        (tar_of(&[raw("a", EntryType::Link, &hidden)]), "an entry that is no file has data"),
        (tar_of(&[raw("a", EntryType::Directory, &hidden)]), "an entry that is no file has data"),
        (
            tar_of(&[raw("g", EntryType::XGlobalHeader, "11 path=ab\n"), file("a", "")]),
            "a global header names all entries",
        ),
        (
            tar_of(&[raw("x", EntryType::XHeader, "99 path=ab\n"), file("a", "")]),
            "it has a PAX record that is none",
        ),
        (
            tar_of(&[raw("x", EntryType::XHeader, "a".repeat(100_000)), file("a", "")]),
            "a name or a header is too long",
        ),
        (
            tar_of(&[raw("L", EntryType::GNULongName, "a".repeat(1_000_000)), file("a", "")]),
            "a name or a header is too long",
        ),
    ] {
        assert_eq!(refusal(&tar), format!("the archive is damaged: {why}"));
    }
}

#[test]
fn a_damaged_header_refuses_the_archive() {
    let good = tar_of(&[file("a", "1"), file("b", "2")]);
    let mut flipped = good.clone();
    flipped[2 * HEAD] ^= 1;
    assert_eq!(refusal(&flipped), "the archive is damaged: the sum of a header is wrong");
    let mut no_size = header_of(&file("a", ""));
    no_size.as_mut_bytes()[124..136].copy_from_slice(b"not a number");
    no_size.set_cksum();
    let tar = [no_size.as_bytes().as_slice(), &[0; 2 * HEAD]].concat();
    assert_eq!(refusal(&tar), "the archive is damaged: an entry has no size");
    let mut huge = header_of(&file("a", ""));
    huge.set_size(u64::MAX);
    huge.set_cksum();
    let tar = [huge.as_bytes().as_slice(), &[0; 2 * HEAD]].concat();
    assert_eq!(refusal(&tar), "the archive is cut off");
}

#[test]
fn an_archive_that_ends_anywhere_before_its_end_is_cut_off() {
    let tar = tar_of(&[file("a", "1"), file("b", "22")]);
    let end = tar.len() - 2 * HEAD;
    for length in [HEAD, HEAD + 1, 2 * HEAD - 1, 2 * HEAD, 3 * HEAD, end - 1, end, end + HEAD - 1] {
        let cut = unpacked(&tar[..length]).unwrap_err();
        assert_eq!(
            (cut.to_string().as_str(), cut.reason()),
            ("the archive is cut off", reasons::TRUNCATED),
            "{length}"
        );
    }
    assert_eq!(names(&tar[..end + HEAD]), ["a", "b"], "one block of zeros is an end");
    let archive = gzip(&tar);
    for length in [10, 11, archive.len() / 2, archive.len() - 8, archive.len() - 1] {
        assert_eq!(refusal(&archive[..length]), "the archive is cut off", "{length}");
    }
}

#[test]
fn damaged_gzip_refuses_the_archive() {
    const DAMAGED: &str = "the archive is damaged: its compressed data is not valid";
    let archive = gzip(&tar_of(&[file("a", "1")]));
    for at in [12, archive.len() - 6, archive.len() - 2] {
        let mut flipped = archive.clone();
        flipped[at] ^= 0xff;
        assert_eq!(refusal(&flipped), DAMAGED, "{at}");
    }
    assert_eq!(refusal(&[archive.as_slice(), b"trailing garbage"].concat()), DAMAGED);
}

#[test]
fn an_archive_without_files_is_empty() {
    for entries in [vec![], vec![raw("a", EntryType::Directory, "")], vec![raw("a", EntryType::Symlink, "")]]
    {
        assert_eq!(refusal(&gzip(&tar_of(&entries))), "the archive holds no file");
    }
}

#[test]
fn a_bomb_is_cut_off() {
    let zeros = 200 * 1024 * 1024;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(header_of(&file("a", "")).as_bytes()).unwrap();
    io::copy(&mut io::repeat(0).take(zeros), &mut gzip).unwrap();
    let bomb = gzip.finish().unwrap();
    let cut = unpack(bomb.as_slice(), Format::Gzip, 400 * 1024 * 1024).unwrap_err();
    assert_eq!(cut.to_string(), "the archive unpacks to more than 250 times its size");
    let cut = unpack(bomb.as_slice(), Format::Gzip, 20 * 1024 * 1024).unwrap_err();
    assert_eq!(
        cut.to_string(),
        "the archive unpacks to more than 20971520 bytes, the limit of this installation"
    );
    assert_eq!(cut.reason(), reasons::TOO_LARGE);
}

#[test]
fn no_more_of_an_endless_body_is_read_than_the_limit() {
    const READ: u64 = LIMIT + 1024 * 1024;
    let mut endless = io::repeat(7).take(2 * LIMIT);
    let cut = unpack(&mut endless, Format::Tar, LIMIT).unwrap_err();
    assert_eq!(cut.reason(), reasons::TOO_LARGE);
    assert!(2 * LIMIT - endless.limit() <= READ, "{}", endless.limit());
}

#[test]
fn entries_and_names_are_bounded() {
    let many: Vec<Raw> = (0..50_001).map(|n| raw(n.to_string(), EntryType::Symlink, "")).collect();
    assert_eq!(refusal(&tar_of(&many)), "the archive has too many entries: more than 50,000");
    let deep = |n: usize| {
        let name = format!("{n}/{}f", "d/".repeat(500));
        [raw("L", EntryType::GNULongName, format!("{name}\0")), file("cut", "")]
    };
    let deep: Vec<Raw> = (0..40).flat_map(deep).collect();
    assert_eq!(refusal(&tar_of(&deep)), "the archive has too many entries: their names have more than 4 MiB");
}
