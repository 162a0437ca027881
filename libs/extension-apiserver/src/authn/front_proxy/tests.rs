//! Headers to identities: the table of Go's tests, and properties for whatever else may come.
use super::*;
use proptest::prelude::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    headers
}

fn names(list: &[&'static str]) -> Vec<HeaderName> {
    list.iter().copied().map(HeaderName::from_static).collect()
}

/// As kube-apiserver configures them.
fn usual() -> IdentityHeaders {
    IdentityHeaders {
        username: names(&["x-remote-user"]),
        uid: names(&["x-remote-uid"]),
        group: names(&["x-remote-group"]),
        extra_prefixes: vec!["x-remote-extra-".to_owned()],
    }
}

fn extra(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect();
    pairs.iter().map(|(key, values)| ((*key).to_owned(), owned(values))).collect()
}

#[test]
fn a_user_is_read_with_uid_groups_and_extra() {
    let sent = headers(&[
        ("X-Remote-User", "jane"),
        ("X-Remote-Uid", "42"),
        ("X-Remote-Group", "dev"),
        ("X-Remote-Group", ""),
        ("X-Remote-Group", "ops"),
        ("X-Remote-Extra-Scopes.Example.com%2FRead", "a"),
        ("x-remote-extra-scopes.example.com%2fread", "b"),
    ]);

    let user = identity(&sent, &usual()).unwrap().unwrap();

    let expected = UserInfo {
        name: "jane".into(),
        uid: Some("42".into()),
        groups: vec!["dev".into(), "ops".into()],
        extra: extra(&[("scopes.example.com/read", &["a", "b"])]),
    };
    assert_eq!(user, expected);
}

#[test]
fn without_a_user_name_there_is_nobody() {
    let table = [
        headers(&[]),
        headers(&[("X-Remote-User", "")]),
        headers(&[("X-Remote-User", ""), ("X-Remote-User", "second")]),
        headers(&[("X-Remote-Group", "system:masters"), ("X-Remote-Uid", "1")]),
        headers(&[("Remote-User", "jane")]),
    ];
    for sent in table {
        assert_eq!(identity(&sent, &usual()).unwrap(), None, "{sent:?}");
    }
    assert_eq!(identity(&headers(&[("X-Remote-User", "jane")]), &IdentityHeaders::default()).unwrap(), None);
}

#[test]
fn the_first_header_that_says_something_names_the_user() {
    let configured = IdentityHeaders { username: names(&["x-first", "x-second"]), ..usual() };
    let table = [
        (headers(&[("X-First", "a"), ("X-Second", "b")]), "a"),
        (headers(&[("X-First", ""), ("X-Second", "b")]), "b"),
        (headers(&[("X-Second", "b")]), "b"),
    ];
    for (sent, expected) in table {
        assert_eq!(identity(&sent, &configured).unwrap().unwrap().name, expected);
    }
}

#[test]
fn a_uid_is_believed_only_where_it_is_configured() {
    let sent = headers(&[("X-Remote-User", "jane"), ("X-Remote-Uid", "42")]);
    let without = IdentityHeaders { uid: Vec::new(), ..usual() };
    assert_eq!(identity(&sent, &without).unwrap().unwrap().uid, None);
}

#[test]
fn extra_keys_are_decoded_and_kept_raw_if_they_cannot_be() {
    let table = [
        ("plain", "plain"),
        ("a%2fb", "a/b"),
        ("a%20b%2Bc", "a b+c"),
        ("caf%c3%a9", "café"),
        ("100%", "100%"),
        ("a%2", "a%2"),
        ("a%zzb%2f", "a%zzb%2f"),
        ("a%%41", "a%%41"),
        ("a%ff", "a%ff"),
        ("", ""),
    ];
    for (sent, expected) in table {
        let sent = headers(&[("X-Remote-User", "jane"), (&format!("X-Remote-Extra-{sent}"), "v")]);
        let user = identity(&sent, &usual()).unwrap().unwrap();
        assert_eq!(user.extra, extra(&[(expected, &["v"])]));
    }
}

#[test]
fn names_that_are_no_text_are_refused() {
    for name in ["x-remote-user", "x-remote-group", "x-remote-uid", "x-remote-extra-a"] {
        let mut sent = headers(&[("X-Remote-User", "jane")]);
        sent.insert(HeaderName::from_static(name), HeaderValue::from_bytes(b"j\xff").unwrap());
        let refusal = identity(&sent, &usual()).unwrap_err();
        assert_eq!(refusal.to_string(), format!("the header {name} is not valid UTF-8"));
    }
    let unicode = headers(&[("X-Remote-User", "jürgen")]);
    assert_eq!(identity(&unicode, &usual()).unwrap().unwrap().name, "jürgen");
}

/// Encodes as client-go does: what may not stand in a header name, and the percent sign.
fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}

proptest! {
    #[test]
    fn any_user_that_kube_apiserver_encodes_is_decoded(
        key in "[a-z0-9/%:._ é✓-]{1,40}",
        values in proptest::collection::vec("[ -~]{0,20}", 1..4),
    ) {
        let name = HeaderName::from_bytes(format!("X-Remote-Extra-{}", encoded(&key)).as_bytes()).unwrap();
        let mut sent = headers(&[("X-Remote-User", "jane")]);
        for value in &values {
            sent.append(&name, HeaderValue::from_str(value).unwrap());
        }
        let user = identity(&sent, &usual()).unwrap().unwrap();
        prop_assert_eq!(user.extra, BTreeMap::from([(key, values)]));
    }

    #[test]
    fn any_headers_name_the_user_that_they_name_or_nobody(
        sent in proptest::collection::vec(("x-remote-(user|uid|group|extra-[!-9;-Z^-~]{0,8})", any::<Vec<u8>>()), 0..6),
    ) {
        let mut map = HeaderMap::new();
        for (name, value) in &sent {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
                map.append(name, value);
            }
        }
        if let Ok(Some(user)) = identity(&map, &usual()) {
            prop_assert_eq!(map.get("x-remote-user").unwrap().as_bytes(), user.name.as_bytes());
            prop_assert!(!user.name.is_empty());
            prop_assert!(user.groups.iter().all(|group| !group.is_empty()));
        }
    }

    #[test]
    fn any_key_is_decoded_whole_or_not_at_all(key in "[a-z%0-9f]{0,12}") {
        let decoded = decoded(&key);
        let is_whole = key.split('%').skip(1).all(|rest| {
            rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit)
        });
        prop_assert!(is_whole || decoded == key);
    }
}
