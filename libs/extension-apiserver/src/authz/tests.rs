//! Decisions at the boundary to kube-apiserver: what is asked, what is kept, what is made of each answer.
use super::*;
use k8s_openapi::api::authorization::v1::SubjectAccessReviewStatus;
use std::sync::Mutex;

type Asked = Arc<Mutex<Vec<SubjectAccessReviewSpec>>>;

/// An authorizer, and the questions that left it; each is answered by `answer`.
fn authorizer(answer: fn() -> Result<SubjectAccessReviewStatus, kube::Error>) -> (Authorizer, Asked) {
    with_options(answer, Options::default())
}

fn with_options(
    answer: fn() -> Result<SubjectAccessReviewStatus, kube::Error>,
    options: Options,
) -> (Authorizer, Asked) {
    let asked = Asked::default();
    let questions = Arc::clone(&asked);
    let ask: Ask<SubjectAccessReview> = Arc::new(move |review| {
        questions.lock().unwrap().push(review.spec.clone());
        let answered = answer().map(|status| SubjectAccessReview { status: Some(status), ..review });
        async move { answered }.boxed()
    });
    (Authorizer::asking(ask, options), asked)
}

fn allowed() -> Result<SubjectAccessReviewStatus, kube::Error> {
    Ok(SubjectAccessReviewStatus { allowed: true, ..SubjectAccessReviewStatus::default() })
}

fn no_opinion() -> Result<SubjectAccessReviewStatus, kube::Error> {
    let reason = Some("no RBAC policy matched".to_owned());
    Ok(SubjectAccessReviewStatus { reason, ..SubjectAccessReviewStatus::default() })
}

fn unreachable() -> Result<SubjectAccessReviewStatus, kube::Error> {
    Err(kube::Error::Service(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()))
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    let groups = groups.iter().map(ToString::to_string).collect();
    UserInfo { name: name.into(), groups, ..UserInfo::default() }
}

fn get(name: &str) -> RequestInfo {
    RequestInfo {
        verb: "get".into(),
        is_resource: true,
        group: "example.com".into(),
        version: "v1".into(),
        resource: "things".into(),
        name: name.into(),
        ..RequestInfo::default()
    }
}

fn path(path: &str) -> RequestInfo {
    RequestInfo { verb: "get".into(), path: path.into(), ..RequestInfo::default() }
}

#[tokio::test]
async fn masters_pass_without_a_question() {
    let (authorizer, asked) = authorizer(no_opinion);
    let admin = user("admin", &["system:masters", "system:authenticated"]);
    assert_eq!(authorizer.authorize(&admin, &get("one")).await, Ok(Decision::Allow));
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn everybody_may_ask_for_health_and_nothing_beside_it() {
    let options = Options { allowed_paths: vec!["/livez".into(), "/open/*".into()], ..Options::default() };
    let (authorizer, _) = with_options(no_opinion, options);
    let nobody = user("system:anonymous", &["system:unauthenticated"]);
    let table = [
        (path("/livez"), true),
        (path("/livez/etcd"), false),
        (path("/livezz"), false),
        (path("/open/a/b"), true),
        (path("/open"), false),
        (path("/metrics"), false),
        (RequestInfo { path: "/livez".into(), ..get("one") }, false),
    ];
    for (request, expected) in table {
        let decision = authorizer.authorize(&nobody, &request).await.unwrap();
        assert_eq!(decision == Decision::Allow, expected, "{request:?}");
    }
}

#[tokio::test]
async fn yes_and_no_are_each_asked_once() {
    for (answer, expected) in [
        (allowed as fn() -> _, Decision::Allow),
        (no_opinion, Decision::Refuse("no RBAC policy matched".to_owned())),
    ] {
        let (authorizer, asked) = authorizer(answer);
        for _ in 0..3 {
            assert_eq!(authorizer.authorize(&user("jane", &[]), &get("one")).await.unwrap(), expected);
        }
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn another_user_group_or_object_is_another_question() {
    let (authorizer, asked) = authorizer(allowed);
    let requests = [
        (user("jane", &[]), get("one")),
        (user("jane", &["dev"]), get("one")),
        (user("joe", &[]), get("one")),
        (user("jane", &[]), get("two")),
        (user("jane", &[]), RequestInfo { subresource: "content".into(), ..get("one") }),
        (user("jane", &[]), RequestInfo { label_selector: Some("a=b".into()), ..get("one") }),
    ];
    for (user, request) in &requests {
        authorizer.authorize(user, request).await.unwrap();
    }
    assert_eq!(asked.lock().unwrap().len(), requests.len());
}

#[tokio::test]
async fn a_no_is_forgotten_after_its_own_lifetime() {
    let options = Options { deny_lifetime: Duration::from_millis(20), ..Options::default() };
    let (authorizer, asked) = with_options(no_opinion, options);
    authorizer.authorize(&user("jane", &[]), &get("one")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    authorizer.authorize(&user("jane", &[]), &get("one")).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn large_questions_are_not_kept() {
    let (authorizer, asked) = authorizer(allowed);
    let large = get(&"x".repeat(TOO_LARGE_TO_KEEP));
    for _ in 0..2 {
        authorizer.authorize(&user("jane", &[]), &large).await.unwrap();
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn without_an_answer_the_request_fails_and_stays_closed() {
    let (authorizer, _) = authorizer(unreachable);
    let status = authorizer.authorize(&user("jane", &[]), &get("one")).await.unwrap_err();
    assert_eq!((status.code().as_u16(), status.reason()), (500, "InternalError"));
}

#[test]
fn only_a_plain_yes_opens() {
    let decide = |allowed, denied| {
        let status = SubjectAccessReviewStatus { allowed, denied, ..SubjectAccessReviewStatus::default() };
        read(SubjectAccessReview { status: Some(status), ..SubjectAccessReview::default() }).ok()
    };
    assert_eq!(decide(true, None), Some(Decision::Allow));
    assert_eq!(decide(true, Some(false)), Some(Decision::Allow));
    assert_eq!(decide(false, None), Some(Decision::Refuse(String::new())));
    assert_eq!(decide(false, Some(true)), Some(Decision::Refuse(String::new())));
    assert_eq!(decide(true, Some(true)), None, "a contradiction is an error");
    assert!(read(SubjectAccessReview::default()).is_err(), "so is an answer without a status");
}
