//! `wasl bundle`: half a session as a file, for weeks without a link.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{Method, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::client::{Client, talk};
use super::upload::{Upload, show_late};
use super::wait::until;
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::bundle::{Exported, Imported};
use crate::intake::REPORT_HEADER;
use crate::status::Status;

/// How long the daemon may take to start again, with a journal to write anew.
const STARTS_WITHIN_S: u64 = 300;

/// The daemon starts again at most so often while a reply is imported.
const REBIRTHS: usize = 3;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write what headquarters has not acknowledged to a file; nobody else can read it
    Export {
        /// Where to; a file that is there is not overwritten
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The journals from their beginning, for a headquarters that lacks what it once had
        #[arg(long)]
        whole: bool,
    },
    /// Take in the reply that `wasl-hq bundle import` wrote; the same one twice does no harm
    Import {
        /// The reply
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Exports, imports.
pub fn bundle(place: &Place, command: &Command) -> Result<(), Failure> {
    block_on(async {
        match command {
            Command::Export { file, whole } => export(place, file, *whole).await,
            Command::Import { file } => import(place, file).await,
        }
    })
}

async fn export(place: &Place, file: &Path, whole: bool) -> Result<(), Failure> {
    const WHAT: &str = "bundle export";
    if file.exists() {
        let why = format!("{WHAT}: {}: there is a file already", file.display());
        return Err(Failure::new(Exit::Failed, why).help("name another, or remove it first"));
    }
    let path = format!("/v1/bundle/export?whole={whole}");
    let work = async |mut client: Client| {
        let response = client.send(Method::POST, &path, None).await?;
        if !response.status().is_success() {
            let refused = client.answer(WHAT, response).await;
            return Err(refused.err().unwrap_or_else(|| client.gone()));
        }
        let report = response.headers().get(REPORT_HEADER).map(|report| report.as_bytes().to_vec());
        let report = report.and_then(|report| serde_json::from_slice::<Exported>(&report).ok());
        let strange = || Failure::new(Exit::Failed, format!("{WHAT}: a strange answer"));
        let report = report.ok_or_else(strange)?;
        Ok((report, write(&client, response, file).await?))
    };
    let (report, bytes) = talk(&place.data_dir, work).await??;
    if place.json {
        return print_json(&report);
    }
    let Exported { bundle, entries, upto, .. } = report;
    let name = file.display();
    print(&format!(
        "{name}: bundle {bundle}, {entries} entries up to entry {upto}, {bytes} bytes\n\
         at headquarters: wasl-hq bundle import {name} --reply REPLY; then here: wasl bundle \
         import REPLY\n"
    ))
}

/// Writes the answer to a new file, durable and whole, or leaves none.
async fn write(client: &Client, response: Response<Incoming>, file: &Path) -> Result<u64, Failure> {
    let partial = file.with_added_extension("partial");
    let failed = |e: io::Error| Failure::io(partial.display(), &e);
    let mut options = OpenOptions::new();
    let out = options.write(true).create(true).truncate(true).mode(0o600).open(&partial).await;
    let written = copy(client, response, out.map_err(failed)?).await;
    if written.is_err() {
        let _ = tokio::fs::remove_file(&partial).await;
    }
    let bytes = written?;
    tokio::fs::rename(&partial, file).await.map_err(failed)?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let synced = async { File::open(folder).await?.sync_all().await };
        synced.await.map_err(|e| Failure::io(folder.display(), &e))?;
    }
    Ok(bytes)
}

async fn copy(
    client: &Client,
    response: Response<Incoming>,
    mut out: File,
) -> Result<u64, Failure> {
    let failed = |e: io::Error| Failure::io("the bundle cannot be written", &e);
    let (mut body, mut bytes) = (response.into_body(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| client.gone())?;
        let Ok(piece) = frame.into_data() else { continue };
        out.write_all(&piece).await.map_err(failed)?;
        bytes += piece.len() as u64;
    }
    out.sync_all().await.map_err(failed)?;
    Ok(bytes)
}

async fn import(place: &Place, file: &Path) -> Result<(), Failure> {
    let mut report = import_once(place, file).await?;
    for _ in 0..REBIRTHS {
        let (pid, imported) = report;
        if !imported.reborn {
            return tell(place, &imported);
        }
        eprintln!(
            "this disk was restored or cloned: the daemon starts again and writes its journal anew"
        );
        until(place, "bundle import", STARTS_WITHIN_S, |s| s.agent.pid != pid).await?;
        report = import_once(place, file).await?;
    }
    let why = "bundle import: the journal was written anew, and differs from headquarters' again";
    Err(Failure::new(Exit::Failed, why).help("export a bundle, and bring its reply"))
}

/// The reply, taken in by the daemon with this process id.
async fn import_once(place: &Place, file: &Path) -> Result<(u32, Imported), Failure> {
    const WHAT: &str = "bundle import";
    let (upload, body) = Upload::open(file).await?;
    let bar = upload.bar();
    bar.set_message("taken in");
    let work = async |mut client: Client| {
        let status: Status = client.document(WHAT, "/v1/status").await?;
        let body: Option<(_, Body)> = Some(("application/octet-stream", body));
        let response = client.send(Method::POST, "/v1/bundle/import", body).await?;
        Ok((status.agent.pid, client.read(WHAT, response).await?))
    };
    let done = tokio::select! {
        done = talk(&place.data_dir, work) => done?,
        () = show_late(bar, true) => Err(Failure::stopped(&place.data_dir)),
    };
    upload.end()?;
    done
}

fn tell(place: &Place, imported: &Imported) -> Result<(), Failure> {
    if place.json {
        return print_json(imported);
    }
    let Imported { answers, stored, news, known, editions, .. } = imported;
    let mut text = format!(
        "the reply to bundle {answers}: headquarters has everything up to entry {stored}; {news} \
         pieces of news were taken"
    );
    if *known > 0 {
        let _ = write!(text, ", {known} were here already");
    }
    if *editions > 0 {
        text += "; an edition of the config came: wasl config show";
    }
    print(&(text + "\n"))
}
