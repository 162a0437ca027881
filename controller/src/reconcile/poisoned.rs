//! Objects that this version cannot read: each is reported on itself, and stops nothing else.
use super::{Kind, report::said, write};
use crate::moment::Moment;
use crds::{
    conditions::{self, READY, STALLED},
    decoded::Undecodable,
    reasons, structure,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch},
};
use serde_json::{Value, json};
use tracing::warn;

/// Says on the object that it cannot be read, and why.
pub(super) async fn report<K: Kind>(client: &Client, invalid: &Undecodable, moment: Moment) {
    warn!(reason = reasons::INVALID_SPEC, error = %invalid.error, "an object cannot be read");
    if let Err(error) = write_status::<K>(client, invalid, moment).await {
        warn!(error = %telemetry::Chain(&error), "could not report an object that cannot be read");
    }
}

async fn write_status<K: Kind>(
    client: &Client,
    invalid: &Undecodable,
    moment: Moment,
) -> Result<(), kube::Error> {
    let meta = &invalid.metadata;
    let (name, namespace) = (meta.name.as_deref().unwrap_or_default(), meta.namespace.as_deref());
    let resource = ApiResource::erase::<K::Object>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace.unwrap_or_default(), &resource);
    let Some(found) = api.get_opt(name).await? else { return Ok(()) };
    let before = found.data.get("status").cloned().unwrap_or_else(|| json!({}));
    let why = why(&found).unwrap_or_else(|| invalid.error.clone());
    let after = reported(before.clone(), &why, meta.generation, moment);
    if after == before {
        return Ok(());
    }
    let body = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": { "name": name, "uid": meta.uid },
        "status": after,
    });
    api.patch_status(name, &write::params(), &Patch::Apply(body)).await.map(|_| ())
}

/// What is wrong with the object, field by field; nothing where the schema has no complaint.
fn why(found: &DynamicObject) -> Option<String> {
    let violations = structure::violations(&serde_json::to_value(found).ok()?);
    let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// The status with two conditions set, and all else as it was: the last artifact stays.
fn reported(mut status: Value, error: &str, generation: Option<i64>, moment: Moment) -> Value {
    let found = status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut list: Vec<Condition> =
        found.into_iter().filter_map(|condition| serde_json::from_value(condition).ok()).collect();
    let message = format!("this object cannot be read: {error}");
    for (type_, holds) in [(READY, false), (STALLED, true)] {
        let said = said(type_, holds, reasons::INVALID_SPEC, &message);
        conditions::set(&mut list, said, generation, moment.now);
    }
    if !status.is_object() {
        status = json!({});
    }
    status["conditions"] = json!(list);
    status["observedGeneration"] = json!(generation);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn at(second: i64) -> Moment {
        Moment { now: Timestamp::from_second(second).unwrap(), random: 0.0 }
    }

    #[test]
    fn the_fields_that_are_to_blame_are_named_and_not_the_types_of_a_program() {
        let object = |fields| {
            let mut object = json!({
                "apiVersion": "source.flux.oddkin.co/v1alpha1",
                "kind": "ExternalSource",
                "metadata": { "name": "podinfo" },
            });
            object["spec"] = fields;
            why(&serde_json::from_value(object).unwrap())
        };
        let http = json!({ "url": "https://example.com", "method": 7 });
        let wrong = object(json!({ "generator": { "type": "http", "http": http } }));
        let expected = "spec.interval: Required value: must be set; \
                        spec.generator.http.method: Invalid value: 7: must be a string";
        assert_eq!(wrong.as_deref(), Some(expected));
        assert_eq!(object(json!({ "interval": "1m", "generator": { "type": "http" } })), None);
    }

    #[test]
    fn the_report_keeps_the_last_artifact_and_is_written_once() {
        let before = json!({ "artifact": { "revision": "latest@sha256:00" } });
        let once = reported(before, "invalid type: map, expected a string", Some(2), at(1));
        assert_eq!(once["artifact"]["revision"], "latest@sha256:00");
        assert_eq!(once["conditions"][0]["reason"], "InvalidSpec");
        assert_eq!(once["conditions"][1]["type"], "Stalled");
        assert_eq!(reported(once.clone(), "invalid type: map, expected a string", Some(2), at(2)), once);
    }

    #[test]
    fn a_status_that_is_the_poison_itself_is_written_anew() {
        for status in [json!(null), json!("text"), json!({ "conditions": [{ "type": 7 }] })] {
            let written = reported(status, "bad", None, at(1));
            assert_eq!(written["conditions"].as_array().map(Vec::len), Some(2));
        }
    }
}
