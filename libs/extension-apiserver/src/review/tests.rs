//! Single flight, detachment, lifetimes and bounds, with a question that is its own answer.
mod impostors;

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what reaches kube-apiserver and answers after `delay`.
fn counted(delay: Duration, outcome: fn() -> Result<String, kube::Error>) -> (Ask<String>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let ask: Ask<String> = Arc::new(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(delay).await;
            outcome()
        }
        .boxed()
    });
    (ask, asked)
}

fn reviews(ask: Ask<String>, lifetime: Duration) -> Reviews<String, String> {
    Reviews::new(ask, Ok, move |_| lifetime, Delegated::default())
}

const LONG: Duration = Duration::from_secs(60);
const DELAY: Duration = Duration::from_millis(50);

fn yes() -> Result<String, kube::Error> {
    Ok("yes".into())
}

fn forbidden() -> Result<String, kube::Error> {
    Err(kube::Error::Api(Status::failure("no", "Forbidden").with_code(403).boxed()))
}

#[tokio::test]
async fn those_who_ask_the_same_share_one_lookup_and_its_answer() {
    let (ask, asked) = counted(DELAY, yes);
    let reviews = reviews(ask, LONG);

    let answers = futures::future::join_all((0..100).map(|_| reviews.answer(b"a", true, String::new))).await;

    assert!(answers.iter().all(|answer| answer.as_deref().is_ok_and(|answer| answer == "yes")));
    reviews.answer(b"a", true, String::new).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    reviews.answer(b"b", true, String::new).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2, "another question is another lookup");
}

#[tokio::test]
async fn a_lookup_goes_on_when_its_client_leaves() {
    let (ask, asked) = counted(DELAY, yes);
    let reviews = reviews(ask, LONG);

    timeout(DELAY / 5, reviews.answer(b"a", true, String::new)).await.expect_err("gone before the answer");
    tokio::time::sleep(DELAY * 3).await;

    assert_eq!(reviews.answer(b"a", true, String::new).await.unwrap(), "yes");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn answers_are_forgotten_after_their_lifetime() {
    let (ask, asked) = counted(Duration::ZERO, yes);
    let reviews = reviews(ask, DELAY);

    reviews.answer(b"a", true, String::new).await.unwrap();
    tokio::time::sleep(DELAY * 2).await;
    reviews.answer(b"a", true, String::new).await.unwrap();

    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_may_not_be_kept_is_asked_each_time() {
    let (ask, asked) = counted(Duration::ZERO, yes);
    let reviews = reviews(ask, LONG);

    for _ in 0..3 {
        reviews.answer(b"a", false, String::new).await.unwrap();
    }

    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn failures_are_not_kept_and_say_what_to_do() {
    let (ask, asked) = counted(Duration::ZERO, forbidden);
    let reviews = reviews(ask, LONG);

    let error = reviews.answer(b"a", true, String::new).await.unwrap_err();
    reviews.answer(b"a", true, String::new).await.unwrap_err();

    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(error.to_string().contains("system:auth-delegator"), "{error}");
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    static TRIES: AtomicUsize = AtomicUsize::new(0);
    let (ask, _) = counted(Duration::ZERO, || match TRIES.fetch_add(1, Ordering::SeqCst) {
        0 => Err(kube::Error::Service(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())),
        _ => yes(),
    });

    assert_eq!(reviews(ask, LONG).answer(b"a", true, String::new).await.unwrap(), "yes");
}

#[tokio::test]
async fn a_panic_does_not_block_the_question_for_ever() {
    let (ask, asked) = counted(Duration::ZERO, || panic!("on purpose"));
    let reviews = reviews(ask, LONG);

    for _ in 0..2 {
        let error = reviews.answer(b"a", true, String::new).await.unwrap_err();
        assert!(matches!(*error, ReviewError::Abandoned), "{error}");
    }

    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_number_of_lookups_is_bounded() {
    let (ask, _) = counted(LONG, yes);
    let reviews = reviews(ask, LONG);
    for number in 0..MAX_LOOKUPS {
        let key = reviews.0.key(&number.to_be_bytes());
        drop(reviews.0.join_or_start(key, true, String::new).unwrap());
    }

    let error = reviews.answer(b"one more", true, String::new).await.unwrap_err();

    assert!(matches!(*error, ReviewError::Busy), "{error}");
}
