//! Every place at which a secret enters.
use super::world::{Answer, Course, World};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A place at which a secret enters.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Puts the canary there.
    pub(super) plant: fn(&mut Draft, &str),
    /// Whether it reaches the server or the artifact in some of the passes: otherwise it must end in this process.
    pub(super) arrives: bool,
    /// Where the manual says that it is told.
    pub(super) told_by: &'static [&'static str],
}

/// What the source is fetched from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Http,
    S3,
}

const fn sent(name: &'static str, plant: fn(&mut Draft, &str)) -> Place {
    Place { name, kind: Kind::Http, plant, arrives: true, told_by: &[] }
}

/// It is wrong, or only proves something to the other side.
const fn kept(name: &'static str, kind: Kind, plant: fn(&mut Draft, &str)) -> Place {
    Place { name, kind, plant, arrives: false, told_by: &[] }
}

pub(super) const PLACES: [Place; 30] = [
    sent("header", |draft, canary| draft.headers("Authorization", format!("Bearer {canary}"))),
    sent("basic", |draft, canary| {
        let pair = BASE64_STANDARD.encode(format!("user:{canary}"));
        draft.headers("Authorization", format!("Basic {pair}"));
    }),
    sent("key-header", |draft, canary| draft.headers("X-Api-Key", canary.to_owned())),
    kept("bad-header", Kind::Http, |draft, canary| draft.headers("X-Api-Key", format!("{canary}\r\nX: 1"))),
    sent("query", |draft, canary| draft.extend_url(&format!("?key={canary}"))),
    Place {
        // The address after all redirects, without its query, is what an artifact came from, and what a pass asks.
        told_by: &["api", "log of passes"],
        ..sent("path", |draft, canary| draft.extend_url(&format!("/{canary}")))
    },
    sent("request-body", |draft, canary| {
        draft.http()["method"] = "POST".into();
        draft.http()["body"] = canary.into();
    }),
    sent("secret-body", |draft, canary| {
        let name = draft.name.clone();
        draft.http()["method"] = "POST".into();
        draft.http()["bodySecretRef"] = json!({ "name": name, "key": "body" });
        draft.secret.insert("body", canary.to_owned());
        // What it reads goes into its answer's error, or into the log of the executor.
        draft.hook("preRequest", "tee /dev/stderr");
    }),
    kept("client-key", Kind::Http, |draft, canary| {
        let (certificate, key) = draft.client.clone();
        draft.trusted();
        draft.refer("certSecretRef", [("tls.crt", certificate), ("tls.key", format!("{canary}\n{key}"))]);
    }),
    kept("bad-client-key", Kind::Http, |draft, canary| {
        let certificate = draft.client.0.clone();
        let key = format!("-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n");
        draft.trusted();
        draft.refer("certSecretRef", [("tls.crt", certificate), ("tls.key", key)]);
    }),
    kept("ca-bundle", Kind::Http, |draft, canary| {
        let name = draft.name.clone();
        draft.http()["caBundleSecretRef"] = json!({ "name": name, "key": "ca.crt" });
        draft.secret.insert("ca.crt", canary.to_owned());
    }),
    sent("proxy-password", |draft, canary| {
        let address = format!("http://{}", draft.proxy);
        let password = canary.to_owned();
        draft.refer(
            "proxySecretRef",
            [("address", address), ("username", "me".into()), ("password", password)],
        );
    }),
    kept("proxy-address", Kind::Http, |draft, canary| {
        draft.refer("proxySecretRef", [("address", format!("http://me:{canary}@127.0.0.1:1"))]);
    }),
    sent("hook-variable", |draft, canary| {
        draft.hook("postRequest", r#"cat; printf %s "$TOLD"; printf %s "$TOLD" >&2"#);
        draft.spec["hooks"]["postRequest"][0]["env"] = json!([{ "name": "TOLD", "value": canary }]);
    }),
    sent("hook-argument", |draft, canary| {
        draft.hook("postRequest", &format!("cat; printf %s {canary}; printf %s {canary} >&2"));
    }),
    sent("hook-input", |draft, canary| {
        draft.answer.body = canary.to_owned();
        draft.hook("postRequest", "tee /dev/stderr");
    }),
    sent("request-hook-header", |draft, canary| {
        draft.patches(&json!([{ "op": "add", "path": "/headers/x-key", "value": canary }]));
    }),
    sent("request-hook-url", |draft, canary| {
        let url = format!("{}?key={canary}", draft.url());
        draft.patches(&json!([{ "op": "replace", "path": "/url", "value": url }]));
    }),
    kept("request-hook-user", Kind::Http, |draft, canary| {
        let url = draft.url().replace("://", &format!("://me:{canary}@"));
        draft.patches(&json!([{ "op": "replace", "path": "/url", "value": url }]));
    }),
    kept("request-hook-pointer", Kind::Http, |draft, canary| {
        draft.patches(&json!([{ "op": "remove", "path": format!("/{canary}") }]));
    }),
    kept("request-hook-output", Kind::Http, |draft, canary| {
        draft.hook("preRequest", &format!("echo {canary}; echo {canary} >&2"));
    }),
    sent("response-header", |draft, canary| {
        draft.answer.headers.push((header::SET_COOKIE, format!("session={canary}")));
        draft.answer.headers.push((header::WWW_AUTHENTICATE, format!("Bearer realm=\"{canary}\"")));
    }),
    sent("media-type-parameter", |draft, canary| {
        draft.answer.headers.push((header::CONTENT_TYPE, format!("text/plain; token={canary}")));
    }),
    sent("response-body", |draft, canary| draft.answer.body = format!("{{\"ok\":\"{canary}\"}}")),
    sent("redirect-query", |draft, canary| {
        draft.answer.location = Some(format!("/{}/landed?key={canary}", draft.name));
    }),
    sent("redirect-user", |draft, canary| {
        draft.answer.location = Some(format!("http://me:{canary}@{}/landed", draft.proxy));
    }),
    // What it is cannot be chosen: those that came are looked for beside the canaries.
    kept("account-token", Kind::Http, |draft, _| {
        draft.http()["serviceAccountTokenRef"] = json!({ "audience": "canaries.example.com" });
    }),
    kept("s3-secret-key", Kind::S3, |draft, canary| draft.credentials("known", canary, None)),
    kept("s3-key-id", Kind::S3, |draft, canary| draft.credentials(canary, "secret", None)),
    kept("s3-session-token", Kind::S3, |draft, canary| draft.credentials("known", "secret", Some(canary))),
];

/// A source as it will be applied, its Secret, and what the server answers to it.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) spec: Value,
    pub(super) answer: Answer,
    secret: BTreeMap<&'static str, String>,
    proxy: String,
    trusted: String,
    authority: String,
    client: (String, String),
}

impl Draft {
    pub(super) fn new(kind: Kind, name: &str, world: &World) -> Self {
        let url = format!("http://{}/{name}", world.plain);
        let generator = match kind {
            Kind::Http => json!({ "type": "http", "http": { "url": url } }),
            Kind::S3 => {
                let endpoint = format!("http://{}", world.plain);
                json!({ "type": "s3", "s3": { "bucket": name, "object": "x", "endpoint": endpoint } })
            }
        };
        let answer = Answer {
            status: StatusCode::OK,
            headers: Vec::new(),
            body: "data".into(),
            location: None,
            course: Course::Whole,
        };
        Self {
            name: name.to_owned(),
            spec: json!({ "interval": "10m", "generator": generator }),
            answer,
            secret: BTreeMap::from([("unused", "unused".to_owned())]),
            proxy: world.plain.to_string(),
            trusted: format!("https://{}/{name}", world.trusted),
            authority: world.authority.clone(),
            client: world.client.clone(),
        }
    }

    pub(super) fn secret(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": self.name }, "stringData": self.secret,
        })
    }

    pub(super) fn source(&self) -> Value {
        json!({
            "apiVersion": "source.flux.oddkin.co/v1alpha1",
            "kind": "ExternalSource",
            "metadata": { "name": self.name },
            "spec": self.spec,
        })
    }

    pub(super) fn http(&mut self) -> &mut Value {
        &mut self.spec["generator"]["http"]
    }

    /// Leads to another server, and there to the same path.
    pub(super) fn lead_to(&mut self, origin: &str) {
        let generator = &mut self.spec["generator"];
        match generator["http"]["url"].as_str() {
            Some(url) => {
                let path = url.splitn(4, '/').nth(3).unwrap_or_default();
                generator["http"]["url"] = format!("{origin}/{path}").into();
            }
            None => {
                generator.as_object_mut().expect("an object").remove("http");
                generator["s3"]["endpoint"] = origin.into();
            }
        }
    }

    /// One more hook that runs this script.
    pub(super) fn hook(&mut self, list: &str, script: &str) {
        let hooks = &mut self.spec["hooks"][list];
        if hooks.is_null() {
            *hooks = json!([]);
        }
        let hooks = hooks.as_array_mut().expect("a list");
        let name = format!("hook-{}", hooks.len());
        hooks.push(json!({ "name": name, "command": "sh", "args": ["-c", script] }));
    }

    fn url(&mut self) -> String {
        self.http()["url"].as_str().expect("a text").to_owned()
    }

    fn extend_url(&mut self, more: &str) {
        self.http()["url"] = (self.url() + more).into();
    }

    fn trusted(&mut self) {
        self.http()["url"] = self.trusted.clone().into();
        self.secret.insert("ca.crt", self.authority.clone());
    }

    fn headers(&mut self, name: &'static str, value: String) {
        self.secret.clear();
        self.refer("headersSecretRef", [(name, value)]);
    }

    fn patches(&mut self, patch: &Value) {
        self.hook("preRequest", &format!("printf %s '{patch}'"));
    }

    fn refer<const N: usize>(&mut self, field: &str, data: [(&'static str, String); N]) {
        self.secret.extend(data);
        let name = self.name.clone();
        self.http()[field] = json!({ "name": name });
    }

    fn credentials(&mut self, id: &str, key: &str, token: Option<&str>) {
        self.spec["generator"]["s3"]["credentialsSecretRef"] = json!({ "name": self.name });
        self.secret.insert("AWS_ACCESS_KEY_ID", id.to_owned());
        self.secret.insert("AWS_SECRET_ACCESS_KEY", key.to_owned());
        self.secret.extend(token.map(|token| ("AWS_SESSION_TOKEN", token.to_owned())));
    }
}
