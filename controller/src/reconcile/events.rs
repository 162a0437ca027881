//! Events: what people should hear of, said once.
use super::{Alerts, Related, write::is_in_vain};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use std::collections::BTreeMap;
use tracing::warn;

/// The Events API refuses longer notes.
const LONGEST_NOTE: usize = 1000;

/// Something that people should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Whether somebody may have to act.
    pub warning: bool,
    /// One of [`crds::reasons`].
    pub reason: &'static str,
    /// In words.
    pub message: String,
}

impl Note {
    /// Something went as it should.
    pub(crate) fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: false, reason, message: message.into() }
    }

    /// Somebody may have to act.
    pub(crate) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: true, reason, message: message.into() }
    }
}

/// Publishes notes as events. An event that cannot be written is logged and lost: the status says the same.
pub(crate) struct Publisher {
    client: Client,
    reporter: Reporter,
    alerts: Option<Alerts>,
}

/// What notes are about.
pub(crate) struct Topic<'a> {
    pub object: ObjectReference,
    pub annotations: &'a BTreeMap<String, String>,
    /// An object beside it.
    pub related: Option<Related>,
}

impl Publisher {
    /// Also leaves notes that have a related object as `alerts`, if there is somebody who carries them.
    pub(crate) fn new(client: Client, instance: String, alerts: Option<Alerts>) -> Self {
        let reporter = Reporter { controller: crate::FIELD_MANAGER.into(), instance: Some(instance) };
        Self { client, reporter, alerts }
    }

    /// Says it all, in that order.
    pub(crate) async fn publish(&self, topic: &Topic<'_>, notes: Vec<Note>) {
        if let Some((alerts, related)) = self.alerts.as_ref().zip(topic.related.as_ref()) {
            notes.iter().for_each(|note| alerts.leave(related, topic.annotations, note));
        }
        let related = topic.related.as_ref().map(|related| &related.reference);
        // A recorder that lives on would fold an event into an earlier one of the same reason and keep the earlier
        // text: the second revision would be announced with the digest of the first.
        for note in notes {
            let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
            match recorder.publish(&event(note, related.cloned()), &topic.object).await {
                // Nobody reads the events of a namespace that goes.
                Err(error) if is_in_vain(&error) => return,
                Err(error) => warn!(error = %telemetry::Chain(&error), "could not publish an event"),
                Ok(()) => {}
            }
        }
    }
}

fn event(note: Note, related: Option<ObjectReference>) -> Event {
    Event {
        type_: if note.warning { EventType::Warning } else { EventType::Normal },
        reason: note.reason.into(),
        note: Some(cut(note.message)),
        action: "Reconcile".into(),
        secondary: related,
    }
}

fn cut(mut message: String) -> String {
    if message.len() > LONGEST_NOTE {
        message.truncate(message.floor_char_boundary(LONGEST_NOTE));
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_where_a_character_ends() {
        let long = cut("ü".repeat(2000));
        assert!(long.len() <= 1024 && long.ends_with("ü…"));
        assert_eq!(cut("short".into()), "short");
    }
}
