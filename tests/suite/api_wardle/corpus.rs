//! The requests, read from `*.http` files as editors know them: `### title`, `# @as user` and `# @name name` if needed,
//! the request line, headers, an empty line, the body. `@variable = value` stands before the first request.
//!
//! `{{variable}}` is replaced; `{{name.metadata.uid}}` is taken from the answer to the request of that name; `{{x*30}}` is
//! `x` thirty times.
use anyhow::{Context, Result, bail};
use std::{collections::BTreeMap, fs, path::Path};

/// Requests that build on each other.
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) requests: Vec<Request>,
}

/// One request, with its placeholders.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Request {
    pub(super) title: String,
    pub(super) user: Option<String>,
    /// Under which others may refer to its answer.
    pub(super) name: Option<String>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// Every scenario, in the order of the files' names.
pub(super) fn scenarios() -> Result<Vec<Scenario>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/api_wardle/corpus");
    let mut files: Vec<_> = fs::read_dir(&folder)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    files.sort();
    files.iter().map(|path| read(path).with_context(|| path.display().to_string())).collect()
}

fn read(path: &Path) -> Result<Scenario> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).context("no name")?.to_owned();
    let text = fs::read_to_string(path)?;
    let mut parts = text.split("\n### ");
    let variables = variables(parts.next().unwrap_or_default());
    let requests: Vec<_> = parts
        .map(|part| request(part, &variables).with_context(|| part.to_owned()))
        .collect::<Result<_>>()?;
    let mut titles: Vec<_> = requests.iter().map(|request| &request.title).collect();
    titles.sort();
    if let Some(twice) = titles.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two requests have the title {:?}", twice[0]);
    }
    Ok(Scenario { name, requests })
}

fn variables(head: &str) -> BTreeMap<&str, &str> {
    let lines = head.lines().filter_map(|line| line.strip_prefix('@')?.split_once('='));
    lines.map(|(name, value)| (name.trim(), value.trim())).collect()
}

fn request(text: &str, variables: &BTreeMap<&str, &str>) -> Result<Request> {
    let mut text = text.to_owned();
    for (name, value) in variables {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let title = lines.next().context("no title")?.trim().to_owned();
    let mut request = Request { title, body: body.trim_end().to_owned(), ..Request::default() };
    for line in lines {
        if let Some(note) = line.strip_prefix("# @") {
            match note.split_once(' ') {
                Some(("as", user)) => request.user = Some(user.to_owned()),
                Some(("name", name)) => request.name = Some(name.to_owned()),
                _ => bail!("@{note} means nothing"),
            }
        } else if request.method.is_empty() {
            let (method, path) = line.split_once(' ').context("no request line")?;
            (request.method, request.path) = (method.to_owned(), path.to_owned());
        } else {
            let (name, value) = line.split_once(':').context("neither a header nor an empty line")?;
            request.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    Ok(request)
}

#[test]
fn a_request_is_read_as_it_is_written() -> Result<()> {
    let variables = variables("# About something.\n@all = /apis/a/flunders\n");
    let read = request("make one\n# @as jane\nPOST {{all}}?a=b\nAccept: x/y\n\n{}\n", &variables)?;
    let expected = Request {
        title: "make one".to_owned(),
        user: Some("jane".to_owned()),
        name: None,
        method: "POST".to_owned(),
        path: "/apis/a/flunders?a=b".to_owned(),
        headers: vec![("Accept".to_owned(), "x/y".to_owned())],
        body: "{}".to_owned(),
    };
    assert_eq!(read, expected);
    Ok(())
}

#[test]
fn the_corpus_is_whole() -> Result<()> {
    let count: usize = scenarios()?.iter().map(|scenario| scenario.requests.len()).sum();
    assert_eq!(count, 527, "a request was lost, or one is new: count it");
    Ok(())
}
