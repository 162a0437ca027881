//! The codes by which S3, and what speaks like it, says what is wrong. Of an answer that is no success nothing else may be shown:
//! the rest repeats what the request was signed with, a token of a session included.

/// The credential that names whom requests are signed for, as a key of a Secret and as an environment variable.
pub(crate) const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// What requests are signed with.
pub(crate) const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// What goes with the two for as long as they last.
pub(crate) const TOKEN: &str = "AWS_SESSION_TOKEN";

/// `<Code>` of an error in XML; one of a few dozen words.
pub(crate) fn code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| code.to_owned())
}

/// The credential that a code says is wrong. The last of the first three is versitygw's word.
pub(crate) fn disbelieved(code: &str) -> Option<&'static str> {
    match code {
        "InvalidAccessKeyId" | "InvalidClientTokenId" | "XAdminUserNotFound" => Some(KEY_ID),
        "SignatureDoesNotMatch" => Some(SECRET_KEY),
        "InvalidToken" | "ExpiredToken" | "TokenRefreshRequired" => Some(TOKEN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_word_or_nothing() {
        for (body, found) in [
            ("<Code>NoSuchKey</Code>", Some("NoSuchKey")),
            ("<Code></Code>", Some("")),
            ("<Code>a b</Code>", None),
            ("<Code>NoSuchKey", None),
            ("\u{0}", None),
        ] {
            assert_eq!(code(body).as_deref(), found, "{body}");
        }
    }
}
