//! Decides what is renewed when. Pure: the time is an argument.
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeSet, fmt, time::Duration};

/// How long certificates live. Each is renewed at two thirds of its life.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// The CA's; long, so that a bundle copied by hand stays good.
    pub authority: Duration,
    /// The leaf's; short, so that a stolen key is soon worthless. At most a third of the CA's.
    pub leaf: Duration,
    /// How long a new CA must have been published before a leaf of it replaces one that clients trust already.
    pub settle: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self { authority: 3650 * DAY, leaf: 90 * DAY, settle: Duration::from_secs(300) }
    }
}

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifespan {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Lifespan {
    /// Starts a little in the past, so that a client whose clock is behind accepts it at once.
    pub(crate) fn starting(now: Timestamp, lifetime: Duration) -> Self {
        let from = now - head_start(lifetime);
        Self { from, until: from + lifetime }
    }

    /// When it was issued; the inverse of [`Lifespan::starting`].
    pub(crate) fn issued_at(self) -> Timestamp {
        self.from + head_start(self.length())
    }

    pub(crate) fn renew_at(self) -> Timestamp {
        self.from + self.length() * 2 / 3
    }

    pub(crate) fn is_over(self, now: Timestamp) -> bool {
        now >= self.until
    }

    fn length(self) -> Duration {
        Duration::try_from(self.from.duration_until(self.until)).unwrap_or_default()
    }
}

fn head_start(lifetime: Duration) -> Duration {
    (lifetime / 10).min(Duration::from_secs(3600))
}

/// What a Secret holds.
#[derive(Clone, Debug)]
pub(crate) enum Found<T> {
    Absent,
    /// Something that cannot be used: half a pair, a foreign key, garbage.
    Broken,
    Usable(T),
}

impl<T> Found<T> {
    pub(crate) fn usable(&self) -> Result<&T, Because> {
        match self {
            Self::Absent => Err(Because::Absent),
            Self::Broken => Err(Because::Broken),
            Self::Usable(it) => Ok(it),
        }
    }

    pub(crate) fn map<U>(&self, f: impl FnOnce(&T) -> U) -> Found<U> {
        match self {
            Self::Absent => Found::Absent,
            Self::Broken => Found::Broken,
            Self::Usable(it) => Found::Usable(f(it)),
        }
    }
}

/// What both Secrets hold, and what this process does.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) authority: Found<Lifespan>,
    pub(crate) leaf: Found<SeenLeaf>,
    /// The leaf that this process serves with, whatever became of its Secret.
    pub(crate) served: Option<SeenLeaf>,
}

/// What a leaf is worth.
#[derive(Clone, Debug)]
pub(crate) struct SeenLeaf {
    pub(crate) lives: Lifespan,
    pub(crate) names: BTreeSet<String>,
    pub(crate) signer: Signer,
}

/// Who signed a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The CA that signs now.
    Current,
    /// One before it, which clients still trust.
    Former,
    /// Nobody that clients trust.
    Unknown,
}

/// What to do next. After every step but `Serve`, look again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a new CA.
    RenewAuthority(Because),
    /// Make a new leaf for these names.
    IssueLeaf(Because, BTreeSet<String>),
    /// Put the leaf that is served back into its Secret, since it is too early for a new one.
    RestoreLeaf(Because),
    /// Nothing until then but to serve with the leaf of the Secret, or else with the one that is served now.
    Serve { until: Timestamp },
}

/// Why something is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    Absent,
    Broken,
    Due,
    Untrusted,
    NamesMissing,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Broken => "Broken",
            Self::Due => "Due",
            Self::Untrusted => "Untrusted",
            Self::NamesMissing => "NamesMissing",
        })
    }
}

/// The next step towards a leaf that is valid for every name in `wanted`.
pub(crate) fn next(seen: &Seen, wanted: &BTreeSet<String>, lifetimes: &Lifetimes, now: Timestamp) -> Step {
    let authority = match seen.authority.usable() {
        Ok(authority) => authority,
        Err(because) => return Step::RenewAuthority(because),
    };
    if authority.renew_at() <= now {
        return Step::RenewAuthority(Because::Due);
    }
    let (because, names, leaf) = match seen.leaf.usable() {
        Ok(leaf) => match wrong_with(leaf, wanted, now) {
            None => return Step::Serve { until: authority.renew_at().min(leaf.lives.renew_at()) },
            Some((because, names)) => (because, names, Some(leaf)),
        },
        Err(because) => (because, wanted.clone(), seen.served.as_ref()),
    };
    let settled = authority.issued_at() + lifetimes.settle;
    match leaf {
        Some(leaf) if leaf.signer == Signer::Former && !leaf.lives.is_over(now) && now < settled => {
            match because {
                // A replica that starts now would take garbage for a reason to issue.
                Because::Broken => Step::RestoreLeaf(because),
                _ => Step::Serve { until: settled.min(leaf.lives.until) },
            }
        }
        _ => Step::IssueLeaf(because, names),
    }
}

/// Why the leaf must be replaced, and what names the next one carries. Other replicas may listen elsewhere, so their
/// names stay until the leaf is due; then those that are still used come back by themselves.
fn wrong_with(
    leaf: &SeenLeaf,
    wanted: &BTreeSet<String>,
    now: Timestamp,
) -> Option<(Because, BTreeSet<String>)> {
    if leaf.signer == Signer::Unknown {
        return Some((Because::Untrusted, wanted.clone()));
    }
    if leaf.lives.renew_at() <= now {
        return Some((Because::Due, wanted.clone()));
    }
    (!wanted.is_subset(&leaf.names)).then(|| (Because::NamesMissing, wanted | &leaf.names))
}

/// Until when clients must trust a former CA: as long as a leaf of it may live.
pub(crate) fn trusted_until(former: Lifespan, current: Lifespan, lifetimes: &Lifetimes) -> Timestamp {
    former.until.min(current.issued_at() + lifetimes.leaf)
}

/// How long to sleep until `until`; never long, because clocks jump, and at least a second.
pub(crate) fn pause(until: Timestamp, now: Timestamp) -> Duration {
    const LONGEST: Duration = Duration::from_secs(3600);
    let left = now.duration_until(until).max(SignedDuration::from_secs(1));
    Duration::try_from(left).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests;
