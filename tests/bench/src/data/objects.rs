//! What a platform's inventory holds: application by application, the objects that belong together side by side, as
//! `kubectl get --output json` lists them, managed fields included.
use super::random::Random;
use serde_json::{Value, json};

const TEAMS: &[&str] =
    &["billing", "catalog", "checkout", "data", "edge", "identity", "media", "search", "shipping"];
const STAGES: &[&str] = &["production", "staging", "test", "preview", "development"];
const ROLES: &[&str] =
    &["api", "worker", "gateway", "controller", "importer", "proxy", "queue", "scheduler", "cache"];
const LEVELS: &[&str] = &["info", "warn", "debug", "error"];
const REASONS: &[&str] =
    &["Scheduled", "Pulled", "Created", "Started", "Unhealthy", "Killing", "BackOff", "FailedMount"];

/// What the objects of one application have in common.
pub(super) struct Application {
    name: String,
    namespace: String,
    team: &'static str,
    version: String,
    commit: String,
    containers: Vec<Value>,
}

impl Application {
    pub(super) fn new(random: &mut Random) -> Self {
        let team = random.pick(TEAMS);
        let name = format!("{}-{}", random.word(), random.pick(ROLES));
        Self {
            namespace: format!("{team}-{}", random.pick(STAGES)),
            version: format!("{}.{}.{}", random.below(4), random.below(30), random.below(12)),
            commit: random.hex(40),
            containers: (0..=random.below(3)).map(|_| container(random, team, &name)).collect(),
            name,
            team,
        }
    }

    pub(super) fn objects(&self, random: &mut Random) -> Vec<Value> {
        let mut objects = vec![self.deployment(random), self.service(random), self.config_map(random)];
        let hash = random.hex(10);
        for _ in 0..=random.below(4) {
            let pod = format!("{}-{hash}-{}", self.name, random.hex(5));
            objects.push(self.pod(random, &pod, &hash));
            objects.extend((0..random.below(3)).map(|_| self.event(random, &pod)));
        }
        objects
    }

    fn deployment(&self, random: &mut Random) -> Value {
        let labels = json!({ "app.kubernetes.io/name": self.name });
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(random, &self.name),
            "spec": {
                "replicas": 1 + random.below(12), "revisionHistoryLimit": 10, "selector": { "matchLabels": labels },
                "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": 0 } },
                "template": { "metadata": { "labels": labels }, "spec": self.pod_spec() },
            },
            "status": { "observedGeneration": random.below(90), "conditions": [
                condition(random, "Available", "MinimumReplicasAvailable"),
                condition(random, "Progressing", "NewReplicaSetAvailable"),
            ] },
        })
    }

    fn service(&self, random: &mut Random) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": self.metadata(random, &self.name),
            "spec": {
                "clusterIP": random.address(), "type": "ClusterIP", "internalTrafficPolicy": "Cluster",
                "selector": { "app.kubernetes.io/name": self.name }, "sessionAffinity": "None",
                "ports": [{ "name": "http", "port": 80, "protocol": "TCP", "targetPort": "http" }],
            },
        })
    }

    fn config_map(&self, random: &mut Random) -> Value {
        let lines: Vec<_> = (0..10 + random.below(40))
            .map(|_| format!("{}.{}: {}", random.word(), random.word(), setting(random)))
            .collect();
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(random, &self.name),
            "data": { "application.yaml": lines.join("\n"), "NOTES.md": random.sentences(8) },
        })
    }

    fn pod(&self, random: &mut Random, name: &str, hash: &str) -> Value {
        let mut metadata = self.metadata(random, name);
        metadata["labels"]["pod-template-hash"] = hash.into();
        let statuses: Vec<_> = self.containers.iter().map(|container| status(random, container)).collect();
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.pod_spec(),
            "status": {
                "phase": "Running", "podIP": random.address(), "hostIP": random.address(), "startTime": random.time(),
                "conditions": [
                    condition(random, "Initialized", "PodCompleted"), condition(random, "Ready", "ContainersReady"),
                ],
                "containerStatuses": statuses,
            },
        })
    }

    fn event(&self, random: &mut Random, pod: &str) -> Value {
        let regarding =
            json!({ "kind": "Pod", "name": pod, "namespace": self.namespace, "uid": random.uid() });
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": { "name": format!("{pod}.{}", random.hex(16)), "namespace": self.namespace, "uid": random.uid() },
            "eventTime": random.time(), "type": "Normal", "action": "Binding", "reason": random.pick(REASONS),
            "note": random.sentences(1), "regarding": regarding,
            "reportingController": "kubelet", "reportingInstance": format!("node-{}", random.below(400)),
        })
    }

    fn metadata(&self, random: &mut Random, name: &str) -> Value {
        let fields = json!({ "f:metadata": { "f:annotations": { ".": {}, "f:example.com/commit": {} }, "f:labels": {
            ".": {}, "f:app.kubernetes.io/name": {}, "f:app.kubernetes.io/version": {}, "f:team": {},
        } } });
        let managed = json!({
            "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields, "manager": "kustomize-controller",
            "operation": "Apply", "time": random.time(),
        });
        json!({
            "name": name, "namespace": self.namespace, "uid": random.uid(), "generation": 1 + random.below(80),
            "resourceVersion": random.below(900_000_000).to_string(), "creationTimestamp": random.time(),
            "labels": { "app.kubernetes.io/name": self.name, "app.kubernetes.io/version": self.version, "team": self.team },
            "annotations": { "example.com/commit": self.commit, "example.com/change": random.sentences(1) },
            "managedFields": [managed],
        })
    }

    fn pod_spec(&self) -> Value {
        json!({
            "serviceAccountName": self.name, "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always", "schedulerName": "default-scheduler", "containers": self.containers,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        })
    }
}

fn container(random: &mut Random, team: &str, name: &str) -> Value {
    let variables: Vec<_> = (0..random.below(12))
        .map(|_| json!({ "name": random.word().to_uppercase(), "value": setting(random) }))
        .collect();
    let memory = 16 * (1 + random.below(128));
    json!({
        "name": format!("{name}-{}", random.pick(ROLES)),
        "image": format!("registry.example.com/{team}/{name}@sha256:{}", random.hex(64)),
        "args": [format!("--listen=:{}", 8000 + random.below(2000)), format!("--log-level={}", random.pick(LEVELS))],
        "env": variables,
        "ports": [{ "name": "http", "containerPort": 8000 + random.below(2000), "protocol": "TCP" }],
        "resources": {
            "requests": { "cpu": format!("{}m", 10 * (1 + random.below(100))), "memory": format!("{memory}Mi") },
            "limits": { "memory": format!("{}Mi", 2 * memory) },
        },
        "readinessProbe": { "httpGet": { "path": "/readyz", "port": "http" }, "periodSeconds": 5 + random.below(20) },
        "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true },
    })
}

fn status(random: &mut Random, container: &Value) -> Value {
    json!({
        "name": container["name"], "image": container["image"], "imageID": container["image"], "ready": true,
        "containerID": format!("containerd://{}", random.hex(64)), "restartCount": random.below(4), "started": true,
        "state": { "running": { "startedAt": random.time() } },
    })
}

fn condition(random: &mut Random, kind: &str, reason: &str) -> Value {
    json!({ "type": kind, "status": "True", "reason": reason, "lastTransitionTime": random.time() })
}

fn setting(random: &mut Random) -> String {
    match random.below(5) {
        0 => random.below(100_000).to_string(),
        1 => format!("https://{}-{}.svc:8080/{}", random.word(), random.pick(ROLES), random.word()),
        2 => format!("{}{}", 1 + random.below(90), random.pick(&["s", "m", "ms", "h", "Mi"])),
        3 => random.pick(&["true", "false"]).to_owned(),
        _ => format!("{}-{}", random.word(), random.pick(STAGES)),
    }
}
