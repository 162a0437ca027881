//! What differs between two stored archives: both are read side by side, since their files are sorted alike, so that memory
//! stays within [`Caps`] whatever their sizes are.
mod unified;

use crate::{
    Blob, EntryPath, StoreError,
    read::{Contents, Files, Listed},
};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use tokio::task::{coop::consume_budget, spawn_blocking};
use unified::unified;

/// How much of a difference is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// How many files are listed; all are counted.
    pub files: usize,
    /// Bytes that either form of a file may have for its lines to be compared.
    pub text: u64,
    /// Bytes of all patches together.
    pub patches: usize,
}

impl Caps {
    /// What one answer to a person tells.
    pub const SHOWN: Self = Self { files: 1000, text: 256 * 1024, patches: 1024 * 1024 };
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Differences {
    /// How many files only the second archive has.
    pub added: u64,
    /// How many files only the first archive has.
    pub removed: u64,
    /// How many files differ.
    pub changed: u64,
    /// The first of these, in the order of their paths.
    pub files: Vec<Difference>,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Difference {
    /// Its path.
    pub path: EntryPath,
    /// Its size in the first archive, if it is there.
    pub before: Option<u64>,
    /// Its size in the second archive, if it is there.
    pub after: Option<u64>,
    /// How it differs.
    pub patch: Patch,
}

/// How a file differs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Patch {
    /// Line by line, in the unified format that `git apply` and `patch` take.
    Text(String),
    /// It is no text.
    Binary,
    /// It is longer than lines are compared of.
    TooLarge,
    /// The patches of the files before it are as long as they may be together.
    BeyondLimit,
}

/// A file of one side.
#[derive(Clone, Debug)]
struct Version {
    listed: Listed,
    contents: Contents,
}

/// Compares two archives that [`crate::pack`] made.
///
/// # Errors
/// A blob cannot be read, or is no such archive.
pub async fn compare(before: Blob, after: Blob, caps: Caps) -> Result<Differences, StoreError> {
    let mut before = Side::of(before, caps).await?;
    let mut after = Side::of(after, caps).await?;
    let (mut found, mut room) = (Differences::default(), caps.patches);
    loop {
        consume_budget().await;
        let order = match (&before.next, &after.next) {
            (None, None) => return Ok(found),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.path.cmp(&other.path),
        };
        let old = if order.is_le() { before.take().await? } else { None };
        let new = if order.is_ge() { after.take().await? } else { None };
        if let (Some(old), Some(new)) = (&old, &new)
            && old.is_as(new)
        {
            continue;
        }
        found.count(order);
        if found.files.len() < caps.files {
            found.files.push(difference(old, new, &mut room).await);
        }
    }
}

/// One archive, read up to its next file.
struct Side {
    files: Files,
    next: Option<Listed>,
    longest: u64,
}

impl Side {
    async fn of(blob: Blob, caps: Caps) -> Result<Self, StoreError> {
        let mut files = Files::of(blob);
        let next = files.next().await?;
        Ok(Self { files, next, longest: caps.text })
    }

    /// The next file, with what it holds.
    async fn take(&mut self) -> Result<Option<Version>, StoreError> {
        let Some(listed) = self.next.take() else { return Ok(None) };
        let contents = self.files.contents(self.longest).await?;
        self.next = self.files.next().await?;
        Ok(Some(Version { listed, contents }))
    }
}

impl Version {
    fn is_as(&self, other: &Self) -> bool {
        self.contents == other.contents && self.listed.is_executable == other.listed.is_executable
    }
}

impl Differences {
    fn count(&mut self, order: Ordering) {
        match order {
            Ordering::Less => self.removed += 1,
            Ordering::Greater => self.added += 1,
            Ordering::Equal => self.changed += 1,
        }
    }
}

async fn difference(before: Option<Version>, after: Option<Version>, room: &mut usize) -> Difference {
    let size = |version: &Option<Version>| version.as_ref().map(|version| version.listed.size);
    let path = before.as_ref().or(after.as_ref()).map(|version| version.listed.path.clone());
    let (before_size, after_size) = (size(&before), size(&after));
    let patch = if *room == 0 {
        Patch::BeyondLimit
    } else {
        // Lines are compared for long enough to hold up whoever else uses this thread.
        spawn_blocking(move || unified(before.as_ref(), after.as_ref())).await.unwrap_or(Patch::BeyondLimit)
    };
    let patch = match patch {
        Patch::Text(text) if text.len() > *room => {
            *room = 0;
            Patch::BeyondLimit
        }
        patch => patch,
    };
    if let Patch::Text(text) = &patch {
        *room -= text.len();
    }
    Difference {
        path: path.unwrap_or_else(EntryPath::unnamed),
        before: before_size,
        after: after_size,
        patch,
    }
}

#[cfg(test)]
mod tests;
