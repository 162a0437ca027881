//! What a client asks of a write in the query string, or, of a deletion, in the body.
use crate::{
    api::{Call, DeleteOptions, WriteOptions},
    decode::{self, FieldValidation},
    status::{Cause, Status},
};
use http::header::USER_AGENT;
use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde_json::Value;

/// Bytes that the name of a field manager may have.
const LONGEST_MANAGER: usize = 128;

/// The options of a create, update or patch.
pub(super) struct Options {
    pub(super) write: WriteOptions,
    pub(super) validation: FieldValidation,
}

impl Options {
    /// Reads the query string; `kind` is `CreateOptions`, `UpdateOptions` or `PatchOptions`.
    ///
    /// # Errors
    /// 422 that names every option that does not hold.
    pub(super) fn read(kind: &str, call: &Call) -> Result<Self, Status> {
        let dry_run: Vec<&str> = call.query.all("dryRun").collect();
        let manager = call.query.get("fieldManager").unwrap_or_default();
        let validation = call.query.get("fieldValidation").unwrap_or_default();
        let mut causes = Vec::new();
        if kind == "PatchOptions" && call.query.get("force").is_some() {
            causes.push(Cause::forbidden("force", "may not be specified for non-apply patch"));
        }
        causes.extend(manager_causes(manager));
        causes.extend(dry_run_cause(&dry_run));
        let validation = match validation {
            "Ignore" => FieldValidation::Ignore,
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            other => {
                causes.push(Cause::not_supported(
                    "fieldValidation",
                    other,
                    &["", "Ignore", "Strict", "Warn"],
                ));
                FieldValidation::default()
            }
        };
        if !causes.is_empty() {
            return Err(Status::invalid("meta.k8s.io", kind, "", causes));
        }
        let field_manager = if manager.is_empty() { program(call) } else { manager.to_owned() };
        Ok(Self { write: WriteOptions { dry_run: !dry_run.is_empty(), field_manager }, validation })
    }
}

/// The options of a deletion, with what has to be true of the object.
pub(super) struct Deletion {
    pub(super) options: DeleteOptions,
    pub(super) preconditions: v1::Preconditions,
    /// The client said `orphanDependents: false`.
    pub(super) takes_dependents: bool,
}

impl Deletion {
    /// Reads the body, or the query string if there is none.
    ///
    /// # Errors
    /// 400 or 415 for a body that cannot be read, 422 for options that do not hold.
    pub(super) fn read(call: &Call, body: &[u8]) -> Result<Self, Status> {
        let given = if body.is_empty() { from_query(call)? } else { from_body(call, body)? };
        let causes = deletion_causes(&given);
        if !causes.is_empty() {
            return Err(Status::invalid("meta.k8s.io", "DeleteOptions", "", causes));
        }
        let policy = match given.orphan_dependents {
            Some(true) => Some("Orphan".to_owned()),
            Some(false) => Some("Background".to_owned()),
            None => given.propagation_policy,
        };
        let options = DeleteOptions {
            dry_run: given.dry_run.is_some_and(|values| !values.is_empty()),
            // Less than nothing is as soon as can be while still being a period, says the API.
            grace_period_seconds: given
                .grace_period_seconds
                .map(|seconds| if seconds < 0 { 1 } else { seconds }),
            propagation_policy: policy,
        };
        let takes_dependents = given.orphan_dependents == Some(false);
        Ok(Self { options, preconditions: given.preconditions.unwrap_or_default(), takes_dependents })
    }
}

fn from_query(call: &Call) -> Result<v1::DeleteOptions, Status> {
    let dry_run: Vec<String> = call.query.all("dryRun").map(str::to_owned).collect();
    Ok(v1::DeleteOptions {
        dry_run: (!dry_run.is_empty()).then_some(dry_run),
        grace_period_seconds: call.query.integer("gracePeriodSeconds")?,
        orphan_dependents: call.query.flag("orphanDependents"),
        propagation_policy: call.query.get("propagationPolicy").map(str::to_owned),
        ..v1::DeleteOptions::default()
    })
}

fn from_body(call: &Call, body: &[u8]) -> Result<v1::DeleteOptions, Status> {
    let syntax = decode::syntax(&call.headers)?;
    let unreadable =
        |error: String| Status::bad_request(format!("couldn't get version/kind; json parse error: {error}"));
    let tree = decode::parse(syntax, body, &Value::Null).map_err(unreadable)?;
    let Value::Object(mut fields) = tree.value else {
        return Err(unreadable("the body is no object".to_owned()));
    };
    let text =
        |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let (kind, api_version) = (text(fields.remove("kind")), text(fields.remove("apiVersion")));
    let own = format!("{}/{}", call.request.group, call.request.version);
    let is_known = matches!(api_version.as_str(), "" | "v1" | "meta.k8s.io/v1") || api_version == own;
    if !matches!(kind.as_str(), "" | "DeleteOptions") || !is_known {
        return Err(Status::bad_request(format!(
            "no kind {kind:?} is registered for version {api_version:?}: a deletion takes DeleteOptions of \"v1\""
        )));
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| Status::bad_request(error.to_string()))
}

fn deletion_causes(given: &v1::DeleteOptions) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(policy) = &given.propagation_policy {
        if given.orphan_dependents.is_some() {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            causes.push(Cause::invalid("propagationPolicy", policy, why));
        }
        if !matches!(policy.as_str(), "Foreground" | "Background" | "Orphan") {
            let known = ["Foreground", "Background", "Orphan", "nil"];
            causes.push(Cause::not_supported("propagationPolicy", policy, &known));
        }
    }
    let dry_run: Vec<&str> = given.dry_run.iter().flatten().map(String::as_str).collect();
    causes.extend(dry_run_cause(&dry_run));
    causes
}

fn dry_run_cause(values: &[&str]) -> Option<Cause> {
    let is_known = values.iter().all(|value| *value == "All");
    (!is_known).then(|| Cause::not_supported("dryRun", values, &["All"]))
}

fn manager_causes(manager: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    if manager.len() > LONGEST_MANAGER {
        causes.push(Cause::too_long("fieldManager", LONGEST_MANAGER));
    }
    for (at, letter) in manager.char_indices().filter(|(_, letter)| !is_printable(*letter)) {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(letter));
        causes.push(Cause::invalid("fieldManager", manager, why));
    }
    causes
}

/// Who writes, if they do not say: the name of their program.
fn program(call: &Call) -> String {
    let agent = call.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let name = agent.split('/').next().unwrap_or_default();
    let mut program = String::new();
    for letter in name.chars().filter(|letter| is_printable(*letter)) {
        if program.len() + letter.len_utf8() > LONGEST_MANAGER {
            break;
        }
        program.push(letter);
    }
    program
}

fn is_printable(letter: char) -> bool {
    !letter.is_control() && (letter == ' ' || !letter.is_whitespace())
}
