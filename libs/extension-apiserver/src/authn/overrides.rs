//! Whom to believe where the embedder knows better than the ConfigMap, as Go's `--client-ca-file`, `--requestheader-…` and
//! `--authentication-skip-lookup` say it.
use super::trust;
use std::collections::BTreeMap;

/// What replaces parts of the ConfigMap, or all of it. The default replaces nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustOverrides {
    /// Authorities of users with client certificates, in PEM.
    pub client_ca: Option<String>,
    /// The front proxy, as a whole: none of its parts is taken from the ConfigMap then.
    pub request_header: Option<RequestHeader>,
    /// Never looks for the ConfigMap: believes nobody but who is named here. For servers whose kube-apiserver keeps none,
    /// or that may not read it.
    pub skip_lookup: bool,
}

/// A proxy that names users in headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Authorities of its certificate, in PEM.
    pub client_ca: String,
    /// Common names that its certificate may have; empty for any, which is refused if users' certificates come from one of
    /// the same authorities.
    pub allowed_names: Vec<String>,
    /// Where it names the user.
    pub username_headers: Vec<String>,
    /// Where it names the UID; empty by default, since not every proxy takes away what a client sent there.
    pub uid_headers: Vec<String>,
    /// Where it names the groups.
    pub group_headers: Vec<String>,
    /// How headers with extras begin.
    pub extra_headers_prefix: Vec<String>,
}

impl RequestHeader {
    /// A front proxy with the usual headers.
    pub fn new(client_ca: impl Into<String>, allowed_names: impl IntoIterator<Item = String>) -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            client_ca: client_ca.into(),
            allowed_names: allowed_names.into_iter().collect(),
            username_headers: one("X-Remote-User"),
            uid_headers: Vec::new(),
            group_headers: one("X-Remote-Group"),
            extra_headers_prefix: one("X-Remote-Extra-"),
        }
    }
}

impl TrustOverrides {
    /// Whether there is enough to begin with before the ConfigMap is read.
    pub(super) fn is_enough(&self) -> bool {
        self.skip_lookup || self.request_header.is_some()
    }

    /// The ConfigMap as if it said what is given here.
    pub(super) fn over(&self, mut data: BTreeMap<String, String>) -> BTreeMap<String, String> {
        if let Some(pem) = &self.client_ca {
            data.insert(trust::CLIENT_CA.to_owned(), pem.clone());
        }
        if let Some(given) = &self.request_header {
            data.insert(trust::PROXY_CA.to_owned(), given.client_ca.clone());
            for (key, values) in [
                (trust::ALLOWED_NAMES, &given.allowed_names),
                (trust::USERNAME_HEADERS, &given.username_headers),
                (trust::UID_HEADERS, &given.uid_headers),
                (trust::GROUP_HEADERS, &given.group_headers),
                (trust::EXTRA_PREFIXES, &given.extra_headers_prefix),
            ] {
                data.insert(key.to_owned(), serde_json::json!(values).to_string());
            }
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_replaces_its_part_and_leaves_the_rest() {
        let data: BTreeMap<String, String> = [
            ("client-ca-file", "theirs"),
            ("requestheader-client-ca-file", "theirs"),
            ("requestheader-uid-headers", r#"["X-Remote-Uid"]"#),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        assert_eq!(TrustOverrides::default().over(data.clone()), data);

        let clients = TrustOverrides { client_ca: Some("ours".into()), ..TrustOverrides::default() };
        let seen = clients.over(data.clone());
        assert_eq!((&*seen["client-ca-file"], &*seen["requestheader-client-ca-file"]), ("ours", "theirs"));

        let request_header = Some(RequestHeader::new("ours", ["proxy".to_owned()]));
        let seen = TrustOverrides { request_header, ..TrustOverrides::default() }.over(data);
        assert_eq!((&*seen["client-ca-file"], &*seen["requestheader-client-ca-file"]), ("theirs", "ours"));
        assert_eq!(seen["requestheader-allowed-names"], r#"["proxy"]"#);
        assert_eq!(
            seen["requestheader-uid-headers"], "[]",
            "a UID of the ConfigMap belongs to another proxy"
        );
    }
}
