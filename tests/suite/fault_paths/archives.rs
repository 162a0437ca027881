//! Archives that hold one path as it is, and what GNU tar makes of archives.
use anyhow::{Context, Result, ensure};
use artifacts::unpack::Format;
use flate2::Crc;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};
use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// Where in an archive the path stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In the header of a tar.
    Tar,
    /// In a record of PAX before it.
    Pax,
    /// In an entry of GNU before it.
    Gnu,
    /// In both headers of a zip.
    Zip,
}

impl Form {
    pub(super) const ALL: [Self; 4] = [Self::Tar, Self::Pax, Self::Gnu, Self::Zip];

    /// The path as its readers see it: up to the first NUL where that ends it.
    pub(super) fn seen(self, path: &[u8]) -> String {
        let whole = String::from_utf8_lossy(path);
        match self {
            Self::Tar | Self::Gnu => whole.split('\0').next().unwrap_or_default().to_owned(),
            Self::Pax | Self::Zip => whole.into_owned(),
        }
    }

    /// An archive of two files, one of them at that path. Nothing if the path is too long for the form.
    pub(super) fn archive_of(self, path: &[u8]) -> Option<(Vec<u8>, Format)> {
        let entries = match self {
            Self::Tar if path.len() > 100 => return None,
            Self::Tar => vec![entry(path, EntryType::Regular, b"1")],
            Self::Pax => vec![
                entry(b"pax", EntryType::XHeader, &record(path)),
                entry(b"short", EntryType::Regular, b"1"),
            ],
            Self::Gnu => {
                let named = [path, b"\0"].concat();
                vec![
                    entry(b"././@LongLink", EntryType::GNULongName, &named),
                    entry(b"short", EntryType::Regular, b"1"),
                ]
            }
            Self::Zip => return Some((zip(path), Format::Zip)),
        };
        let beside = entry(b"beside", EntryType::Regular, b"2");
        Some(([entries.concat(), beside, vec![0; 2 * BLOCK]].concat(), Format::Tar))
    }
}

fn entry(name: &[u8], kind: EntryType, data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(data.len() as u64);
    header.set_cksum();
    let mut entry = [header.as_bytes().as_slice(), data].concat();
    entry.resize(entry.len().next_multiple_of(BLOCK), 0);
    entry
}

/// `<length> path=<path>\n`, where the length counts its own digits.
fn record(path: &[u8]) -> Vec<u8> {
    let rest = [b" path=", path, b"\n"].concat();
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length);
    [length.map(|length| length.to_string()).unwrap_or_default().as_bytes(), &rest].concat()
}

/// A zip of that path and of one beside it, both stored as they are.
fn zip(path: &[u8]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in [(path, b"1"), (b"beside", b"2")] {
        let mut sum = Crc::new();
        sum.update(data);
        let offset = zip.len() as u32;
        // UTF-8, stored, 1980-01-01.
        let mut middle = [20_u16, 0x800, 0, 0, 0x21].map(u16::to_le_bytes).concat();
        middle.extend([sum.sum(), 1, 1].map(u32::to_le_bytes).concat());
        middle.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        zip.extend([b"PK\x03\x04", middle.as_slice(), name, data].concat());
        let mode = (0o100_644_u32 << 16).to_le_bytes();
        let record: [&[u8]; 7] =
            [b"PK\x01\x02\x14\x03", &middle, &[0; 6], &mode, &offset.to_le_bytes(), name, b""];
        directory.extend(record.concat());
    }
    let offset = zip.len() as u32;
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
    zip.extend([directory.len() as u32, offset].map(u32::to_le_bytes).concat());
    zip.extend([0, 0]);
    zip
}

/// The files that GNU tar makes of a tar.gz in an empty folder, without a word about any of them.
pub(super) fn extracted(archive: &[u8]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().to_str().context("a path of this machine")?;
    let output = run_tar(&["--extract", "--gzip", "--no-same-owner", "--directory", directory], archive)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "tar says: {said}");
    let mut files = Vec::new();
    collect(folder.path(), folder.path(), &mut files)?;
    Ok(files)
}

/// Whether GNU tar lists a tar without a warning.
pub(super) fn listed_without_a_word(archive: &[u8]) -> Result<bool> {
    let output = run_tar(&["--list"], archive)?;
    Ok(output.status.success() && output.stderr.is_empty())
}

fn run_tar(arguments: &[&str], archive: &[u8]) -> Result<Output> {
    let mut command = Command::new("tar");
    let command = command.args(arguments).env("LC_ALL", "C.UTF-8");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tar = command.spawn().context("failed to run tar")?;
    tar.stdin.take().context("it was piped")?.write_all(archive)?;
    Ok(tar.wait_with_output()?)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        ensure!(kind.is_dir() || kind.is_file(), "{} is no file", path.display());
        match kind.is_dir() {
            true => collect(root, &path, files)?,
            false => files.push(path.strip_prefix(root)?.to_string_lossy().into_owned()),
        }
    }
    Ok(())
}
