//! A Secret as request headers: every key a header, its value the header's value.
use super::ReferencedSecret;
use crate::Error;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::ExposeSecret;

/// More than any server takes; keeps many tiny names from filling the header table.
pub(crate) const MOST: usize = 100;

/// What the fetch itself must decide: where the message goes and where it ends (RFC 9110 7.2 and 8.6, RFC 9112), and
/// which answer is wanted. A Secret that sets these asks for something else than `spec` says.
const OURS: [HeaderName; 18] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::UPGRADE,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// The headers that `secret` holds, their values marked sensitive.
///
/// # Errors
/// A key is no header name or a value cannot be sent; the error names the key, never the value.
pub(crate) fn from_secret(secret: &ReferencedSecret) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (key, value) in &secret.data {
        let refuse =
            |problem| Error::InvalidHeader { secret: secret.name.clone(), key: key.clone(), problem };
        if headers.len() == MOST {
            return Err(refuse("a request carries at most 100 headers"));
        }
        let name = name(key).map_err(refuse)?;
        if headers.contains_key(&name) {
            return Err(refuse("another key gives the same header; case does not matter"));
        }
        headers.insert(name, self::value(value.expose_secret()).map_err(refuse)?);
    }
    Ok(headers)
}

/// A header that may be asked for.
pub(crate) fn name(key: &str) -> Result<HeaderName, &'static str> {
    let name = HeaderName::from_bytes(key.as_bytes()).map_err(|_| "it is no header name")?;
    if OURS.contains(&name) { Err("this header is set by the fetch itself") } else { Ok(name) }
}

/// A value that can be sent, marked sensitive.
pub(crate) fn value(bytes: &[u8]) -> Result<HeaderValue, &'static str> {
    if bytes.contains(&b'\r') || bytes.contains(&b'\n') {
        return Err("its value holds a line break; a common cause is a newline at the end");
    }
    let mut value = HeaderValue::from_bytes(bytes).map_err(|_| "its value holds a control character")?;
    value.set_sensitive(true);
    Ok(value)
}
