//! What is told of a preview, and of one that failed. Pure.
use crate::reconcile::{Failure, Retry};
use artifacts::{preview::Preview, shortened};
use crds::{ExternalSourceSpec, reasons};
use previews::{Blame, Refusal, sentence};

/// The preview, with what the spec says besides, and what is unwise about it.
pub(super) fn with_notes(mut preview: Preview, spec: &ExternalSourceSpec, warnings: Vec<String>) -> Preview {
    if spec.suspend == Some(true) {
        preview.notes.push("spec.suspend is true, so nothing is fetched until it is taken away".into());
    }
    let pinned = spec.pinned_digest();
    if pinned.is_some_and(|digest| !preview.revision.ends_with(digest)) {
        preview.notes.push("spec.pin names another revision, so this one waits".into());
    }
    preview.notes.extend(warnings);
    preview
}

/// A few sentences, without the name of a file or a word of what is in one.
pub(super) fn summary(preview: &Preview) -> Vec<String> {
    let Preview { size, file_count, .. } = preview;
    let revision = shortened(&preview.revision);
    let files = if *file_count == 1 { "1 file".to_owned() } else { format!("{file_count} files") };
    let compared = preview.differences.as_ref().map(|found| match (found.added, found.removed, found.changed) {
        (0, 0, 0) => "preview: every file is as published".to_owned(),
        (added, removed, changed) => {
            format!("preview: compared with what is published, {added} added, {removed} removed, {changed} changed")
        }
    });
    let stored = format!("preview: a pass now would give {revision}, {size} bytes, {files}");
    let notes = preview.notes.iter().map(|note| format!("preview: {note}"));
    [Some(stored), compared].into_iter().flatten().chain(notes).map(|text| sentence(&text)).collect()
}

/// A failure, and who can change it.
pub(super) fn refusal(failure: &Failure) -> Refusal {
    let (reason, message) = (failure.reason.to_owned(), failure.message.clone());
    Refusal::Failed { blame: blame(failure), reason, message }
}

fn blame(failure: &Failure) -> Blame {
    match failure.reason {
        _ if failure.retry == Retry::OnChange => Blame::Owner,
        reasons::ADDRESS_REFUSED
        | reasons::HOOK_NOT_ALLOWED
        | reasons::NOT_ALLOWED
        | reasons::SERVICE_ACCOUNT_NOT_FOUND
        | reasons::TOKEN_FORBIDDEN => Blame::Owner,
        reasons::STORE_FULL
        | reasons::STORE_READ_ONLY
        | reasons::STORE_ACCESS_DENIED
        | reasons::STORAGE_OPERATION_FAILED
        | reasons::HOOK_EXECUTOR_UNAVAILABLE
        | reasons::KUBERNETES_ERROR
        | reasons::INTERNAL_ERROR => Blame::Installation,
        _ => Blame::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use artifacts::compare::Differences;

    fn preview() -> Preview {
        Preview {
            revision: format!("latest@sha256:{}", "ab".repeat(32)),
            published: None,
            size: 7,
            unpacked_size: 9,
            content_type: None,
            file_count: 1,
            files: Vec::new(),
            differences: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_summary_counts_and_compares() {
        let first = "preview: a pass now would give latest@sha256:abababababab, 7 bytes, 1 file";
        assert_eq!(summary(&preview()), [first]);
        let same = Preview { differences: Some(Differences::default()), ..preview() };
        assert_eq!(summary(&same)[1], "preview: every file is as published");
        let changed = Differences { added: 1, changed: 2, ..Differences::default() };
        let changed = Preview { differences: Some(changed), ..preview() };
        assert_eq!(
            summary(&changed)[1],
            "preview: compared with what is published, 1 added, 0 removed, 2 changed"
        );
    }

    #[test]
    fn what_keeps_it_from_being_published_is_told() {
        let pin = |hex: &str| Some(format!("latest@sha256:{}", hex.repeat(32)));
        let spec = ExternalSourceSpec { suspend: Some(true), pin: pin("cd"), ..Default::default() };
        let noted = with_notes(preview(), &spec, vec!["unwise".into()]);
        assert_eq!(noted.notes.len(), 3, "{:?}", noted.notes);
        let same = ExternalSourceSpec { pin: pin("ab"), ..Default::default() };
        assert_eq!(with_notes(preview(), &same, Vec::new()).notes, [""; 0]);
    }

    #[test]
    fn each_failure_has_somebody_who_can_change_it() {
        let at = |retry, reason| Failure { retry, ..Failure::stalled(reason, "why") };
        for (retry, reason, expected) in [
            (Retry::OnChange, reasons::SECRET_NOT_FOUND, Blame::Owner),
            (Retry::AtInterval, reasons::ADDRESS_REFUSED, Blame::Owner),
            (Retry::AtInterval, reasons::NOT_FOUND, Blame::Elsewhere),
            (Retry::Soon, reasons::TIMED_OUT, Blame::Elsewhere),
            (Retry::Soon, reasons::STORE_FULL, Blame::Installation),
        ] {
            assert_eq!(blame(&at(retry, reason)), expected, "{reason}");
        }
    }
}
