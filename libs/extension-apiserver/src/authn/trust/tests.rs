//! Each value of the ConfigMap: as kube-apiserver writes it, missing, broken, and changing.
use super::*;
use crate::pki::Authority;

fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// As kubeadm's kube-apiserver writes it.
fn usual(proxy: &Authority, clients: &Authority) -> BTreeMap<String, String> {
    data(&[
        (CLIENT_CA, &clients.pem()),
        (PROXY_CA, &proxy.pem()),
        (ALLOWED_NAMES, r#"["front-proxy-client"]"#),
        (USERNAME_HEADERS, r#"["X-Remote-User"]"#),
        (UID_HEADERS, r#"["X-Remote-Uid"]"#),
        (GROUP_HEADERS, r#"["X-Remote-Group"]"#),
        (EXTRA_PREFIXES, r#"["X-Remote-Extra-"]"#),
    ])
}

fn next(trust: &Trust, data: &BTreeMap<String, String>) -> (Trust, Vec<String>) {
    let (trust, problems) = trust.next(data, UnixTime::now());
    (trust, problems.iter().map(ToString::to_string).collect())
}

/// Whether the trust's front proxy is one that `authority` vouches for.
fn trusts(trust: &Trust, authority: &Authority) -> bool {
    let chain = authority.client("front-proxy-client").chain();
    let proxy = trust.front_proxy.as_ref();
    proxy.is_some_and(|proxy| proxy.authorities.verify(&chain, UnixTime::now()).is_ok())
}

#[test]
fn all_of_it_is_read() {
    let (proxy, clients) = (Authority::new(), Authority::new());

    let (trust, problems) = next(&Trust::default(), &usual(&proxy, &clients));

    assert_eq!(problems, [""; 0]);
    assert_eq!(trust.generation, 1);
    assert!(trust.clients.is_some() && trusts(&trust, &proxy) && !trusts(&trust, &clients));
    let front_proxy = trust.front_proxy.unwrap();
    assert_eq!(front_proxy.allowed_names, ["front-proxy-client"]);
    let header = |name: &'static str| vec![HeaderName::from_static(name)];
    let expected = IdentityHeaders {
        username: header("x-remote-user"),
        uid: header("x-remote-uid"),
        group: header("x-remote-group"),
        extra_prefixes: vec!["x-remote-extra-".to_owned()],
    };
    assert_eq!(front_proxy.headers, expected);
}

#[test]
fn missing_and_empty_lists_are_empty() {
    let proxy = Authority::new();
    let (trust, problems) =
        next(&Trust::default(), &data(&[(PROXY_CA, &proxy.pem()), (USERNAME_HEADERS, "")]));
    assert_eq!(problems, [""; 0]);
    let front_proxy = trust.front_proxy.unwrap();
    assert_eq!(front_proxy.headers, IdentityHeaders::default(), "no UID header unless it is named");
    assert_eq!(front_proxy.allowed_names, [""; 0]);
}

#[test]
fn nothing_is_trusted_where_nothing_is_said() {
    let (trust, problems) = next(&Trust::default(), &data(&[]));
    assert!(trust.front_proxy.is_none() && trust.clients.is_none());
    assert_eq!(problems, ["requestheader-client-ca-file is missing"]);
}

#[test]
fn broken_values_are_named_and_leave_the_old_ones() {
    let (proxy, clients) = (Authority::new(), Authority::new());
    let good = usual(&proxy, &clients);
    let (trust, _) = next(&Trust::default(), &good);
    let table = [
        (ALLOWED_NAMES, "front-proxy-client", "requestheader-allowed-names is not a JSON list of strings"),
        (GROUP_HEADERS, r#"{"a":1}"#, "requestheader-group-headers is not a JSON list of strings"),
        (
            USERNAME_HEADERS,
            r#"["X Remote"]"#,
            "requestheader-username-headers names \"X Remote\", which cannot be a header",
        ),
        (
            EXTRA_PREFIXES,
            r#"[""]"#,
            "requestheader-extra-headers-prefix names \"\", which cannot be a header",
        ),
        (PROXY_CA, "", "requestheader-client-ca-file is missing"),
        (PROXY_CA, "not PEM", "requestheader-client-ca-file holds no certificate"),
        (
            PROXY_CA,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "requestheader-client-ca-file holds something that is not a certificate",
        ),
        (CLIENT_CA, "", "client-ca-file is missing"),
    ];
    for (key, value, problem) in table {
        let mut broken = good.clone();
        broken.insert(key.to_owned(), value.to_owned());
        let (after, problems) = next(&trust, &broken);
        assert_eq!(problems, [problem], "{key}");
        assert!(trusts(&after, &proxy) && after.clients.is_some(), "{key}: the old values stay");
    }
}

#[test]
fn while_an_authority_is_replaced_both_are_believed() {
    let (old, new, clients) = (Authority::new(), Authority::new(), Authority::new());
    let mut both = usual(&old, &clients);
    both.insert(PROXY_CA.to_owned(), old.pem() + &new.pem());

    let (during, _) = next(&Trust::default(), &both);
    let (after, _) = next(&during, &usual(&new, &clients));

    assert!(trusts(&during, &old) && trusts(&during, &new));
    assert!(trusts(&after, &new) && !trusts(&after, &old));
    assert!(after.generation > during.generation);
}

#[test]
fn expired_authorities_vouch_for_nobody() {
    let (expired, new, clients) = (Authority::expired(), Authority::new(), Authority::new());
    let mut one_left = usual(&expired, &clients);
    one_left.insert(PROXY_CA.to_owned(), expired.pem() + &new.pem());
    let (trust, problems) = next(&Trust::default(), &one_left);
    assert!(trusts(&trust, &new) && !trusts(&trust, &expired));
    assert_eq!(problems, [""; 0]);

    let (trust, problems) = next(&trust, &usual(&expired, &clients));
    assert!(trust.front_proxy.is_none(), "not even the one believed before");
    assert_eq!(
        problems,
        ["requestheader-client-ca-file holds only certificates that are expired or not valid yet"]
    );
}

#[test]
fn one_authority_for_users_and_front_proxy_needs_allowed_names() {
    let shared = Authority::new();
    let mut data = usual(&shared, &shared);
    let (trust, problems) = next(&Trust::default(), &data);
    assert!(trusts(&trust, &shared) && problems.is_empty(), "{problems:?}");

    data.insert(ALLOWED_NAMES.to_owned(), "[]".to_owned());
    let (trust, problems) = next(&trust, &data);
    assert!(trust.front_proxy.is_none());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("could act as anybody"), "{problems:?}");
}

/// CVE-2024-12401, CVE-2026-25518: PEM that is made to be slow to read.
#[test]
fn cve_2024_12401_a_bundle_of_garbage_leaves_the_old_authorities() {
    let (proxy, clients) = (Authority::new(), Authority::new());
    let good = usual(&proxy, &clients);
    let (trust, _) = next(&Trust::default(), &good);
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let garbage = [
        begin.repeat(100_000),
        format!("{begin}{}", "-\n".repeat(1_000_000)),
        format!("{begin}{}-----END CERTIFICATE-----\n", "AAAA\n".repeat(1_000_000)),
        "\u{0}".repeat(1 << 20),
    ];
    for bundle in garbage {
        let mut broken = good.clone();
        broken.insert(PROXY_CA.to_owned(), bundle);
        let (next, problems) = next(&trust, &broken);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(PROXY_CA) && problems[0].len() < 1_000, "{problems:?}");
        assert!(trusts(&next, &proxy), "the old one counts on");
    }
    let mut many = good;
    many.insert(PROXY_CA.to_owned(), proxy.pem().repeat(10_000));
    assert!(trusts(&next(&trust, &many).0, &proxy), "many are no garbage");
}
