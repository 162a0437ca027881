//! The contract of a Kubernetes extension (aggregated) API server, as a library.
//!
//! You write a type, one small trait for each verb that it has, and [`server::Server::builder`]. The crate does the
//! rest of what kube-apiserver, kubectl, informers and controllers expect: discovery in both forms, OpenAPI, content
//! negotiation with tables, list and watch with all their options, `metav1.Status` refusals in the words of Go,
//! delegated authentication and authorization, TLS, limits. What is advertised follows from what is implemented.
//!
//! It knows no kind, no store and no program. Start with [`api`], which is what a user writes, then [`server`], which
//! is what happens around it. Two stores bring every verb along: [`view`] serves objects computed from other objects in
//! the cluster, [`collection`] keeps its own in memory. Two whole programs lie in `examples/`: `gauges`, which is read, and
//! `rooms`, which is written to and talked in.
//!
//! ```
//! use extension_apiserver::access::{Authenticate, Authorize};
//! use extension_apiserver::api::{Call, Get, GetRaw, Resource, Subresource};
//! use extension_apiserver::object::{Item, Key, Object};
//! use extension_apiserver::serve::{Body, full};
//! use extension_apiserver::server::{BuildError, Server};
//! use extension_apiserver::status::Status;
//! use extension_apiserver::table::Column;
//! use extension_apiserver::view::View;
//! use http::Response;
//! use kube::CustomResource;
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// What the lamp is like.
//! #[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
//! #[kube(group = "lights.example.com", version = "v1", kind = "Lamp", namespaced, no_spec)]
//! #[kube(doc = "A light to read by. This text is what `kubectl explain lamp` shows.")]
//! pub struct LampFields {
//!     /// How bright it is, in lumens.
//!     pub lumens: i64,
//! }
//!
//! impl Object for Lamp {
//!     const SHORT_NAMES: &'static [&'static str] = &["la"];
//!
//!     fn columns() -> Vec<Column<Self>> {
//!         let lumens = Column::integer("Lumens", "How bright it is.", |lamp: &Self| lamp.spec.lumens);
//!         vec![Column::name(), lumens, Column::age()]
//!     }
//! }
//!
//! /// `lamps/NAME/picture`: bytes instead of an object.
//! struct Picture(View<Lamp>);
//!
//! impl Resource for Picture {
//!     type Object = Lamp;
//! }
//!
//! impl Subresource for Picture {
//!     type Parent = Lamp;
//!     const NAME: &'static str = "picture";
//! }
//!
//! impl GetRaw for Picture {
//!     async fn get_raw(&self, call: &Call, key: &Key) -> Result<Response<Body>, Status> {
//!         let lamp = self.0.object(key).ok_or_else(|| call.not_found())?;
//!         Ok(Response::new(full("*".repeat(lamp.spec.lumens as usize))))
//!     }
//! }
//!
//! /// Lamps are computed from other objects, whose watch feeds `lamps`; a view brings get, list and watch along.
//! fn server(
//!     lamps: View<Lamp>,
//!     who: impl Authenticate, // `authn::Authenticator` in a cluster
//!     may: impl Authorize,    // `authz::Authorizer` in a cluster
//! ) -> Result<Server, BuildError> {
//!     let read = lamps.clone();
//!     Server::builder()
//!         .authenticator(who)
//!         .authorizer(may)
//!         .ready_when("lamps", move || read.is_ready())
//!         .resource(lamps.clone(), |lamp| {
//!             lamp.get().watch().subresource(Picture(lamps), |picture| picture.get_raw())
//!         })
//!         .build()
//! }
//! ```
//!
//! What makes no sense does not compile. A subresource of another parent:
//!
//! ```compile_fail,E0271
//! # use extension_apiserver::{api::*, object::*, server::*, status::Status};
//! # fn register<P: Resource, S: Subresource + Get>(parents: P, of_another: S) where S::Parent: Object {
//! Server::builder().resource(parents, |parent| parent.subresource(of_another, |sub| sub.get()));
//! # }
//! ```
//!
//! a watch without a list to start from:
//!
//! ```compile_fail,E0277
//! # use extension_apiserver::{api::*, object::*, status::Status, view::View};
//! # struct OnlyWatched<T>(View<T>);
//! # impl<T: Object> Resource for OnlyWatched<T> { type Object = T; }
//! impl<T: Object> Watch for OnlyWatched<T> {
//!     async fn watch(&self, call: &Call, selection: &Selection, from: Version) -> Result<Changes<T>, Status> {
//!         self.0.watch(call, selection, from).await
//!     }
//! }
//! ```
//!
//! a verb that is not implemented, be it one that reads or one that writes, or a server that asks nobody who may do what:
//!
//! ```compile_fail,E0277
//! # use extension_apiserver::{api::*, server::*};
//! # fn register<R: Resource + Get>(only_get: R) {
//! Server::builder().resource(only_get, |resource| resource.get().list());
//! # }
//! ```
//!
//! ```compile_fail,E0277
//! # use extension_apiserver::{api::*, server::*};
//! # fn register<R: Resource + Get>(only_get: R) {
//! Server::builder().resource(only_get, |resource| resource.get().create());
//! # }
//! ```
//!
//! ```compile_fail,E0599
//! # use extension_apiserver::server::Server;
//! Server::builder().build();
//! ```
//!
//! # What is not followed, and why
//!
//! The contract has rules with ids; `docs/contract.md` in the repository lists each, with the tests that hold the crate to
//! it. These are the exceptions:
//!
//! - Protobuf and CBOR are refused as the API says (406, 415; rules NEG-1, OAPI-4 and OAPI-6): every client of aggregated
//!   resources speaks JSON. Watches are JSON as well, neither WebSockets nor length-delimited (LW-9).
//! - Strategic merge patch and server-side apply are refused (415, with what is accepted; REQ-7); kubectl falls back.
//!   Since only these need to know who owns which field, objects carry no `managedFields`.
//! - Of admission, only the check of namespaces is done: webhooks and admission policies are not called.
//! - A token in a WebSocket subprotocol is no proof (authentication has three, not four): a browser sends it to
//!   kube-apiserver, which takes it and speaks for the user. It is never taken for a subprotocol.
//! - The UID in a client certificate, behind a feature gate of kube-apiserver, is not read (AUTHN-14).
//! - Of selectors of more than 10,000 bytes the authorizer is told nothing (AUTHZ-5), as if everything were asked for: a question of
//!   any size could not be kept. A user whose right depends on such a selector is refused.
//! - A watch ends when its connection is no longer trusted or its time is over, not at once when its user loses the right to it: so
//!   it is with k8s.io/apiserver, whose clients expect it.
//! - Of the features `v1_36` and `v1_37` exactly one is on, as k8s-openapi demands.
//! - Who asks for impersonation directly is refused (403, REQ-8). Through kube-apiserver it works.
//! - There is no API Priority and Fairness, and so none of its headers: users share the seats evenly (REQ-9). Of bodies of more
//!   than 128 KiB only two of one user, and eight of all, are taken in at once; one that has arrived for five seconds is refused
//!   (429) while somebody waits who has none.
//! - Audit records have one form, with neither policy nor webhook, and no bodies (REQ-10); traces are fields of the log, not
//!   sent anywhere (REQ-11); there is no profiler at `/debug/pprof` (REQ-13) and no HSTS header (NEG-14), as only programs
//!   come here.
//! - Discovery has no `storageVersionHash` (DISC-2), since nothing is stored, and no
//!   `serverAddressByClientCIDRs`, since clients come through kube-apiserver. The removed `v2beta1` is not there.
//! - At the end new connections are refused, instead of being answered with 429 for a while.
//! - Bodies may nest 127 levels deep (YAML: 64), not 10,000; what a type cannot hold is said in the words of serde, with
//!   the field.
//! - A resource version that is no number is a 400 in bodies too, where Go answers 500.
//! - Names of objects are DNS subdomains, and objects with a spec count generations from 1, for every kind.
//! - The deprecated `/watch/` and `/proxy/` path prefixes are not served, nor anything behind a subresource's name.
//! - A wrong `?hash=` of an OpenAPI document is answered with the current document, not with a redirect as in Go, since
//!   kube-apiserver makes a 502 of redirects.
//! - Paths with empty, relative or encoded segments (`//`, `..`, `%2F`) are 404 for everybody.
#![deny(missing_docs)]
pub mod access;
pub mod api;
pub mod audit;
pub mod authn;
pub mod authz;
pub mod client;
pub mod collection;
pub mod convert;
mod decode;
mod discovery;
pub mod doctor;
mod encode;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hex;
mod live;
mod meta;
pub mod metrics;
pub mod namespaces;
mod negotiate;
pub mod object;
mod openapi;
mod patch;
pub mod query;
pub mod request;
pub mod review;
pub mod selectors;
pub mod serve;
pub mod server;
pub mod status;
pub mod table;
mod timeline;
pub mod view;
pub mod websocket;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod pki;

/// What the README shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
