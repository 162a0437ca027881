//! What people type: kubectl on a resource that the library serves with every verb, through kube-apiserver.
mod reading;
mod writing;
