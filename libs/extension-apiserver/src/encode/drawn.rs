//! The tables of a watch: of an event each is written once, for all who watch, as an object is.
use crate::{status::Status, table::TableOptions};
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// The tables that show one object, kept with it. There are as many as forms that a client can ask for, at most, since those are
/// forgotten that tell of an earlier second than is wanted: a cell may say how long ago something was.
#[derive(Clone, Default)]
pub(super) struct Drawn(Arc<Mutex<Tables>>);

#[derive(Default)]
struct Tables {
    /// Of what second they tell, since 1970.
    second: i64,
    drawn: Vec<(TableOptions, Bytes)>,
}

impl Drawn {
    /// The table in this form at this moment; `draw` writes it unless somebody asked in the same second.
    pub(super) fn table(
        &self,
        options: TableOptions,
        now: Timestamp,
        draw: impl FnOnce() -> Result<Bytes, Status>,
    ) -> Result<Bytes, Status> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.second != now.as_second() {
            *tables = Tables { second: now.as_second(), drawn: Vec::new() };
        }
        if let Some((_, table)) = tables.drawn.iter().find(|(form, _)| *form == options) {
            return Ok(table.clone());
        }
        let table = draw()?;
        tables.drawn.push((options, table.clone()));
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Form,
        fixture::{Revision, revision},
        object::Item,
        table::IncludeObject,
    };

    const METADATA: TableOptions =
        TableOptions { api_version: "meta.k8s.io/v1", include: IncludeObject::Metadata };
    const OBJECT: TableOptions = TableOptions { include: IncludeObject::Object, ..METADATA };

    #[test]
    fn each_form_is_drawn_once_a_second() {
        let (drawn, mut times) = (Drawn::default(), 0);
        let mut draw = |options, millisecond| {
            let now = Timestamp::from_millisecond(millisecond).expect("a moment");
            let table = drawn.clone().table(options, now, || {
                times += 1;
                Ok(Bytes::from(format!("table {times}")))
            });
            String::from_utf8(table.expect("it is drawn").to_vec()).expect("text")
        };
        let tables = [(METADATA, 1_000), (OBJECT, 1_500), (METADATA, 1_999), (METADATA, 2_000)]
            .map(|(options, millisecond)| draw(options, millisecond));
        assert_eq!(tables, ["table 1", "table 2", "table 1", "table 3"]);
        let kept = drawn.0.lock().expect("nobody panicked").drawn.len();
        assert_eq!(kept, 1, "nobody asks again for what was a second ago");
    }

    #[test]
    fn all_who_watch_in_tables_hold_the_same_bytes() {
        let (form, item) = (Form::<Revision>::new(), Item::from(revision("a", "podinfo")));
        let rows = |form: &Form<Revision>| form.rows(OBJECT, &item).expect("it is encoded");
        // The second may end between the two, but not twice.
        let shared = (0..2).any(|_| rows(&form).as_ptr() == rows(&form).as_ptr());
        assert!(shared);
        let table: serde_json::Value = serde_json::from_slice(&rows(&form)).expect("a document");
        assert_eq!(table["columnDefinitions"], serde_json::Value::Null);
        assert_eq!(table["rows"][0]["object"]["metadata"]["name"], "a");
    }
}
