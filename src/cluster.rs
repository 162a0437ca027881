//! How Postern talks to kube-apiserver.
use anyhow::Context as _;
use extension_apiserver::{client, review};
use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::{path::Path, time::Duration};

/// The two ways to ask kube-apiserver. Neither uses kube's own retries, which may take minutes: whoever asks knows
/// better when to ask again.
pub(crate) struct Cluster {
    /// For everything but reviews; watches may be silent for as long as they like.
    pub(crate) client: Client,
    /// For reviews, in the middle of a request.
    pub(crate) reviews: Client,
}

const AGENT: HeaderValue = HeaderValue::from_static(concat!("postern/", env!("CARGO_PKG_VERSION")));

/// Reads the kubeconfig, or what the pod's ServiceAccount was given. Nothing is connected to yet.
pub(crate) async fn connect(kubeconfig: Option<&Path>) -> anyhow::Result<Cluster> {
    let mut config = match kubeconfig {
        Some(path) => from_file(path)
            .await
            .with_context(|| format!("failed to use the kubeconfig {}", path.display()))?,
        None => {
            Config::incluster().context("this is no pod with a ServiceAccount, so give a --kubeconfig")?
        }
    };
    config.headers.push((USER_AGENT, AGENT));
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    let client = |config| client::connect(config).context("failed to set up the client of kube-apiserver");
    Ok(Cluster { client: client(config.clone())?, reviews: client(review::client_config(config))? })
}

async fn from_file(path: &Path) -> anyhow::Result<Config> {
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| match error {
        // The path is named once already.
        KubeconfigError::ReadConfig(source, _) => anyhow::Error::new(source),
        other => other.into(),
    })?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_kubeconfig_is_named_once() {
        let error = connect(Some(Path::new("/no/such/file"))).await.err().expect("it is missing");
        let expected = "failed to use the kubeconfig /no/such/file: No such file or directory (os error 2)";
        assert_eq!(format!("{error:#}"), expected);
    }
}
