//! The table as it is sent: a row an object, and as much of the object as the client wants.
use super::{Column, Definition};
use crate::object::{Item, Object};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use serde::Serialize;
use serde_json::Value;

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
        let row = |item: &'a Item<T>, shown: &T| -> Row<'a, T> {
            Row {
                cells: columns.iter().map(|column| (column.cell)(shown).render(now)).collect(),
                object: match options.include {
                    IncludeObject::None => RowObject::None,
                    IncludeObject::Metadata => {
                        RowObject::Metadata(PartialObject::new(options.api_version, item.meta()))
                    }
                    IncludeObject::Object => RowObject::Object(item),
                },
            }
        };
        let rows = |item: &'a Item<T>| match item.rows() {
            Some(several) => several.iter().map(|shown| row(item, shown)).collect(),
            None => vec![row(item, item)],
        };
        Self {
            kind: "Table",
            api_version: options.api_version,
            metadata,
            column_definitions: Some(columns.iter().map(|column| &column.definition).collect()),
            rows: items.iter().flat_map(rows).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use kube::CustomResource;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "lists.example.com", version = "v1", kind = "List", no_spec)]
    struct Lines {
        lines: Vec<String>,
    }

    impl Object for List {
        fn rows(&self) -> Option<Vec<Self>> {
            let row = |line: &String| Self::new("", Lines { lines: vec![line.clone()] });
            Some(self.spec.lines.iter().map(row).collect())
        }

        fn columns() -> Vec<Column<Self>> {
            vec![Column::text("Line", "What is in it.", |list: &Self| list.spec.lines.join("\n"))]
        }
    }

    #[test]
    fn an_object_of_several_rows_is_behind_each_of_them() {
        let list = List::new("shopping", Lines { lines: vec!["tea".into(), "milk".into()] });
        let (items, columns) = ([Item::from(list)], List::columns());
        let options = TableOptions { api_version: "meta.k8s.io/v1", include: IncludeObject::Metadata };
        let table = serde_json::to_value(Table::new(&columns, options, ListMeta::default(), &items));
        let rows = table.expect("it serializes")["rows"].take();
        let cells: Vec<_> = rows.as_array().expect("rows").iter().map(|row| row["cells"].clone()).collect();
        assert_eq!(cells, [json!(["tea"]), json!(["milk"])]);
        assert_eq!(rows[1]["object"]["metadata"]["name"], "shopping");
    }
}
