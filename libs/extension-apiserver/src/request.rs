//! `RequestInfo`: what a request is about, read once from its method and path, then used by authorization, audit and
//! dispatch alike. Since all three see the same value, none can be talked into another resource than the others see.
use crate::query::Query;
use http::Method;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What a request is about: verb and object, or verb and path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// Verb as authorization knows it (`get`, `list`, `watch`, `create`, …); the lower-case method for a plain path.
    pub verb: String,
    /// The path as it was sent, escapes included.
    pub path: String,
    /// Whether the path names a resource; if not, everything below is empty.
    pub is_resource: bool,
    /// API group; empty is the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Namespace; empty for all namespaces and for cluster-scoped resources.
    pub namespace: String,
    /// Plural name of the resource.
    pub resource: String,
    /// Name of the object; for list and watch the one that a field selector pins.
    pub name: String,
    /// The third segment after the resource.
    pub subresource: String,
    /// Whether the path goes on behind the subresource. Such paths are authorized as that subresource and not served.
    pub has_subpath: bool,
    /// Unparsed field selector of a list, watch or deletecollection.
    pub field_selector: Option<String>,
    /// Unparsed label selector of a list, watch or deletecollection.
    pub label_selector: Option<String>,
}

/// The path has empty, relative or encoded segments that no client of Kubernetes writes.
///
/// Such a path is served to nobody: what proxies, authorizers and servers make of it differs, and that difference is
/// what an attacker looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OddPath;

impl RequestInfo {
    /// Reads method, path and query.
    ///
    /// # Errors
    /// [`OddPath`] for a path that means different things to different programs.
    pub fn new(method: &Method, path: &str, query: &Query) -> Result<Self, OddPath> {
        let segments = segments(path)?;
        let parts: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
        let rest = match parts.as_slice() {
            ["apis", _, _, rest @ ..] | ["api", _, rest @ ..] if !rest.is_empty() => rest,
            _ => return Ok(Self::plain(method, path)),
        };
        let (group, version) = match parts[0] {
            "apis" => (parts[1], parts[2]),
            _ => ("", parts[1]),
        };
        let (namespace, rest) = namespaced(rest);
        let at = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        let mut info = Self {
            verb: verb(method).to_owned(),
            path: path.to_owned(),
            is_resource: true,
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            resource: at(0),
            name: at(1),
            subresource: at(2),
            has_subpath: rest.len() > 3,
            ..Self::default()
        };
        if info.name.is_empty() {
            info.become_collection(query);
        }
        Ok(info)
    }

    /// `resource.group`, as messages name a resource.
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }

    /// Whether the request may stay open for longer than a minute. kube-apiserver decides so too, by names that nobody
    /// can add to: what it would cut off is better ended here.
    pub fn is_long_running(&self) -> bool {
        const NAMES: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];
        self.is_resource && (self.verb == "watch" || NAMES.contains(&self.subresource.as_str()))
    }

    fn plain(method: &Method, path: &str) -> Self {
        Self { verb: method.as_str().to_lowercase(), path: path.to_owned(), ..Self::default() }
    }

    /// Without a name, `get` is a list or a watch, and `delete` is deletecollection.
    fn become_collection(&mut self, query: &Query) {
        self.verb = match self.verb.as_str() {
            "get" if query.flag("watch") == Some(true) => "watch".to_owned(),
            "get" => "list".to_owned(),
            "delete" => "deletecollection".to_owned(),
            _ => return,
        };
        self.field_selector = query.get("fieldSelector").map(str::to_owned);
        self.label_selector = query.get("labelSelector").map(str::to_owned);
        if self.verb == "deletecollection" {
            return;
        }
        let pinned = self.field_selector.as_deref().and_then(crate::selectors::pinned_name);
        self.name = pinned.filter(|name| is_segment(name)).unwrap_or_default();
    }
}

/// The decoded segments; a single slash at the end means nothing.
fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, OddPath> {
    let path = path.strip_prefix('/').ok_or(OddPath)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split('/').map(segment).collect()
}

fn segment(raw: &str) -> Result<Cow<'_, str>, OddPath> {
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| OddPath)?;
    if is_segment(&decoded) { Ok(decoded) } else { Err(OddPath) }
}

fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '%', '\\']) && !text.contains(char::is_control)
}

/// Splits `namespaces/{namespace}/…`; what follows is the resource. `namespaces/{name}`, and its own two subresources,
/// are about the namespace itself.
fn namespaced<'a, 'b>(rest: &'b [&'a str]) -> (&'a str, &'b [&'a str]) {
    match rest {
        ["namespaces", namespace] => (namespace, rest),
        ["namespaces", namespace, "status" | "finalize", ..] => (namespace, rest),
        ["namespaces", namespace, rest @ ..] => (namespace, rest),
        _ => ("", rest),
    }
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
