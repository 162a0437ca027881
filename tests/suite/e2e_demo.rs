//! `make demo` as a user runs it: the story that it tells, what it leaves running, and what `make demo-down` leaves.
use crate::tree;
use anyhow::{Context, Result, ensure};
use cluster::{Cluster, Directory, suite};
use reqwest::Certificate;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::task::spawn_blocking;

/// Runs the harness's program as the Makefile does, and returns what it prints.
async fn program(directory: &Directory, subcommand: &'static str) -> Result<String> {
    // Test programs lie one folder deeper than the others.
    let folder = std::env::current_exe()?;
    let folder = folder.ancestors().nth(2).context("the folder of the programs")?;
    let mut command = Command::new(folder.join("cluster"));
    command.arg(subcommand).current_dir(tree::root());
    command.env("DEV_DIR", directory.path()).env("DEMO_PACE", "0");
    let output = spawn_blocking(move || command.output()).await?.context("failed to run the program")?;
    let (told, complaints) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{subcommand} ended with {}:\n{told}{complaints}", output.status);
    Ok(told)
}

#[tokio::test]
async fn the_demo_tells_its_story_and_leaves_nothing_behind() -> Result<()> {
    let Some(directory) = suite::another_directory("demo")? else {
        return suite::skip("it starts a cluster of its own");
    };
    let told = program(&directory, "demo").await?;
    assert_story(&told, &directory);
    assert_environment(&directory).await?;

    let network = *Cluster::open(directory.clone()).await?.network();
    assert!(running(&directory)?.contains(&"postern".to_owned()));
    program(&directory, "down").await?;
    assert_eq!(running(&directory)?, [""; 0], "these still run");
    let routes = ip(&["-4", "route", "show", "table", "all"])?;
    let links = ip(&["link"])?;
    assert!(!links.contains(&directory.path().display().to_string()), "a bridge is left:\n{links}");
    for range in [network.hosts(), network.services(), network.pods()] {
        // Another cluster may have taken the same network since.
        let is_left = routes.contains(&range.to_string()) && !links.contains(&network.bridge());
        assert!(!is_left, "a route to {range} is left:\n{routes}");
    }
    assert!(directory.log("postern").is_file(), "the logs stay");
    assert!(!directory.kubeconfig().exists() && !directory.file("env").exists());
    Ok(())
}

/// Each step by its number, and what its commands really printed.
fn assert_story(told: &str, directory: &Directory) {
    let steps: [&[&str]; 7] = [
        &["$ http-source --dir", "deployment.yaml"],
        &[
            "externalsource.source.flux.oddkin.co/podinfo created",
            "* spec.interval: ",
            "* spec.timeout: ",
            "* spec.destinationPath: ",
            "* spec.maxRetries: ",
            "* spec.generator.http.url: ",
            "* spec.generator.http.method: ",
            "* spec.generator.http.headersSecretRef.name: ",
        ],
        &["$ kubectl get externalsources -w", "podinfo   True", "latest@sha256:", "Reason:", "Events:"],
        &[
            "$ kubectl get srcview podinfo",
            "kind: Artifact",
            "podinfo-",
            "CURRENT",
            "1970-01-01 00:00 deployment.yaml",
        ],
        &["$ kubectl annotate", "condition met", "replicas: 3"],
        &["rolebinding.rbac.authorization.k8s.io/ada-sees created", "(Forbidden)", "\nyes\n", "\nno\n"],
        &["False", "$ kubectl wait --for=condition=Ready", "condition met", "ConnectionFailed"],
    ];
    for (number, parts) in (1..).zip(steps) {
        let step = step(told, number);
        for part in parts {
            assert!(step.contains(part), "{part:?} is not in step {number}:\n{step}");
        }
    }
    let end = told.split("What to try next:").nth(1).expect("it ends with what to try next");
    assert!(end.contains(&directory.kubeconfig().display().to_string()) && end.contains("make demo-down"));
}

fn step(told: &str, number: usize) -> &str {
    let begin = |number: usize| told.find(&format!("\n{number}. "));
    let from = begin(number).unwrap_or_else(|| panic!("there is no step {number} in:\n{told}"));
    &told[from..begin(number + 1).unwrap_or(told.len())]
}

/// What people and programs find in the folder.
async fn assert_environment(directory: &Directory) -> Result<()> {
    let text = fs::read_to_string(directory.file("env"))?;
    let env: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let folder = directory.path();
    assert!(folder.is_absolute());
    assert!(env["PATH"].starts_with(&format!("{}:", folder.join("bin").display())), "{}", env["PATH"]);
    assert_eq!(Path::new(env["KUBECONFIG"]), folder.join("kubeconfig"));
    for program in ["bin/kubectl", "bin/http-source"] {
        assert!(folder.join(program).exists(), "{program} is missing");
    }
    for file in ["kubeconfig", "pki/ca.crt", "pki/front-proxy-client.crt", "pki/front-proxy-client.key"] {
        assert!(folder.join(file).is_file(), "{file} is missing");
    }
    let pid = fs::read_to_string(folder.join("pids/postern.pid"))?;
    assert_eq!(fs::read_to_string(format!("/proc/{}/comm", pid.trim()))?, "postern\n");

    let authority = Certificate::from_pem_bundle(&fs::read(folder.join("pki/ca.crt"))?)?;
    let client = reqwest::Client::builder().tls_certs_only(authority).no_proxy().build()?;
    for url in [env["POSTERN_URL"], env["POSTERN_ADMIN_URL"]] {
        assert_eq!(client.get(format!("{url}/readyz")).send().await?.status(), 200, "{url}");
    }
    for url in [env["POSTERN_WEBHOOK_URL"], env["POSTERN_ARTIFACTS_URL"]] {
        assert_eq!(client.get(format!("{url}/nothing")).send().await?.status(), 404, "{url}");
    }
    Ok(())
}

/// The names of processes that have anything to do with the folder.
fn running(directory: &Directory) -> Result<Vec<String>> {
    let folder = directory.path().display().to_string();
    let processes = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
    let of_folder = |process: &PathBuf| {
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&folder)
    };
    let name = |process: PathBuf| Some(fs::read_to_string(process.join("comm")).ok()?.trim().to_owned());
    Ok(processes.filter(of_folder).filter_map(name).collect())
}

fn ip(arguments: &[&str]) -> Result<String> {
    let output = Command::new("ip").args(arguments).output().context("failed to run ip")?;
    Ok(String::from_utf8(output.stdout)?)
}
