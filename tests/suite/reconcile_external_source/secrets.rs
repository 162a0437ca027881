//! Secrets: read by name, only where that was granted, and never repeated.
use crate::{scene::Scene, sources::condition, upstream::Answer};
use anyhow::{Context, Result};
use crds::conditions;

const HEADERS: &str = "      headersSecretRef: { name: token }\n";

fn secret(data: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{ name: token }}\n{data}\n")
}

#[tokio::test]
async fn a_missing_secret_is_named_and_healed_when_it_appears() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), HEADERS).await?;
    let message = scene.failed("SecretNotFound").await?;
    assert!(message.contains("token"), "{message}");
    let source = scene.sources.get("one").await?;
    assert!(condition(&source, conditions::STALLED).is_some());
    assert_eq!(scene.upstream.asked().len(), 0);
    scene.namespace.apply(&secret("stringData: { Authorization: Bearer x }")).await?;
    scene.ready().await?;
    Ok(())
}

#[tokio::test]
async fn without_the_right_the_message_is_the_line_that_grants_it() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    let namespace = scene.namespace.name().to_owned();
    scene.namespace.kubectl(&["delete", "rolebinding", "postern-secrets"]).await?;
    scene.namespace.apply(&secret("stringData: { Authorization: Bearer x }")).await?;
    scene.apply(HEADERS).await?;
    let message = scene.failed("SecretForbidden").await?;
    let line =
        message.find("kubectl create rolebinding").map(|at| message[at..].trim()).context("the line")?;
    for part in ["--clusterrole=postern-secrets", "--serviceaccount=postern-system:postern", &namespace] {
        assert!(line.contains(part), "{part} is not in: {line}");
    }
    let words: Vec<_> = line.split_whitespace().skip(1).collect();
    scene.suite.kubectl().run(&words).await?;
    scene.ready().await?;

    scene.namespace.kubectl(&["delete", "rolebinding", "postern-secrets"]).await?;
    scene.request("without the right").await?;
    scene.failed("SecretForbidden").await?;
    scene.suite.kubectl().run(&words).await?;
    scene.ready().await?;
    Ok(())
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_named_but_not_shown() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    scene
        .namespace
        .apply(&secret("stringData: { Authorization: \"Bearer hunter2\\r\\nX-Evil: 1\" }"))
        .await?;
    scene.apply(HEADERS).await?;
    let message = scene.failed("InvalidHeader").await?;
    assert!(message.contains("token") && message.contains("Authorization"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_bundle_that_is_no_pem_and_a_missing_key_are_named() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    scene.namespace.apply(&secret("stringData: { ca.crt: not a certificate }")).await?;
    scene.apply("      caBundleSecretRef: { name: token, key: ca.crt }\n").await?;
    let message = scene.failed("InvalidCABundle").await?;
    assert!(message.contains("token") && message.contains("ca.crt"), "{message}");
    scene.apply("      caBundleSecretRef: { name: token, key: other.crt }\n").await?;
    let message = scene.failed("SecretKeyMissing").await?;
    assert!(message.contains("token") && message.contains("other.crt"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_client_certificate_that_is_none_is_named_but_not_shown() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    scene.namespace.apply(&secret("stringData: { tls.crt: not a certificate, tls.key: hunter2 }")).await?;
    scene.apply("      certSecretRef: { name: token }\n").await?;
    let message = scene.failed("InvalidClientCertificate").await?;
    assert!(message.contains("token") && message.contains("tls.crt"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    Ok(())
}
