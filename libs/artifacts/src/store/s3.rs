//! A store in S3, or in what speaks like it: how its client is set up. All else comes from the environment, by the names
//! that AWS's own programs read: `AWS_ACCESS_KEY_ID`, `AWS_ROLE_ARN`, `AWS_REGION`, `AWS_ENDPOINT_URL` and so on.
mod credentials;
mod told;

pub(super) use told::Told;

use super::StoreError;
use credentials::Credentials;
use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    multipart::MultipartStore,
    path::Path,
    prefix::PrefixStore,
};
use std::{env, net::IpAddr, sync::Arc, time::Duration};
use url::{Host, Url};

/// A request that failed is sent again: at once, then after growing pauses, and for so long at most. A reader waits
/// meanwhile, and gives up soon after.
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.,
    },
    max_retries: 4,
    retry_timeout: Duration::from_secs(10),
};

/// Nothing is heard for so long: the request has failed.
const SILENCE: &str = "20s";
/// The whole of a request; slow readers of large blobs take long.
const LONGEST: &str = "2h";

/// Opens `s3://bucket/prefix`. Sends nothing yet.
///
/// # Errors
/// The address, or what the environment says, cannot be used.
pub(super) fn open(url: &Url) -> Result<PrefixStore<impl ObjectStore + MultipartStore + use<>>, StoreError> {
    connect(url, AmazonS3Builder::from_env())
}

fn connect(
    url: &Url,
    given: AmazonS3Builder,
) -> Result<PrefixStore<impl ObjectStore + MultipartStore + use<>>, StoreError> {
    let refuse = |why| StoreError::Unsupported { address: address(url), why };
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return Err(refuse(
            "s3:// takes a bucket and a path; credentials and endpoint come from the environment",
        ));
    }
    let bucket = url.host_str().ok_or_else(|| refuse("s3:// takes the name of a bucket"))?;
    let prefix = Path::from_url_path(url.path()).map_err(|_| refuse("its path is no prefix of objects"))?;
    let setting = |key: ClientConfigKey| AmazonS3ConfigKey::Client(key);
    let mut client = given
        .with_bucket_name(bucket)
        .with_retry(RETRIES)
        .with_disable_bulk_delete(true)
        .with_config(setting(ClientConfigKey::Timeout), LONGEST)
        .with_config(setting(ClientConfigKey::ReadTimeout), SILENCE);
    match endpoint(&client) {
        Some(endpoint) if endpoint.scheme() == "http" && is_loopback(&endpoint) => {
            client = client.with_config(setting(ClientConfigKey::AllowHttp), "true");
        }
        Some(endpoint) if endpoint.scheme() == "http" && !allows_http(&client) => {
            return Err(refuse(
                "its endpoint is http:// on another machine, which only AWS_ALLOW_HTTP=true allows",
            ));
        }
        _ => {}
    }
    let failed = |error: object_store::Error| StoreError::Failed {
        attempt: "setting up its client",
        source: error.into(),
    };
    let unnamed = client.clone().build().map_err(failed)?;
    let client = client.with_credentials(Arc::new(Credentials(Arc::clone(unnamed.credentials()))));
    let client = client.build().map_err(failed)?;
    Ok(PrefixStore::new(client, prefix))
}

/// Where the credentials come from, for whoever has to put them right. Names, never values.
pub(super) fn credentials() -> &'static str {
    let is_set = |name: &str| env::var_os(name).is_some();
    if is_set("AWS_ACCESS_KEY_ID") {
        "the credentials of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    } else if is_set("AWS_WEB_IDENTITY_TOKEN_FILE") {
        "the role of AWS_ROLE_ARN with the token of AWS_WEB_IDENTITY_TOKEN_FILE"
    } else if is_set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        "the role of the pod by AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
    } else {
        "the role of this machine, with no AWS_ACCESS_KEY_ID set"
    }
}

fn address(url: &Url) -> String {
    format!("s3://{}{}", url.host_str().unwrap_or_default(), url.path())
}

fn endpoint(client: &AmazonS3Builder) -> Option<Url> {
    let given = |key| client.get_config_value(&key);
    given(AmazonS3ConfigKey::S3Endpoint).or_else(|| given(AmazonS3ConfigKey::Endpoint))?.parse().ok()
}

fn allows_http(client: &AmazonS3Builder) -> bool {
    let given = client.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    given.is_some_and(|given| given.eq_ignore_ascii_case("true"))
}

fn is_loopback(endpoint: &Url) -> bool {
    match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
