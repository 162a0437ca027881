//! The guard on the way out, in a network where every address leads to a listener of the test: however a closed address is
//! written, in a spec or in a redirect, nobody arrives at it. With everything open the same spellings do arrive.
mod sealed;
mod spellings;

use anyhow::{Context, Result, ensure};
use artifacts::{
    SourceKey,
    egress::EgressPolicy,
    pipeline::{Limits, Pipeline, Request},
    plan::{Plan, Secrets},
    store,
};
use crds::{
    ExternalSourceSpec,
    external_source::{Generator, HttpGenerator},
    reasons, rules,
};
use sealed::{Listeners, PORT, PUBLIC};
use spellings::Spelling;

/// More than the issue asks for.
const FEWEST: usize = 600;

const MIB: u64 = 1 << 20;

/// What became of an address.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The rules of admission refuse it, and the controller asks the same rules.
    Invalid,
    /// The pass failed for that reason.
    Failed(&'static str),
    /// The public source served it.
    Served,
}

/// A pipeline behind that guard.
fn behind(policy: EgressPolicy) -> Result<Pipeline> {
    let limits = Limits { max_artifact_size: MIB, max_unpacked_size: MIB };
    Ok(Pipeline::new(policy, store::open(&"memory://".parse()?)?, limits)?)
}

/// One pass over an address.
async fn pass(pipeline: &Pipeline, address: &str) -> Result<Outcome> {
    let http = HttpGenerator { url: address.into(), method: "GET".into(), ..Default::default() };
    let spec = ExternalSourceSpec {
        interval: "1m".into(),
        timeout: "10s".into(),
        generator: Generator { http: Some(http), ..Default::default() },
        ..Default::default()
    };
    let Ok(valid) = rules::check(&spec) else { return Ok(Outcome::Invalid) };
    let plan = Plan::new(valid, &Secrets::default())?;
    let source = SourceKey::new("default", "one")?;
    let outcome = pipeline
        .run(Request { plan: &plan, source: &source, validators: None, stored: None, record: None })
        .await;
    Ok(match outcome {
        Ok(_) => Outcome::Served,
        Err(error) => Outcome::Failed(error.reason()),
    })
}

/// The address of the source that redirects to where the test says.
fn source() -> String {
    format!("http://{PUBLIC}:{PORT}/start")
}

/// Loopback, private ranges, metadata services: whatever is closed unless somebody opens it.
fn everything() -> Result<EgressPolicy> {
    let metadata = spellings::METADATA
        .map(|address| format!("{address}/{}", if address.contains(':') { 128 } else { 32 }));
    let open = ["0.0.0.0/0", "::/0"].map(str::to_owned).into_iter().chain(metadata);
    Ok(EgressPolicy::new(open.map(|range| range.parse()).collect::<Result<_, _>>()?, vec![]))
}

#[test]
fn no_spelling_of_a_closed_address_leads_to_it() -> Result<()> {
    sealed::run(spellings::hosts(), |listeners| async move {
        let (guarded, all) = (behind(EgressPolicy::default())?, spellings::closed());
        ensure!(pass(&guarded, &source()).await? == Outcome::Served, "the public source is open");
        let mut by_guard = [0; 2];
        for Spelling { text, .. } in &all {
            listeners.redirect_to(text);
            let outcomes = [pass(&guarded, text).await?, pass(&guarded, &source()).await?];
            for (outcome, count) in outcomes.iter().zip(&mut by_guard) {
                *count += usize::from(*outcome == Outcome::Failed(reasons::ADDRESS_REFUSED));
            }
            let [direct, redirected] = outcomes;
            ensure!(is_refusal(&direct), "{text:?}: {direct:?}");
            ensure!(is_refusal(&redirected), "a redirect to {text:?}: {redirected:?}");
            nobody_arrived(&listeners, text)?;
        }
        eprintln!("{} spellings, refused by the guard: {by_guard:?} (direct, redirect)", all.len());
        ensure!(all.len() >= FEWEST, "{} spellings", all.len());
        // Most are addresses of the web to everything but the guard.
        ensure!(by_guard.iter().all(|count| *count >= 500), "{by_guard:?}");
        Ok(())
    })
}

fn is_refusal(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Invalid | Outcome::Failed(reasons::ADDRESS_REFUSED | reasons::REDIRECT_REFUSED)
    )
}

fn nobody_arrived(listeners: &Listeners, text: &str) -> Result<()> {
    let arrived = listeners.arrivals();
    ensure!(arrived.is_empty(), "{text:?} leads to {arrived:?}");
    Ok(())
}

/// Those that two programs read differently, or that name no host: they may lead to the public source, or nowhere.
#[test]
fn what_can_be_misread_leads_to_no_closed_address() -> Result<()> {
    sealed::run(spellings::hosts(), |listeners| async move {
        let guarded = behind(EgressPolicy::default())?;
        for text in spellings::ambiguous() {
            pass(&guarded, &text).await?;
            listeners.redirect_to(&text);
            pass(&guarded, &source()).await?;
            nobody_arrived(&listeners, &text)?;
        }
        Ok(())
    })
}

#[test]
fn with_everything_open_the_same_spellings_lead_to_it() -> Result<()> {
    sealed::run(spellings::hosts(), |listeners| async move {
        let (unguarded, mut arrived) = (behind(everything()?)?, 0);
        let reachable = || spellings::closed().into_iter().filter(Spelling::can_be_connected_to);
        for Spelling { text, .. } in reachable() {
            // What the rules refuse may still come as a redirect.
            listeners.redirect_to(&text);
            pass(&unguarded, &source()).await?;
            ensure!(!listeners.arrivals().is_empty(), "nobody would have noticed {text:?}");
            listeners.forget();
            arrived += 1;
        }
        ensure!(arrived >= 500, "{arrived}");
        Ok(())
    })
    .context("a guard that refused nothing would have passed")
}
