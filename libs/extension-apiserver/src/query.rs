//! The query string, and the list options that it carries, judged as k8s.io/apimachinery judges them.
use crate::{
    object::Version,
    selectors::{FieldSelector, LabelSelector, Pace},
    status::{Cause, Status},
};
use futures::FutureExt;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The parameters of a request's query string, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string; pairs with broken escapes are left out, as Go does.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        Self(pairs.collect())
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter as a truth value: present means true, unless it is `false` or `0`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| !matches!(value.to_lowercase().as_str(), "false" | "0"))
    }

    /// The version that a `get` must not be older than.
    ///
    /// # Errors
    /// 400 if it is no version.
    pub fn minimum_version(&self) -> Result<Option<Version>, Status> {
        version(self.get("resourceVersion").unwrap_or_default()).map(|version| version.filter(|v| v.0 > 0))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Status> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
    }
}

/// The options of a list or watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Which labels objects must have.
    pub labels: LabelSelector,
    /// Which fields objects must have.
    pub fields: FieldSelector,
    /// Where the client stands; `None` is "the most recent", 0 is "whatever there is".
    pub version: Option<Version>,
    /// How `version` is meant.
    pub version_match: Option<VersionMatch>,
    /// Most objects in one answer; 0 is all.
    pub limit: usize,
    /// Where the previous page of this list ended.
    pub continue_token: Option<String>,
    /// How long a watch may last.
    pub timeout_seconds: Option<u64>,
    /// Watch instead of list.
    pub watch: bool,
    /// The client knows what a bookmark is.
    pub allow_bookmarks: bool,
    /// Begin the watch with all objects.
    pub send_initial_events: Option<bool>,
}

/// How the version of a list is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    /// That state and no other.
    Exact,
    /// That state or a newer one.
    NotOlderThan,
}

impl ListOptions {
    /// Reads and judges the options; `known_fields` are the field selectors of the resource besides the metadata.
    ///
    /// # Errors
    /// 400 for what cannot be read, 422 for options that exclude each other.
    pub fn parse(query: &Query, known_fields: &[&str]) -> Result<Self, Status> {
        let read = Self::at_pace(query, known_fields, Pace::at_once());
        read.now_or_never().expect("at once means that nothing is waited for")
    }

    /// As [`Self::parse`], but others have their turn while long selectors are read.
    pub(crate) async fn read(query: &Query, known_fields: &[&str]) -> Result<Self, Status> {
        Self::at_pace(query, known_fields, Pace::in_turns()).await
    }

    async fn at_pace(query: &Query, known_fields: &[&str], mut pace: Pace) -> Result<Self, Status> {
        let version_text = query.get("resourceVersion").unwrap_or_default();
        let match_text = query.get("resourceVersionMatch").unwrap_or_default();
        let limit = query.integer("limit")?.unwrap_or_default();
        let timeout = query.integer("timeoutSeconds")?;
        let mut options = Self {
            labels: LabelSelector::read(query.get("labelSelector").unwrap_or_default(), &mut pace).await?,
            fields: FieldSelector::read(query.get("fieldSelector").unwrap_or_default(), &mut pace).await?,
            version: None,
            version_match: version_match(match_text),
            limit: usize::try_from(limit).unwrap_or_default(),
            continue_token: query.get("continue").filter(|token| !token.is_empty()).map(str::to_owned),
            timeout_seconds: timeout.and_then(|seconds| u64::try_from(seconds).ok()).filter(|s| *s > 0),
            watch: query.flag("watch").unwrap_or_default(),
            allow_bookmarks: query.flag("allowWatchBookmarks").unwrap_or_default(),
            send_initial_events: query.flag("sendInitialEvents"),
        };
        options.default_initial_events(version_text, match_text);
        let causes = options.conflicts(version_text, match_text);
        if !causes.is_empty() {
            return Err(Status::invalid("meta.k8s.io", "ListOptions", "", causes));
        }
        options.fields.check(known_fields)?;
        options.version = version(version_text)?;
        Ok(options)
    }

    /// A watch from nowhere begins with everything, and says where that ends if the client understands it.
    fn default_initial_events(&mut self, version: &str, version_match: &str) {
        let from_nowhere = matches!(version, "" | "0");
        if self.watch && from_nowhere && self.send_initial_events.is_none() && version_match.is_empty() {
            self.send_initial_events = Some(true);
            self.version_match = Some(VersionMatch::NotOlderThan);
        }
    }

    fn conflicts(&self, version: &str, version_match: &str) -> Vec<Cause> {
        if self.watch {
            self.watch_conflicts(version_match)
        } else {
            self.list_conflicts(version, version_match)
        }
    }

    fn list_conflicts(&self, version: &str, version_match: &str) -> Vec<Cause> {
        let mut causes = Vec::new();
        let forbidden = |why: &str| forbidden("resourceVersionMatch", why);
        if !version_match.is_empty() {
            if version.is_empty() {
                causes
                    .push(forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"));
            }
            if self.continue_token.is_some() {
                causes.push(forbidden("resourceVersionMatch is forbidden when continue is provided"));
            }
            if self.version_match.is_none() {
                causes.push(unsupported(version_match, r#""Exact", "NotOlderThan", """#));
            }
            if self.version_match == Some(VersionMatch::Exact) && version == "0" {
                causes
                    .push(forbidden(r#"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#));
            }
        }
        if self.send_initial_events.is_some() {
            causes.push(self::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        causes
    }

    fn watch_conflicts(&self, version_match: &str) -> Vec<Cause> {
        let mut causes = Vec::new();
        let forbidden = |why: &str| forbidden("resourceVersionMatch", why);
        let not_older = self.version_match == Some(VersionMatch::NotOlderThan);
        if self.send_initial_events.is_some() && !not_older {
            causes.push(forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
        }
        if self.version_match.is_none() && version_match.is_empty() {
            return causes;
        }
        if self.send_initial_events.is_none() {
            causes.push(forbidden(
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ));
        }
        if !not_older {
            causes.push(unsupported(version_match, r#""NotOlderThan""#));
        }
        if self.continue_token.is_some() {
            causes.push(forbidden("resourceVersionMatch is forbidden when continue is provided"));
        }
        causes
    }
}

fn decoded(text: &str) -> Option<String> {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    let broken = spaced.match_indices('%').any(|(at, _)| {
        let hex = spaced.as_bytes().get(at + 1..at + 3);
        !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return None;
    }
    Some(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// A resource version as clients write it; refused in the words of Go.
pub(crate) fn version(text: &str) -> Result<Option<Version>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let why = if digits { "value out of range" } else { "invalid syntax" };
    let parsed = text.parse().ok().filter(|_| digits);
    let version = parsed.ok_or_else(|| {
        Status::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}"
        ))
    })?;
    Ok(Some(Version(version)))
}

fn version_match(text: &str) -> Option<VersionMatch> {
    match text {
        "Exact" => Some(VersionMatch::Exact),
        "NotOlderThan" => Some(VersionMatch::NotOlderThan),
        _ => None,
    }
}

fn forbidden(field: &str, why: &str) -> Cause {
    Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {why}"), field: field.to_owned() }
}

fn unsupported(value: &str, supported: &str) -> Cause {
    Cause {
        reason: "FieldValueNotSupported",
        message: format!("Unsupported value: {value:?}: supported values: {supported}"),
        field: "resourceVersionMatch".to_owned(),
    }
}

#[cfg(test)]
mod tests;
