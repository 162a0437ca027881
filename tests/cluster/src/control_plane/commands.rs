//! The command line of each process of the control plane.
use super::{CONTROLLER_MANAGER, ControlPlane, ETCD, KUBE_APISERVER, SCHEDULER};
use std::process::Command;

impl ControlPlane<'_> {
    pub(super) fn etcd(&self) -> Command {
        let (client, peer) = (self.endpoints.etcd, self.endpoints.etcd_peer);
        let mut command = self.program(ETCD);
        command
            .arg("--name=etcd")
            .arg(format!("--data-dir={}", self.directory.file("etcd").display()))
            .arg(format!("--listen-client-urls=https://{client}"))
            .arg(format!("--advertise-client-urls=https://{client}"))
            .arg(format!("--listen-peer-urls=http://{peer}"))
            .arg(format!("--initial-advertise-peer-urls=http://{peer}"))
            .arg(format!("--initial-cluster=etcd=http://{peer}"))
            .arg("--client-cert-auth")
            .arg(self.pki("--trusted-ca-file", "etcd-ca.crt"))
            .arg(self.pki("--cert-file", "etcd.crt"))
            .arg(self.pki("--key-file", "etcd.key"))
            // A cluster that lives for one test run need not survive a power cut.
            .arg("--unsafe-no-fsync")
            .arg("--log-level=warn");
        command
    }

    pub(super) fn kube_apiserver(&self) -> Command {
        let mut command = self.program(KUBE_APISERVER);
        command
            .arg(format!("--bind-address={}", self.endpoints.kube_apiserver.ip()))
            .arg(format!("--secure-port={}", self.endpoints.kube_apiserver.port()))
            .arg(format!("--advertise-address={}", self.network.address()))
            .arg(format!("--service-cluster-ip-range={}", self.network.services()))
            .arg(self.pki("--tls-cert-file", "kube-apiserver.crt"))
            .arg(self.pki("--tls-private-key-file", "kube-apiserver.key"))
            .arg(self.pki("--client-ca-file", "kubernetes-ca.crt"))
            .arg("--authorization-mode=Node,RBAC")
            .arg("--enable-admission-plugins=NodeRestriction")
            .arg("--allow-privileged=true");
        command.args(self.storage_flags()).args(self.service_account_flags());
        command.args(self.aggregation_flags()).args(self.audit_flags());
        command
    }

    pub(super) fn controller_manager(&self) -> Command {
        let mut command = self.program(CONTROLLER_MANAGER);
        command
            .args(self.component_flags(CONTROLLER_MANAGER))
            .arg(format!("--secure-port={}", self.endpoints.controller_manager.port()))
            .arg(self.pki("--root-ca-file", "kubernetes-ca.crt"))
            .arg(self.pki("--service-account-private-key-file", "service-accounts.key"))
            .arg("--use-service-account-credentials=true")
            .arg(self.pki("--cluster-signing-cert-file", "kubernetes-ca.crt"))
            .arg(self.pki("--cluster-signing-key-file", "kubernetes-ca.key"))
            // It builds its controllers one by one, and would take 5 s for it at its default rate of 20 requests a second.
            .args(["--kube-api-qps=500", "--kube-api-burst=1000"])
            .arg("--allocate-node-cidrs=true")
            .arg(format!("--cluster-cidr={}", self.network.pods()))
            .arg(format!("--service-cluster-ip-range={}", self.network.services()));
        command
    }

    pub(super) fn scheduler(&self) -> Command {
        let mut command = self.program(SCHEDULER);
        command
            .args(self.component_flags(SCHEDULER))
            .arg(format!("--secure-port={}", self.endpoints.scheduler.port()));
        command
    }

    fn storage_flags(&self) -> [String; 4] {
        [
            format!("--etcd-servers=https://{}", self.endpoints.etcd),
            self.pki("--etcd-cafile", "etcd-ca.crt"),
            self.pki("--etcd-certfile", "etcd-client.crt"),
            self.pki("--etcd-keyfile", "etcd-client.key"),
        ]
    }

    fn service_account_flags(&self) -> [String; 3] {
        [
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            self.pki("--service-account-key-file", "service-accounts.pub"),
            self.pki("--service-account-signing-key-file", "service-accounts.key"),
        ]
    }

    /// Requests for the aggregated API go straight to the addresses in its EndpointSlice, since no node routes Services;
    /// users arrive with their UID, which is not passed on by default.
    fn aggregation_flags(&self) -> Vec<String> {
        let named = [
            "--enable-aggregator-routing=true",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-uid-headers=X-Remote-Uid",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        ];
        let files = [
            self.pki("--requestheader-client-ca-file", "front-proxy-ca.crt"),
            self.pki("--proxy-client-cert-file", "front-proxy-client.crt"),
            self.pki("--proxy-client-key-file", "front-proxy-client.key"),
        ];
        named.map(str::to_owned).into_iter().chain(files).collect()
    }

    fn audit_flags(&self) -> [String; 2] {
        [
            format!("--audit-policy-file={}", self.directory.file("audit-policy.yaml").display()),
            format!("--audit-log-path={}", self.directory.log("audit").display()),
        ]
    }

    /// What controller-manager and scheduler have in common.
    fn component_flags(&self, name: &str) -> Vec<String> {
        let kubeconfig = self.directory.kubeconfig_of(name);
        let of = |flag: &str| format!("--{flag}={}", kubeconfig.display());
        vec![
            of("kubeconfig"),
            of("authentication-kubeconfig"),
            of("authorization-kubeconfig"),
            format!("--bind-address={}", self.network.loopback()),
            self.pki("--tls-cert-file", &format!("{name}-serving.crt")),
            self.pki("--tls-private-key-file", &format!("{name}-serving.key")),
            "--leader-elect=false".to_owned(),
        ]
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.directory.file("programs").join(name))
    }

    fn pki(&self, flag: &str, file: &str) -> String {
        format!("{flag}={}", self.directory.pki(file).display())
    }
}
