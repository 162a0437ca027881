//! Whatever is asked of whatever data: an evaluation ends within its budget, never by a panic, and gives again what it gave.
//! Expressions and documents are generated; each is evaluated as a controller has it done, in a process of its own, which is
//! this program.
mod generated;
mod written;

use bytes::Bytes;
use crds::external_source::Language;
use expressions::{Error, Evaluator, Input, LARGEST_RESULT, Named, Program, SUBCOMMAND};
use futures::{future::join, stream};
use generated::Case;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};
use tokio::runtime::Runtime;

/// Each takes two processes. The variable `PROPTEST_CASES` asks for more.
const CASES: u32 = 300;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(SUBCOMMAND) {
        return expressions::serve();
    }
    an_evaluation_ends_within_its_budget_and_gives_again_what_it_gave();
    ExitCode::SUCCESS
}

/// How many evaluations came to which end. A generator whose expressions all fail would show nothing.
#[derive(Default)]
struct Ends {
    made: Cell<u32>,
    /// Those with an expression in that language.
    made_in: RefCell<BTreeMap<Language, u32>>,
    failed: Cell<u32>,
    over_budget: Cell<u32>,
}

fn an_evaluation_ends_within_its_budget_and_gives_again_what_it_gave() {
    let (runtime, evaluator) = (Runtime::new().expect("a runtime"), Evaluator::of_this_program());
    let ends = Ends::default();
    let usual = Config::default();
    let config = Config { cases: usual.cases.max(CASES), failure_persistence: None, ..usual };
    let cases = config.cases;
    let outcome = TestRunner::new(config).run(&generated::case(), |case| {
        let twice = join(evaluate(&evaluator, &case), evaluate(&evaluator, &case));
        let (first, second) = runtime.block_on(twice);
        if first.is_ok() {
            let languages: BTreeSet<Language> =
                case.transform.iter().chain(&case.others).map(|program| program.language).collect();
            languages
                .into_iter()
                .for_each(|language| *ends.made_in.borrow_mut().entry(language).or_default() += 1);
        }
        judged(&first, &second, &ends)
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
    let [made, failed, over] = [&ends.made, &ends.failed, &ends.over_budget].map(Cell::get);
    assert!(
        made >= cases / 5 && failed > 0,
        "of {cases} cases, each evaluated twice, only {made} made something ({failed} had no value, {over} went over)"
    );
    let made_in = ends.made_in.into_inner();
    assert!(
        made_in.len() == 3 && made_in.values().all(|made| *made >= cases / 100),
        "of {cases} cases {made_in:?}"
    );
}

async fn evaluate(evaluator: &Evaluator, case: &Case) -> Result<Vec<Vec<u8>>, Error> {
    let named = |field: &str, program: &Program| Named { field: field.into(), program: program.clone() };
    let input = Input {
        status: case.status,
        headers: case.headers.clone(),
        transform: case.transform.as_ref().map(|program| named("spec.transform", program)),
        others: case.others.iter().map(|program| named("spec.layout", program)).collect(),
    };
    let data = Bytes::from(case.data.clone());
    let length = data.len() as u64;
    evaluator.run(&input, stream::iter([Ok(data)]), length).await
}

type Outcome = Result<Vec<Vec<u8>>, Error>;

fn judged(first: &Outcome, second: &Outcome, ends: &Ends) -> Result<(), TestCaseError> {
    let refuse = |why: String| Err(TestCaseError::fail(why));
    for outcome in [first, second] {
        let end = match outcome {
            Ok(results) if results.iter().map(Vec::len).sum::<usize>() as u64 <= LARGEST_RESULT => &ends.made,
            Err(Error::Failed { .. }) => &ends.failed,
            // Nothing here is deep: that would be a stack that overflows by itself.
            Err(Error::OverBudget { excess, .. }) if *excess != "goes too deep" => &ends.over_budget,
            Ok(_) => return refuse("it made more than it may".into()),
            Err(error) => return refuse(format!("{error:?}")),
        };
        end.set(end.get() + 1);
    }
    match (first, second) {
        // How much time there was for it is no input of an expression.
        (Err(Error::OverBudget { .. }), _) | (_, Err(Error::OverBudget { .. })) => Ok(()),
        (Ok(first), Ok(second)) if first == second => Ok(()),
        (Err(first), Err(second)) if first.to_string() == second.to_string() => Ok(()),
        _ => refuse(format!("once {first:?}, and then {second:?}")),
    }
}
