//! Made-up histories of the backing objects, seen by replicas that were started at different times: a client that is cut
//! off after any event goes on at any replica, and pages of one list come from any replica.
use super::*;
use crate::fixture::{Revision, key, revision};
use proptest::prelude::*;

/// Name to size and source, as a client knows them.
type Known = BTreeMap<Key, (i64, String)>;

/// A write to one of three backing objects, and what it gives afterwards: objects that others may claim, too.
#[derive(Clone, Debug)]
struct Write {
    backing: u8,
    objects: Vec<(u8, i64)>,
    step: u64,
}

#[derive(Clone, Debug)]
struct History(Vec<Write>);

/// Before the first write.
const START: u64 = 100;

fn histories() -> impl Strategy<Value = History> {
    let objects = prop::collection::vec((0..5u8, 0..2i64), 0..4);
    let write = (0..3u8, objects, 1..3u64);
    let write = write.prop_map(|(backing, objects, step)| Write { backing, objects, step });
    prop::collection::vec(write, 1..12).prop_map(History)
}

impl History {
    /// Each write with its version.
    fn versioned(&self) -> Vec<(Version, &Write)> {
        let mut version = START;
        let numbered = self.0.iter().map(|write| {
            version += write.step;
            (Version(version), write)
        });
        numbered.collect()
    }

    /// As `resourceVersionMatch=Exact` answers.
    fn listed(&self, at: Version) -> Listed<Revision> {
        let seen = self.versioned().into_iter().filter(|(version, _)| *version <= at);
        let last: BTreeMap<u8, _> = seen.map(|(version, write)| (write.backing, (version, write))).collect();
        let listed =
            last.into_iter().map(|(backing, (version, write))| (name(backing), given(version, write)));
        listed.collect()
    }

    /// A replica that was started after some writes, and keeps some changes.
    fn replica(&self, started: usize, window: usize) -> State<Revision> {
        let writes = self.versioned();
        let start =
            writes.get(..started).and_then(<[_]>::last).map_or(Version(START), |(version, _)| *version);
        let mut state = State::new(Numbering::DERIVED, window);
        state.replace(start, self.listed(start));
        for (version, write) in writes.into_iter().skip(started) {
            state.apply(version, &name(write.backing), given(version, write));
        }
        state
    }

    /// The state at a version of the view, made anew.
    fn rebuilt(&self, version: Version) -> Snapshot<Revision> {
        let numbering = Numbering::DERIVED;
        let write = numbering.backing(version);
        match numbering.includes_whole_write(version) {
            true => whole(numbering, write, self.listed(write)),
            false => within(numbering, version, self.listed(Version(write.0 - 1)), self.listed(write))
                .expect("nothing is compacted"),
        }
    }

    /// What a client is told that comes to a replica with a version: from the window, or from the past and then from it.
    fn resumed(&self, replica: &State<Revision>, from: Version) -> Vec<Change<Revision>> {
        let timeline = &replica.timeline;
        match timeline.number_after(from) {
            Ok(number) => timeline.changes_from(number, usize::MAX).expect("in the window"),
            Err(_) => between(&self.rebuilt(from), &now(replica)),
        }
    }
}

fn name(backing: u8) -> Key {
    key(&format!("backing-{backing}"))
}

fn given(version: Version, write: &Write) -> Vec<Revision> {
    let objects = write.objects.iter().map(|(object, size)| {
        let mut given = revision(&format!("r{object}"), &write.backing.to_string());
        given.spec.size = *size;
        given.metadata.resource_version = Some(version.to_string());
        given
    });
    objects.collect()
}

fn now(replica: &State<Revision>) -> Snapshot<Revision> {
    replica.timeline.snapshot(&Selection::default()).expect("a state")
}

fn known(snapshot: &Snapshot<Revision>) -> Known {
    let content = |item: &Item<Revision>| (item.spec.size, item.spec.source.clone());
    snapshot.items.iter().map(|item| (Key::of(&**item), content(item))).collect()
}

/// What a client makes of an event; the version that it would come back with.
fn follow(known: &mut Known, change: &Change<Revision>) -> Version {
    let item = match change {
        Change::Added(item) | Change::Modified { after: item, .. } => {
            known.insert(Key::of(&**item), (item.spec.size, item.spec.source.clone()));
            item
        }
        Change::Deleted(item) => {
            known.remove(&Key::of(&**item));
            item
        }
        Change::Progress(version) => return *version,
    };
    version_of(&**item).expect("a version")
}

proptest! {
    // Each case cuts and resumes at every event, twice.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_watch_that_is_cut_goes_on_at_any_replica(
        history in histories(),
        started in 0..12usize,
        restarted in 0..12usize,
        window in 0..6usize,
    ) {
        let whole = history.replica(0, 1_000);
        let count = history.0.len();
        let others = [
            history.replica(started.min(count), window),
            history.replica(restarted.min(count), 1_000),
            history.replica(count, 1_000),
        ];
        let expected = known(&now(&whole));
        let start = history.rebuilt(whole.timeline.floor());
        let first = history.resumed(&whole, start.version);
        for cut in 0..=first.len() {
            let (mut seen, mut version) = (known(&start), start.version);
            for change in &first[..cut] {
                version = follow(&mut seen, change);
            }
            for replica in &others {
                let second = history.resumed(replica, version);
                for cut in 0..=second.len() {
                    let (mut seen, mut version) = (seen.clone(), version);
                    for change in &second[..cut] {
                        version = version.max(follow(&mut seen, change));
                    }
                    for last in &others {
                        let mut seen = seen.clone();
                        for change in history.resumed(last, version) {
                            follow(&mut seen, &change);
                        }
                        prop_assert_eq!(&seen, &expected);
                    }
                }
            }
        }
    }

    #[test]
    fn any_page_of_a_list_is_the_same_on_every_replica(history in histories(), started in 0..12usize) {
        let whole = history.replica(0, 1_000);
        let other = history.replica(started.min(history.0.len()), 1_000);
        let changes = history.resumed(&whole, whole.timeline.floor());
        let mut versions = vec![whole.timeline.floor(), now(&whole).version];
        versions.extend(changes.iter().map(|change| follow(&mut Known::new(), change)));
        for version in versions {
            let then = whole.timeline.snapshot_at(version, &Selection::default()).expect("in the window");
            prop_assert_eq!(known(&history.rebuilt(version)), known(&then));
            if let Ok(there) = other.timeline.snapshot_at(version, &Selection::default()) {
                prop_assert_eq!(known(&there), known(&then));
            }
        }
    }

    #[test]
    fn any_object_that_a_client_holds_changes_its_version_with_its_content(history in histories()) {
        let whole = history.replica(0, 1_000);
        let changes = history.resumed(&whole, whole.timeline.floor());
        for held in &changes {
            let version = follow(&mut Known::new(), held);
            let (Change::Added(held) | Change::Modified { after: held, .. }) = held else { continue };
            for told in between(&history.rebuilt(version), &now(&whole)) {
                let (Change::Added(told) | Change::Modified { after: told, .. }) = told else { continue };
                let is_held = Key::of(&*told) == Key::of(&**held);
                prop_assert!(!is_held || version_of(&*told) > Some(version));
            }
        }
    }
}
