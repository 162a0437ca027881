//! Keeps the trust true: follows the ConfigMap for as long as the server runs.
use super::{
    overrides::TrustOverrides,
    trust::{NAME, NAMESPACE, Trust},
};
use arc_swap::ArcSwap;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use rustls_pki_types::UnixTime;
use std::{collections::BTreeMap, pin::pin, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

/// How often authorities are checked for having expired.
const RECHECK: Duration = Duration::from_secs(60);

/// The trust of this moment, and what stands in its way.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) trust: ArcSwap<Trust>,
    /// Why no front proxy is trusted; `None` when one is. Sent by the follower, read by whoever waits for readiness.
    obstacle: watch::Sender<Option<String>>,
}

impl Default for Current {
    fn default() -> Self {
        let obstacle = watch::Sender::new(Some(format!("ConfigMap {NAMESPACE}/{NAME} is not read yet")));
        Self { trust: ArcSwap::default(), obstacle }
    }
}

impl Current {
    pub(crate) fn obstacle(&self) -> Option<String> {
        self.obstacle.borrow().clone()
    }

    pub(crate) async fn ready(&self) {
        let mut obstacle = self.obstacle.subscribe();
        obstacle.wait_for(Option::is_none).await.expect("`self` holds the sender");
    }

    /// Believes what `data` says as far as it can be read.
    pub(crate) fn update(&self, data: &BTreeMap<String, String>, now: UnixTime) {
        let (trust, problems) = self.trust.load().next(data, now);
        let is_trusting = trust.front_proxy.is_some();
        self.trust.store(trust.into());
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        self.note(is_trusting, &problems.join("; "));
    }

    /// Something is wrong with the ConfigMap or on the way to it. What was read before stays believed.
    fn trouble(&self, what: &str) {
        self.note(self.trust.load().front_proxy.is_some(), what);
    }

    fn note(&self, is_trusting: bool, problem: &str) {
        let obstacle = (!is_trusting).then(|| format!("ConfigMap {NAMESPACE}/{NAME}: {problem}"));
        let changed = self.obstacle.send_if_modified(|current| {
            let changed = *current != obstacle;
            *current = obstacle;
            changed
        });
        if is_trusting && !problem.is_empty() {
            warn!(error = problem, "failed to renew the trust in the front proxy, the old one stays");
        } else if changed && is_trusting {
            info!("front proxy is trusted");
        } else if changed {
            warn!(error = problem, "no front proxy is trusted, its requests are refused");
        }
    }
}

/// Runs until dropped. What `overrides` say counts from the first moment.
pub(crate) async fn follow(client: kube::Client, overrides: TrustOverrides, current: &Current) {
    let mut seen = Seen { overrides, ..Seen::default() };
    if seen.overrides.is_enough() {
        seen.apply(ConfigMap::default(), current);
    }
    let api = Api::<ConfigMap>::namespaced(client, NAMESPACE);
    let only_this = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let mut events = pin!(watcher(api, only_this).default_backoff());
    let mut recheck = interval(RECHECK);
    recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.next(), if !seen.overrides.skip_lookup => match event {
                Some(Ok(event)) => seen.take(event, current),
                Some(Err(error)) => current.trouble(&advice(&error)),
                None => return,
            },
            _ = recheck.tick() => seen.apply_again(current),
        }
    }
}

/// The ConfigMap as last seen.
#[derive(Default)]
struct Seen {
    overrides: TrustOverrides,
    listed: Option<ConfigMap>,
    data: Option<BTreeMap<String, String>>,
}

impl Seen {
    fn take(&mut self, event: watcher::Event<ConfigMap>, current: &Current) {
        match event {
            watcher::Event::Init => self.listed = None,
            watcher::Event::InitApply(object) => self.listed = Some(object),
            watcher::Event::InitDone => match self.listed.take() {
                Some(object) => self.apply(object, current),
                None => current.trouble("does not exist; kube-apiserver writes it when aggregation is on"),
            },
            watcher::Event::Apply(object) => self.apply(object, current),
            watcher::Event::Delete(_) => current.trouble("was deleted; kube-apiserver writes it again"),
        }
    }

    fn apply(&mut self, object: ConfigMap, current: &Current) {
        let data = self.data.insert(self.overrides.over(object.data.unwrap_or_default()));
        current.update(data, UnixTime::now());
    }

    fn apply_again(&self, current: &Current) {
        if let Some(data) = &self.data {
            current.update(data, UnixTime::now());
        }
    }
}

fn advice(error: &watcher::Error) -> String {
    let is_forbidden = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status.code == 403,
        watcher::Error::WatchError(status) => status.code == 403,
        _ => false,
    };
    if is_forbidden {
        return "this server may not read it; grant it with: kubectl create rolebinding NAME -n kube-system \
                --role=extension-apiserver-authentication-reader --serviceaccount=NAMESPACE:ACCOUNT"
            .to_owned();
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
