//! Whom the front proxy speaks for, read from its headers. Says nothing about whether there is a front proxy.
use super::{refusal::Refusal, trust::IdentityHeaders};
use crate::access::UserInfo;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, collections::BTreeMap};

/// The user that the headers name; none without a user name.
pub(crate) fn identity(headers: &HeaderMap, names: &IdentityHeaders) -> Result<Option<UserInfo>, Refusal> {
    let Some(name) = first(headers, &names.username)? else { return Ok(None) };
    Ok(Some(UserInfo {
        name,
        uid: first(headers, &names.uid)?,
        groups: all(headers, &names.group)?,
        extra: extra(headers, &names.extra_prefixes)?,
    }))
}

/// The first of these headers that is not empty; of a repeated header only its first value counts.
fn first(headers: &HeaderMap, names: &[HeaderName]) -> Result<Option<String>, Refusal> {
    for name in names {
        let Some(value) = headers.get(name) else { continue };
        let text = text(name, value)?;
        if !text.is_empty() {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

fn all(headers: &HeaderMap, names: &[HeaderName]) -> Result<Vec<String>, Refusal> {
    let mut values = Vec::new();
    for name in names {
        for value in headers.get_all(name) {
            values.push(text(name, value)?);
        }
    }
    values.retain(|value| !value.is_empty());
    Ok(values)
}

fn extra(headers: &HeaderMap, prefixes: &[String]) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for prefix in prefixes {
        for (name, value) in headers {
            let Some(key) = name.as_str().strip_prefix(prefix.as_str()) else { continue };
            extra.entry(decoded(key).into_owned()).or_default().push(text(name, value)?);
        }
    }
    Ok(extra)
}

/// Header names know no upper case and few symbols, so keys come percent-encoded. What is not encoded properly is kept.
fn decoded(key: &str) -> Cow<'_, str> {
    let is_encoded =
        |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if key.split('%').skip(1).all(is_encoded) {
        percent_decode_str(key).decode_utf8().unwrap_or(Cow::Borrowed(key))
    } else {
        Cow::Borrowed(key)
    }
}

/// Two names that differ only in bytes which are no text must not become the same user, so no replacement characters.
fn text(name: &HeaderName, value: &HeaderValue) -> Result<String, Refusal> {
    let text = str::from_utf8(value.as_bytes()).map_err(|_| Refusal::UnreadableHeader(name.clone()))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
