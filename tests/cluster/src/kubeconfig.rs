//! Kubeconfigs: for the administrator, for the control plane's own components, and for Postern.
use crate::directory::Directory;
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{fs, net::SocketAddrV4, path::Path};

/// How its user proves who it is.
pub(crate) enum Credential<'a> {
    /// A client certificate of the cluster's PKI, by file name.
    Certificate(&'a str),
    /// A bearer token.
    Token(&'a str),
}

/// Writes a kubeconfig that needs no other file.
pub(crate) fn write(
    directory: &Directory,
    path: &Path,
    server: SocketAddrV4,
    credential: &Credential<'_>,
) -> Result<()> {
    let user = match credential {
        Credential::Certificate(name) => json!({
            "client-certificate-data": encoded(directory, &format!("{name}.crt"))?,
            "client-key-data": encoded(directory, &format!("{name}.key"))?,
        }),
        Credential::Token(token) => json!({ "token": token }),
    };
    let cluster = json!({
        "server": format!("https://{server}"),
        "certificate-authority-data": encoded(directory, "kubernetes-ca.crt")?,
    });
    directory.write(path, serde_saphyr::to_string(&config(&cluster, &user))?)
}

fn config(cluster: &Value, user: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "postern", "cluster": cluster }],
        "users": [{ "name": "user", "user": user }],
        "contexts": [{ "name": "postern", "context": { "cluster": "postern", "user": "user" } }],
        "current-context": "postern",
    })
}

fn encoded(directory: &Directory, file: &str) -> Result<String> {
    let path = directory.pki(file);
    let content = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(BASE64_STANDARD.encode(content))
}
