//! The examples of `libs/extension-apiserver`, as their readers run them: registered, and used through kube-apiserver.
mod gauges;
mod guest;
mod rooms;
