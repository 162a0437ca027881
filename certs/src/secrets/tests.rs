//! What lies in the Secrets, through real certificates.
use super::*;
use std::time::Duration;

const LIFETIMES: Lifetimes = Lifetimes {
    authority: Duration::from_secs(3000),
    leaf: Duration::from_secs(300),
    settle: Duration::from_secs(30),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn wanted() -> BTreeSet<String> {
    ["postern.postern-system.svc", "127.0.0.1", "fd00::1"].map(str::to_owned).into()
}

/// Walks until there is nothing to do, as the loop does, and counts what was made.
fn settled(mut stored: Stored, now: Timestamp) -> (Stored, usize) {
    for made in 0..9 {
        let (ca, serving) = (stored.authority.secret.clone(), stored.serving.secret.clone());
        stored = match stored.next(&wanted(), &LIFETIMES, now).unwrap() {
            Action::Serve(..) => return (stored, made),
            Action::Write(AUTHORITY_SECRET, secret, _) => read(Some(*secret), serving),
            Action::Write(_, secret, _) => read(ca, Some(*secret)),
        };
    }
    unreachable!("the plan ends")
}

fn read(authority: Option<Secret>, serving: Option<Secret>) -> Stored {
    Stored::read(authority, serving, None)
}

fn fresh() -> Stored {
    settled(Stored::read(None, None, None), at(0)).0
}

fn bundle(stored: &Stored, now: Timestamp) -> Vec<Trusted> {
    let current = stored.authority.pair.usable().expect("settled");
    pair::authorities(&stored.bundle(current, &LIFETIMES, now))
}

fn set(secret: Option<Secret>, key: &str, value: &[u8]) -> Option<Secret> {
    let mut secret = secret.expect("settled");
    secret.data.as_mut().expect("data").insert(key.to_owned(), ByteString(value.to_vec()));
    Some(secret)
}

#[test]
fn an_empty_namespace_gets_a_pair_for_all_names_that_the_bundle_verifies() {
    let (stored, made) = settled(Stored::read(None, None, None), at(0));
    assert_eq!(made, 2);
    let leaf = stored.serving.pair.usable().expect("issued");
    assert_eq!(leaf.names, wanted());
    let bundle = bundle(&stored, at(0));
    assert_eq!(bundle.len(), 1);
    assert!(leaf.is_signed_by(&bundle[0].der));
}

#[test]
fn what_is_there_is_taken_as_it_is() {
    let stored = fresh();
    let again = read(stored.authority.secret.clone(), stored.serving.secret.clone());
    assert_eq!(settled(again, at(1)).1, 0);
}

#[test]
fn a_renewed_ca_and_the_one_before_it_are_both_trusted_and_the_leaf_stays() {
    let stored = fresh();
    let young = read(stored.authority.secret.clone(), stored.serving.secret.clone());
    let leaf_issued_late = settled(young, at(1650)).0;
    let (renewed, made) = settled(leaf_issued_late, at(1750));
    assert_eq!(made, 1, "only the CA");
    let leaf = renewed.serving.pair.usable().expect("kept");
    assert_eq!(renewed.signer_of(leaf), Signer::Former);
    assert_eq!(bundle(&renewed, at(1750)).len(), 2);
    assert_eq!(bundle(&renewed, at(1750 + 301)).len(), 1, "no leaf of the old lives any more");
}

#[test]
fn a_lost_ca_stays_trusted_while_its_leaf_lives() {
    let stored = fresh();
    let (repaired, made) = settled(read(None, stored.serving.secret), at(1));
    assert_eq!(made, 1, "only the CA");
    let leaf = repaired.serving.pair.usable().expect("kept");
    let bundle = bundle(&repaired, at(1));
    assert_eq!((bundle.len(), leaf.is_signed_by(&bundle[1].der)), (2, true));
}

#[test]
fn when_both_secrets_are_lost_what_is_served_stays_trusted_until_clients_know_the_new_ca() {
    let Action::Serve(served, _) = fresh().next(&wanted(), &LIFETIMES, at(1)).unwrap() else {
        panic!("settled");
    };
    let lost = Stored::read(None, None, Some(&served)).next(&wanted(), &LIFETIMES, at(2)).unwrap();
    let Action::Write(AUTHORITY_SECRET, authority, _) = lost else { panic!("a CA comes first") };
    let then = |seconds| {
        let stored = Stored::read(Some((*authority).clone()), None, Some(&served));
        stored.next(&wanted(), &LIFETIMES, at(seconds)).unwrap()
    };
    let Action::Serve(bridge, _) = then(3) else { panic!("what is served bridges the time") };
    assert_eq!(bridge.chain_pem, served.chain_pem);
    assert_eq!(pair::authorities(&bridge.ca_pem).len(), 2);
    assert!(matches!(then(33), Action::Write(SERVING_SECRET, ..)), "clients had their time");
}

#[test]
fn garbage_is_recognized_and_repaired() {
    let foreign = issue::authority(&LIFETIMES, at(0)).unwrap();
    for (key, value) in [
        ("tls.crt", b"garbage".as_slice()),
        ("tls.key", b""),
        ("tls.key", foreign.key_pem.expose_secret()),
        ("tls.crt", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        let stored = fresh();
        let broken = set(stored.serving.secret, key, value);
        let broken = read(stored.authority.secret.clone(), broken);
        assert!(broken.serving.unusable.is_some(), "{key}");
        assert_eq!(settled(broken, at(1)).1, 1, "{key}: only the leaf is made anew");
        let broken = read(set(stored.authority.secret, key, value), None);
        assert!(broken.authority.unusable.is_some(), "{key}");
        assert_eq!(settled(broken, at(1)).1, 2, "{key}: both are made anew");
    }
}

#[test]
fn garbage_in_a_bundle_is_replaced_and_the_pair_beside_it_stays() {
    for garbage in [b"garbage".as_slice(), b""] {
        let stored = fresh();
        let (ca, serving) = (stored.authority.secret, stored.serving.secret);
        for broken in [
            read(set(ca.clone(), BUNDLE, garbage), serving.clone()),
            read(ca.clone(), set(serving.clone(), BUNDLE, garbage)),
        ] {
            let (repaired, made) = settled(broken, at(1));
            assert_eq!(made, 1);
            for (secret, before) in [(&repaired.authority.secret, &ca), (&repaired.serving.secret, &serving)]
            {
                let (secret, before) = (secret.as_ref().unwrap(), before.as_ref().unwrap());
                assert_eq!(secret.data, before.data);
            }
        }
    }
}

#[test]
fn garbage_is_replaced_at_once_although_a_new_ca_is_not_known_yet() {
    let stored = fresh();
    let Action::Serve(served, _) = stored.next(&wanted(), &LIFETIMES, at(1)).unwrap() else {
        panic!("settled");
    };
    let ca = set(stored.authority.secret, KEY, b"garbage");
    let serving = set(stored.serving.secret, KEY, b"");
    let broken = Stored::read(ca, serving.clone(), Some(&served));
    let Action::Write(AUTHORITY_SECRET, ca, _) = broken.next(&wanted(), &LIFETIMES, at(2)).unwrap() else {
        panic!("a CA comes first");
    };
    let broken = Stored::read(Some(*ca), serving, Some(&served));
    let Action::Write(SERVING_SECRET, serving, _) = broken.next(&wanted(), &LIFETIMES, at(3)).unwrap() else {
        panic!("garbage stays in the Secret");
    };
    assert_eq!(
        value(&serving, CHAIN),
        served.chain_pem,
        "what is served, since it is too early for a new one"
    );
    assert_eq!(pair::authorities(value(&serving, BUNDLE)).len(), 2, "of the new CA and of the old one");
}

#[test]
fn a_leaf_where_the_ca_should_be_is_no_ca() {
    let stored = fresh();
    let slot = Slot::read(SERVING_SECRET, stored.serving.secret, Pair::read_authority);
    assert_eq!(slot.unusable.expect("refused").to_string(), "the certificate is not that of a CA");
}

#[test]
fn what_people_added_stays_and_the_type_is_kept() {
    let mut secret = fresh().serving.secret.expect("settled");
    secret.metadata.resource_version = Some("7".into());
    secret.metadata.labels.get_or_insert_default().insert("team".into(), "a".into());
    secret.type_ = Some("Opaque".into());
    let secret = set(set(Some(secret), "tls.crt", b""), "note", b"mine");
    let repaired = settled(read(fresh().authority.secret, secret), at(1)).0;
    let secret = repaired.serving.secret.expect("settled");
    assert_eq!(value(&secret, "note"), b"mine");
    assert_eq!(secret.metadata.resource_version.as_deref(), Some("7"), "no blind write");
    assert_eq!(
        (secret.type_.as_deref(), &secret.metadata.labels.unwrap()["team"]),
        (Some("Opaque"), &"a".into())
    );
    assert_eq!(secret.metadata.annotations.unwrap()["certs.postern.dev/issued-because"], "Broken");
}

#[test]
fn no_key_is_ever_shown() {
    let stored = fresh();
    let key = String::from_utf8(value(stored.serving.secret.as_ref().unwrap(), KEY).to_vec()).unwrap();
    let line = key.lines().nth(1).expect("base64");
    assert!(!format!("{:?}", stored.serving.pair).contains(line));
}
