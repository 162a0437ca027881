//! Chains against trust: whom they prove, and every way in which they prove nobody.
use super::{
    super::{
        authorities::Authorities,
        trust::{FrontProxy, IdentityHeaders},
    },
    *,
};
use crate::pki::{Authority, Pair, client};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};

struct Setup {
    proxy: Authority,
    clients: Authority,
    trust: Trust,
}

fn setup(allowed: &[&str]) -> Setup {
    let (proxy, clients) = (Authority::new(), Authority::new());
    let authorities = |authority: &Authority| Authorities::parse(&authority.pem(), UnixTime::now()).unwrap();
    let trust = Trust {
        generation: 1,
        clients: Some(authorities(&clients)),
        front_proxy: Some(FrontProxy {
            authorities: authorities(&proxy),
            allowed_names: allowed.iter().map(ToString::to_string).collect(),
            headers: IdentityHeaders::default(),
        }),
    };
    Setup { proxy, clients, trust }
}

impl Setup {
    fn judge(&self, pair: &Pair) -> Verdict {
        judge(&self.trust, &pair.chain(), UnixTime::now())
    }
}

fn user(verdict: Verdict) -> UserInfo {
    verdict.client.expect("an opinion").expect("a user")
}

#[test]
fn the_front_proxy_needs_the_right_authority_and_the_right_name() {
    let setup = setup(&["front-proxy-client", "aggregator"]);
    let (own, other) = (&setup.proxy, &setup.clients);

    assert!(matches!(setup.judge(&own.client("aggregator")).front_proxy, Some(Ok(()))));
    let wrong_name = setup.judge(&own.client("system:admin")).front_proxy;
    assert!(
        matches!(&wrong_name, Some(Err(Refusal::WrongName { common_name })) if common_name == "system:admin"),
        "{wrong_name:?}"
    );
    let wrong_authority = setup.judge(&other.client("front-proxy-client")).front_proxy;
    assert!(matches!(wrong_authority, Some(Err(Refusal::UnknownFrontProxy { .. }))), "{wrong_authority:?}");
    let nameless = setup.judge(&own.client("")).front_proxy;
    assert!(matches!(nameless, Some(Err(Refusal::WrongName { .. }))), "{nameless:?}");
}

#[test]
fn without_allowed_names_any_name_of_the_right_authority_will_do() {
    let setup = setup(&[]);
    assert!(matches!(setup.judge(&setup.proxy.client("whoever")).front_proxy, Some(Ok(()))));
    let stranger = setup.judge(&Authority::new().client("whoever")).front_proxy;
    assert!(matches!(stranger, Some(Err(Refusal::UnknownFrontProxy { .. }))), "{stranger:?}");
}

#[test]
fn a_client_certificate_gives_name_groups_and_the_id_of_the_credential() {
    let setup = setup(&[]);
    let mut params = client("jane");
    params.distinguished_name.push(DnType::OrganizationName, "dev");
    // The same attribute once more: rcgen takes each of its own types only once.
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 10]), "ops");
    params.distinguished_name.push(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]), "uid-42");
    let pair = setup.clients.issue(&params);

    let user = user(setup.judge(&pair));

    assert_eq!((user.name.as_str(), user.uid.as_deref()), ("jane", Some("uid-42")));
    assert_eq!(user.groups, ["dev", "ops"]);
    let fingerprint = digest(&SHA256, &pair.chain()[0]);
    let expected = format!("X509SHA256={}", hex(fingerprint.as_ref()));
    assert_eq!(user.extra["authentication.kubernetes.io/credential-id"], [expected]);
}

#[test]
fn a_certificate_without_a_name_is_nobody() {
    let setup = setup(&[]);
    assert!(setup.judge(&setup.clients.client("")).client.is_none());
}

#[test]
fn of_several_names_the_last_counts_as_in_go() {
    let setup = setup(&["front-proxy-client"]);
    let mut params = client("front-proxy-client");
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "mallory");
    let verdict = setup.judge(&setup.proxy.issue(&params)).front_proxy;
    assert!(
        matches!(&verdict, Some(Err(Refusal::WrongName { common_name })) if common_name == "mallory"),
        "{verdict:?}"
    );
}

#[test]
fn certificates_of_the_wrong_time_or_purpose_prove_nothing() {
    let setup = setup(&[]);
    let mut expired = client("jane");
    expired.not_after = date_time_ymd(2001, 1, 1);
    let mut future = client("jane");
    future.not_before = date_time_ymd(4000, 1, 1);
    let mut server = client("jane");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut authority = client("jane");
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    for (what, params) in
        [("expired", expired), ("future", future), ("server", server), ("authority", authority)]
    {
        let verdict = setup.judge(&setup.clients.issue(&params));
        assert!(
            matches!(verdict.client, Some(Err(Refusal::UnknownClient { .. }))),
            "{what}: {:?}",
            verdict.client
        );
    }
}

#[test]
fn intermediates_that_the_client_presents_complete_its_chain() {
    let setup = setup(&[]);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let intermediate = rcgen::CertifiedIssuer::signed_by(params, key, &setup.clients.0).unwrap();
    let middle = Authority(intermediate);
    let leaf = middle.client("jane");

    let alone = setup.judge(&leaf);
    let complete = setup.judge(&Pair { cert: leaf.cert.clone() + &middle.pem(), key: String::new() });

    assert!(matches!(alone.client, Some(Err(Refusal::UnknownClient { .. }))), "{alone:?}");
    assert_eq!(user(complete).name, "jane");
}

#[test]
fn endless_chains_and_garbage_are_refused() {
    let setup = setup(&[]);
    let leaf = setup.clients.client("jane").chain();
    let long: Vec<_> = leaf.iter().cycle().take(LONGEST_CHAIN + 1).cloned().collect();
    let verdict = judge(&setup.trust, &long, UnixTime::now());
    assert!(matches!(verdict.front_proxy, Some(Err(Refusal::LongChain(11)))), "{verdict:?}");
    assert!(verdict.client.is_none());

    let garbage = [CertificateDer::from(vec![0x30, 0x82, 0xff])];
    let verdict = judge(&setup.trust, &garbage, UnixTime::now());
    assert!(
        matches!(verdict.front_proxy, Some(Err(_))) && matches!(verdict.client, Some(Err(_))),
        "{verdict:?}"
    );
}

#[test]
fn without_authorities_there_is_no_opinion() {
    let verdict = judge(&Trust::default(), &Authority::new().client("jane").chain(), UnixTime::now());
    assert!(verdict.front_proxy.is_none() && verdict.client.is_none());
}

#[tokio::test]
async fn a_verdict_is_reused_until_the_trust_changes() {
    let setup = setup(&[]);
    let judge = Judge::new();
    let chain = Chain::from(setup.clients.client("jane").chain());

    let first = judge.judge(&setup.trust, &chain).await;
    let again = judge.judge(&setup.trust, &chain).await;
    let after = judge.judge(&Trust { generation: 2, ..Trust::default() }, &chain).await;

    assert!(Arc::ptr_eq(&first, &again));
    assert!(first.client.is_some() && after.client.is_none(), "the new trust knows no authority");
}
