//! Requests to the aggregated API through kube-apiserver, for what kubectl does not show: headers, status codes, bytes.
use crate::{scene::Scene, sources::revision};
use anyhow::{Context, Result};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use serde_json::Value;

/// Where the group is served.
pub(crate) const GROUP: &str = "/apis/subresources.postern.dev/v1alpha1";

impl Scene {
    /// The apiserver follows the same watch as this test, a moment later or earlier.
    pub(crate) async fn caught_up(&self) -> Result<()> {
        let wanted = revision(&self.sources.get("one").await?).context("revision")?;
        loop {
            let shown = self
                .namespace
                .kubectl(&["get", "srcview", "one", "--subresource=artifact", "-o", "yaml"])
                .await;
            if shown.is_ok_and(|shown| shown.contains(&wanted)) {
                return Ok(());
            }
        }
    }

    /// The path of something in the namespace of the scene.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("{GROUP}/namespaces/{}/{rest}", self.namespace.name())
    }

    /// Asks for a pass over the source and waits for it, as the administrator: the status code, and what was said.
    pub(crate) async fn refresh(&self, query: &str) -> Result<(StatusCode, Value)> {
        let path = self.path(&format!("externalsources/one/refresh{query}"));
        let response = post(&self.suite.client_without_retries().await?, &path, &[]).await?;
        Ok((response.status(), serde_json::from_slice(response.body())?))
    }

    /// Asks for that revision to be published again and waits for it, as the administrator; as [`Self::refresh`].
    pub(crate) async fn roll_back(&self, body: &Value, query: &str) -> Result<(StatusCode, Value)> {
        let path = self.path(&format!("externalsources/one/rollback{query}"));
        let response = post_object(&self.suite.client_without_retries().await?, &path, &[], body).await?;
        Ok((response.status(), serde_json::from_slice(response.body())?))
    }

    /// A GET as the administrator.
    pub(crate) async fn get(&self, rest: &str) -> Result<Response<Vec<u8>>> {
        get(self.suite.client(), &self.path(rest), &[]).await
    }
}

/// A POST without a body, as whoever the client is.
pub(crate) async fn post(client: &Client, path: &str, headers: &[(&str, &str)]) -> Result<Response<Vec<u8>>> {
    send(client, Request::post(path), headers, Vec::new()).await
}

/// A POST of an object, as whoever the client is.
pub(crate) async fn post_object(
    client: &Client,
    path: &str,
    headers: &[(&str, &str)],
    object: &Value,
) -> Result<Response<Vec<u8>>> {
    let request = Request::post(path).header("content-type", "application/json");
    send(client, request, headers, serde_json::to_vec(object)?).await
}

/// A GET as whoever the client is.
pub(crate) async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Result<Response<Vec<u8>>> {
    send(client, Request::get(path), headers, Vec::new()).await
}

async fn send(
    client: &Client,
    request: http::request::Builder,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Response<Vec<u8>>> {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = client.send(request.body(body.into())?).await?;
    let (parts, body) = response.into_parts();
    Ok(Response::from_parts(parts, body.collect().await?.to_bytes().to_vec()))
}
