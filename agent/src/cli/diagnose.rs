//! `wasl diagnose`: an archive for whoever helps from afar.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::client::{Client, talk};
use super::doctor::findings;
use super::plain::rows;
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::diagnosis::{Diagnosis, Live, Manifest, Sources, gather, pack};
use crate::seam::World;

const WHAT: &str = "diagnose";

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Only its owner may read an archive: it is for one reader.
const MODE: u32 = 0o600;

/// Where it goes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The archive, which must not be there yet; a name such as nasr.tar.gz
    #[arg(value_name = "FILE", required_unless_present = "preview")]
    file: Option<PathBuf>,
    /// Only show what would be in it
    #[arg(long)]
    preview: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Shows what goes in, asks on a terminal, and writes it.
pub fn diagnose(place: &Place, args: &Args) -> Result<(), Failure> {
    let there = args.file.as_deref().filter(|file| !args.preview && file.exists());
    if let Some(file) = there {
        return Err(already_there(file));
    }
    let diagnosis = made(place)?;
    let manifest = Manifest::of(&diagnosis);
    let Some(file) = args.file.as_deref().filter(|_| !args.preview) else {
        return if place.json { print_json(&manifest) } else { print(&preview(&manifest)) };
    };
    eprint!("{}", preview(&manifest));
    if !args.yes && io::stdin().is_terminal() && !agreed(file)? {
        return Err(Failure::new(Exit::Failed, format!("{WHAT}: not written")));
    }
    write(&diagnosis, file)?;
    let shown = file.display();
    if place.json { print_json(&manifest) } else { print(&format!("{shown}\n")) }
}

fn made(place: &Place) -> Result<Diagnosis, Failure> {
    let (world, dir) = (World::real(), &place.data_dir);
    let (findings, status, config) = block_on(async {
        let findings = findings(place).await;
        Ok((findings, asked(dir, "/v1/status").await, asked(dir, "/v1/config").await))
    })?;
    let live = status.as_ref().and_then(live);
    // What a stopped daemon left says with its own time how old it is.
    let left = || {
        let (status, _) = crate::status::newest(dir, world.clock.unix()).ok()?;
        serde_json::to_value(status).ok()
    };
    let status = status.or_else(left);
    Ok(gather(&Sources { world: &world, dir, status, config, live, findings }))
}

/// A document of the running daemon; none if it does not answer.
async fn asked(dir: &Path, path: &str) -> Option<Value> {
    let ask = async |mut client: Client| client.document(WHAT, path).await;
    tokio::time::timeout(PATIENCE, talk(dir, ask)).await.ok()?.ok()?.ok()
}

fn live(status: &Value) -> Option<Live> {
    let sync = &status["sync"];
    let journal = serde_json::from_value(sync["journal"].clone()).ok()?;
    Some(Live { journal, end: serde_json::from_value(sync["head_seq"].clone()).ok()? })
}

fn preview(manifest: &Manifest) -> String {
    let files = manifest.files.iter();
    let mut text = "in the archive, manifest.json apart:\n".to_owned();
    text += &rows(files.map(|f| [f.name.clone(), format!("{} bytes", f.bytes), f.why.clone()]));
    text += "never in it, or not here:\n";
    text += &rows(manifest.left_out.iter().map(|left| [left.what.clone(), left.why.clone()]));
    let _ = writeln!(text, "no record, no name and no form number is in it");
    text
}

fn agreed(file: &Path) -> Result<bool, Failure> {
    eprint!("write {}? [y/N] ", file.display());
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|e| Failure::io("stdin", &e))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn write(diagnosis: &Diagnosis, file: &Path) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::io(format!("{WHAT}: {}", file.display()), &e);
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(file);
    let mut to = match made {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(already_there(file)),
        made => made.map_err(failed)?,
    };
    pack(diagnosis, &mut to).and_then(|()| to.flush()).map_err(failed)
}

fn already_there(file: &Path) -> Failure {
    Failure::new(Exit::Failed, format!("{WHAT}: {}: is there already", file.display()))
        .help("name a file that is not there yet")
}
