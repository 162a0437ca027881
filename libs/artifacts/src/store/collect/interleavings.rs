//! Collectors beside passes, readers and each other, in every order in which their steps can follow one another.
//!
//! One source with two possible contents. Its passes store and publish `B`, then `A` again, which an earlier process has
//! left behind; then it is deleted with its blobs left behind, as when the finalizer is taken off by hand, made anew, and
//! publishes `B` once more. Beside them: the collector of the pass, one of a leader that was replaced and knows old
//! statuses only, the one that sweeps up after deleted sources, and a reader. The collectors' decisions are the real ones.
use super::*;
use crate::{
    Digest,
    store::{BlobInfo, SourceKey},
};
use std::{collections::BTreeMap, sync::LazyLock};

const GRACE: u64 = 60;
const TICK: u64 = 30;
/// Long enough for each collector to look, wait and remove, at each point of the passes.
const END: u64 = 6 * TICK;

type Content = u8;
const A: Content = 0;
const B: Content = 1;

/// What the leader does with the source, in this order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Store(Content),
    Publish(Content),
    Collect,
    Delete,
    Create,
}

static KEYS: LazyLock<[BlobKey; 2]> = LazyLock::new(|| {
    [A, B]
        .map(|content| BlobKey { source: SourceKey::new("a", "b").unwrap(), digest: Digest::of(&[content]) })
});

use Step::{Collect, Create, Delete, Publish, Store};
const PASSES: [Step; 11] = [
    Collect,
    Store(B),
    Publish(B),
    Collect,
    Store(A),
    Publish(A),
    Collect,
    Delete,
    Create,
    Store(B),
    Publish(B),
];

/// One that looks, waits and removes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Collector {
    marks: Marks,
    gone: Vec<(Content, u64)>,
    /// It has looked whether the source is there again, and it was not.
    about_to_remove: Option<(Content, u64)>,
    /// What a collector read of the status before it listed the store.
    status: Option<(Option<Content>, u64)>,
    looks: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now: u64,
    /// By content, when it was stored.
    stored: BTreeMap<Content, u64>,
    exists: bool,
    published: Option<Content>,
    /// When the leader stored what it has yet to publish.
    unpublished_since: Option<u64>,
    leader: (usize, Collector),
    replaced: Collector,
    sweeper: Collector,
    /// What the reader was told of, and when; whether it has read.
    told: Option<(Content, u64)>,
    has_read: bool,
}

/// What a removal asks for, beside the blob's key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// That the blob was not stored again: what a store does.
    Unchanged,
    /// Nothing.
    Any,
}

/// Who is at work beside the leader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Replaced,
    Sweeper,
}

#[derive(Clone, Copy)]
struct Rules {
    grace: u64,
    removal: Removal,
    beside: Beside,
}

const RULES: Rules = Rules { grace: GRACE, removal: Removal::Unchanged, beside: Beside::Replaced };

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_second(seconds as i64).unwrap()
}

fn key(content: Content) -> BlobKey {
    KEYS[usize::from(content)].clone()
}

impl Collector {
    fn look(&mut self, stored: &BTreeMap<Content, u64>, keep: &[Content], rules: Rules, now: u64) {
        let blob =
            |(content, at): (&Content, &u64)| BlobInfo { key: key(*content), size: 1, stored_at: time(*at) };
        let stored: Vec<_> = stored.iter().map(blob).collect();
        let keep = keep.iter().map(|content| key(*content)).collect();
        let look = self.marks.look(&stored, &keep, Duration::from_secs(rules.grace), time(now));
        let named = |blob: BlobInfo| {
            let content = if blob.key == KEYS[0] { A } else { B };
            (content, blob.stored_at.as_second() as u64)
        };
        self.gone = look.gone.into_iter().map(named).collect();
        self.looks += 1;
    }
}

impl World {
    fn new() -> Self {
        Self {
            now: 0,
            stored: BTreeMap::from([(A, 0)]),
            exists: true,
            published: None,
            unpublished_since: None,
            leader: Default::default(),
            replaced: Collector::default(),
            sweeper: Collector::default(),
            told: None,
            has_read: false,
        }
    }

    /// Everything that can happen next.
    fn next(&self, rules: Rules) -> Vec<World> {
        let beside = match rules.beside {
            Beside::Replaced => Self::collect_as_replaced,
            Beside::Sweeper => Self::sweep,
        };
        let steps = [Self::tick, Self::lead, beside, Self::read];
        let happened = |step: fn(&mut World, Rules) -> bool| {
            let mut world = self.clone();
            step(&mut world, rules).then_some(world)
        };
        steps.into_iter().filter_map(happened).collect()
    }

    /// Time passes, but a pass publishes what it stored, and a reader reads what it was told of, within the grace.
    fn tick(&mut self, _: Rules) -> bool {
        let waits_too_long = |since: Option<u64>| since.is_some_and(|since| self.now + TICK > since + GRACE);
        let told = self.told.filter(|_| !self.has_read).map(|(_, at)| at);
        if self.now >= END || waits_too_long(self.unpublished_since) || waits_too_long(told) {
            return false;
        }
        self.now += TICK;
        true
    }

    fn lead(&mut self, rules: Rules) -> bool {
        let Some(step) = PASSES.get(self.leader.0) else { return false };
        self.leader.0 += 1;
        match *step {
            Store(content) => {
                self.stored.insert(content, self.now);
                self.unpublished_since = Some(self.now);
            }
            Publish(content) => {
                self.published = Some(content);
                self.unpublished_since = None;
            }
            Collect => {
                let keep: Vec<_> = self.published.into_iter().collect();
                self.leader.1.look(&self.stored, &keep, rules, self.now);
                while let Some(gone) = self.leader.1.gone.pop() {
                    self.remove(gone, rules);
                }
            }
            Delete => {
                (self.exists, self.published, self.leader.1) = (false, None, Collector::default());
                // Nobody is promised what was deleted.
                self.has_read = self.told.is_some();
            }
            Create => self.exists = true,
        }
        true
    }

    /// A leader that does not know yet that another one leads: what it read of the status may be old when it removes.
    fn collect_as_replaced(&mut self, rules: Rules) -> bool {
        if let Some(gone) = self.replaced.gone.pop() {
            self.remove(gone, rules);
        } else if let Some((status, read_at)) = self.replaced.status.take() {
            let keep: Vec<_> = status.into_iter().collect();
            self.replaced.look(&self.stored, &keep, rules, read_at);
        } else if self.replaced.looks < 2 && self.exists {
            self.replaced.status = Some((self.published, self.now));
        } else {
            return false;
        }
        true
    }

    fn sweep(&mut self, rules: Rules) -> bool {
        if let Some(gone) = self.sweeper.about_to_remove.take() {
            self.remove(gone, rules);
        } else if let Some(gone) = self.sweeper.gone.pop() {
            self.sweeper.about_to_remove = Some(gone).filter(|_| !self.exists);
        } else if self.sweeper.looks < 2 {
            let orphans = if self.exists { BTreeMap::new() } else { self.stored.clone() };
            self.sweeper.look(&orphans, &[], rules, self.now);
        } else {
            return false;
        }
        true
    }

    fn read(&mut self, _: Rules) -> bool {
        match (self.told, self.published) {
            (None, Some(content)) => self.told = Some((content, self.now)),
            (Some(_), _) if !self.has_read => self.has_read = true,
            _ => return false,
        }
        true
    }

    fn remove(&mut self, (content, stored_at): (Content, u64), rules: Rules) {
        if rules.removal == Removal::Any || self.stored.get(&content) == Some(&stored_at) {
            self.stored.remove(&content);
        }
    }

    /// What must never be, in words.
    fn wrong(&self) -> Option<&'static str> {
        let is_missing = |content: &Content| !self.stored.contains_key(content);
        if self.published.as_ref().is_some_and(is_missing) {
            return Some("what a status names was collected");
        }
        let told = self.told.filter(|_| !self.has_read).map(|(content, _)| content);
        told.as_ref().is_some_and(is_missing).then_some("a reader was told of what was collected")
    }

    /// A collector that goes on alone leaves nothing but what is published.
    fn ends_tidy(mut self) -> bool {
        for _ in 0..2 {
            self.now += GRACE + 1;
            let keep: Vec<_> = self.published.into_iter().collect();
            self.leader.1.look(&self.stored, &keep, RULES, self.now);
            while let Some(gone) = self.leader.1.gone.pop() {
                self.remove(gone, RULES);
            }
        }
        self.stored.into_keys().eq(self.published)
    }
}

/// Looks at every world that can come about, and returns how many there were.
fn explore(rules: Rules) -> Result<usize, &'static str> {
    let (mut seen, mut waiting) = (HashSet::new(), vec![World::new()]);
    while let Some(world) = waiting.pop() {
        if let Some(wrong) = world.wrong() {
            return Err(wrong);
        }
        let next = world.next(rules);
        if next.is_empty() && !world.clone().ends_tidy() {
            return Err("what nobody keeps was left");
        }
        for world in next {
            if seen.insert(world.clone()) {
                waiting.push(world);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn in_no_order_is_anything_collected_that_somebody_needs() {
    for beside in [Beside::Replaced, Beside::Sweeper] {
        let worlds = explore(Rules { beside, ..RULES }).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(worlds > 10_000, "{worlds} are not all that there are");
    }
}

#[test]
fn without_a_grace_or_with_blind_removals_the_explorer_finds_what_goes_wrong() {
    let wrong = Err("what a status names was collected");
    assert_eq!(explore(Rules { grace: 0, ..RULES }), wrong);
    for beside in [Beside::Replaced, Beside::Sweeper] {
        assert_eq!(explore(Rules { removal: Removal::Any, beside, ..RULES }), wrong);
    }
}
