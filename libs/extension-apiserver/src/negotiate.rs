//! Content negotiation: which form of an answer a client asks for, as `k8s.io/apiserver` understands `Accept`.
//!
//! JSON and YAML are spoken. A clause whose parameters ask for something that the endpoint does not have is skipped,
//! not refused, so that `…;as=Table;…,application/json` falls back to plain JSON where there are no tables.
mod accept;

use crate::{
    query::Query,
    status::Status,
    table::{IncludeObject, TableOptions},
};
use accept::Clause;
use http::{
    HeaderMap,
    header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT},
};

pub(crate) const META_V1: &str = "meta.k8s.io/v1";
const META_V1BETA1: &str = "meta.k8s.io/v1beta1";
const DISCOVERY_V2: &str = "apidiscovery.k8s.io/v2/APIGroupDiscoveryList";

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Json,
    PrettyJson,
    Yaml,
}

impl Syntax {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::PrettyJson => "application/json",
            Self::Yaml => "application/yaml",
        }
    }
}

/// What of an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Partial { api_version: &'static str },
    PartialList { api_version: &'static str },
    Table(TableOptions),
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) syntax: Syntax,
    pub(crate) shape: Shape,
}

/// The two forms of the discovery document at `/apis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discovery {
    Legacy(Syntax),
    Aggregated(Syntax),
}

/// For objects and lists of them.
pub(crate) fn objects(headers: &HeaderMap, query: &Query) -> Result<Media, Status> {
    let Choice { syntax, target } =
        choose(headers, |target| target.is_none_or(is_object_form)).ok_or_else(not_acceptable)?;
    let shape = match target.as_deref() {
        None => Shape::Plain,
        Some(target) => shape(target, query)?,
    };
    Ok(Media { syntax: syntax.or_pretty(headers, query), shape })
}

/// For watches: JSON only, of any shape.
pub(crate) fn events(headers: &HeaderMap, query: &Query) -> Result<Media, Status> {
    match objects(headers, query)? {
        Media { syntax: Syntax::Yaml, .. } => Err(Status::not_acceptable(
            "only the following media types are accepted: application/json;stream=watch",
        )),
        Media { shape: Shape::PartialList { .. }, .. } => Err(Status::not_acceptable(
            "you requested PartialObjectMetadataList, but the objects of a watch come one by one",
        )),
        media => Ok(Media { syntax: Syntax::Json, ..media }),
    }
}

/// For documents that exist in one shape only.
pub(crate) fn document(headers: &HeaderMap, query: &Query) -> Result<Syntax, Status> {
    let choice = choose(headers, |target| target.is_none()).ok_or_else(not_acceptable)?;
    Ok(choice.syntax.or_pretty(headers, query))
}

/// For documents that exist in JSON only.
pub(crate) fn json(headers: &HeaderMap) -> Result<(), Status> {
    let chosen = choose_of(&[Syntax::Json], headers, |target| target.is_none());
    let refused = || Status::not_acceptable("only the following media types are accepted: application/json");
    chosen.map(|_| ()).ok_or_else(refused)
}

/// For `/apis`. Whatever does not ask for the aggregated form by its exact name gets the legacy one: an error here
/// marks the whole group stale, and namespaces can no longer be deleted.
pub(crate) fn discovery(headers: &HeaderMap, query: &Query) -> Result<Discovery, Status> {
    match choose(headers, |target| target == Some(DISCOVERY_V2)) {
        Some(Choice { syntax, target: Some(_) }) => Ok(Discovery::Aggregated(syntax)),
        _ => document(headers, query).map(Discovery::Legacy),
    }
}

/// For refusals, which are never hidden behind a failed negotiation.
pub(crate) fn refusal(headers: &HeaderMap, query: &Query) -> Syntax {
    document(headers, query).unwrap_or(Syntax::Json)
}

/// Whether the client takes gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim() == "gzip")
}

struct Choice {
    syntax: Syntax,
    /// `group/version/Kind` that the object is to be turned into.
    target: Option<String>,
}

impl Syntax {
    fn or_pretty(self, headers: &HeaderMap, query: &Query) -> Self {
        if self == Self::Json && is_pretty(headers, query) { Self::PrettyJson } else { self }
    }
}

fn choose(headers: &HeaderMap, allowed: impl Fn(Option<&str>) -> bool) -> Option<Choice> {
    choose_of(&[Syntax::Json, Syntax::Yaml], headers, allowed)
}

fn choose_of(
    offered: &[Syntax],
    headers: &HeaderMap,
    allowed: impl Fn(Option<&str>) -> bool,
) -> Option<Choice> {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if values.iter().all(|value| value.trim().is_empty()) {
        return Some(Choice { syntax: Syntax::Json, target: None });
    }
    let clauses = accept::parse(&values.join(","));
    clauses.iter().find_map(|clause| {
        let syntax = *offered.iter().find(|syntax| clause.covers(syntax.media_type()))?;
        fits(clause, syntax, &allowed).then(|| {
            let pretty = syntax == Syntax::Json && clause.parameter("pretty") == Some("1");
            Choice { syntax: if pretty { Syntax::PrettyJson } else { syntax }, target: clause.target() }
        })
    })
}

fn fits(clause: &Clause, syntax: Syntax, allowed: &impl Fn(Option<&str>) -> bool) -> bool {
    let stream_fits = match clause.parameter("stream") {
        None | Some("") => true,
        Some(stream) => stream == "watch" && syntax != Syntax::Yaml,
    };
    let server_version_fits = clause.parameter("sv").is_none_or(str::is_empty);
    stream_fits && server_version_fits && allowed(clause.target().as_deref())
}

fn is_object_form(target: &str) -> bool {
    let Some((api_version, kind)) = target.rsplit_once('/') else { return false };
    matches!(api_version, META_V1 | META_V1BETA1)
        && matches!(kind, "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList")
}

fn shape(target: &str, query: &Query) -> Result<Shape, Status> {
    let api_version = if target.starts_with(META_V1BETA1) { META_V1BETA1 } else { META_V1 };
    match target.rsplit('/').next() {
        Some("PartialObjectMetadata") => Ok(Shape::Partial { api_version }),
        Some("PartialObjectMetadataList") => Ok(Shape::PartialList { api_version }),
        _ => Ok(Shape::Table(TableOptions { api_version, include: include(query)? })),
    }
}

fn include(query: &Query) -> Result<IncludeObject, Status> {
    match query.get("includeObject").unwrap_or_default() {
        "" | "Metadata" => Ok(IncludeObject::Metadata),
        "None" => Ok(IncludeObject::None),
        "Object" => Ok(IncludeObject::Object),
        other => Err(Status::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', \
             'Object', 'None', or empty"
        ))),
    }
}

fn is_pretty(headers: &HeaderMap, query: &Query) -> bool {
    if let Some(pretty) = query.get("pretty").filter(|value| !value.is_empty()) {
        return matches!(pretty, "1" | "t" | "T" | "true" | "TRUE" | "True");
    }
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"].iter().any(|browser| agent.starts_with(browser))
}

fn not_acceptable() -> Status {
    Status::not_acceptable("only the following media types are accepted: application/json, application/yaml")
}

#[cfg(test)]
mod tests;
