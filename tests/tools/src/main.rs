//! Provides the programs of the control plane, with `all` also those that only tests need, and says where they lie.
#![allow(clippy::print_stdout, reason = "the answer of a command-line program")]
use anyhow::Result;
use tools::Programs;

fn main() -> Result<()> {
    let programs = Programs::provide()?;
    let Programs { etcd, kube_apiserver, kube_controller_manager, kubectl } = &programs;
    for path in [etcd, kube_apiserver, kube_controller_manager, kubectl] {
        println!("{}", path.display());
    }
    println!("{}", tools::flux_crds()?.display());
    if std::env::args().any(|argument| argument == "all") {
        println!("{}", tools::sample_apiserver()?.display());
        println!("{}", tools::go_client()?.display());
        println!("{}", tools::older_kubectl()?.display());
        println!("{}", tools::kustomize_crds()?.display());
        println!("{}", tools::kustomize_controller()?.display());
        println!("{}", tools::notification_crds()?.display());
        println!("{}", tools::notification_controller()?.display());
        println!("{}", tools::versitygw()?.display());
        println!("{}", tools::registry()?.display());
        println!("{}", tools::cosign()?.display());
    }
    Ok(())
}
