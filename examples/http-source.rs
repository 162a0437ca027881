//! A small HTTP source: serves the files of a folder as one JSON document or one tar, with an `ETag`.
//!
//! `cargo run --example http-source -- --dir examples/podinfo --listen 127.0.0.1:8686` answers `/NAME.json`,
//! `/NAME.tar` and `/NAME.tar.gz`, where `NAME` is the folder's. The folder is read at each request, so a changed file
//! is a changed answer.
use anyhow::{Context, Result};
use aws_lc_rs::digest;
use clap::Parser;
use extension_apiserver::serve::{self, Body, Handler, Limits};
use flate2::{Compression, write::GzEncoder};
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::{collections::BTreeMap, fs, io::Write, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
struct Flags {
    /// The folder whose files are served.
    #[arg(long)]
    dir: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8686")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<()> {
    let flags = Flags::parse();
    let listener = TcpListener::bind(flags.listen).await.context("failed to listen")?;
    let source = Arc::new(Folder { dir: flags.dir.canonicalize().context("failed to find the folder")? });
    let stop = CancellationToken::new();
    let until = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            until.cancel();
        }
    });
    serve::serve(listener, None, source, Limits::default(), stop).await;
    Ok(())
}

struct Folder {
    dir: PathBuf,
}

impl Handler for Folder {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let answer = self.answer(&request).unwrap_or_else(|error| {
            let text = format!("{error:#}\n");
            Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).body(serve::full(text))
        });
        answer.expect("a response of constants and digests is well-formed")
    }
}

impl Folder {
    fn answer(&self, request: &Request<Incoming>) -> Result<http::Result<Response<Body>>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(Response::builder().status(StatusCode::METHOD_NOT_ALLOWED).body(serve::empty()));
        }
        let Some((media_type, bytes)) = self.document(request.uri().path())? else {
            return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(serve::empty()));
        };
        let etag = format!("\"{}\"", hex(digest::digest(&digest::SHA256, &bytes).as_ref()));
        let response = Response::builder().header(header::ETAG, &etag);
        if request
            .headers()
            .get(header::IF_NONE_MATCH)
            .is_some_and(|known| known.as_bytes() == etag.as_bytes())
        {
            return Ok(response.status(StatusCode::NOT_MODIFIED).body(serve::empty()));
        }
        Ok(response.header(header::CONTENT_TYPE, media_type).body(serve::full(bytes)))
    }

    /// The document at that path, with its media type.
    fn document(&self, path: &str) -> Result<Option<(&'static str, Vec<u8>)>> {
        let name = self.dir.file_name().and_then(|name| name.to_str()).unwrap_or("data");
        let Some(format) = path.strip_prefix('/').and_then(|path| path.strip_prefix(name)) else {
            return Ok(None);
        };
        Ok(match format {
            ".json" => Some(("application/json", serde_json::to_vec_pretty(&self.files()?)?)),
            ".tar" => Some(("application/x-tar", self.tar()?)),
            ".tar.gz" => Some(("application/gzip", gzip(&self.tar()?)?)),
            _ => None,
        })
    }

    /// Every file with its text, by path from the folder.
    fn files(&self) -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.dir.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).context("failed to read the folder")? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&self.dir)?.to_string_lossy().into_owned();
                    files.insert(name, fs::read_to_string(&path)?);
                }
            }
        }
        Ok(files)
    }

    fn tar(&self) -> Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, text) in self.files()? {
            let mut entry = tar::Header::new_gnu();
            entry.set_size(text.len() as u64);
            entry.set_mode(0o644);
            archive.append_data(&mut entry, name, text.as_bytes())?;
        }
        Ok(archive.into_inner()?)
    }
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
