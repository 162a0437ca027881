//! The programs of the test control plane: where they come from.
//!
//! In this order: the folder that `KUBEBUILDER_ASSETS` names; a cache folder keyed by version (`POSTERN_TOOLS_DIR`, by
//! default in the user's cache folder); else a build of the pinned Go modules beside this crate, into that cache.
//! Depends on next to nothing, so that Go can build while the rest of the workspace still compiles.
#![allow(clippy::print_stderr, reason = "its progress lines are for people")]
mod go_module;

use anyhow::{Context, Result};
use go_module::{GoModule, Recipe};
use std::path::{Path, PathBuf};

const KUBERNETES: GoModule = GoModule { name: "kubernetes", folder: "kubernetes", path: "k8s.io/kubernetes" };
const ETCD: GoModule = GoModule { name: "etcd", folder: "etcd", path: "go.etcd.io/etcd/server/v3" };
const SAMPLE_APISERVER: GoModule =
    GoModule { name: "sample-apiserver", folder: "sample-apiserver", path: "k8s.io/sample-apiserver" };
const FLUX_CRDS: GoModule =
    GoModule { name: "flux-crds", folder: "flux-crds", path: "github.com/fluxcd/source-controller" };
const OLDER_KUBECTL: GoModule =
    GoModule { name: "kubectl-older", folder: "kubectl-older", path: "k8s.io/kubernetes" };
const KUSTOMIZE_CONTROLLER: GoModule = GoModule {
    name: "kustomize-controller",
    folder: "kustomize-controller",
    path: "github.com/fluxcd/kustomize-controller",
};
const NOTIFICATION_CONTROLLER: GoModule = GoModule {
    name: "notification-controller",
    folder: "notification-controller",
    path: "github.com/fluxcd/notification-controller",
};
const SOURCE_CONTROLLER: GoModule = GoModule {
    name: "source-controller",
    folder: "source-controller",
    path: "github.com/fluxcd/source-controller",
};
const VERSITYGW: GoModule =
    GoModule { name: "versitygw", folder: "versitygw", path: "github.com/versity/versitygw" };
const REGISTRY: GoModule =
    GoModule { name: "registry", folder: "registry", path: "github.com/distribution/distribution/v3" };
const COSIGN: GoModule = GoModule { name: "cosign", folder: "cosign", path: "github.com/sigstore/cosign/v3" };
const GO_CLIENT: GoModule = GoModule { name: "go-client", folder: "../clients/go", path: "k8s.io/client-go" };

/// Absolute paths of everything that a control plane is started from.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `etcd`
    pub etcd: PathBuf,
    /// `kube-apiserver`
    pub kube_apiserver: PathBuf,
    /// `kube-controller-manager`
    pub kube_controller_manager: PathBuf,
    /// `kubectl`
    pub kubectl: PathBuf,
}

impl Programs {
    /// Finds every program, and builds those that are neither given nor cached.
    ///
    /// # Errors
    /// No Go toolchain, a build that failed, a cache folder that cannot be written.
    pub fn provide() -> Result<Self> {
        let sources = Sources::from_env()?;
        Ok(Self {
            etcd: sources.program(&ETCD, "etcd", ETCD.path)?,
            kubectl: sources.of_kubernetes("kubectl")?,
            kube_apiserver: sources.of_kubernetes("kube-apiserver")?,
            kube_controller_manager: sources.of_kubernetes("kube-controller-manager")?,
        })
    }
}

/// `kube-scheduler`, which only a cluster with nodes has work for.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn kube_scheduler() -> Result<PathBuf> {
    Sources::from_env()?.of_kubernetes("kube-scheduler")
}

/// The folder that holds the CRDs of Flux's source-controller.
///
/// # Errors
/// No Go toolchain, a download that failed, a cache folder that cannot be written.
pub fn flux_crds() -> Result<PathBuf> {
    FLUX_CRDS.folder(&Sources::from_env()?.cache, "config/crd/bases")
}

/// Flux's kustomize-controller.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn kustomize_controller() -> Result<PathBuf> {
    Sources::from_env()?.program(&KUSTOMIZE_CONTROLLER, KUSTOMIZE_CONTROLLER.name, KUSTOMIZE_CONTROLLER.path)
}

/// The folder that holds the CRDs of Flux's kustomize-controller.
///
/// # Errors
/// As for [`flux_crds`].
pub fn kustomize_crds() -> Result<PathBuf> {
    KUSTOMIZE_CONTROLLER.folder(&Sources::from_env()?.cache, "config/crd/bases")
}

/// Flux's source-controller, of the version of the CRDs.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn source_controller() -> Result<PathBuf> {
    Sources::from_env()?.program(&SOURCE_CONTROLLER, SOURCE_CONTROLLER.name, SOURCE_CONTROLLER.path)
}

/// Flux's notification-controller.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn notification_controller() -> Result<PathBuf> {
    let module = &NOTIFICATION_CONTROLLER;
    Sources::from_env()?.program(module, module.name, module.path)
}

/// The folder that holds the CRDs of Flux's notification-controller.
///
/// # Errors
/// As for [`flux_crds`].
pub fn notification_crds() -> Result<PathBuf> {
    NOTIFICATION_CONTROLLER.folder(&Sources::from_env()?.cache, "config/crd/bases")
}

/// Kubernetes' own example of an extension API server, of the same version as the control plane.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn sample_apiserver() -> Result<PathBuf> {
    Sources::from_env()?.program(&SAMPLE_APISERVER, SAMPLE_APISERVER.name, SAMPLE_APISERVER.path)
}

/// kubectl one minor version older than the control plane.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn older_kubectl() -> Result<PathBuf> {
    Sources::from_env()?.program(&OLDER_KUBECTL, OLDER_KUBECTL.name, "k8s.io/kubernetes/cmd/kubectl")
}

/// Versity's gateway, which speaks S3 over a folder.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn versitygw() -> Result<PathBuf> {
    Sources::from_env()?.program(&VERSITYGW, VERSITYGW.name, "github.com/versity/versitygw/cmd/versitygw")
}

/// The OCI registry of the Distribution project.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn registry() -> Result<PathBuf> {
    Sources::from_env()?.program(&REGISTRY, REGISTRY.name, ".")
}

/// Sigstore's cosign, which signs artifacts.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn cosign() -> Result<PathBuf> {
    Sources::from_env()?.program(&COSIGN, COSIGN.name, "github.com/sigstore/cosign/v3/cmd/cosign")
}

/// Our program on client-go, of the same version as the control plane, which says what it sees of a resource.
///
/// # Errors
/// As for [`Programs::provide`].
pub fn go_client() -> Result<PathBuf> {
    Sources::from_env()?.program(&GO_CLIENT, GO_CLIENT.name, ".")
}

struct Sources {
    assets: Option<PathBuf>,
    cache: PathBuf,
}

impl Sources {
    fn from_env() -> Result<Self> {
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let cache = match std::env::var_os("POSTERN_TOOLS_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => {
                user_cache().context("set POSTERN_TOOLS_DIR, or HOME, to say where programs are cached")?
            }
        };
        Ok(Self { assets, cache: std::path::absolute(cache)? })
    }

    fn of_kubernetes(&self, name: &str) -> Result<PathBuf> {
        self.program(&KUBERNETES, name, &format!("k8s.io/kubernetes/cmd/{name}"))
    }

    fn program(&self, module: &GoModule, name: &str, package: &str) -> Result<PathBuf> {
        if let Some(given) = self.assets.as_deref().map(|folder| folder.join(name))
            && given.is_file()
        {
            return Ok(std::path::absolute(given)?);
        }
        module.program(&self.cache, &Recipe { name, package })
    }
}

fn user_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(base.join(Path::new("postern/tools")))
}
