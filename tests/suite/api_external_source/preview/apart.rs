//! Roles that run in processes of their own: the aggregated API and the webhook ask the controller, and nobody else may.
use super::{super::log::Follower, message, trial, unpacked};
use crate::{audit::Mark, scene::Scene, sources::PATIENCE, upstream::Answer};
use anyhow::{Context, Result, ensure};
use cluster::{
    Cluster, Postern, S3Gateway,
    suite::{skip, to_its_end},
};
use http::StatusCode;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::Api;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use std::{fs, time::Duration};
use tokio::time::{sleep, timeout};

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(100);

/// The roles of one Postern, each a process.
struct Apart {
    apiserver: Postern,
    webhook: Postern,
    controller: Postern,
}

impl Apart {
    /// On the ports of the cluster's own Postern, which must not run meanwhile.
    fn new(cluster: &Cluster, gateway: &S3Gateway) -> Result<Self> {
        let role = |name: &'static str| -> Result<Postern> {
            let mut postern = cluster.another_postern(&format!("apart-{name}"))?;
            let admin = postern.endpoints.admin;
            postern.endpoints = cluster.postern().endpoints;
            postern.endpoints.admin = admin;
            postern.role = name;
            postern.flags.push(format!("--store={}", gateway.store("apart")));
            postern.flags.push("--preview-on-dry-run".to_owned());
            postern.environment = gateway.environment();
            Ok(postern)
        };
        Ok(Self { apiserver: role("apiserver")?, webhook: role("webhook")?, controller: role("controller")? })
    }

    fn all(&self) -> [&Postern; 3] {
        [&self.apiserver, &self.webhook, &self.controller]
    }

    async fn stop(&self) -> Result<()> {
        for postern in self.all() {
            postern.stop().await?;
        }
        Ok(())
    }
}

impl Scene {
    /// Runs `test` with the roles apart; the controller does not run yet. Afterwards Postern is as it was.
    async fn apart(&self, test: impl AsyncFnOnce(&Cluster, &Apart) -> Result<()>) -> Result<()> {
        let Some(cluster) = self.suite.own() else { return skip("this Postern is not ours to restart") };
        let gateway = cluster.s3_gateway("apart").await?;
        let apart = Apart::new(cluster, &gateway)?;
        cluster.postern().stop().await?;
        let outcome = async {
            tokio::try_join!(apart.apiserver.start(), apart.webhook.start())?;
            cluster.postern().touch_slice().await?;
            test(cluster, &apart).await
        };
        let outcome = to_its_end(outcome).await;
        let stopped = apart.stop().await;
        cluster.postern().start().await?;
        cluster.postern().touch_slice().await?;
        gateway.kill().await?;
        stopped.and(outcome)
    }

    /// What `kubectl apply --dry-run=server` says on standard error.
    async fn dry_run(&self, url: &str, more: &str) -> Result<String> {
        let manifest = crate::sources::manifest("two", url, more);
        let namespace = self.namespace.name();
        let arguments = ["--namespace", namespace, "apply", "--dry-run=server", "--filename", "-"];
        let output = self.suite.kubectl().output(&arguments, &manifest).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        Ok(said)
    }

    /// Until the aggregated API answers again after its process has changed.
    async fn tried(&self, wanted: StatusCode, body: &Value) -> Result<Value> {
        let asked = async {
            loop {
                let (code, said) = self.preview("two", None, body).await?;
                if code == wanted {
                    return anyhow::Ok(said);
                }
                // kube-apiserver says 503 as well, without our words, while it does not reach us.
                ensure!(code == StatusCode::SERVICE_UNAVAILABLE, "{code}: {said}");
                sleep(AGAIN).await;
            }
        };
        timeout(PATIENCE, asked).await.with_context(|| format!("never {wanted}"))?
    }
}

/// What the controller's port answers to this proof.
async fn direct(cluster: &Cluster, token: Option<&str>, (path, body): (&str, &Value)) -> Result<StatusCode> {
    let services: Api<APIService> = Api::all(cluster.client().clone());
    let service = services.get("v1alpha1.subresources.postern.dev").await?;
    let ca = service.spec.and_then(|spec| spec.ca_bundle).context("a CA bundle")?.0;
    let client = Client::builder().tls_certs_only(Certificate::from_pem_bundle(&ca)?).no_proxy().build()?;
    let url = format!("https://{}/{path}", cluster.postern().endpoints.controller);
    let request = client.post(url).header("content-type", "application/json").body(body.to_string());
    let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token.trim()));
    Ok(request.send().await?.status())
}

#[tokio::test]
async fn roles_that_run_apart_ask_the_controller_and_nobody_else_may() -> Result<()> {
    let scene = Scene::alone().await?;
    scene.upstream.answer(Answer::data(crate::archive::tar(&[("a.yaml", "a: 1\n")])));
    let url = scene.upstream.url();
    let body = trial(&url, unpacked);
    scene
        .apart(async |cluster, apart| {
            let mut mark = Mark::now(cluster)?;
            let without = async {
                loop {
                    let (code, said) = scene.preview("two", None, &body).await?;
                    ensure!(code == StatusCode::SERVICE_UNAVAILABLE, "{code}: {said}");
                    if message(&said).contains("no controller of Postern is at work") {
                        return anyhow::Ok(());
                    }
                    sleep(AGAIN).await;
                }
            };
            timeout(PATIENCE, without).await.context("it is never told that there is no controller")??;

            apart.controller.start().await?;
            let preview = scene.tried(StatusCode::CREATED, &body).await?;
            assert_eq!(preview["status"]["files"], json!([{ "path": "a.yaml", "size": 5 }]), "{preview}");
            followed(&scene).await?;
            warned(&scene, &url).await?;
            passes(&scene).await?;
            strangers(&scene, cluster).await?;
            for postern in apart.all() {
                let log = fs::read_to_string(postern.log())?;
                assert!(!log.contains("eyJ"), "a token is in the log of {}", postern.role);
            }
            let (accounts, forbidden) = mark.asked_by_roles()?;
            assert_eq!(accounts, ["apiserver", "controller", "webhook"].map(str::to_owned).into());
            assert_eq!(forbidden, [""; 0], "each role has the rights that it needs");
            Ok(())
        })
        .await
}

/// What the controller keeps comes through the aggregated API, which holds none of it.
async fn followed(scene: &Scene) -> Result<()> {
    let path = scene.path("externalsources/one/log?follow=true");
    let mut follower = Follower::new(scene.suite.client(), &path).await?;
    follower.until("the pass went well").await?;
    let (code, said) = scene.refresh("").await?;
    assert_eq!(code, StatusCode::CREATED, "{said}");
    follower.until("unchanged").await?;
    Ok(())
}

/// A dry run tells what would become of the object, and is never refused for it.
async fn warned(scene: &Scene, url: &str) -> Result<()> {
    let said = scene.dry_run(url, "      unpack: Always\n").await?;
    assert!(said.contains("Warning: preview: a pass now would give latest@sha256:"), "{said}");
    assert!(said.contains("1 file"), "{said}");
    let said = scene.dry_run(url, "      method: POST\n").await?;
    assert!(
        said.contains(
            "Warning: preview: not made, since a dry run sends only GET and HEAD and runs no hooks"
        ),
        "{said}"
    );
    scene.upstream.answer(Answer::status(StatusCode::NOT_FOUND));
    let said = scene.dry_run(url, "").await?;
    assert!(said.contains("Warning: preview: a pass now would fail with NotFound"), "{said}");
    assert_eq!(scene.sources.get_opt("two").await?, None, "a dry run makes nothing");
    Ok(())
}

/// The source is worked on, and its pass waited for, by roles that each have their own rights alone.
async fn passes(scene: &Scene) -> Result<()> {
    scene.upstream.answer(Answer::data(crate::archive::tar(&[("a.yaml", "a: 2\n")])));
    scene.apply("      unpack: Always\n").await?;
    scene.ready().await?;
    let (code, refreshed) = scene.refresh("").await?;
    assert_eq!((code, &refreshed["ready"]), (StatusCode::CREATED, &json!("True")), "{refreshed}");
    let (code, pinned) = scene.roll_back(&json!({ "revision": refreshed["revision"] }), "").await?;
    assert_eq!(code, StatusCode::CREATED, "{pinned}");
    Ok(())
}

/// Whoever reaches the port needs a token that was made for it, and the right to ask.
async fn strangers(scene: &Scene, cluster: &Cluster) -> Result<()> {
    let question =
        json!({ "kind": "ExternalSource", "namespace": scene.namespace.name(), "name": "two", "spec": {} });
    let mut lines = json!({ "kind": "ExternalSource", "namespace": scene.namespace.name(), "name": "one" });
    lines["follow"] = false.into();
    lines["timestamps"] = true.into();
    let ours = ["--namespace=postern-system", "create", "token", "postern-apiserver"];
    let audience = "--audience=controller.postern.dev";
    let for_kubernetes = scene.suite.kubectl().run(&ours).await?;
    let for_us = scene.suite.kubectl().run(&[&ours[..], &[audience]].concat()).await?;
    let of_another = scene.namespace.kubectl(&["create", "token", "default", audience]).await?;
    for (token, expected) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some("no-such-token"), StatusCode::UNAUTHORIZED),
        (Some(&*for_kubernetes), StatusCode::UNAUTHORIZED),
        (Some(&*of_another), StatusCode::FORBIDDEN),
        (Some(&*for_us), StatusCode::OK),
    ] {
        assert_eq!(direct(cluster, token, ("previews", &question)).await?, expected);
        assert_eq!(direct(cluster, token, ("logs", &lines)).await?, expected);
    }
    let of_webhook = ["--namespace=postern-system", "create", "token", "postern-webhook", audience];
    let of_webhook = scene.suite.kubectl().run(&of_webhook).await?;
    let refused = direct(cluster, Some(&of_webhook), ("logs", &lines)).await?;
    assert_eq!(refused, StatusCode::FORBIDDEN, "the webhook has no use for logs");
    Ok(())
}
