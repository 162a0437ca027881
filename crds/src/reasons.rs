//! Every reason that a condition or an event of ours may carry. Reasons are API: add, never rename.

/// The artifact is stored and published.
pub const SUCCEEDED: &str = "Succeeded";
/// Work goes on.
pub const PROGRESSING: &str = "Progressing";
/// Work goes on after a failure, with growing pauses.
pub const PROGRESSING_WITH_RETRY: &str = "ProgressingWithRetry";
/// `spec.suspend` is set.
pub const SUSPENDED: &str = "Suspended";
/// The spec breaks a rule; nothing happens until it changes.
pub const INVALID_SPEC: &str = "InvalidSpec";

/// A referenced Secret may not be read: the RoleBinding is missing.
pub const SECRET_FORBIDDEN: &str = "SecretForbidden";
/// A token of a ServiceAccount may not be made: the RoleBinding is missing.
pub const TOKEN_FORBIDDEN: &str = "TokenForbidden";
/// The ServiceAccount whose token is wanted does not exist.
pub const SERVICE_ACCOUNT_NOT_FOUND: &str = "ServiceAccountNotFound";
/// A token for this audience would open more than the source.
pub const AUDIENCE_REFUSED: &str = "AudienceRefused";
/// A referenced Secret does not exist.
pub const SECRET_NOT_FOUND: &str = "SecretNotFound";
/// A referenced Secret lacks the key.
pub const SECRET_KEY_MISSING: &str = "SecretKeyMissing";
/// A header that a Secret gives cannot be sent.
pub const INVALID_HEADER: &str = "InvalidHeader";
/// A CA bundle is not PEM, or holds no certificate.
pub const INVALID_CA_BUNDLE: &str = "InvalidCABundle";
/// A client certificate or its key cannot be used.
pub const INVALID_CLIENT_CERTIFICATE: &str = "InvalidClientCertificate";

/// What a Secret says of a proxy cannot be used.
pub const INVALID_PROXY: &str = "InvalidProxy";
/// A public key of a Secret cannot be used to verify signatures.
pub const INVALID_PUBLIC_KEY: &str = "InvalidPublicKey";
/// A key of a Secret cannot be used as a credential.
pub const INVALID_CREDENTIALS: &str = "InvalidCredentials";

/// The address of the source is one that may not be reached from here.
pub const ADDRESS_REFUSED: &str = "AddressRefused";
/// The host's name has no address.
pub const NAME_NOT_RESOLVED: &str = "NameNotResolved";
/// The source accepts no connection.
pub const CONNECTION_FAILED: &str = "ConnectionFailed";
/// The source's certificate is not trusted, or TLS failed otherwise.
pub const TLS_FAILED: &str = "TLSFailed";
/// The proxy of the source cannot be reached, or refuses.
pub const PROXY_FAILED: &str = "ProxyFailed";
/// The source did not answer in `spec.timeout`.
pub const TIMED_OUT: &str = "TimedOut";
/// The source answered 401.
pub const UNAUTHORIZED: &str = "Unauthorized";
/// The source answered 403.
pub const FORBIDDEN: &str = "Forbidden";
/// The source answered 404 or 410.
pub const NOT_FOUND: &str = "NotFound";
/// The source answered 429, or announced by a header that its limit is reached.
pub const RATE_LIMITED: &str = "RateLimited";
/// The source answered 5xx.
pub const SERVER_ERROR: &str = "ServerError";
/// The source answered a status that `expectedStatus` does not list.
pub const UNEXPECTED_STATUS: &str = "UnexpectedStatus";
/// The source answered a content type that `expectedContentType` does not list.
pub const UNEXPECTED_CONTENT_TYPE: &str = "UnexpectedContentType";
/// The body is no JSON, or not the JSON that `expectedJSON` describes.
pub const UNEXPECTED_JSON: &str = "UnexpectedJSON";
/// The source redirects in a circle, too often, or to where no redirect may lead.
pub const REDIRECT_REFUSED: &str = "RedirectRefused";
/// The body ended early, or is not as long as announced.
pub const TRUNCATED: &str = "Truncated";
/// The body, or what it unpacks to, is larger than this installation allows.
pub const TOO_LARGE: &str = "TooLarge";
/// The body's SHA-256 is not the one that `sha256` pins.
pub const DIGEST_MISMATCH: &str = "DigestMismatch";
/// What the registry calls the artifact is none that can be fetched.
pub const UNEXPECTED_MANIFEST: &str = "UnexpectedManifest";
/// The artifact is not signed by any of the keys that `verify` names.
pub const VERIFICATION_ERROR: &str = "VerificationError";
/// The body must be unpacked and is neither a tar, a gzip nor a zip.
pub const NOT_AN_ARCHIVE: &str = "NotAnArchive";
/// The body is no archive that can be unpacked safely, or it holds no file.
pub const UNSAFE_ARCHIVE: &str = "UnsafeArchive";
/// The archive holds files, and `spec.select` leaves none of them.
pub const NOTHING_SELECTED: &str = "NothingSelected";

/// A hook may not run: the whitelist does not admit it, or hooks are not enabled.
pub const HOOK_NOT_ALLOWED: &str = "HookNotAllowed";
/// This installation does not allow what the spec asks for: a host that the namespace may not reach, or that any certificate is accepted.
pub const NOT_ALLOWED: &str = "NotAllowed";
/// A hook failed.
pub const HOOK_FAILED: &str = "HookFailed";
/// A hook was not done in its timeout.
pub const HOOK_TIMED_OUT: &str = "HookTimedOut";
/// A hook failed as often as `maxRetries` allows.
pub const MAX_RETRIES_EXCEEDED: &str = "MaxRetriesExceeded";
/// The executor of hooks cannot be reached, or failed.
pub const HOOK_EXECUTOR_UNAVAILABLE: &str = "HookExecutorUnavailable";

/// An expression has no value for the data of the source.
pub const EXPRESSION_FAILED: &str = "ExpressionFailed";
/// An expression, or the data for it, takes more time or memory than it may.
pub const EXPRESSION_OVER_BUDGET: &str = "ExpressionOverBudget";

/// The store has no room.
pub const STORE_FULL: &str = "StoreFull";
/// The store refuses writes.
pub const STORE_READ_ONLY: &str = "StoreReadOnly";
/// The store refuses the credentials that it is given, or what they may do.
pub const STORE_ACCESS_DENIED: &str = "StoreAccessDenied";
/// The store failed otherwise.
pub const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";

/// `spec.pin` keeps a revision published; the message names a newer one that waits.
pub const PINNED: &str = "Pinned";
/// `spec.pin` names a revision that is not stored; what was published stays.
pub const PINNED_REVISION_MISSING: &str = "PinnedRevisionMissing";

/// An ExternalArtifact of this name belongs to something else; it is not touched.
pub const NAME_TAKEN: &str = "NameTaken";
/// The CRD of Flux's ExternalArtifact is not installed; the artifact is stored and served all the same.
pub const FLUX_NOT_INSTALLED: &str = "FluxNotInstalled";
/// Kubernetes refused or failed a request that the pass needs.
pub const KUBERNETES_ERROR: &str = "KubernetesError";
/// The code failed on this object; the message names the request to report.
pub const INTERNAL_ERROR: &str = "InternalError";

/// Event: a stored revision that is kept is damaged or missing, as the verification after a start has found. The newest is fetched again.
pub const STORED_REVISION_DAMAGED: &str = "StoredRevisionDamaged";
/// Event: the stored bytes of what is published were damaged or missing, and have been fetched again.
pub const ARTIFACT_RESTORED: &str = "ArtifactRestored";
/// Event: a new revision is stored and published.
pub const NEW_ARTIFACT: &str = "NewArtifact";
/// Event: a new revision is stored, and waits while `spec.pin` keeps another one published.
pub const REVISION_WAITS: &str = "RevisionWaits";
/// Event: another stored revision is published, since `spec.pin` was set or taken away.
pub const REVISION_SWITCHED: &str = "RevisionSwitched";
/// Event: the archive held links, which are never packed.
pub const LINKS_SKIPPED: &str = "LinksSkipped";
/// Event: a hook failed, and its policy is to go on.
pub const HOOK_IGNORED: &str = "HookIgnored";
/// Event of the installation: the file of the hook whitelist cannot be used, and the last good one stays.
pub const WHITELIST_REFUSED: &str = "WhitelistRefused";
/// Event of the installation: the hook whitelist is as its file says again.
pub const WHITELIST_LOADED: &str = "WhitelistLoaded";
/// Event of the installation: the file of allowed hosts cannot be used, and the last good one stays.
pub const ALLOWED_HOSTS_REFUSED: &str = "AllowedHostsRefused";
/// Event of the installation: the list of allowed hosts is as its file says again.
pub const ALLOWED_HOSTS_LOADED: &str = "AllowedHostsLoaded";
/// Event: the requested reconciliation is not run while the source is suspended.
pub const REQUEST_IGNORED: &str = "RequestIgnored";
/// Event: stored revisions beyond the history were removed.
pub const GARBAGE_COLLECTED: &str = "GarbageCollected";
