//! What is renewed when.
use super::*;

const DAY: i64 = 24 * 60 * 60;

/// Days after the CA was made.
fn day(days: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(days * DAY)
}

fn lived(from: i64, lifetime: Duration) -> Lifespan {
    Lifespan::starting(day(from), lifetime)
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn leaf(issued: i64) -> SeenLeaf {
    SeenLeaf {
        lives: lived(issued, Lifetimes::default().leaf),
        names: names(&["a", "b"]),
        signer: Signer::Current,
    }
}

fn seen(leaf: SeenLeaf) -> Seen {
    Seen {
        authority: Found::Usable(lived(0, Lifetimes::default().authority)),
        leaf: Found::Usable(leaf),
        served: None,
    }
}

fn next_on(days: i64, seen: &Seen) -> Step {
    next(seen, &names(&["a"]), &Lifetimes::default(), day(days))
}

#[test]
fn an_empty_namespace_gets_a_ca_first_and_then_a_leaf() {
    let mut seen = Seen { authority: Found::Absent, leaf: Found::Absent, served: None };
    assert_eq!(next_on(0, &seen), Step::RenewAuthority(Because::Absent));
    seen.authority = Found::Usable(lived(0, Lifetimes::default().authority));
    assert_eq!(next_on(0, &seen), Step::IssueLeaf(Because::Absent, names(&["a"])));
}

#[test]
fn a_leaf_serves_until_two_thirds_of_its_life() {
    let Step::Serve { until } = next_on(1, &seen(leaf(0))) else { panic!("nothing is due") };
    assert_eq!(until, leaf(0).lives.renew_at());
    assert!(day(59) < until && until < day(61), "{until}");
    assert_eq!(next_on(60, &seen(leaf(0))), Step::IssueLeaf(Because::Due, names(&["a"])));
}

#[test]
fn a_ca_is_renewed_at_two_thirds_of_its_life_though_its_leaf_is_young() {
    assert_eq!(next_on(2434, &seen(leaf(2433))), Step::RenewAuthority(Because::Due));
}

#[test]
fn a_broken_secret_is_made_anew() {
    let broken = Seen { authority: Found::Broken, ..seen(leaf(0)) };
    assert_eq!(next_on(0, &broken), Step::RenewAuthority(Because::Broken));
    let broken = Seen { leaf: Found::Broken, ..seen(leaf(0)) };
    assert_eq!(next_on(0, &broken), Step::IssueLeaf(Because::Broken, names(&["a"])));
}

#[test]
fn a_missing_name_is_added_to_those_of_other_replicas() {
    let seen = seen(leaf(0));
    let step = next(&seen, &names(&["b", "c"]), &Lifetimes::default(), day(1));
    assert_eq!(step, Step::IssueLeaf(Because::NamesMissing, names(&["a", "b", "c"])));
}

#[test]
fn a_leaf_that_nobody_trusts_is_replaced() {
    let strange = SeenLeaf { signer: Signer::Unknown, ..leaf(0) };
    assert_eq!(next_on(0, &seen(strange)), Step::IssueLeaf(Because::Untrusted, names(&["a"])));
}

#[test]
fn a_leaf_of_a_former_ca_serves_its_time() {
    let former = SeenLeaf { signer: Signer::Former, ..leaf(0) };
    assert!(matches!(next_on(30, &seen(former.clone())), Step::Serve { .. }));
    assert!(matches!(next_on(60, &seen(former)), Step::IssueLeaf(Because::Due, _)));
}

#[test]
fn clients_get_time_to_learn_of_a_new_ca_before_a_leaf_of_it_replaces_a_living_one() {
    let due = SeenLeaf { signer: Signer::Former, ..leaf(-61) };
    let settled = day(0) + Lifetimes::default().settle;
    assert_eq!(next_on(0, &seen(due.clone())), Step::Serve { until: settled });
    let step = next(&seen(due), &names(&["a"]), &Lifetimes::default(), settled);
    assert!(matches!(step, Step::IssueLeaf(Because::Due, _)), "{step:?}");
}

#[test]
fn when_both_secrets_are_lost_the_leaf_that_is_served_bridges_the_time() {
    let served = SeenLeaf { signer: Signer::Former, ..leaf(-1) };
    let lost = Seen { leaf: Found::Absent, served: Some(served), ..seen(leaf(0)) };
    let settled = day(0) + Lifetimes::default().settle;
    assert_eq!(next_on(0, &lost), Step::Serve { until: settled });
    let step = next(&lost, &names(&["a"]), &Lifetimes::default(), settled);
    assert_eq!(step, Step::IssueLeaf(Because::Absent, names(&["a"])));
}

#[test]
fn garbage_is_replaced_by_what_is_served_while_it_is_too_early_for_a_new_leaf() {
    let served = SeenLeaf { signer: Signer::Former, ..leaf(-1) };
    let broken = Seen { leaf: Found::Broken, served: Some(served), ..seen(leaf(0)) };
    assert_eq!(next_on(0, &broken), Step::RestoreLeaf(Because::Broken));
    let starting = Seen { served: None, ..broken };
    assert_eq!(next_on(0, &starting), Step::IssueLeaf(Because::Broken, names(&["a"])));
}

#[test]
fn a_lost_leaf_of_the_current_ca_is_replaced_at_once() {
    let lost = Seen { leaf: Found::Absent, served: Some(leaf(0)), ..seen(leaf(0)) };
    assert_eq!(next_on(1, &lost), Step::IssueLeaf(Because::Absent, names(&["a"])));
}

#[test]
fn an_expired_leaf_has_nothing_to_wait_for() {
    let expired = SeenLeaf { signer: Signer::Former, ..leaf(-91) };
    assert!(matches!(next_on(0, &seen(expired)), Step::IssueLeaf(Because::Due, _)));
}

#[test]
fn a_former_ca_is_trusted_as_long_as_a_leaf_of_it_may_live() {
    let lifetimes = Lifetimes::default();
    let current = lived(100, lifetimes.authority);
    assert_eq!(trusted_until(lived(0, lifetimes.authority), current, &lifetimes), day(190));
    let ending = Lifespan { from: day(0), until: day(120) };
    assert_eq!(trusted_until(ending, current, &lifetimes), day(120));
}

#[test]
fn a_short_life_has_a_short_head_start() {
    let lives = Lifespan::starting(day(1), Duration::from_secs(10));
    assert_eq!(lives.from, day(1) - Duration::from_secs(1));
    assert_eq!(lives.issued_at(), day(1));
}

#[test]
fn the_pause_is_never_long_and_never_nothing() {
    assert_eq!(pause(day(9), day(0)), Duration::from_secs(3600));
    assert_eq!(pause(day(0), day(9)), Duration::from_secs(1));
    assert_eq!(pause(day(0) + Duration::from_secs(7), day(0)), Duration::from_secs(7));
}
