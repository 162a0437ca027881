//! The command line as people and charts write it.
use super::*;
use clap::error::ErrorKind;

fn parse(args: &[&str]) -> Result<Flags, clap::Error> {
    match Cli::try_parse_from(["postern", "all"].iter().chain(args))?.command {
        Command::All(flags) => Ok(*flags),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_of_a_role_has_a_variable_named_after_it() {
    for command in Cli::command().get_subcommands() {
        for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
            let flag = argument.get_long().expect("no positional arguments");
            if command.get_name() == "hook-executor" && argument.get_env().is_none() {
                continue;
            }
            let variable = format!("POSTERN_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(variable.as_str()));
        }
    }
}

#[test]
fn the_help_of_a_role_tells_of_its_own_flags_alone() {
    let help = |role: &str| {
        let mut command = Cli::with_own_help();
        command.build();
        command.find_subcommand_mut(role).expect("a role").render_help().to_string()
    };
    for (role, own, other) in [
        (
            "webhook",
            "--webhook-listen",
            ["--audit-log", "--concurrency", "--artifacts-listen", "Controller:"],
        ),
        ("apiserver", "--store", ["--webhook-listen", "--concurrency", "--allow-egress", "--kinds"]),
        (
            "controller",
            "--allow-egress",
            ["--webhook-listen", "--artifacts-listen", "--apiserver-listen", "-x"],
        ),
        ("all", "--artifacts-url", ["-x"; 4]),
    ] {
        let help = help(role);
        assert!(help.contains(own) && help.contains("--admin-listen"), "{role}: {help}");
        assert!(!other.iter().any(|flag| help.contains(flag)), "{role}: {help}");
    }
}

#[test]
fn a_role_ignores_the_flags_of_others() {
    let line = ["postern", "webhook", "--store=memory://", "--concurrency=4"];
    Cli::with_own_help().try_get_matches_from(line).expect("one set of flags fits all roles");
}

#[test]
fn all_is_asked_by_other_processes_only_where_its_lease_says_where() {
    let address = "--advertise-address=10.1.2.3";
    for (args, is_asked) in
        [(&[][..], false), (&[address], true), (&[address, "--leader-elect=false"], false)]
    {
        let flags = parse(args).unwrap();
        assert_eq!(Role::All.is_asked(&flags.controller), is_asked, "{args:?}");
        assert!(Role::Controller.is_asked(&flags.controller), "{args:?}");
        assert!(!Role::Apiserver.is_asked(&flags.controller), "{args:?}");
    }
}

#[test]
fn the_defaults_are_those_that_the_docs_promise() {
    let flags = parse(&[]).unwrap();
    assert_eq!(flags.listen.apiserver.to_string(), ":6443");
    assert_eq!(flags.listen.webhook.to_string(), ":9443");
    assert_eq!(flags.listen.artifacts.to_string(), ":8080");
    assert_eq!(flags.listen.admin.to_string(), ":9090");
    assert_eq!(flags.cluster.installation.namespace, "postern-system");
    assert_eq!(flags.artifacts.artifact_cache_size, Size(4 << 20));
    assert_eq!(flags.artifacts.max_artifact_size, Size(100 << 20));
    assert_eq!(flags.artifacts.max_unpacked_size, Size(400 << 20));
    assert_eq!((flags.controller.concurrency.get(), flags.controller.leader_elect), (16, true));
    assert_eq!(flags.policies.allowed_hosts_file, None);
    assert!(flags.policies.allow_insecure_skip_verify, "as sources of the original are used to");
    assert_eq!((flags.logs.format, flags.logs.level.as_str()), (Format::Json, "info"));
    assert_eq!((flags.audit.log, flags.shutdown.delay), (None, Duration::from_secs(5)));
}

#[test]
fn the_last_of_a_flag_counts_and_ranges_add_up() {
    let flags = parse(&[
        "--concurrency=4",
        "--allow-egress=127.0.0.0/8",
        "--allow-egress=10.0.0.1,fd00::/8",
        "--concurrency=8",
        "--leader-elect=false",
    ])
    .unwrap();
    assert_eq!((flags.controller.concurrency.get(), flags.controller.leader_elect), (8, false));
    let expected = ["127.0.0.0/8", "10.0.0.1/32", "fd00::/8"].map(|range| range.parse().unwrap());
    assert_eq!(flags.artifacts.allow_egress, expected);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (args, kind) in [
        (["--allow-egress=10.0.0.0/33"], ErrorKind::ValueValidation),
        (["--max-artifact-size=100MiB"], ErrorKind::ValueValidation),
        (["--concurrency=0"], ErrorKind::ValueValidation),
        (["--watch-label-selector=key in (a"], ErrorKind::ValueValidation),
        (["--store=foo"], ErrorKind::ValueValidation),
        (["--artifacts-url=ftp://x"], ErrorKind::ValueValidation),
        (["--namespace=BAD_NS"], ErrorKind::ValueValidation),
        (["--webhook-listen=9443"], ErrorKind::ValueValidation),
        (["--tls-cert=/a"], ErrorKind::MissingRequiredArgument),
        (["--kinds=Pod"], ErrorKind::InvalidValue),
        (["--log-format=xml"], ErrorKind::InvalidValue),
        (["--shutdown-delay=5"], ErrorKind::ValueValidation),
        (["--no-such-flag"], ErrorKind::UnknownArgument),
    ] {
        assert_eq!(parse(&args).expect_err(args[0]).kind(), kind, "{}", args[0]);
    }
}

#[test]
fn a_selector_that_is_none_is_refused_with_what_is_wrong_and_what_would_be_right() {
    let said = parse(&["--watch-label-selector=key in (a"]).expect_err("no end").to_string();
    for part in ["--watch-label-selector", "must be a label selector", "sharding.fluxcd.io/key=shard1"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let flags = parse(&["--watch-label-selector=!sharding.fluxcd.io/key"]).expect("a selector");
    let shard = flags.controller.watch_label_selector.expect("it was given");
    assert_eq!(shard.selector(), Some("!sharding.fluxcd.io/key"));
}
