//! Versions of a view, from versions of the backing objects. Pure.
use crate::object::Version;

/// How many versions of the view one backing version has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbering {
    stride: u64,
}

impl Numbering {
    pub(super) const MIRRORED: Self = Self { stride: 1 };
    pub(super) const DERIVED: Self = Self { stride: 1024 };

    /// The version of one change of a write; `None` if a write cannot have that many.
    pub(super) fn change(self, backing: Version, position: usize) -> Option<Version> {
        let position = u64::try_from(position).ok().filter(|position| *position < self.stride)?;
        Some(Version(backing.0.saturating_mul(self.stride).saturating_add(position)))
    }

    /// The version that includes a whole write.
    pub(super) fn whole(self, backing: Version) -> Version {
        Version(backing.0.saturating_mul(self.stride).saturating_add(self.stride - 1))
    }

    /// The write that a version lies in.
    pub(super) fn backing(self, version: Version) -> Version {
        Version(version.0 / self.stride)
    }

    /// Whether a version includes all of the write that it lies in.
    pub(super) fn includes_whole_write(self, version: Version) -> bool {
        version == self.whole(self.backing(version))
    }

    /// Whether a write without effect on an object still gives it a new version, as in the original.
    pub(super) fn follows_every_write(self) -> bool {
        self == Self::MIRRORED
    }
}
