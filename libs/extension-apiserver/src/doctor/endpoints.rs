//! The Service, and who is behind it.
use super::{Check, Finding, registration::Target};
use k8s_openapi::{
    api::{
        core::v1::{Service, ServicePort},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, api::ListParams};
use std::net::{IpAddr, SocketAddr};

/// Where the ready servers are.
pub(super) async fn look(client: &kube::Client, target: &Target) -> (Vec<SocketAddr>, Vec<Finding>) {
    let Target { namespace, service: name, .. } = target;
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let service = match services.get_opt(name).await {
        Ok(service) => service,
        Err(error) => {
            let what = format!("Service {namespace}/{name}");
            return (Vec::new(), vec![Finding::unseen(Check::Service, &what, &error)]);
        }
    };
    let port = match port(service, target) {
        Ok(port) => port,
        Err(finding) => return (Vec::new(), vec![finding]),
    };
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), namespace);
    let of_service = ListParams::default().labels(&format!("kubernetes.io/service-name={name}"));
    match slices.list(&of_service).await {
        Ok(slices) => judge(&slices.items, &port, target),
        Err(error) => {
            let what = format!("the EndpointSlices of Service {namespace}/{name}");
            (Vec::new(), vec![Finding::unseen(Check::Endpoints, &what, &error)])
        }
    }
}

/// The port of the Service that the APIService means.
fn port(service: Option<Service>, target: &Target) -> Result<ServicePort, Finding> {
    let Target { namespace, service: name, port, .. } = target;
    let finding = |problem: String, remedy: String| {
        Finding::new(Check::Service, format!("Service {namespace}/{name} {problem}"), remedy)
    };
    let Some(spec) = service.and_then(|service| service.spec) else {
        let remedy = format!(
            "create it, or correct spec.service of the APIService; see: kubectl get services -n {namespace}"
        );
        return Err(finding("does not exist".to_owned(), remedy));
    };
    if spec.type_.as_deref() == Some("ExternalName") {
        let remedy = "give it type ClusterIP and endpoints of its own".to_owned();
        return Err(finding(
            "is an ExternalName, which kube-apiserver does not follow here".to_owned(),
            remedy,
        ));
    }
    let ports = spec.ports.unwrap_or_default();
    let has: Vec<String> = ports.iter().map(|port| port.port.to_string()).collect();
    ports.into_iter().find(|candidate| candidate.port == *port).ok_or_else(|| {
        let remedy = format!("add the port to the Service, or name another one in spec.service.port of the APIService; it has {}", has.join(", "));
        finding(format!("has no port {port}"), remedy)
    })
}

fn judge(slices: &[EndpointSlice], port: &ServicePort, target: &Target) -> (Vec<SocketAddr>, Vec<Finding>) {
    let Target { namespace, service, .. } = target;
    let (mut ready, mut others) = (Vec::new(), 0);
    for slice in slices {
        let Some(number) = number(slice, port) else { continue };
        for endpoint in slice.endpoints.iter().flatten() {
            let is_ready =
                endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false);
            let addresses = endpoint.addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok());
            if is_ready {
                ready.extend(addresses.map(|address| SocketAddr::new(address, number)));
            } else {
                others += 1;
            }
        }
    }
    if !ready.is_empty() {
        return (ready, Vec::new());
    }
    let finding = |problem: String, remedy: String| {
        let problem = format!("Service {namespace}/{service} {problem}, so kube-apiserver has nobody to ask");
        (Vec::new(), vec![Finding::new(Check::Endpoints, problem, remedy)])
    };
    if others > 0 {
        let remedy = format!("see why /readyz fails: kubectl describe pods -n {namespace}, and their logs");
        return finding(format!("has {others} endpoints and none is ready"), remedy);
    }
    let remedy = format!(
        "compare the selector and targetPort of the Service with the pods: kubectl get service {service} -o yaml, kubectl \
         get pods --show-labels, both with -n {namespace}"
    );
    finding("has no endpoints for this port".to_owned(), remedy)
}

/// The number behind a port of the Service, in one slice.
fn number(slice: &EndpointSlice, port: &ServicePort) -> Option<u16> {
    let ports = slice.ports.as_deref().unwrap_or_default();
    let named = ports.iter().find(|candidate| {
        candidate.name.as_deref().unwrap_or_default() == port.name.as_deref().unwrap_or_default()
    });
    let number = match (named, &port.target_port) {
        (Some(found), _) => found.port?,
        (None, _) if !ports.is_empty() => return None,
        (None, Some(IntOrString::Int(number))) => *number,
        (None, _) => port.port,
    };
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests;
