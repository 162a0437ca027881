//! Events of a watch, as they are sent: small objects are copied together, large ones are shared by all who watch.
use bytes::Bytes;

/// From this size on an object is not copied. A thousand watches that are read slowly hold it once, and not a thousand times.
const SHARED_FROM: usize = 16 * 1024;

/// One event: what has happened to an object, and the object.
#[derive(Debug)]
pub(crate) struct Event {
    kind: &'static str,
    object: Bytes,
}

impl Event {
    pub(super) fn new(kind: &'static str, object: impl Into<Bytes>) -> Self {
        Self { kind, object: object.into() }
    }
}

/// Events that are sent together, each with a newline.
#[derive(Debug, Default)]
pub(crate) struct Events {
    done: Vec<Bytes>,
    last: Vec<u8>,
    size: usize,
}

impl Events {
    pub(crate) fn push(&mut self, Event { kind, object }: &Event) {
        let before = self.last.len();
        self.last.extend_from_slice(br#"{"type":""#);
        self.last.extend_from_slice(kind.as_bytes());
        self.last.extend_from_slice(br#"","object":"#);
        self.size += self.last.len() - before + object.len() + 2;
        if object.len() < SHARED_FROM {
            self.last.extend_from_slice(object);
        } else {
            self.done.push(std::mem::take(&mut self.last).into());
            self.done.push(object.clone());
        }
        self.last.extend_from_slice(b"}\n");
    }

    /// How many bytes they are.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// What to send, piece by piece.
    pub(crate) fn into_pieces(mut self) -> Vec<Bytes> {
        self.done.push(self.last.into());
        self.done
    }
}

impl From<Event> for Events {
    fn from(event: Event) -> Self {
        let mut events = Self::default();
        events.push(&event);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_objects_are_shared_by_all_who_watch() {
        let (small, large) = (Bytes::from("{}"), Bytes::from(vec![b'1'; SHARED_FROM]));
        let sent = || {
            let mut events = Events::default();
            for object in [&small, &large, &small] {
                events.push(&Event::new("ADDED", object.clone()));
            }
            (events.size(), events.into_pieces())
        };
        let ((size, pieces), (_, others)) = (sent(), sent());
        let event = |object: &Bytes| [br#"{"type":"ADDED","object":"#, &object[..], b"}\n"].concat();
        let expected = [event(&small), event(&large), event(&small)].concat();
        assert_eq!((size, pieces.concat()), (expected.len(), expected));
        let at = |pieces: &[Bytes]| pieces[1].as_ptr();
        assert_eq!((pieces.len(), at(&pieces)), (3, large.as_ptr()));
        assert_eq!(at(&others), large.as_ptr(), "and another watcher holds the same bytes");
    }
}
