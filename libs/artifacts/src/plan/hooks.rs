//! Hooks as a plan has them.
use crds::{
    duration,
    external_source::{self, RetryPolicy},
};
use hooks::Command;

/// The hooks of a source, in the order in which they run.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) pre_request: Vec<Hook>,
    pub(crate) post_request: Vec<Hook>,
}

/// One hook.
#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) command: Command,
    pub(crate) policy: RetryPolicy,
}

impl Hooks {
    pub(super) fn new(spec: Option<&external_source::Hooks>) -> Self {
        let Some(spec) = spec else { return Self::default() };
        let all = |list: &[external_source::Hook]| list.iter().map(Hook::new).collect();
        Self { pre_request: all(&spec.pre_request), post_request: all(&spec.post_request) }
    }
}

impl Hook {
    fn new(hook: &external_source::Hook) -> Self {
        let variables = hook.env.iter().map(|variable| (variable.name.clone(), variable.value.clone()));
        let command = Command {
            program: hook.command.clone(),
            args: hook.args.clone(),
            env: variables.collect(),
            timeout: duration::parse(&hook.timeout).expect("the rules accepted this timeout"),
        };
        Self { name: hook.name.clone(), command, policy: hook.retry_policy }
    }
}
