//! How a pass may end, for every place at which a secret enters.
use super::{
    places::{Draft, Kind},
    world::{Course, World},
};
use http::StatusCode;
use serde_json::json;

/// How a pass ends.
pub(super) struct Ending {
    pub(super) name: &'static str,
    pub(super) change: fn(&mut Draft, &World),
    is_of_http: bool,
}

impl Ending {
    /// Whether a source of that kind can end so.
    pub(super) fn fits(&self, kind: Kind) -> bool {
        kind == Kind::Http || !self.is_of_http
    }
}

const fn any(name: &'static str, change: fn(&mut Draft, &World)) -> Ending {
    Ending { name, change, is_of_http: false }
}

const fn of_http(name: &'static str, change: fn(&mut Draft, &World)) -> Ending {
    Ending { name, change, is_of_http: true }
}

pub(super) const ENDINGS: [Ending; 10] = [
    any("succeeds", |_, _| ()),
    any("is-refused", |draft, _| draft.answer.status = StatusCode::UNAUTHORIZED),
    any("finds-nobody", |draft, _| draft.lead_to("http://127.0.0.1:1")),
    any("trusts-nobody", |draft, world| draft.lead_to(&format!("https://{}", world.untrusted))),
    any("waits", |draft, _| {
        draft.answer.course = Course::Silent;
        draft.spec["timeout"] = "1s".into();
    }),
    any("is-cut-off", |draft, _| draft.answer.course = Course::CutOff),
    of_http("is-led-away", |draft, _| draft.answer.location = Some("http://10.99.0.1/landed".into())),
    of_http("expects-another-type", |draft, _| {
        draft.http()["expectedContentType"] = json!(["application/x-other"]);
    }),
    of_http("expects-another-value", |draft, _| {
        draft.http()["expectedJSON"] = json!([{ "pointer": "/ok", "equals": true }]);
    }),
    of_http("fails-in-a-hook", |draft, _| draft.hook("postRequest", "tee /dev/stderr; exit 3")),
];
