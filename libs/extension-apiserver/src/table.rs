//! Tables: what `kubectl get` prints. Columns are named once for a kind; the server fills them for lists, single
//! objects, watches and subresources alike.
mod age;
mod rows;

use crate::object::Object;
use age::human_duration;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;
use serde_json::Value;

pub(crate) use rows::{IncludeObject, PartialObject, Table, TableOptions};

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

    /// A column of moments as they are, in RFC 3339. See [`Column::age`] for what people read.
    pub fn date(
        name: &'static str,
        description: &'static str,
        cell: impl Fn(&T) -> Option<Timestamp> + Send + Sync + 'static,
    ) -> Self {
        Self::typed(name, "date", description, move |object| cell(object).map(|moment| moment.to_string()))
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

/// What Kubernetes says of a name, wherever one is.
const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources \
    may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for \
    creation idempotence and configuration definition. Cannot be updated. More info: \
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

impl<T: Object> Column<T> {
    /// The object's name.
    pub fn name() -> Self {
        let mut column =
            Self::text("Name", NAME, |object: &T| object.meta().name.clone().unwrap_or_default());
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
