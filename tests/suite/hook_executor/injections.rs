//! No text makes the executor run anything else than it was asked for.
use super::Executor;
use anyhow::Result;
use reqwest::StatusCode;

/// What would leave a mark if anything but the command read it.
fn attempts(mark: &str) -> Vec<String> {
    let touch = format!("touch {mark}");
    let brace = format!("{{touch,{mark}}}");
    let tight = format!("touch${{IFS}}{mark}");
    let commands = [touch.as_str(), &brace, &tight];
    let heads = [
        "", "a", "-", "--", "'", "\"", "`", "\\", "a'", "a\"", "$", "!", "#", "*", "~", "%0a", "é",
        "\u{202e}", "\u{200b}",
    ];
    let joints = [
        ("; ", ""),
        ("| ", ""),
        ("|| ", ""),
        ("&& ", ""),
        ("& ", ""),
        ("$(", ")"),
        ("`", "`"),
        ("\n", ""),
        ("\r\n", ""),
        (" ;", " #"),
        ("';", ";'"),
        ("\";", ";\""),
        ("<(", ")"),
        (">(", ")"),
        ("${x:-$(", ")}"),
        ("$((", "))"),
        ("\\\n", ""),
        ("\u{2028}", ""),
        ("\u{85}", ""),
        ("\0", ""),
        ("=$(", ")"),
        ("--exec=", ""),
        ("-c ", ""),
        ("@", ""),
        ("%00", ""),
        ("{", "}"),
        ("(", ")"),
        ("\t;", ""),
        (" -exec ", " \\;"),
        ("\u{b};", ""),
        ("/../../bin/sh -c ", ""),
        ("./", ""),
        ("file://", ""),
        ("!!", ""),
        ("e ", ""),
        ("s/x/y/e;", ""),
    ];
    let one =
        |(head, (open, close), command): (&str, (&str, &str), &str)| format!("{head}{open}{command}{close}");
    let all = heads.iter().flat_map(|head| joints.iter().map(move |joint| (*head, *joint)));
    all.flat_map(|(head, joint)| commands.map(|command| one((head, joint, command)))).collect()
}

#[tokio::test]
async fn two_thousand_injections_run_nothing() -> Result<()> {
    let executor = Executor::start(
        "commands: { echo: { argumentPatterns: ['[a-z]+'] }, printf: { argumentPatterns: ['.*'] } }",
    )?;
    let mark = executor.file("mark");
    let attempts = attempts(&mark.display().to_string());
    assert!(attempts.len() > 2_000, "{}", attempts.len());
    for attempt in &attempts {
        let (status, answer) = executor.execute("echo", &[attempt], b"").await?;
        assert_eq!(status, StatusCode::FORBIDDEN, "as an argument: {attempt:?}: {answer}");
        let (status, answer) = executor.execute(attempt, &[], b"").await?;
        assert_eq!(status, StatusCode::FORBIDDEN, "as a command: {attempt:?}: {answer}");
        // Behind a pattern that admits anything it is one argument, as it is.
        let (status, answer) = executor.execute("printf", &["%s", attempt], b"").await?;
        let as_it_is = status == StatusCode::OK && answer["stdout"] == **attempt;
        assert!(as_it_is || status == StatusCode::FORBIDDEN, "through: {attempt:?}: {answer}");
    }
    assert!(!mark.exists(), "something was run");
    Ok(())
}
