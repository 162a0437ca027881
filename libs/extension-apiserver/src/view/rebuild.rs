//! From lists of the backing objects to the state of the view at any version, and from there to now. Pure.
use super::{numbering::Numbering, past::Listed, state::State};
use crate::{
    api::{Change, Selection, Snapshot},
    object::{Item, Key, Object, Version},
    status::Status,
    timeline::{is_same, version_of, versioned},
};
use std::collections::BTreeMap;

/// The state after a whole write.
pub(super) fn whole<T: Object>(numbering: Numbering, write: Version, after: Listed<T>) -> Snapshot<T> {
    let items = replaced(numbering, write, after).timeline.snapshot(&Selection::default());
    items.unwrap_or(Snapshot { version: numbering.whole(write), items: Vec::new() })
}

/// The state at a version within a write: what there was before it, and as much of the write as the version includes.
pub(super) fn within<T: Object>(
    numbering: Numbering,
    version: Version,
    before: Listed<T>,
    after: Listed<T>,
) -> Result<Snapshot<T>, Status> {
    let write = numbering.backing(version);
    let written = written(&before, after);
    let mut state = replaced(numbering, Version(write.0.saturating_sub(1)), before);
    if let Some((backing, objects)) = written {
        state.apply(write, &backing, objects);
    }
    state.timeline.snapshot_at(version, &Selection::default())
}

fn replaced<T: Object>(numbering: Numbering, version: Version, listed: Listed<T>) -> State<T> {
    let mut state = State::new(numbering, usize::MAX);
    state.replace(version, listed);
    state
}

/// The backing object that is different, of which one write makes one, with what it gives afterwards.
fn written<T: Object>(before: &Listed<T>, after: Listed<T>) -> Option<(Key, Vec<T>)> {
    let form = |objects: &Vec<T>| serde_json::to_vec(objects).ok();
    let mut before: BTreeMap<&Key, &Vec<T>> = before.iter().map(|(key, objects)| (key, objects)).collect();
    for (key, objects) in after {
        match before.remove(&key) {
            Some(then) if form(then) == form(&objects) => {}
            _ => return Some((key, objects)),
        }
    }
    let deleted = before.into_keys().next()?;
    Some((deleted.clone(), Vec::new()))
}

/// What a client that knows one state has to be told to know another: what is gone first, then what is new or different.
///
/// Nobody knows any more in which order it happened, so every event but the last carries the version that the client
/// came from: if it is cut off in between, it begins again, and misses nothing. The last carries the version that is
/// reached. That one is the object that the client holds under the very version that it came from, if it is among
/// them: clients take the same object under the same version for unchanged.
pub(super) fn between<T: Object>(then: &Snapshot<T>, now: &Snapshot<T>) -> Vec<Change<T>> {
    let mut known: BTreeMap<Key, &Item<T>> = by_key(then);
    let (mut changed, mut last) = (Vec::new(), None);
    for (key, item) in by_key(now) {
        match known.remove(&key) {
            Some(before) if is_same(before, item) => {}
            Some(before) if version_of(&**before) == Some(then.version) => last = Some((Some(before), item)),
            before => changed.push((before, item)),
        }
    }
    changed.extend(last);
    let count = known.len() + changed.len();
    let version = |position: usize| if position + 1 == count { now.version } else { then.version };
    let deleted = known.into_values().map(|item| (Some(item), None));
    let changed = changed.into_iter().map(|(before, item)| (before, Some(item)));
    let told = deleted.chain(changed).enumerate();
    told.filter_map(|(position, (before, after))| change(before, after, version(position))).collect()
}

fn by_key<T: Object>(snapshot: &Snapshot<T>) -> BTreeMap<Key, &Item<T>> {
    snapshot.items.iter().map(|item| (Key::of(&**item), item)).collect()
}

fn change<T: Object>(
    before: Option<&Item<T>>,
    after: Option<&Item<T>>,
    version: Version,
) -> Option<Change<T>> {
    let at_version = |item: &Item<T>| versioned(T::clone(item), version);
    match (before, after) {
        (None, None) => None,
        (None, Some(after)) => Some(Change::Added(at_version(after))),
        (Some(before), Some(after)) => {
            Some(Change::Modified { before: before.clone(), after: at_version(after) })
        }
        (Some(before), None) => Some(Change::Deleted(at_version(before))),
    }
}

#[cfg(test)]
mod tests;
