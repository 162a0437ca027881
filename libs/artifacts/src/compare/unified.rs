//! Two versions of a file as a patch in the unified format, with Git's lines for what that format cannot say.
use super::{Patch, Version};
use crate::read::Contents;
use similar::TextDiff;
use std::{fmt::Write, time::Duration};

/// After this long, lines are matched less well: what comes out is still right, and longer than it might be.
const PATIENCE: Duration = Duration::from_millis(500);

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
        let lines = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
        let mut lines = lines.unified_diff();
        let lines = lines.context_radius(3).header(&name("a", before), &name("b", after));
        patch.push_str(&lines.to_string());
    }
    Patch::Text(patch)
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
        // Writing into a String cannot fail.
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
