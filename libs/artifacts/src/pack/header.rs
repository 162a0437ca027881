//! Tar headers that are the same on every machine and for every reader: ustar, no owner, no time.
use super::Mode;
use crate::EntryPath;
use tar::{EntryType, Header};

/// Tar is made of blocks of this many bytes.
pub(super) const BLOCK: u64 = 512;

/// What ustar has room for in its two fields.
const NAME: usize = 100;
const PREFIX: usize = 155;

/// What goes before the data of a file.
pub(super) fn file(path: &EntryPath, mode: Mode, size: u64) -> Vec<u8> {
    let mode = match mode {
        Mode::Plain => 0o644,
        Mode::Executable => 0o755,
    };
    named(path.as_str(), Entry { kind: EntryType::Regular, mode, size })
}

/// A folder.
pub(super) fn folder(path: &str) -> Vec<u8> {
    named(&format!("{path}/"), Entry { kind: EntryType::Directory, mode: 0o755, size: 0 })
}

#[derive(Clone, Copy)]
struct Entry {
    kind: EntryType,
    mode: u32,
    size: u64,
}

/// The header; before it, for a name that does not fit, one with a PAX record that carries the whole name.
fn named(name: &str, entry: Entry) -> Vec<u8> {
    if let Some((prefix, rest)) = split(name) {
        return header(prefix, rest, entry).to_vec();
    }
    let record = pax_record("path", name);
    let extended = Entry { kind: EntryType::XHeader, mode: 0o644, size: record.len() as u64 };
    let mut bytes = header("", "././@PaxHeader", extended).to_vec();
    bytes.extend_from_slice(record.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
    bytes.extend_from_slice(&header("", &name[..name.floor_char_boundary(NAME)], entry));
    bytes
}

fn header(prefix: &str, name: &str, entry: Entry) -> [u8; BLOCK as usize] {
    let mut header = Header::new_ustar();
    let fields = header.as_ustar_mut().expect("new_ustar makes a ustar header");
    fields.name[..name.len()].copy_from_slice(name.as_bytes());
    fields.prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
    fields.set_device_major(0);
    fields.set_device_minor(0);
    header.set_entry_type(entry.kind);
    header.set_mode(entry.mode);
    header.set_size(entry.size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    *header.as_bytes()
}

/// Splits a name at a slash so that both parts fit, the second being as long as possible.
fn split(name: &str) -> Option<(&str, &str)> {
    if name.len() <= NAME {
        return Some(("", name));
    }
    let fits = |(at, _): &(usize, &str)| *at <= PREFIX && name.len() - at - 1 <= NAME;
    let (at, _) = name.match_indices('/').find(fits)?;
    Some((&name[..at], &name[at + 1..])).filter(|(_, rest)| !rest.is_empty())
}

/// `<length> <key>=<value>\n`, where the length counts itself.
fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + " =\n".len();
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}
