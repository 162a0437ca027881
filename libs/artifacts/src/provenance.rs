//! Where a stored archive came from, in the words of in-toto and SLSA. Pure.
//!
//! A statement (<https://in-toto.io/Statement/v1>) names the archive by its digest; its predicate
//! (<https://slsa.dev/provenance/v1>) names what it was made from and how, without a value that could open anything.
use crate::{
    BlobKey, Digest, EntryPath, List, TarDigest,
    fetch::Received,
    pipeline::{Origin, SignedBy},
    plan::{Hook, Plan},
    transform::Ignored,
};
use expressions::Program;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What the parameters of our predicates mean; `crds/docs/externalsource.md` tells.
const BUILD_TYPE: &str = "https://postern.dev/provenance/external-source/v1";
const BUILDER: &str = "https://postern.dev/controller";

/// A pass that brought data, and the archive that came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made<'a> {
    /// What was planned.
    pub(crate) plan: &'a Plan,
    /// Where the body came from.
    pub(crate) origin: &'a Origin,
    /// The media type that the source gave.
    pub(crate) content_type: Option<&'a str>,
    /// The body.
    pub(crate) received: Received,
    /// The hooks that failed and may.
    pub(crate) ignored: &'a [Ignored],
    /// The archive before compression.
    pub(crate) tar_digest: TarDigest,
}

impl Made<'_> {
    /// The statement about the archive, as JSON: by which key it is stored, when the pass began, and when it ended.
    pub(crate) fn statement(&self, key: &BlobKey, started: Timestamp, finished: Timestamp) -> Vec<u8> {
        let statement = json!({
            "_type": STATEMENT,
            "subject": [{ "name": key.path(), "digest": sha256(&key.digest) }],
            "predicateType": PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {
                        "namespace": key.source.namespace,
                        "name": key.source.name,
                        "inputsDigest": sha256(&self.plan.inputs_digest()),
                    },
                    "internalParameters": {
                        "method": self.origin.method.as_str(),
                        "headerNames": self.origin.headers,
                        "preRequestHooks": self.hooks(List::PreRequest, &self.plan.hooks.pre_request),
                        "postRequestHooks": self.hooks(List::PostRequest, &self.plan.hooks.post_request),
                        "expressions": self.expressions(),
                    },
                    "resolvedDependencies": [self.body()],
                },
                "runDetails": {
                    "builder": { "id": BUILDER, "version": { "postern": env!("CARGO_PKG_VERSION") } },
                    "metadata": {
                        "startedOn": whole_seconds(started),
                        "finishedOn": whole_seconds(finished),
                    },
                    "byproducts": [{ "name": "archive.tar", "digest": { "blake3": hex(&self.tar_digest) } }],
                },
            },
        });
        serde_json::to_vec(&statement).expect("names are strings")
    }

    /// The body as it was received.
    fn body(&self) -> Value {
        let Self { origin, content_type, received, .. } = self;
        let mut annotations = Map::from_iter([("size".to_owned(), json!(received.size))]);
        let known = [
            ("etag", origin.validators.etag.clone()),
            ("lastModified", origin.validators.last_modified.clone()),
            ("tlsPeerKeySha256", origin.peer_key.map(|key| key.hex())),
        ];
        annotations
            .extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
        if let Some(SignedBy { provider, key, public_key }) = &origin.signed_by {
            let signature =
                json!({ "provider": provider, "secretKey": key, "publicKeySha256": public_key.hex() });
            annotations.insert("signature".to_owned(), signature);
        }
        let mut body = json!({
            "uri": origin.url.as_str(),
            "digest": sha256(&received.digest),
            "annotations": annotations,
        });
        if let Some(content_type) = content_type {
            body["mediaType"] = json!(content_type);
        }
        body
    }

    /// Those of the spec, by their fields.
    fn expressions(&self) -> Vec<Value> {
        let shape = &self.plan.shape;
        let one = |name: &str, program: &Program| {
            let digest = sha256(&Digest::of(program.text.as_bytes()));
            json!({ "name": name, "language": program.language.field(), "digest": digest })
        };
        let file = |(path, program): &(EntryPath, Program)| {
            let mut file = one("layout", program);
            file["path"] = json!(path.as_str());
            file
        };
        shape
            .transform
            .iter()
            .map(|program| one("transform", program))
            .chain(shape.layout.iter().map(file))
            .collect()
    }

    fn hooks(&self, list: List, hooks: &[Hook]) -> Vec<Value> {
        let failed = |hook: &Hook| {
            self.ignored.iter().any(|ignored| ignored.list == list && ignored.hook == hook.name)
        };
        let one = |hook: &Hook| json!({ "name": hook.name, "digest": sha256(&of_command(hook)), "ignored": failed(hook) });
        hooks.iter().map(one).collect()
    }
}

/// SHA-256 of `[command, [arguments], {variables}]` as compact JSON with sorted names.
fn of_command(hook: &Hook) -> Digest {
    let command = &hook.command;
    let variables: Map<String, Value> =
        command.env.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    Digest::of(json!([command.program, command.args, variables]).to_string().as_bytes())
}

/// What a statement tells of the archive that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The digest of the body as received.
    pub content_digest: Digest,
    /// The digest of the archive before compression.
    pub tar_digest: TarDigest,
    /// The media type that the source gave.
    pub content_type: Option<String>,
}

/// Reads a statement of ours. None for one that is about another archive, or none at all.
pub fn read(statement: &[u8], key: &BlobKey) -> Option<Recorded> {
    let statement: Value = serde_json::from_slice(statement).ok()?;
    let at = |pointer: &str| statement.pointer(pointer).and_then(Value::as_str);
    let digest = |pointer: &str| Digest::from_hex(at(pointer)?).ok();
    if digest("/subject/0/digest/sha256")? != key.digest || at("/subject/0/name")? != key.path() {
        return None;
    }
    let blake3 = at("/predicate/runDetails/byproducts/0/digest/blake3")?;
    Some(Recorded {
        content_digest: digest("/predicate/buildDefinition/resolvedDependencies/0/digest/sha256")?,
        tar_digest: format!("blake3:{blake3}").parse().ok()?,
        content_type: at("/predicate/buildDefinition/resolvedDependencies/0/mediaType").map(str::to_owned),
    })
}

fn sha256(digest: &Digest) -> Value {
    json!({ "sha256": digest.hex() })
}

fn hex(digest: &TarDigest) -> String {
    digest.to_string().trim_start_matches("blake3:").to_owned()
}

fn whole_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}
