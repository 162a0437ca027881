//! Whatever a file and a hook say, only what is listed runs.
use super::*;
use proptest::{collection::vec, prelude::*};

/// Texts that are a whitelist now and then.
fn files() -> impl Strategy<Value = String> {
    let rule = ("[a-z/]{1,6}|.{0,6}", "true|false|yes|.{0,4}", "[a-z.*\\\\()|?#-]{0,8}|.{0,8}");
    let rule = rule.prop_map(|(command, allowed, pattern)| {
        format!("  {command}: {{ allowed: {allowed}, argumentPatterns: ['{pattern}'] }}\n")
    });
    prop_oneof![vec(rule, 0..4).prop_map(|rules| format!("commands:\n{}", rules.concat())), ".{0,80}"]
}

proptest! {
    #[test]
    fn any_file_is_a_whitelist_or_refused_as_a_whole(text in files(), command in "[a-z/]{1,6}", args in vec(".{0,8}", 0..3)) {
        match Whitelist::parse(&text) {
            Ok(whitelist) => {
                let runs = whitelist.check(&command, &args, []).is_ok();
                prop_assert!(!runs || text.contains(&command), "{command} is not listed");
                prop_assert!(!runs || !args.iter().any(|argument| argument.contains(['\n', '\0', '\r'])));
            }
            Err(invalid) => prop_assert!(!invalid.to_string().is_empty()),
        }
    }

    #[test]
    fn any_argument_that_is_quoted_admits_itself_alone(listed in "[ -~]{1,12}", other in "[ -~]{0,12}") {
        let quoted = regex::escape(&listed).replace('\'', "''");
        let text = format!("commands: {{ tool: {{ argumentPatterns: ['{quoted}'] }} }}");
        let whitelist = Whitelist::parse(&text).expect("a good file");
        let runs = |argument: &str| whitelist.check("tool", &[argument.to_owned()], []).is_ok();
        prop_assert!(runs(&listed));
        for near in [other, format!("{listed} "), format!(" {listed}"), listed.repeat(2), listed[1..].to_owned()] {
            prop_assert_eq!(runs(&near), near == listed, "{:?}", near);
        }
    }
}
