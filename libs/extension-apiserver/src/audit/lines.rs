//! Records as lines of JSON.
use super::{Dropped, Event, Sink};
use std::{
    io::{self, BufWriter, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};
use tracing::error;

/// Records that may wait for the writer.
const LONGEST_QUEUE: usize = 10_000;

/// Writes each record as a line. A thread of its own writes; when it falls behind, records are dropped and counted, and
/// requests go on.
#[derive(Debug)]
pub struct JsonLines {
    /// Takes records from requests to the writing thread, which ends once this is gone and the rest is written.
    event_tx: SyncSender<Event>,
}

impl JsonLines {
    /// Writes to `output`: a file, a pipe, standard output.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (event_tx, event_rx) = sync_channel(LONGEST_QUEUE);
        thread::Builder::new().name("audit".to_owned()).spawn(move || write(output, &event_rx))?;
        Ok(Self { event_tx })
    }
}

impl Sink for JsonLines {
    fn name(&self) -> &'static str {
        "log"
    }

    fn record(&self, event: Event) -> Result<(), Dropped> {
        self.event_tx.try_send(event).map_err(|_| Dropped)
    }
}

/// Writes what there is in one go, and never keeps a record back while it waits for the next.
fn write(output: impl Write, event_rx: &Receiver<Event>) {
    let mut output = BufWriter::new(output);
    while let Ok(first) = event_rx.recv() {
        let written = std::iter::once(first)
            .chain(event_rx.try_iter())
            .try_for_each(|event| line(&mut output, &event))
            .and_then(|()| output.flush());
        if let Err(error) = written {
            // Records that come from now on find nobody who takes them, and are counted as dropped.
            error!(%error, "failed to write audit records, giving up");
            return;
        }
    }
}

fn line(output: &mut impl Write, event: &Event) -> io::Result<()> {
    serde_json::to_writer(&mut *output, event)?;
    output.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use jiff::Timestamp;
    use std::sync::mpsc;

    fn event(audit_id: &str) -> Event {
        let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
        Event::new(audit_id, &parts, None, Timestamp::UNIX_EPOCH)
    }

    /// Hands over what is written.
    struct Pipe(mpsc::Sender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_record_is_a_line_that_nothing_holds_back() {
        let (tx, rx) = mpsc::channel();
        let lines = JsonLines::new(Pipe(tx)).unwrap();
        for id in ["a", "b"] {
            assert_eq!(lines.record(event(id)), Ok(()));
            let text = String::from_utf8(rx.recv().unwrap()).unwrap();
            assert!(text.contains(&format!(r#""auditID":"{id}""#)) && text.ends_with("}\n"), "{text}");
        }
    }

    /// Never returns from a write before it is told to.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ended = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_is_stuck_costs_records_and_no_request() {
        let (go_tx, go_rx) = mpsc::channel();
        let lines = JsonLines::new(Stuck(go_rx)).unwrap();
        let dropped = (0..3 * LONGEST_QUEUE).filter(|_| lines.record(event("a")) == Err(Dropped)).count();
        assert!(dropped > 0, "the queue is bounded");
        drop(go_tx);
    }
}
