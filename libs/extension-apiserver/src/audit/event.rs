//! The shape of a record.
use crate::{access::UserInfo, request::RequestInfo, serve::Peer};
use http::{HeaderMap, Uri, header::USER_AGENT, request::Parts};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, net::IpAddr};

/// Longer addresses are cut, so that no client decides how large a record is.
const LONGEST_URI: usize = 2_048;
const LONGEST_USER_AGENT: usize = 1_024;
/// More proxies than that between client and server are not believed.
const MOST_SOURCES: usize = 16;
const CUT: &str = "...TRUNCATED";

/// One record about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    kind: &'static str,
    api_version: &'static str,
    level: &'static str,
    /// The same in all records about a request, in the answer's `Audit-ID`, and in kube-apiserver's own audit log.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// How far the request has come.
    pub stage: Stage,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// The verb as authorization knows it.
    pub verb: String,
    /// Who asked.
    pub user: User,
    /// Where the request came from: proxies may add to the front of this list whatever they like, only the last is sure.
    #[serde(rename = "sourceIPs", skip_serializing_if = "Vec::is_empty")]
    pub source_ips: Vec<String>,
    /// What the client calls itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// What the request was about, if about an object or a collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_ref: Option<ObjectReference>,
    /// What became of it, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_status: Option<Outcome>,
    /// When it arrived.
    #[serde(serialize_with = "micro_time")]
    pub request_received_timestamp: Timestamp,
    /// When it reached this stage.
    #[serde(serialize_with = "micro_time")]
    pub stage_timestamp: Timestamp,
    /// What was decided on the way, such as `authorization.k8s.io/decision`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<&'static str, String>,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Stage {
    /// It arrived. Recorded for requests that stay open.
    RequestReceived,
    /// The answer began. Recorded for requests that stay open.
    ResponseStarted,
    /// The answer is complete, or the client has left.
    ResponseComplete,
    /// A handler panicked.
    Panic,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct User {
    /// The user's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// What tells users of the same name apart over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The user's groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What a request was about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Plural name of the resource.
    pub resource: String,
    /// Namespace; empty across namespaces and for cluster-scoped resources.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name; empty for a collection.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// API version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Subresource, if the request was about one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
}

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    metadata: BTreeMap<(), ()>,
    /// `Failure` for a refusal.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub status: &'static str,
    /// Words of the server's own; never a refusal's message, which may quote the request.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub message: &'static str,
    /// The refusal's reason.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    /// The HTTP code.
    pub code: u16,
}

impl Event {
    /// The record about a request that has just arrived.
    pub(crate) fn new(audit_id: &str, parts: &Parts, request: Option<&RequestInfo>, now: Timestamp) -> Self {
        let verb = request.map_or_else(|| parts.method.as_str().to_lowercase(), |info| info.verb.clone());
        Self {
            kind: "Event",
            api_version: "audit.k8s.io/v1",
            level: "Metadata",
            audit_id: audit_id.to_owned(),
            stage: Stage::RequestReceived,
            request_uri: uri(&parts.uri),
            verb,
            user: User::default(),
            source_ips: source_ips(&parts.headers, parts.extensions.get::<Peer>()),
            user_agent: user_agent(&parts.headers),
            object_ref: request.filter(|info| info.is_resource).map(ObjectReference::of),
            response_status: None,
            request_received_timestamp: now,
            stage_timestamp: now,
            annotations: BTreeMap::new(),
        }
    }
}

impl User {
    pub(crate) fn of(user: &UserInfo) -> Self {
        let UserInfo { name, uid, groups, extra } = user.clone();
        Self { username: name, uid, groups, extra }
    }
}

impl ObjectReference {
    fn of(request: &RequestInfo) -> Self {
        Self {
            resource: request.resource.clone(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            api_group: request.group.clone(),
            api_version: request.version.clone(),
            subresource: request.subresource.clone(),
        }
    }
}

impl Outcome {
    /// An answer with this code; `reason` is empty for one that is no refusal.
    pub(crate) fn of(code: u16, reason: &'static str) -> Self {
        let status = if code >= 400 { "Failure" } else { "" };
        Self { status, reason, code, ..Self::default() }
    }

    pub(crate) fn with_message(self, message: &'static str) -> Self {
        Self { message, ..self }
    }
}

fn uri(uri: &Uri) -> String {
    let text = uri.path_and_query().map_or("", |text| text.as_str());
    bounded(text, LONGEST_URI)
}

fn user_agent(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    bounded(agent.as_deref().unwrap_or_default(), LONGEST_USER_AGENT)
}

fn bounded(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{CUT}", &text[..end])
}

/// As Go lists them: what proxies say, then the other end of the connection.
fn source_ips(headers: &HeaderMap, peer: Option<&Peer>) -> Vec<String> {
    let texts = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let addresses = |text: &str| text.trim().parse::<IpAddr>().ok();
    let forwarded = texts("x-forwarded-for").flat_map(|value| value.split(',')).filter_map(addresses);
    let mut sources: Vec<IpAddr> = forwarded.take(MOST_SOURCES).collect();
    if let Some(real) = texts("x-real-ip").find_map(addresses)
        && !sources.contains(&real)
    {
        sources.push(real);
    }
    let remote = peer.map(|peer| peer.address.ip().to_canonical());
    sources.extend(remote.filter(|remote| sources.last() != Some(remote)));
    sources.iter().map(ToString::to_string).collect()
}

/// As `metav1.MicroTime`: always six digits.
fn micro_time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use http::Request;

    fn event(uri: &str, headers: &[(&str, &str)]) -> Event {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let address = "[::ffff:10.0.0.9]:4711".parse().unwrap();
        parts.extensions.insert(Peer { address, certificates: Vec::new().into() });
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let info = RequestInfo::new(&parts.method, parts.uri.path(), &query).unwrap();
        Event::new("id", &parts, Some(&info), "2026-01-02T03:04:05.6Z".parse().unwrap())
    }

    #[test]
    fn a_record_reads_as_one_of_kube_apiserver() {
        let mut event = event(
            "/apis/sub.example.com/v1/namespaces/team-a/sources/x/content?path=a",
            &[("user-agent", "kubectl/v1"), ("x-forwarded-for", "192.0.2.7, nonsense")],
        );
        event.user = User { username: "jane".into(), groups: vec!["dev".into()], ..User::default() };
        event.response_status = Some(Outcome::of(404, "NotFound"));
        event.annotations.insert("authorization.k8s.io/decision", "allow".into());
        let expected = concat!(
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id","stage":"RequestReceived","#,
            r#""requestURI":"/apis/sub.example.com/v1/namespaces/team-a/sources/x/content?path=a","verb":"get","#,
            r#""user":{"username":"jane","groups":["dev"]},"sourceIPs":["192.0.2.7","10.0.0.9"],"#,
            r#""userAgent":"kubectl/v1","objectRef":{"resource":"sources","namespace":"team-a","name":"x","#,
            r#""apiGroup":"sub.example.com","apiVersion":"v1","subresource":"content"},"#,
            r#""responseStatus":{"metadata":{},"status":"Failure","reason":"NotFound","code":404},"#,
            r#""requestReceivedTimestamp":"2026-01-02T03:04:05.600000Z","stageTimestamp":"2026-01-02T03:04:05.600000Z","#,
            r#""annotations":{"authorization.k8s.io/decision":"allow"}}"#,
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), expected);
    }

    #[test]
    fn no_client_decides_how_large_a_record_is() {
        let long = "ä".repeat(2_000);
        let forwarded = "192.0.2.7,".repeat(100);
        let event = event(
            &format!("/version?x={}", "y".repeat(5_000)),
            &[("user-agent", &long), ("x-forwarded-for", &forwarded)],
        );
        assert_eq!(event.request_uri.len(), LONGEST_URI + CUT.len());
        assert_eq!(event.user_agent, format!("{}{CUT}", "ä".repeat(LONGEST_USER_AGENT / 2)));
        assert_eq!(event.source_ips.len(), MOST_SOURCES + 1);
        assert_eq!(event.object_ref, None);
    }
}
