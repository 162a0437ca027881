//! Controllers that would work on the same sources by another Lease: those of shards whose selectors overlap. Pure.
use crate::shard::Shard;
use crds::{annotations::WATCH_LABEL_SELECTOR, lease::Sighting, names::is_lease};
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use std::{collections::BTreeMap, time::Instant};

/// What was seen of the Leases of other shards.
#[derive(Debug, Default)]
pub(super) struct Rivals(BTreeMap<String, Sighting>);

/// A controller at work that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rival {
    /// The name of its Lease.
    pub lease: String,
    /// What it works on, as it says.
    pub selector: String,
}

impl Rivals {
    /// Looks once more at all Leases of the namespace, and names one that is held, and whose shard overlaps with ours.
    pub(super) fn look(&mut self, leases: Vec<Lease>, ours: &Shard, now: Instant) -> Option<Rival> {
        let name = ours.lease();
        let mut before = std::mem::take(&mut self.0);
        for lease in
            leases.into_iter().filter(|lease| is_lease(&lease.name_any()) && lease.name_any() != name)
        {
            let seen = before.remove(&lease.name_any());
            self.0.insert(lease.name_any(), Sighting::updated(seen, lease, now));
        }
        let held = self.0.iter().filter(|(_, seen)| !seen.is_silent(now));
        let in_the_way =
            held.map(|(lease, seen)| Rival { lease: lease.clone(), selector: selector(&seen.lease) });
        in_the_way.into_iter().find(|rival| ours.overlaps(&rival.shard()))
    }
}

impl Rival {
    /// What cannot be read may be anything.
    fn shard(&self) -> Shard {
        self.selector.parse().unwrap_or_default()
    }
}

fn selector(lease: &Lease) -> String {
    lease.annotations().get(WATCH_LABEL_SELECTOR).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::decide::claim;
    use jiff::Timestamp;
    use std::time::Duration;

    /// The Lease of a controller with that selector, held by somebody.
    fn held(selector: &str) -> Lease {
        let shard: Shard = selector.parse().expect("a selector");
        let mut lease = Lease { spec: Some(claim(None, "other", Timestamp::UNIX_EPOCH)), ..Lease::default() };
        lease.metadata.name = Some(shard.lease());
        let written = shard.selector().map(|text| (WATCH_LABEL_SELECTOR.to_owned(), text.to_owned()));
        lease.metadata.annotations = Some(written.into_iter().collect());
        lease
    }

    fn ours() -> Shard {
        "key=a".parse().expect("a selector")
    }

    #[test]
    fn only_who_would_work_on_our_sources_is_in_the_way() {
        let now = Instant::now();
        let mut rivals = Rivals::default();
        assert_eq!(rivals.look(vec![held("key=b"), held("!key"), held("key=a")], &ours(), now), None);
        let wide = held("key");
        let expected = Rival { lease: wide.name_any(), selector: "key".into() };
        assert_eq!(rivals.look(vec![held("key=b"), wide], &ours(), now), Some(expected));
        let all = rivals.look(vec![held("")], &ours(), now).expect("it works on everything");
        assert_eq!((&*all.lease, &*all.selector), ("postern-controller", ""));
    }

    #[test]
    fn who_let_go_or_fell_silent_is_in_nobodys_way() {
        let start = Instant::now();
        let mut released = held("key");
        let spec = released.spec.as_mut().expect("held() sets it");
        spec.holder_identity = Some(String::new());
        assert_eq!(Rivals::default().look(vec![released], &ours(), start), None);

        let mut rivals = Rivals::default();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(rivals.look(vec![held("key")], &ours(), start).is_some());
        assert!(rivals.look(vec![held("key")], &ours(), after(14)).is_some());
        assert_eq!(rivals.look(vec![held("key")], &ours(), after(15)), None);
    }

    #[test]
    fn leases_of_others_than_controllers_are_nothing_to_us() {
        let mut strange = held("key");
        strange.metadata.name = Some("postern-controllers-of-somebody".into());
        assert_eq!(Rivals::default().look(vec![strange], &ours(), Instant::now()), None);
    }
}
