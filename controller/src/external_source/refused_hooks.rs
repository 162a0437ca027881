//! Hooks that the whitelist of this installation does not admit, and whose policy lets that pass. Pure.
use artifacts::{Ignored, List};
use crds::{
    ExternalSourceSpec,
    external_source::{Hook, RetryPolicy},
    installation::Commands,
};
use std::borrow::Cow;

/// The spec as it is run here, and the hooks that it is run without. Without them it shapes another artifact: as soon as they are
/// admitted, the source is fetched again.
pub(super) fn left_out<'a>(
    spec: &'a ExternalSourceSpec,
    commands: Option<&dyn Commands>,
) -> (Cow<'a, ExternalSourceSpec>, Vec<Ignored>) {
    let (Some(hooks), Some(commands)) = (&spec.hooks, commands) else {
        return (Cow::Borrowed(spec), Vec::new());
    };
    let refusal = |hook: &Hook| match hook.retry_policy {
        RetryPolicy::Ignore => commands.refusal(hook),
        RetryPolicy::Retry | RetryPolicy::Fail => None,
    };
    let (mut admitted, mut left_out) = (hooks.clone(), Vec::new());
    let lists =
        [(List::PreRequest, &mut admitted.pre_request), (List::PostRequest, &mut admitted.post_request)];
    for (list, hooks) in lists {
        hooks.retain(|hook| {
            let refused = refusal(hook).map(|why| Ignored { list, hook: hook.name.clone(), why });
            let stays = refused.is_none();
            left_out.extend(refused);
            stays
        });
    }
    match left_out.is_empty() {
        true => (Cow::Borrowed(spec), left_out),
        false => (Cow::Owned(ExternalSourceSpec { hooks: Some(admitted), ..spec.clone() }), left_out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::external_source::Hooks;

    struct OnlyCat;

    impl Commands for OnlyCat {
        fn refusal(&self, hook: &Hook) -> Option<String> {
            (hook.command != "cat").then(|| "is not listed".to_owned())
        }
    }

    fn spec(policy: RetryPolicy) -> ExternalSourceSpec {
        let hook = |command: &str| Hook {
            name: command.into(),
            command: command.into(),
            retry_policy: policy,
            ..Hook::default()
        };
        let hooks = Hooks { pre_request: vec![hook("tac")], post_request: vec![hook("cat"), hook("sed")] };
        ExternalSourceSpec { hooks: Some(hooks), ..ExternalSourceSpec::default() }
    }

    #[test]
    fn what_is_refused_and_may_fail_is_left_out_and_told() {
        let whole = spec(RetryPolicy::Ignore);
        let (run, told) = left_out(&whole, Some(&OnlyCat));
        let hooks = run.hooks.as_ref().expect("hooks");
        assert_eq!((hooks.pre_request.len(), hooks.post_request.len()), (0, 1));
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        let expected = [
            "preRequest hook tac failed and is ignored: is not listed",
            "postRequest hook sed failed and is ignored: is not listed",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn everything_else_stays_to_be_refused() {
        for (policy, commands) in [
            (RetryPolicy::Fail, Some(&OnlyCat as &dyn Commands)),
            (RetryPolicy::Retry, Some(&OnlyCat)),
            (RetryPolicy::Ignore, None),
        ] {
            let whole = spec(policy);
            let (run, told) = left_out(&whole, commands);
            assert!(matches!(run, Cow::Borrowed(_)) && told.is_empty(), "{policy:?}");
        }
    }
}
