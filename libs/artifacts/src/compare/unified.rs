//! Two versions of a file as a patch in the unified format, with Git's lines for what that format cannot say.
use super::{Patch, Version};
use crate::read::Contents;
use similar::{
    algorithms::{Capture, Compact, Replace, myers},
    udiff::UnifiedHunkHeader,
};
use std::{
    fmt::Write,
    time::{Duration, Instant},
};

/// After this long, lines are matched less well: what comes out is still right, and longer than it might be.
const PATIENCE: Duration = Duration::from_millis(500);

/// Lines around a change that did not change, as everywhere.
const CONTEXT: usize = 3;

/// How two versions differ, one of which is there.
pub(super) fn unified(before: Option<&Version>, after: Option<&Version>) -> Patch {
    let (old, new) = match (text(before), text(after)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(Patch::TooLarge), _) | (_, Err(Patch::TooLarge)) => return Patch::TooLarge,
        (Err(why), _) | (_, Err(why)) => return why,
    };
    let mut patch = heading(before, after);
    if old != new {
        let name = |side: &str, version: Option<&Version>| match version {
            Some(version) => format!("{side}/{}", version.listed.path),
            None => "/dev/null".to_owned(),
        };
        // Writing into a String cannot fail, here and below.
        let _written = write!(patch, "--- {}\n+++ {}\n", name("a", before), name("b", after));
        hunks(&mut patch, &lines(old), &lines(new));
    }
    Patch::Text(patch)
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// What changed, each place with the lines around it.
///
/// One algorithm for one type of lines: `TextDiff` would bring all that it offers, half a megabyte of code.
fn hunks(patch: &mut String, old: &[&str], new: &[&str]) {
    let mut changes = Compact::new(Replace::new(Capture::new()), old, new);
    let deadline = Instant::now() + PATIENCE;
    let Ok(()) = myers::diff_deadline(&mut changes, old, 0..old.len(), new, 0..new.len(), Some(deadline));
    for hunk in changes.into_inner().into_inner().into_grouped_ops(CONTEXT) {
        let _written = writeln!(patch, "{}", UnifiedHunkHeader::new(&hunk));
        for change in hunk.iter().flat_map(|change| change.iter_changes(old, new)) {
            let line = change.value();
            let end = if line.ends_with('\n') { "" } else { "\n\\ No newline at end of file\n" };
            let _written = write!(patch, "{}{line}{end}", change.tag());
        }
    }
}

/// What a version holds, if that is text. One that is not there holds nothing.
fn text(version: Option<&Version>) -> Result<&str, Patch> {
    match version.map(|version| &version.contents) {
        None => Ok(""),
        Some(Contents::Long(_)) => Err(Patch::TooLarge),
        Some(Contents::Whole(bytes)) if bytes.contains(&0) => Err(Patch::Binary),
        Some(Contents::Whole(bytes)) => std::str::from_utf8(bytes).map_err(|_| Patch::Binary),
    }
}

/// What Git writes above the lines.
fn heading(before: Option<&Version>, after: Option<&Version>) -> String {
    let mode = |version: &Version| if version.listed.is_executable { "100755" } else { "100644" };
    let mut heading = String::new();
    if let Some(Version { listed, .. }) = before.or(after) {
        let _written = writeln!(heading, "diff --git a/{path} b/{path}", path = listed.path);
    }
    let _written = match (before, after) {
        (Some(old), Some(new)) if mode(old) != mode(new) => {
            writeln!(heading, "old mode {}\nnew mode {}", mode(old), mode(new))
        }
        (None, Some(new)) => writeln!(heading, "new file mode {}", mode(new)),
        (Some(old), None) => writeln!(heading, "deleted file mode {}", mode(old)),
        _ => Ok(()),
    };
    heading
}
