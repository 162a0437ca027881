//! `Content-Type`: in which form a body comes.
use crate::status::Status;
use http::{HeaderMap, header::CONTENT_TYPE};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Json,
    Yaml,
}

/// The form that a request says its body has; JSON if it says nothing.
///
/// # Errors
/// 415 for other forms, and for what is no media type.
pub(crate) fn syntax(headers: &HeaderMap) -> Result<Syntax, Status> {
    let Some(given) = headers.get(CONTENT_TYPE).filter(|value| !value.is_empty()) else {
        return Ok(Syntax::Json);
    };
    let media_type = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case(JSON) {
        Ok(Syntax::Json)
    } else if media_type.eq_ignore_ascii_case(YAML) {
        Ok(Syntax::Yaml)
    } else {
        Err(unsupported(&[JSON, YAML]))
    }
}

/// 415, with what would have been understood.
pub(crate) fn unsupported(accepted: &[&str]) -> Status {
    Status::unsupported_media_type(format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        accepted.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(given: &str) -> Result<Syntax, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, given.parse().expect("a header"));
        syntax(&headers).map_err(|status| status.message().to_owned())
    }

    #[test]
    fn json_and_yaml_are_understood_with_any_parameters() {
        assert_eq!(syntax(&HeaderMap::new()), Ok(Syntax::Json));
        for given in ["", "application/json", "Application/JSON; charset=utf-8"] {
            assert_eq!(read(given), Ok(Syntax::Json), "{given}");
        }
        assert_eq!(read("application/yaml"), Ok(Syntax::Yaml));
        let refused = "the body of the request was in an unknown format - accepted media types include: \
                       application/json, application/yaml";
        for given in ["text/plain", "application/vnd.kubernetes.protobuf", "json", ";"] {
            assert_eq!(read(given), Err(refused.to_owned()), "{given}");
        }
    }

    proptest! {
        #[test]
        fn any_content_type_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_TYPE, value);
                let _ = syntax(&headers);
            }
        }
    }
}
