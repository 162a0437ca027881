//! The log of a source, where no controller is at work: what is asked is judged before anybody is.
use super::*;

#[tokio::test]
async fn a_parameter_that_makes_no_sense_is_named() {
    let role = Role::new();
    role.sources.replace(Version(1), vec![source("1", &[])]);
    for (query, named) in [
        ("tailLines=-1", "tailLines: must be a number, 0 or more"),
        ("tailLines=all", "tailLines: must be"),
        ("tailLines=", "tailLines: must be"),
        ("sinceSeconds=0", "sinceSeconds: must be a number, 1 or more"),
        ("sinceSeconds=1h", "sinceSeconds: must be"),
        ("follow=maybe", "follow: must be true or false"),
        ("timestamps=2", "timestamps: must be true or false"),
        ("follow=true&tailLines=99999999999999999999", "tailLines: must be"),
    ] {
        let refused = role.get(&format!("externalsources/one/log?{query}")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{query}");
        let status = json(refused).await;
        let message = status["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(named) && status["reason"] == "BadRequest", "{query}: {status}");
    }
}

#[tokio::test]
async fn without_a_controller_nobody_knows_what_passes_did() {
    let role = Role::new();
    role.sources.replace(Version(1), vec![source("1", &[])]);
    assert_eq!(role.get("externalsources/two/log").await.status(), StatusCode::NOT_FOUND);
    for query in ["", "?follow=true", "?follow&tailLines=0&sinceSeconds=1&timestamps=false"] {
        let refused = role.get(&format!("externalsources/one/log{query}")).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{query}");
        let status = json(refused).await;
        assert_eq!(status["message"], "no controller of Postern is at work here yet", "{query}");
    }
}
