//! Hooks that are right, wrong, and not for this installation.
use super::*;
use crate::{ExternalSourceSpec, external_source::EnvVar, installation::check_here, rules::Rules};

fn hook() -> Hook {
    Hook { name: "trim".into(), command: "jq".into(), timeout: "30s".into(), ..Hook::default() }
}

fn wrong(change: impl Fn(&mut Hook)) -> Vec<String> {
    let mut bad = hook();
    change(&mut bad);
    let mut found = Violations::default();
    hooks(&mut found, &Hooks { pre_request: Vec::new(), post_request: vec![bad] });
    found.into_vec().into_iter().map(|error| error.path).collect()
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: value.into() }
}

#[test]
fn each_field_of_a_hook_has_its_rule() {
    assert!(wrong(|_| ()).is_empty());
    assert!(wrong(|hook| hook.timeout = "100ms".into()).is_empty());
    let at = |field: &str| vec![format!("spec.hooks.postRequest[0]{field}")];
    assert_eq!(wrong(|hook| hook.name = "Trim it".into()), at(".name"));
    assert_eq!(wrong(|hook| hook.command = String::new()), at(".command"));
    assert_eq!(wrong(|hook| hook.command = "jq\n".into()), at(".command"));
    for timeout in ["", "0s", "99ms", "11m", "soon"] {
        assert_eq!(wrong(|hook| hook.timeout = timeout.into()), at(".timeout"), "{timeout}");
    }
    assert_eq!(wrong(|hook| hook.args = vec!["a\nb".into()]), at(".args[0]"));
    assert_eq!(wrong(|hook| hook.args = vec![String::new(); 65]), at(".args"));
    assert_eq!(wrong(|hook| hook.args = vec!["x".repeat(LARGEST)]), at(""));
    for name in ["LD_PRELOAD", "PATH", "A-B", ""] {
        assert_eq!(wrong(|hook| hook.env = vec![variable(name, "x")]), at(".env[0].name"), "{name}");
    }
    assert_eq!(wrong(|hook| hook.env = vec![variable("A", "x"), variable("A", "y")]), at(".env[1].name"));
    assert_eq!(wrong(|hook| hook.env = vec![variable("A", "\0")]), at(".env[0].value"));
}

#[test]
fn a_name_is_one_hooks_in_its_list() {
    let mut found = Violations::default();
    hooks(&mut found, &Hooks { pre_request: vec![hook()], post_request: vec![hook(), hook()] });
    let found = found.into_vec();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "spec.hooks.postRequest[1].name");
}

/// Admits one command.
struct Only(&'static str);

impl crate::installation::Commands for Only {
    fn refusal(&self, hook: &Hook) -> Option<String> {
        (hook.command != self.0).then(|| "not that one".to_owned())
    }
}

#[test]
fn an_installation_without_hooks_refuses_them_and_one_with_them_asks_its_whitelist() {
    let mut spec: ExternalSourceSpec = serde_json::from_str(
        r#"{"interval":"1m","generator":{"type":"http","http":{"url":"https://example.com"}}}"#,
    )
    .unwrap();
    spec.hooks = Some(Hooks {
        pre_request: vec![hook()],
        post_request: vec![hook(), Hook { name: "b".into(), ..hook() }],
    });
    assert!(spec.violations().is_empty());
    let paths = |installation: &Installation<'_>| match check_here(&spec, installation) {
        Ok(_) => Vec::new(),
        Err(invalid) => invalid.errors().iter().map(|error| error.path.clone()).collect::<Vec<_>>(),
    };
    assert_eq!(paths(&Installation::default()), ["spec.hooks.preRequest", "spec.hooks.postRequest"]);
    assert!(paths(&Installation { commands: Some(&Only("jq")), ..Installation::default() }).is_empty());
    let refused = paths(&Installation { commands: Some(&Only("yq")), ..Installation::default() });
    assert_eq!(
        refused,
        ["spec.hooks.preRequest[0]", "spec.hooks.postRequest[0]", "spec.hooks.postRequest[1]"]
    );
}
