//! The examples of `libs/extension-apiserver`, as their readers run them, and one that is a test alone: registered, and
//! used through kube-apiserver.
mod gauges;
mod guest;
mod rooms;
mod status;
