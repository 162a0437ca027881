//! Why a pass failed: one sentence for people, one reason for machines, and when trying again makes sense.
//!
//! Sentences name the host and the status code. They never hold a body, a path, a query, a header or a value of a
//! Secret, and neither does `Debug`.
mod registry;
mod verdict;

pub use registry::RegistryError;
pub use verdict::Retry;

use crate::{
    Digest, HookFailure, List, StoreError,
    egress::{HostRefused, Refused},
    pack::PackError,
    unpack::UnpackError,
};
use http::StatusCode;
use std::{error::Error as StdError, io, time::Duration};
use thiserror::Error;

/// A cause that some other crate reports.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a pass failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The spec refers to a Secret that is not there.
    #[error("Secret {secret} does not exist")]
    SecretNotFound {
        /// The name of the Secret.
        secret: String,
    },

    /// The spec refers to a key that the Secret lacks.
    #[error("Secret {secret} has no key {key}")]
    SecretKeyMissing {
        /// The name of the Secret.
        secret: String,
        /// The missing key.
        key: String,
    },

    /// A key of the Secret cannot be sent as a header.
    #[error("key {key} of Secret {secret} cannot be sent as a header: {problem}")]
    InvalidHeader {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A key of the Secret holds no certificates.
    #[error("key {key} of Secret {secret} is no CA bundle: {problem}")]
    InvalidCaBundle {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The Secret holds no client certificate with its key.
    #[error("key {key} of Secret {secret} cannot be used as a client certificate: {problem}")]
    InvalidClientCertificate {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A key of the Secret says nothing of a proxy that can be used.
    #[error("key {key} of Secret {secret} cannot be used for a proxy: {problem}")]
    InvalidProxy {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The proxy brings about no connection.
    #[error("cannot fetch from {host} through the proxy {proxy}: {problem}")]
    ProxyFailed {
        /// The host in question.
        host: String,
        /// The host of the proxy.
        proxy: String,
        /// In which way.
        problem: &'static str,
        /// What the network said.
        source: BoxError,
    },

    /// The proxy wants to know who asks.
    #[error("the proxy {proxy} does not accept the keys username and password of Secret {secret}")]
    ProxyRefused {
        /// The host of the proxy.
        proxy: String,
        /// The Secret that describes it.
        secret: String,
    },

    /// The body is not the JSON that is expected.
    #[error("the body from {host} {problem}")]
    UnexpectedJson {
        /// The host in question.
        host: String,
        /// What is wrong, in words that hold nothing of the body.
        problem: String,
    },

    /// A key of the Secret cannot verify signatures.
    #[error("key {key} of Secret {secret} is no public key that can be used: {problem}")]
    InvalidPublicKey {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A key of the Secret cannot be a credential.
    #[error("key {key} of Secret {secret} cannot be used: {problem}")]
    InvalidCredentials {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The source does not believe the credentials.
    #[error("{host} does not accept key {key} of Secret {secret}")]
    CredentialsRefused {
        /// The host in question.
        host: String,
        /// The name of the Secret.
        secret: String,
        /// The key that it does not accept, as far as it says so.
        key: &'static str,
    },

    /// S3 does not let these credentials, or none, read.
    #[error("{host} does not let {whom} read this")]
    ReadForbidden {
        /// The host in question.
        host: String,
        /// Who asked, in words.
        whom: String,
    },

    /// A folder that nothing lies in.
    #[error("the prefix holds no object at {host}")]
    EmptyPrefix {
        /// The host in question.
        host: String,
    },

    /// A folder that more lies in than an artifact may hold.
    #[error("the prefix holds more than {limit} objects at {host}")]
    TooManyObjects {
        /// The host in question.
        host: String,
        /// The limit.
        limit: usize,
    },

    /// No release, or no asset of one, is what the spec asks for.
    #[error("{host} {problem}")]
    NoRelease {
        /// The host in question.
        host: String,
        /// What there is not, in words that hold nothing of what it said.
        problem: String,
    },

    /// An asset whose checksum cannot be known.
    #[error("{host} lists no checksum of an asset that is wanted")]
    NoChecksum {
        /// The host in question.
        host: String,
    },

    /// A key that is no name of a file.
    #[error("{host} has an object whose key cannot be the name of a file: {problem}")]
    UnsafeKey {
        /// The host in question.
        host: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The policy closes the address.
    #[error("{host} may not be reached: {refused}")]
    AddressRefused {
        /// The host in question.
        host: String,
        /// What the policy says.
        refused: Refused,
    },

    /// The namespace may not reach the host.
    #[error("{host} may not be reached: {refused}")]
    HostRefused {
        /// The host in question.
        host: String,
        /// What the operator's list says.
        refused: HostRefused,
    },

    /// The name has no address, or no name server answered.
    #[error("no address found for {host}")]
    NameNotResolved {
        /// The host in question.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },

    /// No connection came about, or it broke before the answer began.
    #[error("cannot fetch from {host}: {problem}")]
    ConnectionFailed {
        /// The host in question.
        host: String,
        /// In which way.
        problem: &'static str,
        /// What the network said.
        source: BoxError,
    },

    /// The TLS handshake failed.
    #[error("no secure connection to {host}: {problem}")]
    TlsFailed {
        /// The host in question.
        host: String,
        /// In which way.
        problem: &'static str,
        /// What TLS said.
        source: BoxError,
    },

    /// None of the authorities that the spec names has signed the certificate.
    #[error(
        "no secure connection to {host}: its certificate is signed by an authority that key {key} of Secret {secret} does \
         not hold; put the certificate of that authority there, and let the server send every intermediate certificate"
    )]
    UnknownAuthority {
        /// The host in question.
        host: String,
        /// The name of the Secret.
        secret: String,
        /// The key with the authorities.
        key: String,
        /// What TLS said.
        source: BoxError,
    },

    /// `spec.timeout` is over.
    #[error("{host} did not deliver everything in {}", crds::duration::format(*timeout))]
    TimedOut {
        /// The host in question.
        host: String,
        /// The time it had.
        timeout: Duration,
    },

    /// A status code that carries no data.
    #[error("{host} answered {}", named(*status))]
    Answered {
        /// The host in question.
        host: String,
        /// The code.
        status: StatusCode,
        /// How long its headers ask to wait.
        pause: Option<Duration>,
        /// Whether its headers say that a limit is used up.
        limited: bool,
    },

    /// A good answer of another type than expected.
    #[error("{host} sent {found} where {expected} is expected")]
    UnexpectedContentType {
        /// The host in question.
        host: String,
        /// What it sent.
        found: String,
        /// What `expectedContentType` lists.
        expected: String,
    },

    /// A redirect that is not followed.
    #[error("{host} redirects {problem}")]
    RedirectRefused {
        /// The host that redirects.
        host: String,
        /// Where to, in words.
        problem: &'static str,
    },

    /// The body is not whole.
    #[error("the body from {host} ended early")]
    Truncated {
        /// The host in question.
        host: String,
        /// What the network said.
        source: BoxError,
    },

    /// The body is larger than allowed.
    #[error("the body from {host} is larger than {limit} bytes, {whose}")]
    TooLarge {
        /// The host in question.
        host: String,
        /// The limit.
        limit: u64,
        /// What sets it.
        whose: &'static str,
    },

    /// The body is not the one that is pinned.
    #[error("the body from {host} has the digest {found}, but {expected} is pinned")]
    DigestMismatch {
        /// The host in question.
        host: String,
        /// What the body has.
        found: Digest,
        /// What the spec, or the manifest that it leads to, pins.
        expected: Digest,
    },

    /// A body of unknown length could not be kept aside until its length is known.
    #[error("the body cannot be written to a temporary file")]
    NotSpooled(#[source] io::Error),

    /// No HTTP client can be made.
    #[error("no HTTP client can be made")]
    NoClient(#[source] BoxError),

    /// The packer ended without an answer.
    #[error("packing the artifact failed unexpectedly")]
    PackerDied(#[source] BoxError),

    /// A hook failed, and its policy does not ignore that.
    #[error("{list} hook {hook} failed: {failure}")]
    Hook {
        /// Which list it is in.
        list: List,
        /// Its name.
        hook: String,
        /// What went wrong.
        failure: HookFailure,
        /// Whether its policy is to try again.
        retries: bool,
    },

    /// The executor of hooks failed.
    #[error(transparent)]
    HookExecutor(hooks::Error),

    /// There is no executor.
    #[error("hooks are not enabled on this installation")]
    HooksNotEnabled,

    /// The expressions of the spec gave nothing.
    #[error(transparent)]
    Expression(expressions::Error),

    /// The body is no archive that can be unpacked safely.
    #[error(transparent)]
    Unpack(UnpackError),

    /// The archive could not be made.
    #[error(transparent)]
    Pack(PackError),

    /// A registry has no artifact that can be used.
    #[error(transparent)]
    Registry(RegistryError),

    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// The code, with its name where it has one.
fn named(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(|| status.as_str().to_owned(), |_| status.to_string())
}
