//! What the packer's thread does: body in, archive out.
use super::{
    Limits,
    pipe::{Sink, Source},
    spool::{self, Spooled},
};
use crate::{
    Digest, EntryPath, Error,
    fetch::Head,
    pack::{Mode, PackError, Packer},
    plan::Plan,
};
use std::io::{self, Read};

/// How the body becomes an archive.
pub(super) struct Assembly {
    destination: Option<EntryPath>,
    length: Option<u64>,
}

/// A whole archive.
pub(super) struct Assembled {
    pub(super) digest: Digest,
    pub(super) tar_digest: Digest,
    pub(super) skipped_links: u64,
}

impl Assembly {
    pub(super) fn new(plan: &Plan, head: &Head, _limits: Limits) -> Self {
        Self { destination: plan.destination.clone(), length: head.length }
    }

    /// Reads the whole body, whatever of it becomes part of the archive: what it is judged by is all of it.
    pub(super) fn run(self, mut source: Source, sink: Sink) -> Result<Assembled, Error> {
        let assembled = self.file(&mut source, sink)?;
        io::copy(&mut source, &mut io::sink()).map_err(|error| Error::Pack(PackError::Read(error)))?;
        Ok(assembled)
    }

    /// The body as the only file.
    fn file(self, source: &mut impl Read, sink: Sink) -> Result<Assembled, Error> {
        let path =
            self.destination.unwrap_or_else(|| EntryPath::new("data").expect("a plain name is a path"));
        let mut packer = Packer::new(sink);
        match self.length {
            Some(length) => packer.file(&path, Mode::Plain, length, source),
            None => {
                let Spooled { length, bytes } = spool::spool(source).map_err(Error::NotSpooled)?;
                packer.file(&path, Mode::Plain, length, bytes)
            }
        }
        .map_err(Error::Pack)?;
        let (packed, sink) = packer.finish().map_err(Error::Pack)?;
        Ok(Assembled { digest: sink.finish(), tar_digest: packed.tar_digest, skipped_links: 0 })
    }
}
