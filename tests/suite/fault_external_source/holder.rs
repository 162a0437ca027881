//! The log of a source is in the memory of one process, and its Lease says where that is reached: whoever is asked for the log asks there, and
//! believes the certificate of who answers, never the Lease.
mod liar;

pub(super) use liar::Liar;

use crate::{aggregated::get, scene::Scene};
use anyhow::Result;
use cluster::Postern;
use http::StatusCode;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

impl Scene {
    /// What a single request for the log of a source is answered with, by whichever Postern the Service leads to.
    pub(super) async fn log_of(&self, name: &str) -> Result<(StatusCode, String)> {
        let path = self.path(&format!("externalsources/{name}/log?timestamps=false"));
        let response = get(&self.suite.client_without_retries().await?, &path, &[]).await?;
        Ok((response.status(), String::from_utf8(response.into_body())?))
    }

    /// Those of the controllers.
    pub(super) fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.suite.client().clone(), "postern-system")
    }
}

/// Its Lease says where it is reached.
pub(super) fn advertising(mut postern: Postern) -> Postern {
    postern.flags.push(format!("--advertise-address={}", postern.endpoints.controller.ip()));
    postern
}
