//! Histories of a view, made up at random: wherever a client is cut off, it ends up with the same objects.
use super::*;
use crate::{
    api::{Change, Selection, Snapshot},
    fixture::{Revision, key, revision},
    status::Status,
};
use proptest::prelude::*;

type Known = BTreeMap<Key, (i64, String)>;

/// A write to one of three backing objects: what it consists of afterwards; nothing if it is deleted.
#[derive(Clone, Debug)]
struct Write {
    backing: u8,
    objects: Vec<(u8, i64)>,
    /// How far the backing version grows.
    step: u64,
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let objects = prop::collection::vec((0..4u8, 0..3i64), 0..4);
    let write = (0..3u8, objects, 1..3u64);
    let write = write.prop_map(|(backing, objects, step)| Write { backing, objects, step });
    prop::collection::vec(write, 1..25)
}

fn objects(write: &Write) -> Vec<Revision> {
    let named = write.objects.iter().map(|(name, size)| {
        let mut object = revision(&format!("{}-{name}", write.backing), "podinfo");
        object.spec.size = *size;
        object
    });
    named.collect()
}

/// Feeds a new replica from `first` on, as if it had listed just before; what was written earlier comes with the list.
fn replica(history: &[Write], first: usize, window: usize) -> State<Revision> {
    let mut state = State::new(Numbering::DERIVED, window);
    let mut listed: BTreeMap<Key, Vec<Revision>> = BTreeMap::new();
    let mut version = Version(100);
    for (index, write) in history.iter().enumerate() {
        let backing = key(&write.backing.to_string());
        if index == first {
            state.replace(version, std::mem::take(&mut listed));
        }
        version.0 += write.step;
        if index < first {
            listed.insert(backing, objects(write));
        } else {
            state.apply(version, &backing, objects(write));
        }
    }
    if first >= history.len() {
        state.replace(version, listed);
    }
    state
}

impl State<Revision> {
    fn now(&self) -> Snapshot<Revision> {
        self.timeline.snapshot(&Selection::default()).expect("a state")
    }

    fn then(&self, version: Version) -> Result<Snapshot<Revision>, Status> {
        self.timeline.snapshot_at(version, &Selection::default())
    }

    fn changes_after(&self, version: Version) -> Result<Vec<Change<Revision>>, Status> {
        let number = self.timeline.number_after(version)?;
        self.timeline.changes_from(number, usize::MAX)
    }
}

fn known(snapshot: &Snapshot<Revision>) -> Known {
    let entry = |item: &Item<Revision>| (Key::of(&**item), (item.spec.size, String::new()));
    snapshot.items.iter().map(entry).collect()
}

/// What a client makes of a change; its new version.
fn follow(known: &mut Known, change: &Change<Revision>) -> Version {
    let item = match change {
        Change::Added(item) | Change::Modified { after: item, .. } => {
            known.insert(Key::of(&**item), (item.spec.size, String::new()));
            item
        }
        Change::Deleted(item) => {
            assert!(known.remove(&Key::of(&**item)).is_some(), "deleted what was not there: {item:?}");
            item
        }
        Change::Progress(version) => return *version,
    };
    version_of(&**item).expect("a version")
}

proptest! {
    #[test]
    fn any_watch_that_is_cut_and_resumed_on_another_replica_loses_nothing(history in writes(), listed in 0..25usize) {
        let first = replica(&history, 0, 1_000);
        let other = replica(&history, listed.min(history.len()), 1_000);
        let expected = known(&first.now());
        let changes = first.changes_after(first.timeline.floor()).unwrap();
        let start = first.then(first.timeline.floor()).unwrap();
        for cut in 0..=changes.len() {
            let mut seen = known(&start);
            let mut version = start.version;
            for change in &changes[..cut] {
                let next = follow(&mut seen, change);
                prop_assert!(next > version, "versions grow: {} after {}", next, version);
                version = next;
            }
            for replica in [&first, &other] {
                match replica.changes_after(version) {
                    Ok(changes) => {
                        let mut resumed = seen.clone();
                        for change in changes {
                            follow(&mut resumed, &change);
                        }
                        prop_assert_eq!(&resumed, &expected);
                    }
                    Err(status) => prop_assert_eq!(status.reason(), "Expired"),
                }
            }
        }
    }

    #[test]
    fn any_earlier_state_in_the_window_can_be_listed(history in writes(), window in 1..40usize) {
        let state = replica(&history, 0, window);
        let changes = state.changes_after(state.timeline.floor()).unwrap();
        prop_assert!(changes.len() <= window);
        let mut seen = known(&state.then(state.timeline.floor()).unwrap());
        for change in &changes {
            let version = follow(&mut seen, change);
            let then = state.then(version).unwrap();
            prop_assert_eq!(known(&then), seen.clone());
            prop_assert!(then.items.iter().all(|item| version_of(&**item).unwrap() <= version));
        }
        prop_assert_eq!(seen, known(&state.now()));
        let before = Version(state.timeline.floor().0 - 1);
        prop_assert_eq!(state.then(before).unwrap_err().reason(), "Expired");
    }
}

#[test]
fn a_write_is_numbered_by_the_order_of_names() {
    let mut state = State::new(Numbering::DERIVED, 10);
    state.replace(Version(1), []);
    state.apply(Version(2), &key("s"), vec![revision("b", "s"), revision("a", "s")]);
    state.apply(Version(3), &key("s"), vec![revision("a", "s"), revision("c", "s")]);
    let changes = state.changes_after(Version(2047)).unwrap();
    let mut known = Known::new();
    let versions: Vec<u64> = changes.iter().map(|change| follow(&mut known, change).0).collect();
    assert_eq!(versions, [2048, 2049, 3072, 3073]);
    assert!(matches!(&changes[2], Change::Deleted(item) if item.metadata.name.as_deref() == Some("b")));
    assert_eq!(state.timeline.version(), Some(Version(4095)));
}

#[test]
fn a_write_without_effect_is_no_change_in_a_derived_view() {
    let mut state = State::new(Numbering::DERIVED, 10);
    state.replace(Version(1), []);
    state.apply(Version(2), &key("s"), vec![revision("a", "s")]);
    state.apply(Version(3), &key("s"), vec![revision("a", "s")]);
    assert_eq!(state.changes_after(Version(2047)).unwrap().len(), 1);
    assert_eq!(state.timeline.version(), Some(Version(4095)));
}

#[test]
fn a_write_of_the_past_is_ignored() {
    let mut state = State::new(Numbering::DERIVED, 10);
    state.replace(Version(5), [(key("s"), vec![revision("a", "s")])]);
    state.apply(Version(5), &key("s"), Vec::new());
    assert!(state.timeline.get(&key("a")).is_some());
}

#[test]
fn a_write_with_more_changes_than_numbers_starts_a_new_window() {
    let mut state = State::new(Numbering::DERIVED, 10_000);
    state.replace(Version(1), []);
    let before = state.timeline.number_after(Version(2047)).unwrap();
    let many = (0..1_025).map(|n| revision(&format!("r{n}"), "s")).collect();
    state.apply(Version(2), &key("s"), many);
    assert_eq!(state.timeline.changes_from(before, 1).unwrap_err().reason(), "Expired");
    assert_eq!(state.now().items.len(), 1_025);
}

#[test]
fn an_object_that_two_backing_objects_claim_belongs_to_the_last() {
    let mut state = State::new(Numbering::DERIVED, 10);
    state.replace(Version(1), []);
    state.apply(Version(2), &key("s"), vec![revision("a", "s")]);
    state.apply(Version(3), &key("t"), vec![revision("a", "t")]);
    state.apply(Version(4), &key("s"), Vec::new());
    assert_eq!(state.timeline.get(&key("a")).unwrap().spec.source, "t");
    state.apply(Version(5), &key("t"), Vec::new());
    assert!(state.timeline.get(&key("a")).is_none());
}

#[test]
fn an_object_falls_back_to_the_backing_object_that_still_claims_it() {
    let mut state = State::new(Numbering::DERIVED, 10);
    state.replace(Version(1), []);
    state.apply(Version(2), &key("s"), vec![revision("a", "s")]);
    state.apply(Version(3), &key("t"), vec![revision("a", "t")]);
    state.apply(Version(4), &key("t"), Vec::new());
    assert_eq!(state.timeline.get(&key("a")).unwrap().spec.source, "s");
    let changes = state.changes_after(Version(4095)).unwrap();
    assert!(matches!(&changes[..], [Change::Modified { after, .. }] if after.spec.source == "s"));
}
