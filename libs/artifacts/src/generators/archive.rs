//! A tar of files that is made as it is sent: the rest of the pipeline reads, checks and packs it as it does the archive of any
//! source.
use crate::{EntryPath, Error};
use bytes::Bytes;
use futures::{
    StreamExt,
    future::ready,
    stream::{self, BoxStream},
};
use std::io;

pub(super) const BLOCK: u64 = 512;
/// What an archive ends with.
pub(super) const END: usize = 2 * BLOCK as usize;

pub(super) type Pieces = BoxStream<'static, Result<Bytes, Error>>;

/// An entry: its header, its bytes, and what fills the last block. Whoever sends the bytes is held to the size.
pub(super) fn file(header: Bytes, body: Pieces, size: u64) -> Pieces {
    let padding = usize::try_from(size.next_multiple_of(BLOCK) - size).expect("less than a block");
    let before = stream::once(ready(Ok(header)));
    let after = stream::once(ready(Ok(Bytes::from(vec![0; padding]))));
    before.chain(body).chain(after).boxed()
}

/// The end of the archive.
pub(super) fn end() -> Pieces {
    stream::once(ready(Ok(Bytes::from_static(&[0; END])))).boxed()
}

/// The blocks before a file's bytes; more than one where the name is long.
///
/// # Errors
/// Why the name cannot be one of a file.
pub(super) fn header(name: &str, size: u64) -> Result<Bytes, String> {
    EntryPath::new(name).map_err(|problem| problem.to_string())?;
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    let written = builder.append_data(&mut header, name, io::empty());
    written.map_err(|_| "it does not fit into an archive".to_owned())?;
    Ok(Bytes::copy_from_slice(builder.get_ref()))
}
