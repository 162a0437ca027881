//! Expressions, evaluated by the program as the controller has it do: what comes of them, and what becomes of those that take more
//! than they may.
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use cluster::postern::program;
use crds::external_source::Language;
use expressions::{Error, Evaluator, Input, LARGEST_BODY, Named, Program, SUBCOMMAND};
use futures::stream;
use std::{fs, io, time::Duration};
use tokio::time::sleep;

mod languages;

fn named(field: &str, language: Language, text: &str) -> Named {
    Named { field: format!("{field}.{}", language.field()), program: Program { language, text: text.into() } }
}

fn transform(text: &str) -> Input {
    transform_in(Language::Cel, text)
}

fn transform_in(language: Language, text: &str) -> Input {
    Input { status: 200, transform: Some(named("spec.transform", language, text)), ..Input::default() }
}

fn layout(texts: &[&str]) -> Vec<Named> {
    let file = |(i, text): (usize, &&str)| named(&format!("spec.layout[{i}]"), Language::Cel, text);
    texts.iter().enumerate().map(file).collect()
}

async fn evaluate(input: &Input, data: impl Into<Bytes>) -> Result<Result<Vec<String>, Error>> {
    let data = data.into();
    let length = data.len() as u64;
    let pieces: Vec<io::Result<Bytes>> =
        data.chunks(100_000).map(|piece| Ok(data.slice_ref(piece))).collect();
    let evaluator = Evaluator::new(program("POSTERN_BIN", "postern")?);
    let made = evaluator.run(input, stream::iter(pieces), length).await;
    Ok(made.map(|all| all.iter().map(|made| String::from_utf8_lossy(made).into_owned()).collect()))
}

/// What is told of an expression that gives nothing.
async fn told(text: &str, data: impl Into<Bytes>) -> Result<String> {
    told_in(Language::Cel, text, data).await
}

async fn told_in(language: Language, text: &str, data: impl Into<Bytes>) -> Result<String> {
    let error = evaluate(&transform_in(language, text), data).await?.err().context("it gives nothing")?;
    Ok(error.to_string())
}

#[tokio::test]
async fn what_a_transformation_makes_is_what_the_files_are_made_of() -> Result<()> {
    let data = r#"{"a": {"n": 1}, "b": "text"}"#;
    let input = Input { others: layout(&["body", "string(status)", "size(body)"]), ..transform("body.a") };
    assert_eq!(evaluate(&input, data).await??, [r#"{"n":1}"#, "200", "1"]);
    assert_eq!(evaluate(&transform("body.b"), data).await??, ["text"]);
    let input = Input { others: layout(&["body.b", "body.a.n"]), ..Input::default() };
    assert_eq!(evaluate(&input, data).await??, ["text", "1"]);
    Ok(())
}

#[tokio::test]
async fn the_first_expression_that_gives_nothing_is_named() -> Result<()> {
    let input = Input { others: layout(&["body", "body.x", "body"]), ..Input::default() };
    let error = evaluate(&input, "{}").await?.expect_err("no such key");
    assert_eq!(error.to_string(), "spec.layout[1].cel: there is no key x (body is of type map)");
    let input = Input { others: layout(&["body"]), ..transform("1 +") };
    let error = evaluate(&input, "{}").await?.expect_err("no expression").to_string();
    assert!(error.starts_with("spec.transform.cel: line 1, column 4: "), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_expression_without_end_ends_at_its_time() -> Result<()> {
    const OVER: &str = "spec.transform.cel: takes more than 100 ms of processor time";
    let numbers = format!("[{}]", vec!["1"; 50].join(","));
    let endless = format!(
        "{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, {numbers}.all(e, a < 2)))))"
    );
    assert_eq!(told(&endless, "").await?, OVER);
    // Each has a time of its own, and the one that is over it is named.
    let input = Input { others: layout(&["'a'", &endless]), ..Input::default() };
    let error = evaluate(&input, "").await?.expect_err("without end").to_string();
    assert!(error.starts_with("spec.layout[1].cel: takes more than 100 ms"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_grows_ends_at_its_memory() -> Result<()> {
    const OVER: &str =
        "spec.transform.cel: takes more than 64 MiB of memory, the data and what is made of it included";
    let megabytes = |count: usize| "x".repeat(count << 20);
    let doubled = format!("[body]{}[0]", ".map(text, text + text)".repeat(6));
    assert_eq!(told(&doubled, megabytes(4)).await?, OVER);
    // The data alone may be too much, once it is decoded.
    let numbers = format!("[{}]", vec!["1"; 4_000_000].join(","));
    assert_eq!(told("size(body)", numbers).await?, OVER);
    let input = Input { others: layout(&["body", "body", "body"]), ..Input::default() };
    let error = evaluate(&input, megabytes(7)).await?.expect_err("too much").to_string();
    assert_eq!(error, "spec.layout[2].cel: all results together have more than 16 MiB");
    let error = told("body", vec![b'x'; LARGEST_BODY as usize + 1]).await?;
    assert_eq!(error, "the data has more than 8388608 bytes, the most that expressions take");
    Ok(())
}

#[tokio::test]
async fn what_is_deep_is_an_answer_too() -> Result<()> {
    let sum = format!("string(1{})", " + 1".repeat(120));
    assert_eq!(evaluate(&transform(&sum), "").await??, ["121"]);
    for text in [format!("1{}", "+1".repeat(2000)), "(".repeat(4000), format!("body{}", ".a".repeat(2000))] {
        assert!(told(&text, "").await?.starts_with("spec.transform.cel: "));
    }
    // Deeper than JSON is read, so it is text.
    assert_eq!(evaluate(&transform("string(type(body) == string)"), "[".repeat(1 << 20)).await??, ["true"]);
    let nested = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    assert_eq!(evaluate(&transform("body"), nested.clone()).await??, [nested]);
    Ok(())
}

#[tokio::test]
async fn a_program_that_does_not_answer_is_no_answer() -> Result<()> {
    for not_ours in ["/no/such/program", "/bin/false", "/bin/cat"] {
        let evaluator = Evaluator::new(not_ours.into());
        let error = evaluator.run(&transform("body"), stream::empty(), 0).await.expect_err("no answer");
        assert!(matches!(error, Error::Unavailable { .. }), "{not_ours}: {error}");
        assert_eq!(error.to_string(), "spec.transform.cel: cannot be evaluated now");
    }
    Ok(())
}

#[tokio::test]
async fn the_process_has_nothing_can_do_nothing_and_goes_with_its_pass() -> Result<()> {
    let evaluator = Evaluator::new(program("POSTERN_BIN", "postern")?);
    let pass = tokio::spawn(async move {
        evaluator.run(&transform("'only this test has it'"), stream::pending(), 1).await
    });
    let child = loop {
        match child_that_has_confined_itself()? {
            Some(child) => break child,
            None => sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(fs::read(format!("/proc/{child}/environ"))?, b"");
    assert_eq!(fs::read_link(format!("/proc/{child}/cwd"))?.to_str(), Some("/"));
    for open in fs::read_dir(format!("/proc/{child}/fd"))? {
        let name = open?.file_name();
        let number: u32 = name.to_str().and_then(|name| name.parse().ok()).context("a number")?;
        assert!(number < 3 || is_inherited(number)?, "descriptor {number} is open");
    }
    let limits = fs::read_to_string(format!("/proc/{child}/limits"))?;
    for (limit, most) in [
        ("Max data size", "67108864"),
        ("Max open files", "3"),
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max processes", "0"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(limit)).context("a limit")?;
        let values: Vec<&str> = line[limit.len()..].split_whitespace().take(2).collect();
        assert_eq!(values, [most, most], "{line}");
    }
    pass.abort();
    while fs::exists(format!("/proc/{child}/limits"))? {
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Whether whoever started this process has left it a descriptor that every child gets.
fn is_inherited(number: u32) -> Result<bool> {
    const CLOSED_ON_EXEC: u32 = 0o2_000_000;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).context("flags")?;
    Ok(u32::from_str_radix(flags.trim(), 8)? & CLOSED_ON_EXEC == 0)
}

/// A process that this one has started to evaluate and that waits for its data.
fn child_that_has_confined_itself() -> Result<Option<u32>> {
    let parent = format!("PPid:\t{}\n", std::process::id());
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        if read("cmdline").contains(SUBCOMMAND) && read("status").contains(&parent) {
            ensure!(!read("cmdline").contains("only this test"), "expressions are no arguments");
            if read("limits").contains("67108864") {
                return Ok(Some(pid));
            }
        }
    }
    Ok(None)
}
