//! Tables: what `kubectl get` prints. Columns are named once for a kind; the server fills them for lists, single
//! objects, watches and subresources alike.
use crate::object::{Item, Object};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta, Time};
use serde::Serialize;
use serde_json::Value;

/// One column of the table of a kind.
pub struct Column<T> {
    definition: Definition,
    cell: Box<dyn Fn(&T) -> Cell + Send + Sync>,
}

/// A column as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Definition {
    name: &'static str,
    r#type: &'static str,
    format: &'static str,
    description: &'static str,
    priority: u8,
}

/// The content of one cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A moment, shown as the time that has passed since.
    Since(Timestamp),
    /// Nothing is known.
    Unknown,
}

impl<T: 'static> Column<T> {
    /// A column of text.
    pub fn text<V: Into<Cell>>(
        name: &'static str,
        description: &'static str,
        cell: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Self {
        Self::typed(name, "string", description, cell)
    }

    /// A column of whole numbers.
    pub fn integer<V: Into<Cell>>(
        name: &'static str,
        description: &'static str,
        cell: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Self {
        Self::typed(name, "integer", description, cell)
    }

    /// A column of truth values.
    pub fn boolean<V: Into<Cell>>(
        name: &'static str,
        description: &'static str,
        cell: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Self {
        Self::typed(name, "boolean", description, cell)
    }

    /// Shown only with `-o wide`.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.definition.priority = 1;
        self
    }

    fn typed<V: Into<Cell>>(
        name: &'static str,
        r#type: &'static str,
        description: &'static str,
        cell: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Self {
        let definition = Definition { name, r#type, format: "", description, priority: 0 };
        Self { definition, cell: Box::new(move |object| cell(object).into()) }
    }
}

impl<T: Object> Column<T> {
    /// The object's name.
    pub fn name() -> Self {
        let description = "Name must be unique within a namespace. Is required when creating resources, although some \
            resources may allow a client to request the generation of an appropriate name automatically.";
        let mut column =
            Self::text("Name", description, |object: &T| object.meta().name.clone().unwrap_or_default());
        column.definition.format = "name";
        column
    }

    /// How long ago the object was created.
    pub fn age() -> Self {
        Self::text("Age", "How long ago the object was created.", |object: &T| {
            object.meta().creation_timestamp.clone()
        })
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<Timestamp> for Cell {
    fn from(moment: Timestamp) -> Self {
        Self::Since(moment)
    }
}

impl From<Time> for Cell {
    fn from(moment: Time) -> Self {
        Self::Since(moment.0)
    }
}

impl<V: Into<Cell>> From<Option<V>> for Cell {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}

impl Cell {
    fn render(self, now: Timestamp) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Integer(number) => number.into(),
            Self::Boolean(truth) => truth.into(),
            Self::Since(moment) => human_duration(now.duration_since(moment).as_secs()).into(),
            Self::Unknown => "<unknown>".into(),
        }
    }
}

/// How much of each object a table carries along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IncludeObject {
    None,
    Metadata,
    Object,
}

/// How a client wants tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableOptions {
    pub(crate) api_version: &'static str,
    pub(crate) include: IncludeObject,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Table<'a, T> {
    kind: &'static str,
    api_version: &'static str,
    metadata: ListMeta,
    column_definitions: Option<Vec<&'a Definition>>,
    rows: Vec<Row<'a, T>>,
}

#[derive(Serialize)]
struct Row<'a, T> {
    cells: Vec<Value>,
    object: RowObject<'a, T>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RowObject<'a, T> {
    None,
    Metadata(PartialObject<'a>),
    Object(&'a T),
}

/// `PartialObjectMetadata`: an object's metadata without the object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartialObject<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: &'a ObjectMeta,
}

impl<'a> PartialObject<'a> {
    pub(crate) fn new(api_version: &'static str, metadata: &'a ObjectMeta) -> Self {
        Self { kind: "PartialObjectMetadata", api_version, metadata }
    }
}

impl<'a, T: Object> Table<'a, T> {
    /// A table of these objects.
    pub(crate) fn new(
        columns: &'a [Column<T>],
        options: TableOptions,
        metadata: ListMeta,
        items: &'a [Item<T>],
    ) -> Self {
        let now = Timestamp::now();
        let row = |item: &'a Item<T>| -> Row<'a, T> {
            Row {
                cells: columns.iter().map(|column| (column.cell)(item).render(now)).collect(),
                object: match options.include {
                    IncludeObject::None => RowObject::None,
                    IncludeObject::Metadata => {
                        RowObject::Metadata(PartialObject::new(options.api_version, item.meta()))
                    }
                    IncludeObject::Object => RowObject::Object(item),
                },
            }
        };
        Self {
            kind: "Table",
            api_version: options.api_version,
            metadata,
            column_definitions: Some(columns.iter().map(|column| &column.definition).collect()),
            rows: items.iter().map(row).collect(),
        }
    }

    /// The table of a bookmark: a row without content whose object carries the version.
    pub(crate) fn bookmark(
        columns: &'a [Column<T>],
        options: TableOptions,
        metadata: &'a ObjectMeta,
    ) -> Self {
        let row = Row {
            cells: vec![Value::Null; columns.len()],
            object: RowObject::Metadata(PartialObject::new(options.api_version, metadata)),
        };
        let version = metadata.resource_version.clone();
        let metadata = ListMeta { resource_version: version, ..ListMeta::default() };
        Self { rows: vec![row], ..Self::new(columns, options, metadata, &[]) }
    }

    /// Without column definitions: in a watch only the first event has them.
    pub(crate) fn without_headers(mut self) -> Self {
        self.column_definitions = None;
        self
    }
}

/// A duration as kubectl shows ages: two units at most, coarser the older.
fn human_duration(seconds: i64) -> String {
    let two = |whole: i64, unit: &str, part: i64, part_unit: &str| match part {
        0 => format!("{whole}{unit}"),
        part => format!("{whole}{unit}{part}{part_unit}"),
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..=0 => "0s".to_owned(),
        _ if seconds < 2 * 60 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 3 * 60 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 2 * 24 => format!("{hours}h"),
        _ if hours < 8 * 24 => two(days, "d", hours % 24, "h"),
        _ if years < 2 => format!("{days}d"),
        _ if years < 8 => two(years, "y", days % 365, "d"),
        _ => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_shows_them() {
        const HOUR: i64 = 3600;
        let table = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (599, "9m59s"),
            (600, "10m"),
            (179 * 60, "179m"),
            (3 * HOUR, "3h"),
            (7 * HOUR + 60, "7h1m"),
            (47 * HOUR, "47h"),
            (48 * HOUR, "2d"),
            (50 * HOUR, "2d2h"),
            (8 * 24 * HOUR, "8d"),
            (729 * 24 * HOUR, "729d"),
            (731 * 24 * HOUR, "2y1d"),
            (9 * 365 * 24 * HOUR, "9y"),
        ];
        for (seconds, expected) in table {
            assert_eq!(human_duration(seconds), expected, "{seconds}");
        }
    }
}
