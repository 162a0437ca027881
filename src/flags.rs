//! The command line. Every flag has a `POSTERN_…` variable, and every role takes all flags, so that one set of them
//! fits a whole installation; what a role has no use for it ignores, and leaves out of its help.
mod hooks;
mod switch;
mod value;

pub(crate) use hooks::{ExecutorFlags, HookFlags};

use crate::{listen::Listen, role::Role, size::Size};
use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    builder::TypedValueParser as _,
};
use ipnet::IpNet;
use std::{net::IpAddr, num::NonZeroU16, path::PathBuf, time::Duration};
use switch::Switch as _;
use telemetry::logs::Format;
use url::Url;

/// The side door of a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "postern", version, about, args_override_self = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line. Ends the process with help or a complaint where that is the answer.
    pub(crate) fn read() -> Self {
        let matches = Self::with_own_help().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The help of each role tells of its own flags alone.
    fn with_own_help() -> clap::Command {
        let roles = [Role::Apiserver, Role::Webhook, Role::Controller, Role::All];
        roles.into_iter().fold(Self::command(), |command, role| {
            command.mut_subcommand(role.name(), |command| {
                command.mut_args(|arg| match arg.get_long().is_some_and(|flag| role.ignores(flag)) {
                    true => arg.hide(true),
                    false => arg,
                })
            })
        })
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the aggregated API, and the artifacts to Flux
    Apiserver(Box<Flags>),
    /// Serve the admission webhook
    Webhook(Box<Flags>),
    /// Fetch, store and publish what the objects ask for
    Controller(Box<Flags>),
    /// Do all of this in one process
    All(Box<Flags>),
    /// Run the commands of hooks, beside a controller
    HookExecutor(Box<ExecutorFlags>),
    /// Find out why kube-apiserver does not reach the aggregated API, and what to do. Ends with 1 if something is found
    Doctor(DoctorFlags),
    /// What a controller starts for the expressions of one pass
    #[command(name = expressions::SUBCOMMAND, hide = true)]
    Evaluate,
    /// Print the CRDs as YAML
    Crds,
    /// Print the version
    Version,
}

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct DoctorFlags {
    #[command(flatten)]
    pub(crate) installation: InstallationFlags,
    /// The ServiceAccount under which the aggregated API runs
    #[arg(long, env = "POSTERN_SERVICE_ACCOUNT", value_name = "NAME", default_value = "postern")]
    pub(crate) service_account: String,
}

/// Where Postern is installed.
#[derive(Debug, Args)]
pub(crate) struct InstallationFlags {
    /// How to reach the cluster; without it, the ServiceAccount of the pod is used
    #[arg(long, env = "POSTERN_KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The namespace of Postern's own Secrets, Lease and Service
    #[arg(
        long,
        env = "POSTERN_NAMESPACE",
        value_name = "NAME",
        default_value = "postern-system",
        value_parser = value::namespace
    )]
    pub(crate) namespace: String,
}

/// The flags of all roles.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) listen: ListenFlags,
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
    #[command(flatten)]
    pub(crate) artifacts: ArtifactFlags,
    #[command(flatten)]
    pub(crate) controller: ControllerFlags,
    #[command(flatten)]
    pub(crate) previews: PreviewFlags,
    #[command(flatten)]
    pub(crate) hooks: HookFlags,
    #[command(flatten)]
    pub(crate) policies: PolicyFlags,
    #[command(flatten)]
    pub(crate) logs: LogFlags,
    #[command(flatten)]
    pub(crate) audit: AuditFlags,
    #[command(flatten)]
    pub(crate) shutdown: ShutdownFlags,
}

/// Where to listen.
#[derive(Debug, Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct ListenFlags {
    /// Where the aggregated API listens
    #[arg(
        long = "apiserver-listen",
        env = "POSTERN_APISERVER_LISTEN",
        value_name = "ADDRESS",
        default_value = ":6443"
    )]
    pub(crate) apiserver: Listen,
    /// Where the admission webhook listens
    #[arg(
        long = "webhook-listen",
        env = "POSTERN_WEBHOOK_LISTEN",
        value_name = "ADDRESS",
        default_value = ":9443"
    )]
    pub(crate) webhook: Listen,
    /// Where Flux fetches artifacts, over plain HTTP
    #[arg(
        long = "artifacts-listen",
        env = "POSTERN_ARTIFACTS_LISTEN",
        value_name = "ADDRESS",
        default_value = ":8080"
    )]
    pub(crate) artifacts: Listen,
    /// Where a controller is asked for previews and logs by other processes; `postern all`, only with --advertise-address
    #[arg(
        long = "controller-listen",
        env = "POSTERN_CONTROLLER_LISTEN",
        value_name = "ADDRESS",
        default_value = ":9444"
    )]
    pub(crate) controller: Listen,
    /// Where health and metrics are served
    #[arg(
        long = "admin-listen",
        env = "POSTERN_ADMIN_LISTEN",
        value_name = "ADDRESS",
        default_value = ":9090"
    )]
    pub(crate) admin: Listen,
}

/// The serving certificate.
#[derive(Debug, Args)]
#[command(next_help_heading = "Serving certificate")]
pub(crate) struct TlsFlags {
    /// The serving certificate in PEM, leaf first. Without it, Postern keeps a CA and a certificate of its own in the
    /// Secrets postern-ca and postern-serving
    #[arg(long = "tls-cert", env = "POSTERN_TLS_CERT", value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The key of the serving certificate in PEM
    #[arg(long = "tls-key", env = "POSTERN_TLS_KEY", value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// The CA of the serving certificate in PEM
    #[arg(long = "tls-ca", env = "POSTERN_TLS_CA", value_name = "FILE", requires = "cert")]
    pub(crate) ca: Option<PathBuf>,
}

/// The cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterFlags {
    #[command(flatten)]
    pub(crate) installation: InstallationFlags,
    /// The kinds to work on, so that roles can be split
    #[arg(
        long,
        env = "POSTERN_KINDS",
        value_delimiter = ',',
        default_value = "ExternalSource",
        ignore_case = true
    )]
    pub(crate) kinds: Vec<Kind>,
}

/// Artifacts and their store.
#[derive(Debug, Args)]
#[command(next_help_heading = "Artifacts")]
pub(crate) struct ArtifactFlags {
    /// Where artifacts are kept: memory:// or file:///absolute/path, both for one `postern all` only [default there:
    /// memory://], or s3://bucket/prefix, whose credentials, region and endpoint come from the environment as AWS_…
    #[arg(long, env = "POSTERN_STORE", value_name = "URL", value_parser = value::store)]
    pub(crate) store: Option<Url>,
    /// Where Flux is told to fetch artifacts [default: port 8080 of the Service]
    #[arg(long, env = "POSTERN_ARTIFACTS_URL", value_name = "URL", value_parser = value::base)]
    pub(crate) artifacts_url: Option<Url>,
    /// How much memory copies of the newest small artifacts may take, which are served while the store fails; 0 for none
    #[arg(
        long,
        env = "POSTERN_ARTIFACT_CACHE_SIZE",
        value_name = "SIZE",
        default_value = "4Mi",
        value_parser = value::size_or_zero
    )]
    pub(crate) artifact_cache_size: Size,
    /// How many stored bytes a second are read and verified after a start, until all that a source names has been; 0 for none
    /// [default: 16Mi, and 0 for s3://, where reading is paid for]
    #[arg(long, env = "POSTERN_VERIFY_RATE", value_name = "SIZE", value_parser = value::size_or_zero)]
    pub(crate) verify_rate: Option<Size>,
    /// The largest artifact, compressed
    #[arg(long, env = "POSTERN_MAX_ARTIFACT_SIZE", value_name = "SIZE", default_value = "100Mi")]
    pub(crate) max_artifact_size: Size,
    /// The largest artifact, unpacked
    #[arg(long, env = "POSTERN_MAX_UNPACKED_SIZE", value_name = "SIZE", default_value = "400Mi")]
    pub(crate) max_unpacked_size: Size,
    /// Addresses that sources may lead to though they are not public: ranges such as 10.1.0.0/16
    #[arg(long, env = "POSTERN_ALLOW_EGRESS", value_name = "RANGE", value_delimiter = ',', value_parser = value::range)]
    pub(crate) allow_egress: Vec<IpNet>,
    /// Addresses that sources may not lead to, such as the ranges of the cluster's pods and services
    #[arg(long, env = "POSTERN_DENY_EGRESS", value_name = "RANGE", value_delimiter = ',', value_parser = value::range)]
    pub(crate) deny_egress: Vec<IpNet>,
}

/// The controller.
#[derive(Debug, Args)]
#[command(next_help_heading = "Controller")]
pub(crate) struct ControllerFlags {
    /// How many sources are worked on at once
    #[arg(long, env = "POSTERN_CONCURRENCY", value_name = "NUMBER", default_value = "16", value_parser = value::count)]
    pub(crate) concurrency: NonZeroU16,
    /// Which sources this controller works on, by their labels, as in sharding.fluxcd.io/key=shard1 or !sharding.fluxcd.io/key, so
    /// that several controllers share them. Each selector has a Lease of its own; controllers whose selectors overlap stand by
    /// for each other [default: all]
    #[arg(long, env = "POSTERN_WATCH_LABEL_SELECTOR", value_name = "SELECTOR")]
    pub(crate) watch_label_selector: Option<controller::Shard>,
    /// Where Flux's notification-controller takes events for its Alerts, as in
    /// http://notification-controller.flux-system.svc.cluster.local./; none are sent without
    #[arg(long, env = "POSTERN_EVENTS_ADDR", value_name = "URL", value_parser = value::base)]
    pub(crate) events_addr: Option<Url>,
    /// Whether replicas agree on one that works, by the Lease postern-controller, or one whose name begins so; the aggregated API
    /// looks there, too, whether one does
    #[arg(long, env = "POSTERN_LEADER_ELECT", switch = "true")]
    pub(crate) leader_elect: bool,
    /// The IP address of this process alone, as a pod has one in status.podIP. While it leads, its Lease says that it is asked for logs
    /// there, at the port of --controller-listen [default: its Lease does not say]
    #[arg(long, env = "POSTERN_ADVERTISE_ADDRESS", value_name = "IP", value_parser = value::reachable)]
    pub(crate) advertise_address: Option<IpAddr>,
}

/// Previews.
#[derive(Debug, Args)]
#[command(next_help_heading = "Previews")]
pub(crate) struct PreviewFlags {
    /// Where controllers that run apart are asked for previews and logs [default: port 9444 of the Service]
    #[arg(long, env = "POSTERN_CONTROLLER_URL", value_name = "URL", value_parser = value::secure_base)]
    pub(crate) controller_url: Option<Url>,
    /// Whether a server-side dry run of a write is told, in warnings, what would become of the object: the source is asked, by
    /// GET or HEAD alone, for at most 4 s
    #[arg(long, env = "POSTERN_PREVIEW_ON_DRY_RUN", switch = "false")]
    pub(crate) preview_on_dry_run: bool,
}

/// What sources may do here.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is allowed")]
pub(crate) struct PolicyFlags {
    /// The hosts that sources may lead to, by their namespaces. Read again whenever it changes [default: every host]
    #[arg(long, env = "POSTERN_ALLOWED_HOSTS_FILE", value_name = "FILE")]
    pub(crate) allowed_hosts_file: Option<PathBuf>,
    /// Whether sources may accept any certificate by insecureSkipVerify, as those of the original do
    #[arg(long, env = "POSTERN_ALLOW_INSECURE_SKIP_VERIFY", switch = "true")]
    pub(crate) allow_insecure_skip_verify: bool,
}

/// Logs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct LogFlags {
    /// How log lines look
    #[arg(
        long = "log-format",
        env = "POSTERN_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "json",
        value_parser = clap::builder::PossibleValuesParser::new(Format::NAMES).try_map(|name| name.parse::<Format>())
    )]
    pub(crate) format: Format,
    /// What is logged: error, warn, info or debug, or levels by module as in info,controller=debug
    #[arg(long = "log-level", env = "POSTERN_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub(crate) level: String,
}

/// The audit log.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct AuditFlags {
    /// Where each request to the aggregated API is recorded, a line of JSON in the shape of audit.k8s.io/v1 without
    /// bodies: a file that is appended to, or - for standard output [default: nowhere]
    #[arg(long = "audit-log", env = "POSTERN_AUDIT_LOG", value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

/// The end.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shutdown")]
pub(crate) struct ShutdownFlags {
    /// How long requests are served as before after the first SIGTERM or SIGINT, while /readyz fails, so that clients
    /// turn to other replicas. Then nothing new is taken and what runs is finished. A second signal ends at once
    #[arg(
        long = "shutdown-delay",
        env = "POSTERN_SHUTDOWN_DELAY",
        value_name = "DURATION",
        default_value = "5s",
        value_parser = value::delay
    )]
    pub(crate) delay: Duration,
}

/// A kind of object to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum Kind {
    /// source.flux.oddkin.co
    ExternalSource,
}

#[cfg(test)]
mod tests;
