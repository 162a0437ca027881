//! What dry runs are told, and that it never decides anything.
use super::*;
use futures::{
    FutureExt as _,
    future::{BoxFuture, pending},
};
use previews::{Answer, Blame, Previewer, Question, Refusal};
use std::sync::{Arc, Mutex};

/// Says always the same, or nothing at all, and remembers what it was asked.
#[derive(Default)]
struct Controller {
    says: Option<Result<Answer, Refusal>>,
    asked: Mutex<Vec<Question>>,
}

impl Previewer for Controller {
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>> {
        self.asked.lock().unwrap().push(question);
        match self.says.clone() {
            Some(said) => async move { said }.boxed(),
            None => pending().boxed(),
        }
    }
}

fn saying(said: Result<Answer, Refusal>) -> Arc<Controller> {
    Arc::new(Controller { says: Some(said), ..Controller::default() })
}

fn good() -> Arc<Controller> {
    saying(Ok(Answer { summary: vec!["preview: a".into(), "preview: b".into()], outcome: Value::Null }))
}

/// The answer to a review within this patience.
async fn told(controller: &Arc<Controller>, step: Step, review: &Value, seconds: u64) -> Value {
    let webhook = Webhook::new(&mut Registry::default(), Policies::default()).previewing(controller.clone());
    let patience = Duration::from_secs(seconds);
    let json = webhook.answer(step, review.to_string().as_bytes(), patience).await.expect("a review");
    serde_json::from_slice::<Value>(&json).expect("JSON")["response"].clone()
}

fn dry_run(operation: &str, object: &Value, old: &Value) -> Value {
    let mut review = review(operation, object, old);
    review["request"]["dryRun"] = json!(true);
    review
}

#[tokio::test]
async fn a_dry_run_is_told_what_would_become_of_the_object() {
    let controller = good();
    let review = dry_run("CREATE", &object(), &Value::Null);
    let response = told(&controller, Step::Validate, &review, 5).await;
    assert_eq!(
        (&response["allowed"], &response["warnings"]),
        (&json!(true), &json!(["preview: a", "preview: b"]))
    );
    let asked = controller.asked.lock().unwrap()[0].clone();
    let expected = Question {
        kind: "ExternalSource".into(),
        namespace: "apps".into(),
        name: "podinfo".into(),
        spec: object()["spec"].clone(),
        only_reads: true,
    };
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn nobody_is_asked_about_what_is_no_dry_run_of_a_changed_and_valid_spec() {
    let controller = good();
    let other = with_spec(|spec| spec["interval"] = json!("20m"));
    let invalid = with_spec(|spec| spec["interval"] = json!("1s"));
    for (step, review) in [
        (Step::Validate, review("CREATE", &object(), &Value::Null)),
        (Step::Mutate, dry_run("CREATE", &object(), &Value::Null)),
        (Step::Validate, dry_run("UPDATE", &object(), &object())),
        (Step::Validate, dry_run("CREATE", &invalid, &Value::Null)),
        (Step::Validate, dry_run("DELETE", &Value::Null, &object())),
    ] {
        let response = told(&controller, step, &review, 5).await;
        assert!(response["warnings"].is_null(), "{response}");
    }
    assert_eq!(controller.asked.lock().unwrap().len(), 0);
    let response = told(&controller, Step::Validate, &dry_run("UPDATE", &other, &object()), 5).await;
    assert_eq!(response["warnings"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_warning_and_no_refusal() {
    let failed =
        Refusal::Failed { blame: Blame::Owner, reason: "SecretNotFound".into(), message: "no".into() };
    let silent = Arc::new(Controller::default());
    for controller in [saying(Err(failed)), saying(Err(Refusal::Invalid(Vec::new()))), silent] {
        // A second of patience is all kept for the way back.
        let review = dry_run("CREATE", &object(), &Value::Null);
        let response = told(&controller, Step::Validate, &review, 1).await;
        assert_eq!(response["allowed"], true, "{response}");
    }
}
