//! `wardle.example.com` as k8s.io/sample-apiserver serves it, written with `extension-apiserver`: flunders in two versions,
//! fischers in one, every verb. For tests only: objects live in memory.
//!
//! It imports nothing of ours but the library. Start reading at [`server`].
pub mod flunders;
pub mod server;
pub mod v1alpha1;
pub mod v1beta1;
pub mod validation;

use extension_apiserver::{object::Object, table::Column};

/// The second column of every table, in the words of k8s.io/apiserver's default.
fn created_at<T: Object>() -> Column<T> {
    Column::date("Created At", CREATED_AT, |object: &T| Some(object.meta().creation_timestamp.as_ref()?.0))
}

const CREATED_AT: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. \
    It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. \
    It is represented in RFC3339 form and is in UTC.\n\n\
    Populated by the system. Read-only. Null for lists. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
