//! Metrics under the names of Flux's controllers (`fluxcd/pkg/runtime/metrics`), so that dashboards and alerts made for
//! Flux, the GitOps Toolkit, show our kinds beside its own. They alone have series for each object, as Flux's have, and
//! only the leader shows them.
use super::memory::Key;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Registry,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Where Flux's buckets end, in seconds.
const BOUNDS: [f64; 10] = [
    0.01,
    0.038363583488692544,
    0.1471764538093883,
    0.5646216173286169,
    2.166090855590701,
    8.309900738254731,
    31.879757075478317,
    122.30217221643493,
    469.19495946736544,
    1799.9999999999986,
];

/// What a condition may say.
const STATUSES: [&str; 3] = ["True", "False", "Unknown"];

/// What every object of every kind was like after its last pass. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Toolkit(Arc<Mutex<BTreeMap<(&'static str, Key), Told>>>);

/// How an object was after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// What Ready says, if it says anything.
    pub ready: Option<bool>,
    pub suspended: bool,
}

/// What is remembered of one object.
#[derive(Debug)]
struct Told {
    state: State,
    took: Durations,
}

/// A histogram that is small, since there is one for each object.
#[derive(Debug, Default)]
struct Durations {
    counts: [u32; BOUNDS.len() + 1],
    seconds: f64,
}

impl Toolkit {
    /// Registers in `registry`, whose names must have no prefix.
    pub fn register(registry: &mut Registry) -> Self {
        let toolkit = Self::default();
        registry.register_collector(Box::new(toolkit.clone()));
        toolkit
    }

    /// Objects of that kind are told of until the answer is dropped.
    pub(super) fn of(&self, kind: &'static str) -> Teller {
        Teller { toolkit: self.clone(), kind }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, Key), Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of the objects of one kind, while this process leads.
#[derive(Debug)]
pub(super) struct Teller {
    toolkit: Toolkit,
    kind: &'static str,
}

impl Teller {
    /// After a pass that took so long.
    pub(super) fn tell(&self, key: &Key, state: State, took: Duration) {
        let mut all = self.toolkit.lock();
        let told =
            all.entry((self.kind, key.clone())).or_insert_with(|| Told { state, took: Durations::default() });
        told.state = state;
        told.took.add(took);
    }

    /// After it has gone.
    pub(super) fn forget(&self, key: &Key) {
        self.toolkit.lock().remove(&(self.kind, key.clone()));
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.toolkit.lock().retain(|(kind, _), _| *kind != self.kind);
    }
}

impl Durations {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
        self.seconds += seconds;
    }

    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let buckets: Vec<_> =
            BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts.map(u64::from)).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.seconds, count, &buckets, None)
    }
}

impl Collector for Toolkit {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.lock();
        if all.is_empty() {
            return Ok(());
        }
        let help = "Whether Ready has this status, under the name that Flux gives it.";
        let mut conditions =
            encoder.encode_descriptor("gotk_reconcile_condition", help, None, MetricType::Gauge)?;
        for (object, told) in &*all {
            let actual = match told.state.ready {
                Some(true) => "True",
                Some(false) => "False",
                None => "Unknown",
            };
            for status in STATUSES {
                let [kind, name, namespace] = labels(object);
                let labels = [kind, name, namespace, ("type", "Ready"), ("status", status)];
                conditions.encode_family(&labels)?.encode_gauge(&u32::from(status == actual))?;
            }
        }
        let help = "Whether the object is suspended, under the name that Flux gives it.";
        let mut suspended =
            encoder.encode_descriptor("gotk_suspend_status", help, None, MetricType::Gauge)?;
        for (object, told) in &*all {
            suspended.encode_family(&labels(object))?.encode_gauge(&u32::from(told.state.suspended))?;
        }
        let help = "How long passes over the object took, under the name that Flux gives it.";
        let mut took = encoder.encode_descriptor(
            "gotk_reconcile_duration_seconds",
            help,
            None,
            MetricType::Histogram,
        )?;
        all.iter().try_for_each(|(object, told)| told.took.encode(took.encode_family(&labels(object))?))
    }
}

fn labels<'a>((kind, (namespace, name)): &'a (&'static str, Key)) -> [(&'static str, &'a str); 3] {
    [("kind", kind), ("name", name), ("namespace", namespace)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: State = State { ready: Some(true), suspended: false };

    fn shown(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn an_object_is_told_of_from_its_first_pass_until_it_goes() {
        let mut registry = Registry::default();
        let teller = Toolkit::register(&mut registry).of("ExternalSource");
        assert_eq!(shown(&registry), "# EOF\n");

        let key = ("apps".to_owned(), "podinfo".to_owned());
        teller.tell(&key, READY, Duration::from_millis(20));
        teller.tell(&key, State { ready: Some(false), suspended: true }, Duration::from_hours(1));
        let text = shown(&registry);
        let object = r#"kind="ExternalSource",name="podinfo",namespace="apps""#;
        for line in [
            format!(r#"gotk_reconcile_condition{{{object},type="Ready",status="True"}} 0"#),
            format!(r#"gotk_reconcile_condition{{{object},type="Ready",status="False"}} 1"#),
            format!("gotk_suspend_status{{{object}}} 1"),
            format!("gotk_reconcile_duration_seconds_sum{{{object}}} 3600.02"),
            format!("gotk_reconcile_duration_seconds_count{{{object}}} 2"),
            format!(r#"gotk_reconcile_duration_seconds_bucket{{le="0.01",{object}}} 0"#),
            format!(r#"gotk_reconcile_duration_seconds_bucket{{le="+Inf",{object}}} 2"#),
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in {text}");
        }

        teller.forget(&key);
        assert_eq!(shown(&registry), "# EOF\n");
    }

    #[test]
    fn who_leads_no_more_tells_nothing() {
        let mut registry = Registry::default();
        let toolkit = Toolkit::register(&mut registry);
        let teller = toolkit.of("ExternalSource");
        teller.tell(&("apps".into(), "podinfo".into()), READY, Duration::ZERO);
        drop(teller);
        assert_eq!(shown(&registry), "# EOF\n");
    }
}
