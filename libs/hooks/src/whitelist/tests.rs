//! What a whitelist admits, and what no spelling gets past it.
use super::*;

mod any_input;

const FILE: &str = r#"
commands:
  jq:
    argumentPatterns: ['-r', '\.[a-z]+']
  /usr/bin/cat: {}
  yq:
  rm: { allowed: false }
  any: { allowed: true, argumentPatterns: ['.*'] }
"#;

fn verdict(command: &str, args: &[&str]) -> Result<(), Denied> {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    Whitelist::parse(FILE).expect("a good file").check(command, &args, [])
}

#[test]
fn a_listed_command_is_allowed_unless_it_says_otherwise() {
    for command in ["jq", "/usr/bin/cat", "yq", "any"] {
        assert_eq!(verdict(command, &[]), Ok(()), "{command}");
    }
    assert_eq!(verdict("rm", &[]), Err(Denied::Forbidden));
}

#[test]
fn a_rule_stands_for_one_spelling_of_a_command() {
    for other in
        ["/tmp/jq", "./jq", "JQ", "jq ", " jq", "jq\n", "", "cat", "/usr/bin/../bin/cat", "/usr//bin/cat"]
    {
        assert_eq!(verdict(other, &[]), Err(Denied::NotListed), "{other:?}");
    }
}

#[test]
fn a_pattern_matches_all_of_an_argument_and_each_argument_needs_one() {
    assert_eq!(verdict("jq", &["-r", ".data"]), Ok(()));
    for (args, index) in
        [(["-r", ".data;"], 1), (["-rx", ".data"], 0), (["x-r", ".data"], 0), (["-r", ""], 1)]
    {
        assert_eq!(verdict("jq", &args), Err(Denied::Argument(index)), "{args:?}");
    }
}

#[test]
fn an_option_needs_a_pattern_and_a_control_character_has_none() {
    assert_eq!(verdict("yq", &["file", "-"]), Err(Denied::Option(1)));
    assert_eq!(verdict("any", &["-x"]), Ok(()));
    for bad in ["a\nb", "a\0", "\r", "\u{1b}[0m"] {
        assert_eq!(verdict("any", &[bad]), Err(Denied::Control(0)), "{bad:?}");
    }
}

#[test]
fn a_variable_that_steers_programs_is_refused_whatever_the_command() {
    let whitelist = Whitelist::parse(FILE).expect("a good file");
    let check = |name: &str| whitelist.check("jq", &[], [&name.to_owned()]);
    assert_eq!(check("REGION"), Ok(()));
    for name in ["LD_PRELOAD", "PATH", "GIT_SSH_COMMAND", "BASH_ENV", "a=b", "", "A B"] {
        assert!(matches!(check(name), Err(Denied::Environment(_))), "{name}");
    }
}

#[test]
fn a_file_with_a_mistake_is_refused_as_a_whole() {
    for (text, why) in [
        ("", "cannot be read"),
        ("commands: [jq]", "cannot be read"),
        ("commands: { jq: { argumentPattern: ['x'] } }", "cannot be read"),
        ("command: { jq: {} }", "cannot be read"),
        ("commands: { jq: { argumentPatterns: ['('] } }", "argumentPatterns[0] of jq"),
        ("commands: { jq: { argumentPatterns: ['a', 'a)|(?:b'] } }", "argumentPatterns[1] of jq"),
        ("commands: { jq: { argumentPatterns: ['(?x) a # b'] } }", "argumentPatterns[0] of jq"),
        ("commands: { jq: { argumentPatterns: ['(a{1000}){1000}'] } }", "argumentPatterns[0] of jq"),
    ] {
        let error = Whitelist::parse(text).expect_err(text);
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
    assert!(matches!(Whitelist::parse(&"#".repeat(LARGEST + 1)), Err(Invalid::TooLarge)));
}

#[test]
fn interpreters_are_warned_of_while_they_are_allowed() {
    let file = "commands: { bash: {}, /usr/bin/python3: {}, awk: { allowed: false }, jq: {} }";
    let warnings = Whitelist::parse(file).expect("a good file").warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("/usr/bin/python3 ") && warnings[1].starts_with("bash "), "{warnings:?}");
}

/// Two thousand ways to make one argument more than one, or another than the pattern means.
#[test]
fn no_injection_passes_a_pattern_or_a_command() {
    let tails = [
        "; id",
        "| id",
        "|| id",
        "& id",
        "&& id",
        "$(id)",
        "`id`",
        "${IFS}id",
        "> /tmp/x",
        "< /etc/passwd",
        "\nid",
        "\r\nid",
        "\0id",
        " -x",
        " --eval=id",
        "/../../bin/sh",
        "%00id",
        "\u{2028}id",
        "\u{a0}id",
        "\u{202e}di",
        "'; id; '",
        "\"; id; \"",
        "\\\nid",
        "{id,}",
        "#id",
        "!id",
        "*",
        "?",
        "~root",
        "=id",
        "^id",
        "\tid",
        "\u{b}id",
        "\u{c}id",
        "\u{85}id",
        "\u{1b}id",
        "\u{7f}",
        "\u{feff}",
        "$IFS$9id",
        "$'\\x69d'",
    ];
    let heads = [
        "", "-", "--", "'", "\"", "`", "$(", "${", "(", ")", "{", "}", "[", "]", "|", ";", "&", "<", ">",
        "\\", "\n", "\r", "\0", " ", "\t", "\u{2028}", "../", "/", "./", "~", "%0a", "%00", "#", "!", "@",
        "=", ":", ",", "+", "^", "*", "?", "é", "ｊｑ", "Ａ", "\u{200b}", "\u{feff}", "\u{202e}", "-e",
        "--exec",
    ];
    let whitelist =
        Whitelist::parse("commands: { jq: { argumentPatterns: ['\\.[a-z]+'] } }").expect("a good file");
    let mut tried = 0;
    for head in heads {
        for tail in tails {
            let argument = format!("{head}.data{tail}");
            assert!(whitelist.check("jq", std::slice::from_ref(&argument), []).is_err(), "{argument:?}");
            assert!(whitelist.check(&format!("{head}jq{tail}"), &[], []).is_err(), "{head:?} {tail:?}");
            tried += 2;
        }
    }
    assert!(tried >= 2_000, "{tried}");
}
