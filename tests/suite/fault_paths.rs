//! However a path is written, in an archive, in a spec or in a request, it leads to no place but its own.
mod archives;
mod spellings;

use crate::{
    archive,
    scene::Scene,
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result, ensure};
use archives::Form;
use artifacts::{
    EntryPath, SourceKey,
    egress::EgressPolicy,
    pack::{Mode, Packer},
    pipeline::{Limits, Outcome, Pipeline, Request},
    plan::{Plan, Secrets},
    store, unpack,
};
use cluster::suite::Suite;
use crds::{
    ExternalSourceSpec,
    external_source::{Expression, Generator, HttpGenerator, LayoutFile},
    rules,
};
use futures::TryStreamExt;
use http::StatusCode;
use std::path::{Component, Path};

/// As many as the issue asks for.
const FEWEST: usize = 300;

/// So many of them mean something else than a name to every program, and are refused everywhere.
const HOSTILE: usize = 150;

const MIB: u64 = 1 << 20;

/// What every archive holds beside the path in question, and what paths that are cleaned up would lead to.
const DECOYS: [&str; 6] = ["a/x", "data", "etc/passwd", "secret", "server/share/x", "x"];

/// Whether a path means the same to every program: a place below the folder that it is unpacked into.
fn stays(path: &str) -> bool {
    let is_plain = |step: Component<'_>| matches!(step, Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(is_plain) && !path.contains(['\\', '\0'])
}

/// The one place that a path may lead to: its steps, without those that mean nothing.
fn place(path: &str) -> String {
    let steps: Vec<_> = path.split('/').filter(|step| !matches!(*step, "" | ".")).collect();
    steps.join("/")
}

fn spec() -> ExternalSourceSpec {
    let http = HttpGenerator { url: "http://127.0.0.1/".into(), method: "GET".into(), ..Default::default() };
    ExternalSourceSpec {
        interval: "1m".into(),
        timeout: "10s".into(),
        generator: Generator { http: Some(http), ..Default::default() },
        ..Default::default()
    }
}

#[test]
fn no_path_in_an_archive_leads_out_of_it() -> Result<()> {
    let all = spellings::all();
    ensure!(all.len() >= FEWEST, "{} paths", all.len());
    for form in Form::ALL {
        let mut kept = 0;
        for name in &all {
            let shown = || format!("{form:?} {:?}", String::from_utf8_lossy(name));
            let Some((body, format)) = form.archive_of(name) else { continue };
            // A name that is refused is no escape: nothing of its archive is stored.
            let Ok(unpacked) = unpack::unpack(&*body, format, MIB) else { continue };
            let mut packer = Packer::new(Vec::new());
            unpacked.pack(&mut packer, None).with_context(shown)?;
            let packed = packer.finish().with_context(shown)?.1;
            let files = archive::files(&packed).with_context(shown)?;
            let is_own = |path: &str| path == "beside" || path == place(&form.seen(name));
            ensure!(
                files.iter().all(|(path, _)| stays(path) && is_own(path)),
                "{} becomes {files:?}",
                shown()
            );
            let made = archives::extracted(&packed).with_context(shown)?;
            ensure!(made.len() == files.len(), "{}: {files:?} became {made:?}", shown());
            kept += 1;
        }
        eprintln!("{form:?}: {} paths, {kept} of them harmless", all.len());
        ensure!(all.len() - kept >= HOSTILE, "of {} hostile paths {kept} were kept", all.len());
    }
    Ok(())
}

/// The judge of the test above notices what it is there for.
#[test]
fn gnu_tar_warns_of_the_same_paths_where_nobody_refuses_them() -> Result<()> {
    let hostile = ["../x", "a/../../x", "/etc/passwd", "//x", "../../../x", ".."];
    let all = spellings::all();
    for name in hostile {
        ensure!(all.iter().any(|path| path == name.as_bytes()), "{name} is not among them");
        let (tar, _) = Form::Tar.archive_of(name.as_bytes()).context("a short name")?;
        ensure!(!archives::listed_without_a_word(&tar)?, "{name} draws no warning");
    }
    let (tar, _) = Form::Tar.archive_of(b"a/b").context("a short name")?;
    ensure!(archives::listed_without_a_word(&tar)?, "a plain path draws a warning");
    Ok(())
}

#[test]
fn no_path_of_a_layout_leads_out_of_the_archive() -> Result<()> {
    let (mut tried, mut kept) = (0, 0);
    for name in spellings::all() {
        let Ok(path) = String::from_utf8(name) else { continue };
        tried += 1;
        let expression = Expression { cel: Some("body".into()), ..Expression::default() };
        let layout = vec![LayoutFile { path: path.clone(), expression }];
        let is_refused = rules::check(&ExternalSourceSpec { layout, ..spec() }).is_err();
        // What admission takes, and what the packer takes, is the same.
        let Ok(entry) = EntryPath::new(&*path) else {
            ensure!(is_refused, "{path:?} is admitted and cannot be packed");
            continue;
        };
        if is_refused {
            continue;
        }
        let mut packer = Packer::new(Vec::new());
        packer.file(&entry, Mode::Plain, 1, &b"1"[..])?;
        let packed = packer.finish()?.1;
        ensure!(stays(&path), "{path:?} is admitted");
        ensure!(archives::extracted(&packed)? == [path.clone()], "{path:?} becomes another");
        kept += 1;
    }
    eprintln!("layout: {tried} paths, {kept} of them harmless");
    ensure!(tried >= FEWEST && tried - kept >= HOSTILE, "{tried} paths, {kept} kept");
    Ok(())
}

#[tokio::test]
async fn no_destination_leads_out_of_the_archive() -> Result<()> {
    let upstream = Upstream::start(Answer::data("1")).await;
    let open = EgressPolicy::new(vec!["127.0.0.1/32".parse()?], vec![]);
    let limits = Limits { max_artifact_size: MIB, max_unpacked_size: MIB };
    let pipeline = Pipeline::new(open, store::open(&"memory://".parse()?)?, limits)?;
    let (source, mut tried, mut kept) = (SourceKey::new("default", "one")?, 0, 0);
    for name in spellings::all() {
        let Ok(path) = String::from_utf8(name) else { continue };
        tried += 1;
        let http = HttpGenerator { url: upstream.url(), method: "GET".into(), ..Default::default() };
        let generator = Generator { http: Some(http), ..Default::default() };
        let spec = ExternalSourceSpec { destination_path: Some(path.clone()), generator, ..spec() };
        let Ok(valid) = rules::check(&spec) else { continue };
        let plan = Plan::new(valid, &Secrets::default())?;
        let request = Request { plan: &plan, source: &source, validators: None, stored: None, record: None };
        let Outcome::Fetched(fetched) = pipeline.run(request).await.with_context(|| format!("{path:?}"))?
        else {
            anyhow::bail!("nothing was known before");
        };
        let blob = pipeline.store().open(&fetched.blob.key, None).await?.context("it was stored")?;
        let packed: Vec<bytes::Bytes> = blob.bytes.try_collect().await?;
        let files = archive::files(&packed.concat())?;
        let is_own = |file: &str| stays(file) && [place(&path).as_str(), "data"].contains(&file);
        ensure!(files.len() == 1 && is_own(&files[0].0), "{path:?} becomes {files:?}");
        ensure!(archives::extracted(&packed.concat())?.len() == 1, "{path:?}");
        kept += 1;
    }
    eprintln!("destinationPath: {tried} paths, {kept} of them harmless");
    ensure!(tried >= FEWEST && tried - kept >= HOSTILE, "{tried} paths, {kept} kept");
    Ok(())
}

#[tokio::test]
async fn no_path_of_a_request_leads_to_another_file() -> Result<()> {
    let decoys = DECOYS.map(|name| (name, name));
    let answer = Answer::data(archive::tar(&decoys));
    let scene = Scene::empty(Suite::attach().await?, "paths", answer).await?;
    scene.apply("      unpack: Always\n").await?;
    scene.ready().await?;
    scene.caught_up().await?;
    let content = async |name: &[u8]| {
        let encoded: String = name.iter().map(|byte| format!("%{byte:02x}")).collect();
        scene.get(&format!("externalsources/one/content?path={encoded}")).await
    };
    for name in DECOYS {
        let found = content(name.as_bytes()).await?;
        ensure!(found.status() == StatusCode::OK && found.body() == name.as_bytes(), "{name} is there");
    }
    let all = spellings::all();
    for name in &all {
        // Documented: a path may begin with the folder itself.
        let plain = name.strip_prefix(b"./").unwrap_or(name);
        if DECOYS.iter().any(|decoy| decoy.as_bytes() == plain) {
            continue;
        }
        let answer = content(name).await?;
        let is_refused = matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST);
        ensure!(is_refused, "{:?}: {}", String::from_utf8_lossy(name), answer.status());
    }
    ensure!(all.len() >= FEWEST, "{} paths", all.len());
    Ok(())
}
