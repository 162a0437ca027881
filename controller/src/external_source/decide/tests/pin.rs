//! What a pin has to do with it.
use super::{super::pin, *};

#[test]
fn a_pin_is_obeyed_at_once_and_the_source_is_looked_at_after_that() {
    let mut scene = Scene::well();
    let older = fetched("older", 0).blob;
    scene.seen.pin = Some(Pin { digest: older.key.digest, blob: Some(older), record: None });
    scene.source.metadata.generation = Some(2);
    scene.annotate("now");
    assert!(matches!(scene.step(), Step::Obey(Some(_))), "before any fetch, even one that was asked for");
    assert_eq!(scene.followed(), None, "the request is answered by the pass that fetches");

    let pin = scene.seen.pin.clone();
    pin::obey(scene.status(), pin.as_ref(), &base());
    pin::tell(scene.status(), pin.as_ref(), false, (Some(2), NOW.now)).expect("it is stored");
    assert_eq!(scene.order().pin, pin);
}

#[test]
fn a_pinned_source_is_compared_with_its_newest_revision() {
    let mut scene = Scene::well();
    let older = fetched("older", 0).blob;
    let pin = Some(Pin { digest: older.key.digest, blob: Some(older), record: None });
    pin::obey(scene.status(), pin.as_ref(), &base());
    pin::tell(scene.status(), pin.as_ref(), false, (Some(1), NOW.now)).expect("it is stored");
    scene.seen.pin = pin;
    scene.memory.next = Next::At(NOW.now);
    let stored = scene.order().stored.expect("the newest is stored");
    assert_eq!(stored.digest, fetched("one", 60).blob.key.digest);
}

#[test]
fn what_a_pin_names_and_is_not_stored_is_asked_for_once() {
    let mut scene = Scene::well();
    scene.seen.pin = Some(Pin { digest: Digest::of(b"gone"), blob: None, record: None });
    scene.order();
    scene.memory.failed = true;
    assert_eq!(scene.rests_until(), Some(in_seconds(300)), "then at the interval");
}
