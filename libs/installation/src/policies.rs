//! All that the operator says, and what follows for the sources of one namespace.
use crate::{Live, OfFile};
use crds::{
    allowed_hosts::{self, AllowedHosts, NamespaceHosts},
    installation::{Commands, Installation},
};
use expressions::Languages;
use hooks::{Whitelist, whitelist};
use std::sync::Arc;

/// What the operator allows. Clones follow the same files.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// The commands that hooks may run; `None` where hooks are not enabled.
    pub commands: Option<Live<Whitelist>>,
    /// The hosts that sources may lead to, by their namespaces; `None` where all may lead to every host.
    pub hosts: Option<Live<AllowedHosts>>,
    /// Whether certificates must be verified, whatever a spec says.
    pub must_verify: bool,
}

/// What the operator allows the sources of one namespace at one moment.
#[derive(Clone, Debug, Default)]
pub struct Ruling {
    /// The commands that hooks may run; `None` where hooks are not enabled.
    pub commands: Option<Arc<Whitelist>>,
    /// The hosts that they may lead to; `None`: every host.
    pub hosts: Option<NamespaceHosts>,
    /// Whether certificates must be verified, whatever a spec says.
    pub must_verify: bool,
}

impl Policies {
    /// What is allowed to the sources of that namespace now.
    pub fn now(&self, namespace: &str) -> Ruling {
        Ruling {
            commands: self.commands.as_ref().map(Live::now),
            hosts: self.hosts.as_ref().map(|hosts| hosts.now().of(namespace)),
            must_verify: self.must_verify,
        }
    }
}

impl Ruling {
    /// The commands that hooks may run, as rules ask for them.
    pub fn commands(&self) -> Option<&dyn Commands> {
        self.commands.as_deref().map(|whitelist| whitelist as &dyn Commands)
    }

    /// All of it, as rules ask for it.
    pub fn installation(&self) -> Installation<'_> {
        let (hosts, must_verify) = (self.hosts.as_ref(), self.must_verify);
        Installation { commands: self.commands(), expressions: Some(&Languages), hosts, must_verify }
    }
}

impl OfFile for Whitelist {
    type Invalid = whitelist::Invalid;

    const NAME: &'static str = "whitelist";
    const METRICS: &'static str = "hook_whitelist";

    fn parse(text: &str) -> Result<Self, Self::Invalid> {
        Self::parse(text)
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings()
    }
}

impl OfFile for AllowedHosts {
    type Invalid = allowed_hosts::Invalid;

    const NAME: &'static str = "list of allowed hosts";
    const METRICS: &'static str = "allowed_hosts";

    fn parse(text: &str) -> Result<Self, Self::Invalid> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_hears_of_the_hosts_that_are_its_own() {
        let file = "[{ namespaces: [a], hosts: [one.example] }, { namespaces: [b], hosts: [two.example] }]";
        let hosts = AllowedHosts::parse(file).expect("a good file");
        let policies = Policies { hosts: Some(Live::fixed(hosts)), ..Policies::default() };
        let refused = |namespace, host| {
            let ruling = policies.now(namespace);
            ruling.installation().hosts.and_then(|hosts| hosts.refusal(host)).is_some()
        };
        assert!(!refused("a", "one.example") && refused("a", "two.example"));
        assert!(!refused("b", "two.example") && refused("b", "one.example"));
        assert!(Policies::default().now("a").installation().hosts.is_none());
    }
}
