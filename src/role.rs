//! What one process does.
use crate::flags::ControllerFlags;
use anyhow::bail;
use url::Url;

/// The part that a process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Apiserver,
    Webhook,
    Controller,
    All,
}

impl Role {
    /// The subcommand.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apiserver => "apiserver",
            Self::Webhook => "webhook",
            Self::Controller => "controller",
            Self::All => "all",
        }
    }

    /// Whether it serves the aggregated API and the artifacts.
    pub(crate) fn serves_api(self) -> bool {
        matches!(self, Self::Apiserver | Self::All)
    }

    /// Whether it serves the admission webhook.
    pub(crate) fn admits(self) -> bool {
        matches!(self, Self::Webhook | Self::All)
    }

    /// Whether it reconciles.
    pub(crate) fn reconciles(self) -> bool {
        matches!(self, Self::Controller | Self::All)
    }

    /// Whether other processes ask it for previews and logs: those of other roles, and replicas to which its Lease says where.
    pub(crate) fn is_asked(self, given: &ControllerFlags) -> bool {
        self == Self::Controller
            || (self == Self::All && given.leader_elect && given.advertise_address.is_some())
    }

    /// Whether a flag changes nothing for it.
    pub(crate) fn ignores(self, flag: &str) -> bool {
        match flag {
            "apiserver-listen" | "artifacts-listen" | "artifact-cache-size" | "audit-log" => {
                !self.serves_api()
            }
            "webhook-listen" | "preview-on-dry-run" => !self.admits(),
            "controller-url" => self.reconciles(),
            "hook-whitelist" | "allowed-hosts-file" | "allow-insecure-skip-verify" => {
                !self.admits() && !self.reconciles()
            }
            "store" => !self.serves_api() && !self.reconciles(),
            "leader-elect" => !self.serves_api() && !self.reconciles(),
            "artifacts-url"
            | "max-artifact-size"
            | "max-unpacked-size"
            | "allow-egress"
            | "deny-egress"
            | "concurrency"
            | "watch-label-selector"
            | "controller-listen"
            | "advertise-address"
            | "events-addr"
            | "kinds"
            | "verify-rate"
            | "hook-executor"
            | "hook-token-file" => !self.reconciles(),
            _ => false,
        }
    }

    /// The store to open, if it needs one.
    ///
    /// # Errors
    /// The roles run in several processes, and the store is for one alone.
    pub(crate) fn store(self, given: Option<&Url>) -> anyhow::Result<Option<Url>> {
        match given {
            Some(url) if self != Self::All && !artifacts::store::shareable(url) => bail!(
                "--store={}:// is refused for `postern {}`: memory and files belong to one process, and what the \
                 controller stores another process could not serve; run `postern all`",
                url.scheme(),
                self.name()
            ),
            Some(url) => Ok(Some(url.clone())),
            None if self == Self::All => Ok(Some(Url::parse("memory://").expect("a well-formed URL"))),
            None if self == Self::Webhook => Ok(None),
            None => {
                bail!("--store is missing: `postern {}` needs one that every process can reach", self.name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_one_process_is_refused_to_every_role_but_all() {
        for address in ["memory://", "file:///var/lib/postern"] {
            let url = Url::parse(address).unwrap();
            assert_eq!(Role::All.store(Some(&url)).unwrap(), Some(url.clone()));
            for role in [Role::Apiserver, Role::Webhook, Role::Controller] {
                let why = role.store(Some(&url)).expect_err("refused").to_string();
                assert!(why.contains("belong to one process") && why.contains(role.name()), "{why}");
            }
        }
    }

    #[test]
    fn without_a_store_only_those_run_that_need_none_or_can_keep_it_in_memory() {
        assert_eq!(Role::All.store(None).unwrap().map(|url| url.scheme().to_owned()), Some("memory".into()));
        assert_eq!(Role::Webhook.store(None).unwrap(), None);
        for role in [Role::Apiserver, Role::Controller] {
            assert!(role.store(None).expect_err("needs one").to_string().starts_with("--store is missing"));
        }
    }
}
