//! What the packer's thread does: body in, archive out.
use super::spool::{self, Spooled};
use crate::{
    EntryPath, Error, TarDigest,
    fetch::Head,
    pack::{Mode, PackError, Packer},
    plan::Plan,
    unpack::{self, Format, UnpackError, select::Selection},
};
use crds::external_source::Unpack;
use std::io::{self, Cursor, Read, Write};

/// How the body becomes an archive.
pub(super) struct Assembly {
    unpack: Unpack,
    selection: Selection,
    destination: Option<EntryPath>,
    content_type: Option<String>,
    /// The length of the body, if it is known.
    length: Option<u64>,
    /// The most that it may unpack to.
    limit: u64,
}

/// What is known of the archive beyond its bytes.
pub(super) struct Assembled {
    pub(super) tar_digest: TarDigest,
    pub(super) tar_size: u64,
    pub(super) skipped_links: u64,
}

impl Assembly {
    pub(super) fn new(plan: &Plan, head: &Head, limit: u64) -> Self {
        Self {
            unpack: plan.unpack,
            selection: plan.selection.clone(),
            destination: plan.destination.clone(),
            content_type: head.content_type.clone(),
            length: head.length,
            limit,
        }
    }

    /// Reads the whole body, even what follows the end of an archive: it is judged by all of it.
    pub(super) fn run(self, mut source: impl Read, sink: impl Write) -> Result<Assembled, Error> {
        let mut packer = Packer::new(sink);
        let skipped_links = match self.unpack {
            Unpack::Never => self.one_file(&mut packer, &mut source)?,
            Unpack::Auto | Unpack::Always => self.unpacked(&mut packer, &mut source)?,
        };
        io::copy(&mut source, &mut io::sink()).map_err(|error| Error::Pack(PackError::Read(error)))?;
        let (packed, _) = packer.finish().map_err(Error::Pack)?;
        Ok(Assembled { tar_digest: packed.tar_digest, tar_size: packed.tar_size, skipped_links })
    }

    /// The body's files if it is an archive. Says how many links were left out.
    fn unpacked(&self, packer: &mut Packer<impl Write>, mut source: impl Read) -> Result<u64, Error> {
        let mut head = Vec::with_capacity(unpack::HEAD);
        let read = source.by_ref().take(unpack::HEAD as u64).read_to_end(&mut head);
        read.map_err(|error| Error::Unpack(UnpackError::Read(error)))?;
        let format = unpack::detect(&head, self.content_type.as_deref());
        match format {
            None if self.unpack == Unpack::Always => Err(Error::Unpack(unpack::refusal(&head))),
            None => self.one_file(packer, Cursor::new(head).chain(source)),
            Some(format) => self.files(packer, Cursor::new(head).chain(source), format),
        }
    }

    fn files(&self, packer: &mut Packer<impl Write>, body: impl Read, format: Format) -> Result<u64, Error> {
        let unpacked = unpack::unpack(body, format, self.limit);
        let unpacked = unpacked.and_then(|all| all.select(&self.selection)).map_err(Error::Unpack)?;
        unpacked.pack(packer, self.destination.as_ref()).map_err(Error::Pack)?;
        Ok(unpacked.skipped_links())
    }

    /// The body as it is.
    fn one_file(&self, packer: &mut Packer<impl Write>, body: impl Read) -> Result<u64, Error> {
        let path = self.destination.clone().unwrap_or_else(EntryPath::unnamed);
        match self.length {
            Some(length) => packer.file(&path, Mode::Plain, length, body),
            None => {
                let Spooled { length, file } = spool::spool(body).map_err(Error::NotSpooled)?;
                packer.file(&path, Mode::Plain, length, file)
            }
        }
        .map_err(Error::Pack)?;
        Ok(0)
    }
}
